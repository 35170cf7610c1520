"""A target and a trunk's profile, made to fit each other."""

from __future__ import annotations

from ipaddress import ip_address

from harness.errors import HarnessMisuse
from harness.requirements import load_catalogue
from harness.target import Target
from simulators.pbx import reference
from simulators.trunk.profile import Profile


def fitted(target: Target, profile: Profile) -> Target:
    """The target for a trunk with this profile: a reference PBX is set up for it, another must be already.

    Raises HarnessMisuse for a profile that speaks TLS only and a target that does not, for ICE at addresses where
    there can be none, and for a declared deviation from what no catalogue has.
    """
    _require_known_deviations(target)
    tls_only = profile.transport == "tls"
    if target.pbx.adapter == "external":
        if tls_only and target.pbx.transport != "tls":
            raise HarnessMisuse(
                f"[pbx] transport is '{target.pbx.transport}', and the trunk's profile '{profile.name}' has TLS only",
                where=target.name,
                suggestion='write transport = "tls" and the PBX\'s hostname',
            )
        loopback = [address for address in target.phones.addresses if ip_address(address).is_loopback]
        if profile.media.ice and loopback:
            raise HarnessMisuse(
                f"[phones] addresses: ICE, which the trunk's profile {profile.name!r} has, finds no candidate at "
                f"{loopback[0]}",
                where=target.name,
                suggestion="name addresses of this machine that are not loopback's",
            )
        return target
    if profile.port:
        target = target.model_copy(update={"trunk": target.trunk.model_copy(update={"port": profile.port})})
    return reference.for_trunk(
        target,
        transport=profile.transport,
        media_encryption=profile.media.encryption,
        ice=profile.media.ice,
        domain=profile.uris.from_host,
    )


def _require_known_deviations(target: Target) -> None:
    catalogue = load_catalogue()
    for requirement in target.deviations:
        if requirement not in catalogue:
            near = catalogue.nearest(requirement)
            raise HarnessMisuse(
                f"[deviations] no requirement is called {requirement!r}",
                where=target.name,
                suggestion=f"did you mean {near!r}?" if near else "docs/requirements.md lists them all",
            )
