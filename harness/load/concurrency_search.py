"""The search for how many calls a PBX carries at once, with media."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import floor
from typing import Literal

from harness.load.result import CapacityResult, StepResult
from harness.load.search_step import SearchKind, Step, undecided, unfinished
from harness.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class ConcurrencySearch:
    """The most calls up at once that meet the criteria, as RFC 7502 looks for a rate.

    It rises from ``start`` by ``factor`` until a step fails, then halves the distance until it is ``precision`` of the
    level, then repeats the last level that passed and the first that failed: two steps alike, or the better part of
    three, decide. Calls begin at ``ramp_rate`` (calls/s) and stay up for ``plateau_s`` after the last one began.
    """

    kind: Literal[SearchKind.CONCURRENCY] = SearchKind.CONCURRENCY
    start: int = 10
    factor: float = 2.0
    precision: float = 0.05
    most: int = 1000
    ramp_rate: float = 10.0
    plateau_s: float = 30.0
    steps: tuple[StepResult, ...] = ()

    def next_step(self) -> Step | None:
        """None: the search is over, see ``result``."""
        level = None if undecided(self.steps) else self._next_level()
        if level is None:
            return None
        return Step(
            number=len(self.steps) + 1,
            offered=float(level),
            rate=self.ramp_rate,
            attempts=level,
            seconds=self.plateau_s,
            hold=True,
        )

    def noted(self, step: StepResult) -> ConcurrencySearch:
        return replace(self, steps=(*self.steps, step))

    def result(self) -> CapacityResult:
        """What is known so far."""
        carried, failed = self._bounds()
        finished = self.next_step() is None and not undecided(self.steps)
        return CapacityResult(
            kind=self.kind.value,
            carried=float(carried) if carried else None,
            first_failed=None if failed is None else float(failed),
            finished=finished,
            confidence=self._confidence(carried, failed, finished),
            steps=self.steps,
        )

    def _next_level(self) -> int | None:
        tied = next((level for level, votes in self._votes().items() if votes == (1, 1)), None)
        if tied is not None:
            return tied
        carried, failed = self._bounds()
        if failed is None:
            if carried >= self.most:
                return carried if self._once(carried) else None
            return min(self.most, max(carried + 1, floor(carried * self.factor)) if carried else self.start)
        if failed - carried > max(1, floor(failed * self.precision)):
            return carried + (failed - carried) // 2
        return next((level for level in (carried, failed) if level and self._once(level)), None)

    def _votes(self) -> dict[int, tuple[int, int]]:
        """How many steps passed and failed, by level."""
        counted = Counter((int(step.offered), step.verdict) for step in self.steps)
        levels = sorted({level for level, _ in counted})
        return {level: (counted[level, Verdict.PASS], counted[level, Verdict.FAIL]) for level in levels}

    def _once(self, level: int) -> bool:
        return sum(self._votes()[level]) == 1

    def _bounds(self) -> tuple[int, int | None]:
        """The least level that failed, and the most below it that passed (0: none)."""
        votes = self._votes()
        failed = min((level for level, (passed, lost) in votes.items() if lost > passed), default=None)
        passing = (level for level, (passed, lost) in votes.items() if passed > lost)
        return max((level for level in passing if failed is None or level < failed), default=0), failed

    def _confidence(self, carried: int, failed: int | None, finished: bool) -> str:
        if not carried:
            return (
                f"no number of calls met the criteria, down to {failed} at once" if finished else unfinished(self.steps)
            )
        passed, lost = self._votes()[carried]
        said = f"{carried} calls at once met the criteria in {passed} of {passed + lost} steps of {self.plateau_s:g} s"
        if failed is not None:
            well, badly = self._votes()[failed]
            said += f", {failed} failed them in {badly} of {well + badly}"
        elif carried >= self.most:
            said += "; no more was offered, the PBX may carry more"
        return said if finished else f"{said}; {unfinished(self.steps)}"
