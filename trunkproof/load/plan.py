"""What a load run is asked for, and whether it may be done: checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessMisuse
from harness.load.arrivals import Arrivals
from harness.load.profile import LoadProfile
from harness.target import Target
from trunkproof.load.fleet import Bind
from trunkproof.load.protocol import GENERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """The command line of a load run. ``where`` is the profile's file, ``seed`` None the profile's own."""

    target: str
    load: LoadProfile
    where: str
    profile_text: str
    directory: Path
    profile: str = ""
    """Trunk profile instead of the load profile's or the target's own."""
    provider: str = ""
    twin: str = ""
    workers: int = 1
    bind: Bind = field(default_factory=Bind)
    local: bool = True
    """The workers are processes that the run starts; else it waits for them."""
    seed: int | None = None
    baseline: bool = True
    probes: tuple[str, ...] = ()
    """Features, and options of pytest's that choose among their scenarios."""
    attach: str = ""
    """File with the System of a PBX that is up already; empty: the target's is started."""
    command: str = ""
    generator: str = GENERATOR

    @property
    def drawn_from(self) -> int:
        return self.load.seed if self.seed is None else self.seed

    @property
    def trunk_profile(self) -> str:
        return self.profile or self.load.trunk_profile


def require_allowed(target: Target, request: LoadRequest) -> None:
    """Raises HarnessMisuse for a target that does not want to be loaded, or has too little for so many workers."""
    if not target.load_allowed:
        raise HarnessMisuse(
            f"the target {target.name!r} does not allow load runs",
            where=request.target,
            suggestion="write load_allowed = true there if its owner agrees",
        )
    if request.workers < 1:
        raise HarnessMisuse("--workers is less than 1")
    addresses = len(target.trunk.addresses)
    if request.workers > addresses:
        raise HarnessMisuse(
            f"--workers {request.workers}: each needs a trunk address, and the target declares {addresses}",
            where=request.target,
            suggestion=f"--workers {addresses}, or more [trunk] addresses",
        )


def require_within_limits(load: LoadProfile, where: str) -> None:
    """Raises HarnessMisuse for a profile whose own limits keep it from offering what it says."""
    arrivals = load.arrivals.arrivals(load.duration_s)
    calls = arrivals.expected(load.duration_s)
    if calls < 1:
        raise HarnessMisuse("no call arrives", where=where, suggestion="set [arrivals] rate")
    if calls > load.limits.calls:
        raise HarnessMisuse(
            f"about {calls:.0f} calls arrive in {load.duration_s:g} s, [limits] calls is {load.limits.calls}",
            where=where,
            suggestion="lower rate or duration_s, or raise the limit (Meta: 10,000 new calls per number and day)",
        )
    up = expected_up(load, arrivals)
    for key, limit in (("[limits] at_once", load.limits.at_once), ("[customers] count", load.customers.count)):
        if up > limit:
            raise HarnessMisuse(
                f"about {up:.0f} calls would be up at once, {key} is {limit}",
                where=where,
                suggestion="lower [arrivals] rate or [holding], or raise the limit (Meta: 1,000 per number)",
            )


def expected_up(load: LoadProfile, arrivals: Arrivals) -> float:
    """How many calls are up at most, on average: those that arrive while one stays (Little's law)."""
    return arrivals.peak(load.duration_s) * min(stay_s(load), load.duration_s)


def stay_s(load: LoadProfile) -> float:
    """How long a call is up on average, in s."""
    return load.holding.mean() + load.agents.answer_after.mean()
