"""What all capacity searches have in common: what is looked for, and what a step is to offer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from harness.load.result import StepResult
from harness.verdict import Verdict


class SearchKind(StrEnum):
    """What is looked for."""

    RATE = "rate"
    """Session establishment rate (RFC 7501): calls/s."""
    CONCURRENCY = "concurrency"
    """Calls up at once, with media."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to offer: calls at ``rate`` (calls/s) until ``attempts``; or, with ``hold``, ``attempts`` calls that stay up
    for ``seconds`` after the last one began."""

    number: int
    offered: float
    rate: float
    attempts: int
    seconds: float = 0.0
    hold: bool = False


def undecided(steps: Iterable[StepResult]) -> StepResult | None:
    """The step that could not be judged, at which a search ends."""
    return next((step for step in steps if step.verdict not in (Verdict.PASS, Verdict.FAIL)), None)


def unfinished(steps: Iterable[StepResult]) -> str:
    """Why a search has not come to its end."""
    step = undecided(steps)
    if step is None:
        return "the search is not at its end"
    return f"the search ended at {step.offered:g}, which cannot be judged: {step.why or 'no verdict'}"
