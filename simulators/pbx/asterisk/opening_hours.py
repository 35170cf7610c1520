"""Opening hours in the form of Asterisk's ``GotoIfTime``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from harness.hours import DAYS, Hours

MINUTES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class TimeRange:
    """``times`` as ``08:00-17:59`` (last minute included), ``days`` as ``mon&tue``."""

    times: str
    days: str


def time_ranges(hours: Hours) -> list[TimeRange]:
    """One range per span. ``GotoIfTime`` includes the minute that a range ends with; spans exclude it."""
    return [
        TimeRange(
            times=f"{span.opens:%H:%M}-{_minute_before(span.closes):%H:%M}",
            days="&".join(DAYS[day].lower() for day in sorted(span.days)),
        )
        for span in hours.spans
    ]


def _minute_before(moment: time) -> time:
    minutes = moment.hour * MINUTES_PER_HOUR + moment.minute - 1
    return time(minutes // MINUTES_PER_HOUR, minutes % MINUTES_PER_HOUR)
