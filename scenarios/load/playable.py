"""Whether generators can play a profile at a target, asked before anything is started."""

from __future__ import annotations

from harness.errors import HarnessMisuse
from harness.load.profile import LoadProfile
from harness.target import Target
from scenarios.load.lease import lease
from simulators.light_phones.sdp import Security
from simulators.trunk.profile import load_profile


def require_playable(target: Target, load: LoadProfile, workers: int, trunk_profile: str) -> None:
    """Raises HarnessMisuse when the target has too little for so many workers or for a line of the mix, or when the
    trunk's profile protects media in a way that light phones do not speak."""
    security_of(trunk_profile)
    for index in range(workers):
        share = lease(target, index, workers)
        for line in load.mix:
            share.destinations(line)


def security_of(trunk_profile: str) -> Security:
    """How customers' offers protect media, as a trunk's profile has it. Raises HarnessMisuse for DTLS."""
    profile = load_profile(trunk_profile)
    try:
        return Security(profile.media.encryption)
    except ValueError:
        raise HarnessMisuse(
            f"the trunk's profile {profile.name!r} encrypts media by {profile.media.encryption.upper()}, which light "
            "phones do not speak",
            suggestion="take a profile with SDES, or without encryption",
        ) from None
