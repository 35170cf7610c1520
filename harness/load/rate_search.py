"""RFC 7502's search for the session establishment rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Literal

from harness.load.confidence import rule_of_three
from harness.load.result import CapacityResult, StepResult
from harness.load.search_step import SearchKind, Step, undecided, unfinished
from harness.verdict import Verdict

STANDARD_ATTEMPTS = 50_000
"""N of RFC 7502 section 4.10."""


@dataclass(frozen=True, kw_only=True)
class RateSearch:
    """RFC 7502 section 4.10: the largest rate at which none of ``attempts`` (N) calls fails.

    It starts at ``rate`` (r), rises by ``rise`` (w) and falls by ``fall`` (d), both of which halve with each failure
    down to ``least_change``; it has found the rate when ``repeats`` steps went well that were no better than the best.
    Rates are multiples of ``grain`` (1 in the RFC; a rise of less than that would not be one). A step lasts
    from ``least_s`` to ``most_s`` (s): it has more calls where N are over too soon, fewer where they take too long.
    """

    kind: Literal[SearchKind.RATE] = SearchKind.RATE
    attempts: int = STANDARD_ATTEMPTS
    rate: float = 100.0
    rise: float = 0.10
    fall: float = 0.10
    least_change: float = 0.10
    repeats: int = 10
    grain: float = 1.0
    least_s: float = 0.0
    most_s: float | None = None
    most: float | None = None
    """No more than this is offered (calls/s): what the generator itself carries."""
    steps: tuple[StepResult, ...] = ()

    def next_step(self) -> Step | None:
        """None: the search is over, see ``result``."""
        rate = self._state().rate
        if rate is None:
            return None
        attempts = max(self.attempts, ceil(rate * self.least_s))
        if self.most_s is not None:
            attempts = min(attempts, ceil(rate * self.most_s))
        return Step(number=len(self.steps) + 1, offered=rate, rate=rate, attempts=attempts)

    def noted(self, step: StepResult) -> RateSearch:
        return replace(self, steps=(*self.steps, step))

    def result(self) -> CapacityResult:
        """What is known so far."""
        state = self._state()
        best = _best(self.steps)
        failed = _least_failed(self.steps, best)
        finished = state.rate is None and not undecided(self.steps)
        return CapacityResult(
            kind=self.kind.value,
            carried=best,
            first_failed=failed,
            finished=finished,
            confidence=self._confidence(best, finished),
            steps=self.steps,
        )

    def _state(self) -> _RateState:
        state = _RateState(rate=self._whole(self.rate), rise=self.rise, fall=self.fall)
        for step in self.steps:
            if state.rate is None:
                break
            state = self._after(state, step)
        return state

    def _after(self, state: _RateState, step: StepResult) -> _RateState:
        assert state.rate is not None
        if step.verdict is Verdict.PASS:
            better = state.rate > state.best
            count = state.count + (0 if better else 1)
            next_rate = self._whole(state.rate * (1 + state.rise))
            over = count >= self.repeats or (self.most is not None and state.rate >= self._whole(self.most))
            return replace(state, rate=None if over else next_rate, best=max(state.best, state.rate), count=count)
        if step.verdict is Verdict.FAIL:
            lower = self._whole(state.rate * (1 - state.fall))
            return replace(
                state,
                # Where a fall is less than a grain, it is a grain.
                rate=(lower if lower < state.rate else self._whole(state.rate - self.grain)) or None,
                rise=max(self.least_change, state.rise / 2),
                fall=max(self.least_change, state.fall / 2),
            )
        return replace(state, rate=None)

    def _whole(self, rate: float) -> float:
        """The multiple of the grain below a rate, never more than ``most``."""
        rate = rate if self.most is None else min(rate, self.most)
        # The small addend keeps 0.3 / 0.1 from being 2.
        return round(max(0, floor(rate / self.grain + 1e-9)) * self.grain, 9)

    def _confidence(self, best: float | None, finished: bool) -> str:
        if best is None:
            least = min((step.offered for step in self.steps), default=0.0)
            return f"no rate went well, down to {least:g} calls/s" if finished else unfinished(self.steps)
        attempts = sum(s.attempts for s in self.steps if s.offered == best and s.verdict is Verdict.PASS)
        said = (
            f"{attempts:,} calls at {best:g} calls/s without a failure: with 95 % confidence fewer than "
            f"one in {1 / rule_of_three(attempts):,.0f} fails there (rule of three)"
        )
        failed_there = sum(s.offered == best and s.verdict is Verdict.FAIL for s in self.steps)
        if failed_there:
            said += f"; {failed_there} of the steps at this rate failed, so it is the very edge"
        largest = max(step.attempts for step in self.steps)
        if largest < STANDARD_ATTEMPTS:
            said += f"; no step had more than {largest:,} calls, RFC 7502 wants {STANDARD_ATTEMPTS:,}"
        if self.most is not None and best >= self._whole(self.most):
            said += "; no more was offered, the PBX may carry more"
        return said if finished else f"{said}; {unfinished(self.steps)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RateState:
    """The RFC's variables; ``rate`` None: it is over."""

    rate: float | None
    rise: float
    fall: float
    best: float = 0.0
    count: int = 0


def _best(steps: tuple[StepResult, ...]) -> float | None:
    return max((step.offered for step in steps if step.verdict is Verdict.PASS), default=None)


def _least_failed(steps: tuple[StepResult, ...], above: float | None) -> float | None:
    """The least rate beyond the best one that failed."""
    failed = (step.offered for step in steps if step.verdict is Verdict.FAIL)
    return min((rate for rate in failed if above is None or rate > above), default=None)
