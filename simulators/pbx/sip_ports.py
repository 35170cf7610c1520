"""Where a reference PBX speaks SIP, and the files of its TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.target import Target
from simulators.pbx.instance import Layout

SIP_PORT = 5060


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """SIP over TLS: the port, and where certificate, key and the trunk's CA are, as the PBX sees them."""

    port: int
    certificate: PurePosixPath
    key: PurePosixPath
    ca: PurePosixPath


def sip_port(target: Target) -> int:
    """Where the PBX speaks SIP over UDP and TCP: its agents are there, whatever the trunk uses."""
    return SIP_PORT if uses_tls(target) else target.pbx.port


def uses_tls(target: Target) -> bool:
    """Whether the trunk speaks TLS with it."""
    return target.pbx.transport == "tls"


def tls_facts(target: Target, layout: Layout) -> TlsFacts | None:
    """The files that ``certificates.certify`` has written, None when the trunk speaks without TLS."""
    if not uses_tls(target):
        return None
    return TlsFacts(target.pbx.port, layout.tls / "pbx.pem", layout.tls / "pbx.key", layout.tls / "ca.pem")
