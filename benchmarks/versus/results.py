"""What a run measured, as plain values, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.versus.processor import Spent
from benchmarks.versus.protocol import PTIME_MS, RETURNED_SHARE, Placed, Talked

PACE_S, PACE_SHARE = 0.5, 0.05
"""How much longer than planned calls may take and still have been placed at their rate."""
REPEATED_SHARE = 0.001
LOST_SHARE = 0.001
REACHED_SHARE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class SignallingRun:
    """Calls without media, by one generator at one rate (per s)."""

    generator: str
    answerer: str
    rate: float
    placed: Placed
    spent: Spent
    answerer_cores: float | None

    @property
    def calls_per_core_s(self) -> float:
        """Calls for a second of processor time."""
        return self.placed.completed / self.spent.cpu_s if self.spent.cpu_s > 0 else 0.0

    @property
    def sustained(self) -> bool:
        """Whether all calls went well, at the rate that was asked for."""
        planned_s = self.placed.calls / self.rate
        return (
            self.placed.failed == 0
            and (self.placed.retransmissions or 0) <= REPEATED_SHARE * self.placed.calls
            and self.placed.took_s <= planned_s * (1 + PACE_SHARE) + PACE_S
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRun:
    """Calls with media, up at once for ``spent.lasted_s``.

    ``echoed``: RTP packets that the answerer sent back in ``echoed_s``, None: it does not tell. ``dropped``: UDP
    datagrams that the kernel of this machine threw away meanwhile because a buffer was full, whoever's.
    """

    generator: str
    answerer: str
    calls: int
    up: int
    spent: Spent
    echoed: int | None
    echoed_s: float
    dropped: int
    talked: Talked
    answerer_cores: float | None

    @property
    def calls_per_core(self) -> float:
        """Calls at once that a core would carry, if each took as much as these did."""
        return self.up / self.spent.cores if self.spent.cores > 0 else 0.0

    @property
    def reached(self) -> float | None:
        """Share of the packets due that came to the answerer and were sent back, by its own count."""
        if self.echoed is None:
            return None
        due = self.up * self.echoed_s * 1000 / PTIME_MS
        return self.echoed / due if due > 0 else 0.0

    @property
    def carried(self) -> bool:
        """Whether all calls were up and paced, and what was sent came back, as far as it was counted."""
        talked = self.talked
        if self.up != self.calls or talked.calls != self.calls or talked.intact is False:
            return False
        if self.reached is not None and self.reached < REACHED_SHARE:
            return False
        if talked.sent is None or talked.returned is None:
            # Nothing was counted at the ear: what is known is the generator's own check.
            return talked.intact is True
        missed = (talked.lost or 0) + (talked.late or 0)
        return talked.returned >= RETURNED_SHARE * talked.sent and missed <= LOST_SHARE * talked.returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Of one run. ``settings`` are what it was done with, by name; ``notes`` what could not be done."""

    settings: dict[str, str]
    signalling: list[SignallingRun]
    highest: dict[str, SignallingRun]
    """By generator: at the highest rate that it sustained."""
    media: list[MediaRun]
    notes: list[str]


def next_rate(tried: list[tuple[float, bool]], first: float, most: float) -> float | None:
    """The rate to try next (per s), None when the search is over: doubled until it is not sustained, then once the
    middle between the highest sustained and the lowest that was not."""
    if not tried:
        return first
    good = [rate for rate, sustained in tried if sustained]
    bad = [rate for rate, sustained in tried if not sustained]
    if not bad:
        return min(2 * max(good), most) if max(good) < most else None
    if not good:
        return min(bad) / 2 if len(bad) == 1 else None
    middle = (max(good) + min(bad)) / 2
    return middle if min(bad) == 2 * max(good) else None
