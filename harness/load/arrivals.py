"""When calls arrive, whatever becomes of those before them (open loop)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from math import sqrt
from random import Random


class Process(StrEnum):
    """How calls are spread over time around their rate."""

    POISSON = "poisson"
    """Independent of one another, as customers are."""
    CONSTANT = "constant"
    """Evenly."""
    RECORDED = "recorded"
    """At the times of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """``seconds`` in which the rate goes from ``from_rate`` to ``to_rate`` (calls/s), in a straight line."""

    seconds: float
    from_rate: float
    to_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """A process over a course of rates; after the last stretch its rate goes on. ``times`` (s) are for RECORDED.

    ``share_of`` generators, of which this is number ``index``, have the calls of the whole between them.
    """

    process: Process
    course: tuple[Stretch, ...] = ()
    times: tuple[float, ...] = ()
    index: int = 0
    share_of: int = 1

    def share(self, index: int, share_of: int) -> Arrivals:
        """The part of one of ``share_of`` generators (``index`` from 0)."""
        return replace(self, index=index, share_of=share_of)

    def rate(self, at: float) -> float:
        """Calls/s of the whole at a time; 0 of RECORDED."""
        for stretch in self.course:
            if at < stretch.seconds:
                return stretch.from_rate + (stretch.to_rate - stretch.from_rate) * at / stretch.seconds
            at -= stretch.seconds
        return self.course[-1].to_rate if self.course else 0.0

    def expected(self, seconds: float) -> float:
        """How many calls of the whole arrive in the first ``seconds``, on average."""
        if self.process is Process.RECORDED:
            return float(sum(at < seconds for at in self.times))
        return sum((part.from_rate + part.to_rate) / 2 * part.seconds for part in self._first(seconds))

    def peak(self, seconds: float) -> float:
        """Largest rate of the whole in the first ``seconds``, in calls/s; of RECORDED the mean."""
        if self.process is Process.RECORDED:
            return self.expected(seconds) / seconds
        return max((max(part.from_rate, part.to_rate) for part in self._first(seconds)), default=0.0)

    def _first(self, seconds: float) -> Iterator[Stretch]:
        """The course up to a time."""
        for stretch in self.course:
            if seconds <= 0:
                return
            part = min(stretch.seconds, seconds)
            growth = (stretch.to_rate - stretch.from_rate) / stretch.seconds
            yield Stretch(seconds=part, from_rate=stretch.from_rate, to_rate=stretch.from_rate + growth * part)
            seconds -= part
        if self.course and seconds > 0:
            rate = self.course[-1].to_rate
            yield Stretch(seconds=seconds, from_rate=rate, to_rate=rate)

    def due(self, random: Random) -> Iterator[float]:
        """The times of this part's arrivals in s, rising; endless, but for RECORDED and a course that ends at 0."""
        if self.process is Process.RECORDED:
            yield from sorted(self.times)[self.index :: self.share_of]
            return
        if self.process is Process.POISSON:
            # The calls of a part of a Poisson process are one, of the part of the rate.
            expected = accumulate(iter(lambda: random.expovariate(1.0) * self.share_of, None))
        else:
            expected = accumulate(iter(lambda: float(self.share_of), None), initial=self.index + 0.5)
        for count in expected:
            at = self._when(count)
            if at is None:
                return
            yield at

    def _when(self, count: float) -> float | None:
        """When the course has brought ``count`` calls of the whole; None: never."""
        began = 0.0
        for stretch in self.course:
            brings = (stretch.from_rate + stretch.to_rate) / 2 * stretch.seconds
            if count < brings:
                return began + _within(stretch, count)
            count -= brings
            began += stretch.seconds
        last = self.course[-1].to_rate if self.course else 0.0
        return began + count / last if last > 0 else None


def _within(stretch: Stretch, count: float) -> float:
    """When a stretch has brought ``count`` calls, in s from its beginning."""
    growth = (stretch.to_rate - stretch.from_rate) / stretch.seconds
    if growth == 0:
        return count / stretch.from_rate
    # count = from_rate * t + growth * t^2 / 2
    root = sqrt(max(0.0, stretch.from_rate**2 + 2 * growth * count))
    return 2 * count / (stretch.from_rate + root)
