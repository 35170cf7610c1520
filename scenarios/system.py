"""What a run is against: its targets, which PBX of each is up, and which of them a scenario gets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import NotRun
from harness.target import Claim, Target
from simulators.pbx.adapter import RunningPbx

CLAIM_PREFIX = "claims."
OWN_PBX = "own_pbx"
"""Tag of scenarios that change the PBX itself: each worker has one of its own for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A PBX under test that is up, with the trunk's profile and the PSTN trap beside it. ``key`` names it in paths.

    The trap writes to ``pstn_log``. ``pstn_address`` is empty when there is no trap, since the PBX's way to the PSTN
    cannot be seen.
    """

    key: str
    running: RunningPbx
    profile: str
    pstn_log: str
    pstn_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTarget:
    """One of the run's targets. ``shared`` is the PBX that all workers use, None when each has its own."""

    target: Target
    shared: System | None
    provider: str = ""
    twin: str = ""

    @property
    def key(self) -> str:
        """Its name as a part of a path; names that differ in other characters stay different."""
        name = self.target.name
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
        return plain if plain == name else f"{plain}-{hashlib.blake2b(name.encode(), digest_size=3).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What every worker of a run must know; plain values that survive pickling."""

    run_directory: str
    targets: tuple[RunTarget, ...]
    seed: int

    @property
    def directory(self) -> Path:
        return Path(self.run_directory)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a scenario runs: against which target, and whether on a PBX that nobody else uses."""

    target: RunTarget
    own: bool

    @property
    def key(self) -> str:
        return f"{self.target.key}-own" if self.own else self.target.key

    @property
    def profile(self) -> str:
        """The trunk's profile, as the target names it."""
        return self.target.target.trunk.profile


def place(tags: Collection[str], targets: Sequence[RunTarget]) -> Placement:
    """The first target that claims all that the scenario is tagged with, else the first one."""
    wanted = claims_of(tags)
    chosen = next((target for target in targets if wanted <= target.target.claims), targets[0])
    return Placement(chosen, OWN_PBX in tags or chosen.target.pbx.own_for_each_worker)


def claims_of(tags: Collection[str]) -> set[Claim]:
    """The claims that a scenario's tags ask for."""
    known = {claim.value: claim for claim in Claim}
    names = (tag.removeprefix(CLAIM_PREFIX) for tag in tags if tag.startswith(CLAIM_PREFIX))
    return {known[name] for name in names if name in known}


def require_claims(tags: Collection[str], placement: Placement) -> None:
    """Raises NotRun when the target lacks a claim, or must be changed and cannot be."""
    target = placement.target.target
    for claim in sorted(claims_of(tags) - target.claims):
        raise NotRun(f"the target {target.name!r} does not claim '{claim}'")
    if placement.own and target.pbx.adapter == "external":
        raise NotRun("the scenario changes the PBX itself (its clock, a site), and of this one there is no second")
