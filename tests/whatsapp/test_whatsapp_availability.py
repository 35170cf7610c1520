"""Where calls are available."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from simulators.whatsapp.availability import BUILT_IN, load_availability, published_availability
from simulators.whatsapp.ledger import EventKind
from simulators.whatsapp.people import CallHours, Day, WeeklyHours
from simulators.whatsapp.refusals import Refusal
from tests.whatsapp.whatsapp_rig import ANA, DAY, SHOP, START, Platform

AVAILABILITY = published_availability()


@pytest.mark.parametrize("country", ["US", "CA", "EG", "VN", "NG"])
def test_business_calls_are_closed_by_the_business_numbers_country(country: str) -> None:
    assert AVAILABILITY.business_call(replace(SHOP, country=country)) is Refusal.CLOSED_COUNTRY
    assert AVAILABILITY.user_call(replace(SHOP, country=country), ANA, START) is None


def test_the_users_country_does_not_close_business_calls() -> None:
    for country in ("US", "CU"):
        platform = Platform()
        platform.directory.put_user(replace(ANA, country=country))
        platform.permit()
        assert platform.call() is None


def test_turkey_is_open_as_meta_says_and_older_lists_of_others_do_not() -> None:
    assert AVAILABILITY.business_call(replace(SHOP, country="TR")) is None


@pytest.mark.parametrize("place", [{"country": "CU"}, {"country": "IR"}, {"country": "KP"}, {"country": "SY"},
                                   {"country": "UA", "region": "UA-43"}])  # fmt: skip
def test_users_in_sanctioned_places_cannot_call(place: dict[str, str]) -> None:
    assert AVAILABILITY.user_call(SHOP, replace(ANA, **place), START) is Refusal.SANCTIONED_USER


def test_the_rest_of_a_country_with_a_sanctioned_region_can() -> None:
    assert AVAILABILITY.user_call(SHOP, replace(ANA, country="UA", region="UA-30"), START) is None


def test_a_business_number_of_a_sanctioned_country_can_do_nothing() -> None:
    shop = replace(SHOP, country="KP")
    assert AVAILABILITY.business_call(shop) is Refusal.SANCTIONED_BUSINESS
    assert AVAILABILITY.user_call(shop, ANA, START) is Refusal.SANCTIONED_BUSINESS


def test_call_hours_hold_for_users_only() -> None:
    platform = Platform()
    platform.permit()
    platform.set(call_hours=CallHours("UTC", (WeeklyHours(Day.THURSDAY, time(9), time(17)),)))
    assert platform.new(EventKind.USER_CALLED).refusal is Refusal.OUTSIDE_CALL_HOURS
    platform.now += DAY / 2
    assert platform.new(EventKind.USER_CALLED).allowed
    platform.do(EventKind.CANCELLED, platform.last)
    platform.now += DAY / 2
    assert platform.call() is None


def test_a_users_own_file_replaces_the_published_one(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(BUILT_IN.read_text().replace('"CA", ', '"TR", '))
    availability = load_availability(own)
    assert availability.business_call(replace(SHOP, country="TR")) is Refusal.CLOSED_COUNTRY
    assert availability.business_call(replace(SHOP, country="CA")) is None
    assert load_availability() == AVAILABILITY
    platform = Platform(availability=availability)
    platform.permit()
    platform.set(country="TR")
    assert platform.call() is Refusal.CLOSED_COUNTRY


def test_mistakes_in_a_users_file_are_one_line(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(BUILT_IN.read_text().replace('"CA"', '"Canada"'))
    with pytest.raises(HarnessMisuse, match=r"own\.toml:\d+: 'business_initiated\.closed_business_countries"):
        load_availability(own)
    own.write_text(BUILT_IN.read_text().replace("sanctioned_regions", "sanctioned_region"))
    with pytest.raises(HarnessMisuse, match=r"own\.toml:\d+"):
        load_availability(own)
