from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.routing import Call, Rule, country_of, edges_of, hours_of, local_time, open_at, route
from harness.target import Target
from tests.scenarios.stand_ins import small_target

WORLD, SPANISH_DESK = "+442079460100", "+442079460101"
LONDON_HOURS, BOGOTA_HOURS = "Mon-Fri 08:00-18:00", "Mon-Fri 08:00-18:00, Sat 09:00-13:00"
COUNTRIES = ("GB", "IE", "CO", "MX", "US", "ES", "AR", "JP", "BR")


def site(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "host": "127.0.0.11", "queue": name, "timezone": "Europe/London"} | changes


def two_sites(**routing: Any) -> Target:
    sites = [
        site("london", hours=LONDON_HOURS),
        site("bogota", hours=BOGOTA_HOURS, timezone="America/Bogota", language="es", max_calls=2),
    ]
    rules = {
        "numbers": {SPANISH_DESK: ["bogota"]},
        "regions": {
            "europe": {"countries": ["GB", "IE"], "sites": ["london", "bogota"]},
            "americas": {"countries": ["CO", "MX", "US"], "sites": ["bogota", "london"]},
        },
        "languages": {"es": ["bogota", "london"]},
        "default": ["london", "bogota"],
    }
    return small_target(
        sites=sites,
        routing=rules | routing,
        queues=[{"name": "london", "agents": ["1001"]}, {"name": "bogota", "agents": ["1101"]}],
        numbers=[{"number": WORLD, "purpose": "support"}, {"number": SPANISH_DESK, "purpose": "support"}],
        languages={"default": "en", "by_country": {"ES": "es", "AR": "es"}},
    )


TARGET = two_sites()


def number_of(country: str) -> str:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def call(country: str, dialled: str = WORLD, header: str = "") -> Call:
    return Call(dialled=dialled, caller=number_of(country), country_header=header)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


BOTH_OPEN = at("2026-03-11 15:00")


@pytest.mark.parametrize(
    ("made", "rule", "takes"),
    [
        (call("GB"), Rule.COUNTRY, "london"),
        (call("CO"), Rule.COUNTRY, "bogota"),
        (call("ES"), Rule.LANGUAGE, "bogota"),
        (call("JP"), Rule.DEFAULT, "london"),
        (call("GB", SPANISH_DESK), Rule.NUMBER, "bogota"),
        (call("GB", header="CO"), Rule.COUNTRY, "bogota"),
        (call("GB", header=" co "), Rule.COUNTRY, "bogota"),
        (call("CO", header="JP"), Rule.DEFAULT, "london"),
        (call("CO", SPANISH_DESK, header="GB"), Rule.NUMBER, "bogota"),
        (call("CO", header="nonsense"), Rule.COUNTRY, "bogota"),
        (Call(dialled=WORLD, caller="CO.13491208655302741918"), Rule.DEFAULT, "london"),
        (Call(dialled=WORLD, caller="CO.13491208655302741918", country_header="CO"), Rule.COUNTRY, "bogota"),
        (Call(dialled=WORLD, caller="anonymous"), Rule.DEFAULT, "london"),
    ],
)
def test_rules_in_their_order(made: Call, rule: Rule, takes: str) -> None:
    found = route(TARGET, made, BOTH_OPEN)
    assert (found.rule, found.sites[0].name) == (rule, takes)
    assert found.open_sites == {site.name for site in found.sites}


@pytest.mark.parametrize(
    ("when", "country", "takes", "is_open"),
    [
        ("2026-03-11 07:59", "GB", "london", False),
        ("2026-03-11 08:00", "GB", "london", True),
        ("2026-03-11 17:59", "GB", "london", True),
        ("2026-03-11 18:00", "GB", "bogota", True),
        ("2026-03-11 22:59", "GB", "bogota", True),
        ("2026-03-11 23:00", "GB", "london", False),
        ("2026-03-11 23:00", "CO", "bogota", False),
        ("2026-03-11 12:59", "CO", "london", True),
        ("2026-03-11 13:00", "CO", "bogota", True),
        ("2026-03-14 14:00", "GB", "bogota", True),
        ("2026-03-14 18:00", "GB", "london", False),
    ],
)
def test_the_sun_goes_round(when: str, country: str, takes: str, is_open: bool) -> None:
    found = route(TARGET, call(country), at(when))
    assert (found.sites[0].name, takes in found.open_sites) == (takes, is_open)


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-03-27 07:30", False),  # the Friday before Britain's clocks go forward: 07:30 there
        ("2026-03-30 07:30", True),  # the Monday after: 08:30
        ("2026-10-23 17:30", False),  # the Friday before they go back: 18:30
        ("2026-10-26 17:30", True),  # the Monday after: 17:30
    ],
)
def test_hours_are_meant_in_the_sites_own_summer_time(when: str, is_open: bool) -> None:
    london = TARGET.site("london")
    assert london is not None
    assert open_at(london, at(when)) is is_open


def test_sites_that_cannot_take_it_are_passed_over() -> None:
    found = route(TARGET, call("GB"), BOTH_OPEN)
    assert [site.name for site in found.sites] == ["london", "bogota"]
    taken = found.taken_by({"london"})
    assert taken is not None and taken.name == "bogota"
    assert found.taken_by({"london", "bogota"}) is None


def test_a_closed_site_is_tried_last() -> None:
    at_night_in_bogota = at("2026-03-11 09:00")
    found = route(TARGET, call("CO"), at_night_in_bogota)
    assert [site.name for site in found.sites] == ["london", "bogota"]
    taken = found.taken_by({"london"})
    assert taken is not None and taken.name not in found.open_sites


def test_a_rule_without_sites_does_not_apply() -> None:
    found = route(two_sites(languages={}), call("ES"), BOTH_OPEN)
    assert found.rule is Rule.DEFAULT


def test_without_a_default_all_sites_serve_everybody_else() -> None:
    found = route(two_sites(languages={}, default=[]), call("ES"), BOTH_OPEN)
    assert [site.name for site in found.sites] == ["london", "bogota"]


def test_the_default_language_is_a_language() -> None:
    assert route(two_sites(languages={"en": ["bogota"]}), call("JP"), BOTH_OPEN).rule is Rule.LANGUAGE


def test_edges_are_a_minute_to_either_side() -> None:
    wednesday = [f"{edge:%H:%M}" for edge in edges_of(TARGET, date(2026, 3, 11))]
    assert wednesday == ["07:59", "08:01", "12:59", "13:01", "17:59", "18:01", "22:59", "23:01"]
    assert [f"{edge:%H:%M}" for edge in edges_of(TARGET, date(2026, 3, 14))] == ["13:59", "14:01", "17:59", "18:01"]
    assert edges_of(TARGET, date(2026, 3, 15)) == ()


instants = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2026, 12, 31), timezones=st.just(UTC))
calls = st.builds(
    Call,
    dialled=st.sampled_from([WORLD, SPANISH_DESK]),
    caller=st.sampled_from([*map(number_of, COUNTRIES), "anonymous", "US.1349"]) | st.text(max_size=20),
    country_header=st.sampled_from(["", *COUNTRIES]) | st.text(max_size=4),
)


@given(made=calls, when=instants)
def test_every_call_belongs_somewhere(made: Call, when: datetime) -> None:
    found = route(TARGET, made, when)
    assert found.sites
    is_open = [open_at(site, when) for site in found.sites]
    assert is_open == sorted(is_open, reverse=True)
    assert found.open_sites == {site.name for site in found.sites if open_at(site, when)}
    assert (found.region != "") is (found.rule is Rule.COUNTRY)
    assert len({site.name for site in found.sites}) == len(found.sites)


@given(made=calls, when=instants, unable=st.sets(st.sampled_from(["london", "bogota"])))
def test_no_call_goes_to_a_site_that_cannot_take_it(made: Call, when: datetime, unable: set[str]) -> None:
    found = route(TARGET, made, when)
    taken = found.taken_by(unable)
    if taken is None:
        assert {site.name for site in found.sites} <= unable
    else:
        assert taken.name not in unable
        assert all(site.name in unable for site in found.sites[: found.sites.index(taken)])


@given(made=calls, when=instants)
def test_the_header_counts_for_more_than_the_number(made: Call, when: datetime) -> None:
    told = Call(dialled=made.dialled, caller=made.caller, country_header="CO")
    assert country_of(told) == "CO"
    assert route(TARGET, told, when).rule in (Rule.NUMBER, Rule.COUNTRY)


@given(when=instants)
def test_local_time_is_the_clock_on_the_wall(when: datetime) -> None:
    local = local_time("America/Bogota", when)
    assert local.replace(tzinfo=ZoneInfo("America/Bogota")) == when


@given(day=st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_between_edges_nothing_changes(day: date) -> None:
    edges = edges_of(TARGET, day)
    for hour in hours_of(day):
        before = [edge for edge in edges if edge <= hour]
        since = before[-1] if before else hours_of(day)[0]
        if hour - since > timedelta(minutes=1):
            for one in TARGET.sites:
                assert open_at(one, since) is open_at(one, hour)
