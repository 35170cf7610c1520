"""A criterion drawn: its limit, the good side of it, the value and its confidence interval, on one line."""

from __future__ import annotations

from dataclasses import dataclass

from harness.load.criteria import CRITERIA
from harness.load.result import CriterionResult

_MARGIN = 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Places in % of the drawing's width. ``good_from`` to ``good_to`` is the side of the limit that passes."""

    limit: float
    value: float
    low: float
    high: float
    good_from: float
    good_to: float


def interval(criterion: CriterionResult) -> Interval | None:
    """None: there is no value to draw."""
    if criterion.value is None:
        return None
    low = criterion.value if criterion.low is None else criterion.low
    high = criterion.value if criterion.high is None else criterion.high
    least, most = min(low, criterion.limit), max(high, criterion.limit)
    room = (most - least) * _MARGIN or max(abs(criterion.limit), 1.0) * _MARGIN
    least, most = least - room, most + room

    def place(value: float) -> float:
        return round(100 * (value - least) / (most - least), 2)

    limit = place(criterion.limit)
    at_least = is_at_least(criterion)
    return Interval(
        limit=limit,
        value=place(criterion.value),
        low=place(low),
        high=place(high),
        good_from=limit if at_least else 0.0,
        good_to=100.0 if at_least else limit,
    )


def is_at_least(criterion: CriterionResult) -> bool:
    """Whether the limit is the least that is good."""
    known = CRITERIA.get(criterion.measure)
    return known.at_least if known else "at least" in criterion.words
