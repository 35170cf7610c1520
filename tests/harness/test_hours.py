from __future__ import annotations

from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.hours import DAYS, parse_hours

MONDAY = datetime(2026, 3, 9)


@pytest.mark.parametrize(
    ("text", "when", "is_open"),
    [
        ("Mon-Fri 09:00-18:00", datetime(2026, 3, 10, 10, 30), True),
        ("Mon-Fri 09:00-18:00", datetime(2026, 3, 10, 18, 0), False),
        ("Mon-Fri 09:00-18:00", datetime(2026, 3, 10, 9, 0), True),
        ("Mon-Fri 09:00-18:00", datetime(2026, 3, 14, 10, 0), False),
        ("Sat-Mon 10:00-12:00", datetime(2026, 3, 15, 11, 0), True),
        ("Sat-Mon 10:00-12:00", datetime(2026, 3, 10, 11, 0), False),
        ("Mon 09:00-12:00, Mon 13:00-17:00", datetime(2026, 3, 9, 12, 30), False),
        ("Mon 09:00-12:00, Mon 13:00-17:00", datetime(2026, 3, 9, 13, 30), True),
    ],
)
def test_open_at(text: str, when: datetime, is_open: bool) -> None:
    assert parse_hours(text).open_at(when) is is_open


@pytest.mark.parametrize("text", ["", "Mon", "Mon-Fri 9-18", "Fri 18:00-09:00", "Xyz 09:00-10:00", "Mon 09:00-25:00"])
def test_what_is_not_hours_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|closes|hour"):
        parse_hours(text)


@given(st.sampled_from(DAYS), st.times(), st.times(), st.datetimes(MONDAY, datetime(2027, 1, 1)))
def test_a_single_day_is_open_only_on_that_day(day: str, one: time, other: time, when: datetime) -> None:
    opens, closes = sorted((one.replace(second=0, microsecond=0), other.replace(second=0, microsecond=0)))
    if opens == closes:
        return
    hours = parse_hours(f"{day} {opens:%H:%M}-{closes:%H:%M}")
    expected = when.weekday() == DAYS.index(day) and opens <= when.time() < closes
    assert hours.open_at(when) is expected
