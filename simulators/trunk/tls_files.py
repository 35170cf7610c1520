"""The trunk's certificates: those that the target names, or new ones of a CA that nobody trusts."""

from __future__ import annotations

from pathlib import Path

from harness.certificates import make_authority
from harness.errors import HarnessMisuse
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import TrunkConfig
from simulators.trunk.tls import TlsSettings, client_context, server_context


def settings_for(config: TrunkConfig, profile: Profile) -> TlsSettings:
    """What the edge needs; files that are made lie beside the trace. Raises HarnessMisuse for unusable files."""
    directory = Path(config.trace).parent / f"tls-{config.address}-{config.pbx_side_port}"
    certificate, key = config.tls_certificate, config.tls_key
    authority = make_authority("trunkproof: a CA that nobody trusts")
    if not certificate:
        hosts = [name for name in (config.trunk_hostname, profile.uris.from_host, config.address) if name]
        made = authority.issue(hosts[0], hosts=hosts).write(directory, "trunk")
        certificate, key = str(made.certificate), str(made.key)
    client_certificate = client_key = ""
    if name := profile.tls.client_certificate:
        made = authority.issue(name, hosts=[name]).write(directory, "client")
        client_certificate, client_key = str(made.certificate), str(made.key)
    settings = TlsSettings(
        hostname=config.business_hostname or config.pbx_host,
        certificate=certificate,
        key=key,
        ca=config.tls_ca,
        client_certificate=client_certificate,
        client_key=client_key,
        refused_alpn=tuple(profile.tls.refused_alpn),
    )
    for what, try_it, path in (
        ("[trunk] ca", client_context, config.tls_ca),
        ("[trunk] certificate", server_context, certificate),
    ):
        try:
            try_it(settings)
        except OSError as unusable:
            raise HarnessMisuse(f"{what}: {path} cannot be used for TLS: {unusable}") from None
    return settings
