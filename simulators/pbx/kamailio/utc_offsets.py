"""A time zone as a table of offsets from UTC: Kamailio knows no zones of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

FIRST_YEAR = 2020
LAST_YEAR = 2037
"""Years that the table holds; to Kamailio what is before is as the first, what is after as the last."""

_DAY_S = 86_400
"""No zone changes its offset there and back within this."""


@dataclass(frozen=True, slots=True)
class UtcOffset:
    """``offset_s`` holds before ``until`` (s since 1970 in UTC), for good when that is None."""

    until: int | None
    offset_s: int


@lru_cache
def offset_table(timezone: str, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR) -> tuple[UtcOffset, ...]:
    """The offsets of a zone in the order of time, from the beginning of a year to the end of another."""
    zone = ZoneInfo(timezone)
    start = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp())
    table = []
    current = _offset(zone, start)
    for before in range(start, end, _DAY_S):
        after = before + _DAY_S
        if _offset(zone, after) != current:
            change = _change(zone, before, after)
            table.append(UtcOffset(change, current))
            current = _offset(zone, change)
    return (*table, UtcOffset(None, current))


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second after ``before`` that has another offset than it."""
    old = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: int) -> int:
    difference = datetime.fromtimestamp(at, zone).utcoffset()
    return round((difference or timedelta()).total_seconds())
