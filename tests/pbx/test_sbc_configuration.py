"""Kamailio's configuration as it is rendered for the target with sites: rules, time zones, one site at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessMisuse
from harness.hours import parse_hours
from harness.target import Region, Target, load_target
from simulators.pbx.asterisk.configuration import render
from simulators.pbx.asterisk.facts import facts_of
from simulators.pbx.asterisk.twins import list_twins
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Layout
from simulators.pbx.kamailio.configuration import render_sbc
from simulators.pbx.kamailio.country_rules import country_prefixes
from simulators.pbx.kamailio.facts import OpenSpan, SbcFacts, open_spans, sbc_facts_of
from simulators.pbx.kamailio.utc_offsets import UtcOffset, offset_table
from simulators.pbx.reference import for_trunk
from simulators.pbx.site_target import require_agents_of_one_site, site_target

CONTROL = ControlFacts("user", "control-secret", 8088, 5038)
ZONES = ("Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
ALL_HOURS = ("Mon-Fri 08:00-18:00", "Mon-Sat 08:00-20:00", "Sat-Sun 00:00-24:00", "Fri 20:00-24:00, Sat 00:00-02:30")


@pytest.fixture
def target() -> Target:
    return load_target("reference-sites")


def facts(target: Target) -> SbcFacts:
    return sbc_facts_of(target, Layout(PurePosixPath("/srv/sbc")), control=CONTROL, clock_offset_s=-3600)


def route(text: str, name: str) -> str:
    """Body of a route."""
    found = re.search(rf"^(?:failure_)?route\[{name}\] {{$(.*?)^}}$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def is_open(spans: list[OpenSpan], table: tuple[UtcOffset, ...], now: int) -> bool:
    """The arithmetic of the route IS_OPEN, with integers as Kamailio has them."""
    offset = next(step.offset_s for step in table if step.until is None or now < step.until)
    local = now + offset
    weekday, minute = (local // 86400 + 3) % 7, local % 86400 // 60
    return any(weekday in span.days and span.opens <= minute < span.closes for span in spans)


@pytest.mark.parametrize("zone", ZONES)
@settings(deadline=None)  # the first look at a zone takes a while
@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),
    text=st.sampled_from(ALL_HOURS),
)
def test_sites_are_open_by_their_own_wall_clock(zone: str, moment: datetime, text: str) -> None:
    hours = parse_hours(text)
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert is_open(open_spans(hours), offset_table(zone), int(moment.timestamp())) is hours.open_at(local)


@pytest.mark.parametrize("zone", ZONES)
def test_the_table_changes_with_the_zone_to_the_second(zone: str) -> None:
    table = offset_table(zone, 2025, 2030)
    for step in table[:-1]:
        assert step.until is not None
        before, after = (datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset() for at in (step.until - 1, step.until))
        assert before is not None and after is not None
        assert before.total_seconds() == step.offset_s != after.total_seconds()
    changes = {"Europe/London": 12, "America/New_York": 12, "Australia/Lord_Howe": 12}
    assert len(table) - 1 == changes.get(zone, 0)


def test_rules_are_those_of_the_target(target: Target) -> None:
    text = render_sbc(facts(target))["kamailio.cfg"]
    rules = dict(re.findall(r'case "([^"]+)":\s+\$var\(sites\) = "([^"]+)"', route(text, "SITES_OF_RULE")))
    assert rules == {
        "442079460210": "london;",
        "13055550120": "miami;london;",
        **dict.fromkeys(("GB", "IE", "DE", "FR", "NL"), "london;miami;"),
        **dict.fromkeys(("MX", "CO", "AR"), "miami;london;"),
        "es": "miami;london;",
    }
    assert route(text, "SITES_OF_RULE").rstrip().endswith('$var(sites) = "london;miami;";')
    countries = dict(re.findall(r'=~ "\^(\d+)"\) {\s+\$avp\(country\) = "([A-Z]{2})"', route(text, "COUNTRY")))
    assert countries["44"] == "GB"
    assert countries["52"] == "MX"


def test_the_clock_and_the_code_come_from_the_target(target: Target) -> None:
    routing = target.routing.model_copy(update={"unreachable_code": 480, "failover_s": 3.0})
    text = render_sbc(facts(target.model_copy(update={"routing": routing})))["kamailio.cfg"]
    assert '"clock_offset=i:-3600"' in text
    assert 'send_reply("480"' in route(text, "NEXT_SITE")
    assert 'modparam("tm", "fr_timer", 1200)' in text


def test_every_site_is_a_set_of_its_own(target: Target) -> None:
    lines = render_sbc(facts(target))["dispatcher.list"].splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        f"{number} sip:{site.host}:5060 0 0" for number, site in enumerate(target.sites, start=1)
    ]


def test_the_reference_never_forks(target: Target) -> None:
    assert "append_branch" not in render_sbc(facts(target))["kamailio.cfg"]


def test_all_twins_of_the_sites_can_be_rendered(target: Target) -> None:
    plain = render_sbc(facts(target))
    twins = [twin for twin in list_twins() if twin.target == "reference-sites"]
    assert twins
    for twin in twins:
        assert (render_sbc(facts(target), twin) != plain) is (twin.directory / "kamailio").is_dir(), twin.name


def test_countries_of_one_calling_code_go_one_way(target: Target) -> None:
    def regions(canada: str) -> Target:
        routing = target.routing.model_copy(
            update={
                "regions": {
                    "south": Region(countries=["US"] + (["CA"] if canada == "south" else []), sites=["miami"]),
                    "north": Region(countries=["GB"] + (["CA"] if canada == "north" else []), sites=["london"]),
                }
            }
        )
        return target.model_copy(update={"routing": routing})

    assert {rule.prefix: rule.country for rule in country_prefixes(regions("south"))}["1"] == "US"
    with pytest.raises(HarnessMisuse, match=r"CA and US share the calling code \+1"):
        country_prefixes(regions("north"))


def test_a_country_without_a_calling_code(target: Target) -> None:
    routing = target.routing.model_copy(update={"regions": {"nowhere": Region(countries=["XX"], sites=["london"])}})
    with pytest.raises(HarnessMisuse, match="'XX' is no country"):
        country_prefixes(target.model_copy(update={"routing": routing}))


def test_names_that_kamailio_cannot_hold(target: Target) -> None:
    sites = [target.sites[0].model_copy(update={"name": 'lon"don'}), target.sites[1]]
    with pytest.raises(HarnessMisuse, match=r"\[\[sites\]\] name"):
        facts(target.model_copy(update={"sites": sites}))
    routing = target.routing.model_copy(update={"country_header": "x;y"})
    with pytest.raises(HarnessMisuse, match=r"\[routing\] country_header"):
        facts(target.model_copy(update={"routing": routing}))


def test_a_site_has_its_own_of_everything(target: Target) -> None:
    miami = target.sites[1]
    own = site_target(target, miami)
    assert (own.pbx.host, own.pbx.timezone, own.languages.default) == (miami.host, "America/New_York", "es")
    assert own.trunk.addresses == [target.pbx.host]
    assert own.agents.extensions == ["2001", "2002", "2003", "2004"]
    assert own.prompt("greeting", "es") == target.prompt("site_miami", "es")
    assert own.pbx.clock == datetime(2026, 3, 10, 11, 0)  # 15:00 in UTC; New York has summer time already
    files = render(
        facts_of(
            own,
            Layout(PurePosixPath("/srv/pbx")),
            pstn_address="127.0.0.30",
            control=CONTROL,
            voicemail_pin="123456",
            opus_modules=[],
            max_calls=miami.max_calls,
        )
    )
    dialplan = files["extensions.conf"]
    assert dialplan.count("GotoIfTime(08:00-19:59,mon&tue&wed&thu&fri&sat,*,*,America/New_York?open)") == 3
    assert f"GROUP_COUNT(calls)}} > {miami.max_calls}]?full" in dialplan
    assert "[london]" not in files["queues.conf"]


def test_an_agent_sits_at_one_site(target: Target) -> None:
    queues = [queue.model_copy(update={"agents": ["1001"]}) for queue in target.queues]
    with pytest.raises(HarnessMisuse, match="agent 1001 serves london and miami"):
        require_agents_of_one_site(target.model_copy(update={"queues": queues}))


def test_agents_register_at_their_site(target: Target) -> None:
    single = load_target("reference")
    assert target.registrar_of("2001") == f"{target.sites[1].host}:5060"
    assert target.domain_of("1001") == target.sites[0].host
    assert single.registrar_of("1001") == f"{single.pbx.host}:5060"


def test_an_sbc_on_tls_speaks_plain_sip_with_its_sites(target: Target) -> None:
    secure = for_trunk(target, transport="tls", media_encryption="sdes", ice=False, domain="wa.meta.vc")
    files = render_sbc(facts(secure))
    assert "listen = tls:127.0.128.10:5061" in files["kamailio.cfg"]
    assert "listen = udp:127.0.128.10:5060" in files["kamailio.cfg"]
    assert "certificate = /srv/sbc/tls/pbx.pem" in files["tls.cfg"]
    assert "verify_certificate = yes" in files["tls.cfg"].partition("[client:default]")[2]
    site = site_target(secure, secure.sites[0])
    assert (site.pbx.transport, site.pbx.media_encryption, site.trunk.port) == ("udp", "sdes", 5060)


def test_an_sbc_without_tls_has_none(target: Target) -> None:
    files = render_sbc(facts(target))
    assert "tls" not in files["kamailio.cfg"]
    assert not files["tls.cfg"].strip()
