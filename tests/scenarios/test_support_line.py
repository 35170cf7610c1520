"""Which line a scenario gets, and whether its hours suit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from harness.errors import Inconclusive, NotRun
from harness.leases import LeaseBook
from harness.target import Number, Purpose
from scenarios import support_line
from scenarios.support_line import lease_line, require_hours
from tests.scenarios.stand_ins import CLOSED, SUPPORT, small_target

UNASSIGNED = "+442079460199"
TUESDAY_NOON = datetime(2026, 3, 10, 12, 0)
SUNDAY = datetime(2026, 3, 15, 12, 0)


@pytest.fixture
def book(tmp_path: Path) -> LeaseBook:
    return LeaseBook(tmp_path)


def number(hours: str | None) -> Number:
    return Number.model_validate({"number": SUPPORT, "purpose": "support", "hours": hours})


def test_only_a_queue_that_customers_reach_is_leased(book: LeaseBook) -> None:
    line = lease_line(small_target(), book)
    assert line.queue.name == "large"
    assert line.number(Purpose.SUPPORT).number == SUPPORT
    assert line.number(Purpose.CLOSED_DESK).number == CLOSED


def test_numbers_without_a_queue_are_everybodys(book: LeaseBook) -> None:
    shared = {"number": UNASSIGNED, "purpose": "unassigned"}
    numbers = [{"number": SUPPORT, "purpose": "support", "queue": "small"}, shared]
    line = lease_line(small_target(numbers=numbers), book)
    assert line.queue.name == "small"
    assert line.number(Purpose.UNASSIGNED).number == UNASSIGNED


def test_a_purpose_that_the_target_has_no_number_for(book: LeaseBook) -> None:
    line = lease_line(small_target(), book)
    with pytest.raises(NotRun, match="no number with the purpose 'language_menu' for the queue large"):
        line.number(Purpose.LANGUAGE_MENU)


def test_more_agents_than_any_queue_has(book: LeaseBook) -> None:
    with pytest.raises(NotRun, match="needs a queue with 4 agents; the target's largest has 3"):
        lease_line(small_target(), book, 4)


def test_no_support_number_at_all(book: LeaseBook) -> None:
    with pytest.raises(NotRun, match="no number with the purpose 'support'"):
        lease_line(small_target(numbers=[]), book)


def test_a_line_is_one_scenarios_at_a_time(book: LeaseBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support_line, "LINE_LEASE_S", 0.0)
    line = lease_line(small_target(), book)
    with pytest.raises(Inconclusive, match=r"no queue came free .* all of large are in use"):
        lease_line(small_target(), book)
    line.lease.release()
    lease_line(small_target(), book).lease.release()


@pytest.mark.parametrize(
    ("hours", "now", "staffed"),
    [
        (None, None, True),
        (None, SUNDAY, True),
        ("Mon-Fri 09:00-17:00", TUESDAY_NOON, True),
        ("Mon-Fri 09:00-17:00", SUNDAY, False),
    ],
)
def test_hours_that_suit(hours: str | None, now: datetime | None, staffed: bool) -> None:
    require_hours(number(hours), now, staffed=staffed)


@pytest.mark.parametrize(
    ("hours", "now", "staffed", "reason"),
    [
        (None, None, False, "hours: always.* is open at the PBX's time, any time, and the scenario needs it closed"),
        ("Mon-Fri 09:00-17:00", SUNDAY, True, "is closed at the PBX's time, Sunday 12:00, .* needs it open"),
        ("Mon-Fri 09:00-17:00", TUESDAY_NOON, False, "is open at the PBX's time, Tuesday 12:00, .* needs it closed"),
    ],
)
def test_hours_that_do_not_suit(hours: str | None, now: datetime | None, staffed: bool, reason: str) -> None:
    with pytest.raises(NotRun, match=reason):
        require_hours(number(hours), now, staffed=staffed)


def test_hours_matter_and_nobody_knows_the_time() -> None:
    with pytest.raises(Inconclusive, match="the PBX's clock is not known"):
        require_hours(number("Mon-Fri 09:00-17:00"), None, staffed=True)
