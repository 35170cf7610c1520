"""Business numbers, users, call hours, and how a call rings at a user."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from harness.errors import HarnessMisuse
from simulators.whatsapp.people import (
    Behaviour,
    BusinessNumber,
    CallHours,
    Day,
    Directory,
    Holiday,
    Reaction,
    RingResult,
    WeeklyHours,
    WhatsAppUser,
)
from simulators.whatsapp.rules import published_rules
from tests.whatsapp.whatsapp_rig import ANA, BEN, OFF, SHOP

RULES = published_rules()


@pytest.mark.parametrize(
    ("number", "country"),
    [("+34600000001", "ES"), ("+14165550100", "CA"), ("+12125550100", "US"), ("+447700900001", "GB")],
)
def test_the_number_says_the_country(number: str, country: str) -> None:
    assert BusinessNumber(number=number).country == country
    assert WhatsAppUser(number=number).country == country


def test_the_country_may_be_given_and_a_user_id_says_it_too() -> None:
    assert WhatsAppUser(number="+34600000001", country="FR").country == "FR"
    assert WhatsAppUser(user_id="US.13491208655302741918").country == "US"
    assert WhatsAppUser(number="+34600000001", user_id="US.1").country == "ES"


@pytest.mark.parametrize("number", ["34600000001", "+0600000001", "+34 600", "", "+", "+١٢٣٤٥٦٧", "+34600000001\n"])
def test_a_number_that_is_none(number: str) -> None:
    with pytest.raises(HarnessMisuse, match=r"E\.164"):
        BusinessNumber(number=number)


@pytest.mark.parametrize("settings", [{}, {"user_id": "13491"}, {"user_id": "us.1"}, {"user_id": "US."}])
def test_a_user_without_a_proper_address(settings: dict[str, str]) -> None:
    with pytest.raises(HarnessMisuse):
        WhatsAppUser(**settings)


def test_a_country_that_is_none() -> None:
    with pytest.raises(HarnessMisuse, match="ISO 3166-1"):
        WhatsAppUser(number="+34600000001", country="Spain")


def test_the_directory_finds_by_every_address() -> None:
    both = WhatsAppUser(number="+34600000009", user_id="ES.123")
    directory = Directory.of([SHOP], [ANA, both])
    assert directory.business("34910000001") is directory.business("+34910000001") is SHOP
    assert directory.user("34600000009") is directory.user("ES.123") is both
    assert directory.user("ES.999") is None
    assert directory.business("") is None
    assert list(directory.users()) == [ANA, both]
    assert list(directory.businesses()) == [SHOP]
    with pytest.raises(HarnessMisuse, match="belongs to another"):
        directory.put_user(WhatsAppUser(number="+34600000010", user_id="ES.123"))


HOURS = CallHours(
    "Europe/Madrid",
    (WeeklyHours(Day.FRIDAY, time(9), time(14)), WeeklyHours(Day.FRIDAY, time(16), time(23, 59))),
    (Holiday(date(2026, 5, 1)), Holiday(date(2026, 5, 2), time(10), time(12))),
)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-01-02T07:59:59", False), ("2026-01-02T08:00:00", True), ("2026-01-02T12:59:59", True),
        ("2026-01-02T13:00:00", False), ("2026-01-02T22:59:30", True), ("2026-01-02T23:00:00", False),
        # Summer time: 9 o'clock in Madrid is 7 o'clock UTC.
        ("2026-07-03T06:59:59", False), ("2026-07-03T07:00:00", True),
        ("2026-01-03T10:00:00", False),
        # Holidays replace the hours of their date: closed on a Friday, open on a Saturday.
        ("2026-05-01T09:00:00", False), ("2026-05-02T08:00:00", True), ("2026-05-02T10:00:00", False),
    ],
)  # fmt: skip
def test_call_hours(moment: str, is_open: bool) -> None:
    assert HOURS.open_at(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) is is_open


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "/etc/passwd", "../x"])
def test_a_time_zone_that_is_none(zone: str) -> None:
    with pytest.raises(HarnessMisuse, match="time zone"):
        CallHours(zone, ())


@pytest.mark.parametrize(
    ("user", "result"),
    [
        (ANA, (RingResult.ANSWERED, 2.0)),
        (WhatsAppUser(number=BEN.number, behaviour=Behaviour(Reaction.DECLINES, 4)), (RingResult.DECLINED, 4)),
        (WhatsAppUser(number=BEN.number, behaviour=Behaviour(Reaction.IGNORES)), (RingResult.UNANSWERED, 60)),
        (WhatsAppUser(number=BEN.number, behaviour=Behaviour(after_s=60)), (RingResult.UNANSWERED, 60)),
        (WhatsAppUser(number=BEN.number, behaviour=Behaviour(after_s=59.9)), (RingResult.ANSWERED, 59.9)),
        (WhatsAppUser(number=BEN.number, online=False), (RingResult.UNREACHABLE, 0)),
    ],
)
def test_how_a_call_rings(user: WhatsAppUser, result: tuple[RingResult, float]) -> None:
    assert user.ring(RULES) == result


def test_how_long_a_client_bears_silence() -> None:
    behaviour = Behaviour()
    assert behaviour.silence_limit_s(RULES, media_came=False) == 20
    assert behaviour.silence_limit_s(RULES, media_came=True) == 30
    assert Behaviour(drops_silent_calls=False).silence_limit_s(RULES, media_came=False) is None
    off = RULES.changed(silence_at_start=OFF)
    assert behaviour.silence_limit_s(off, media_came=False) is None
    assert behaviour.silence_limit_s(off, media_came=True) == 30
