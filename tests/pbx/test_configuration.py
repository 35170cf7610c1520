"""Asterisk's configuration as it is rendered for the reference target and for each twin."""

import re
from pathlib import PurePosixPath

import pytest

from harness.errors import HarnessMisuse
from harness.hours import parse_hours
from harness.target import LanguagesSection, Target, load_target
from simulators.pbx.asterisk.configuration import render
from simulators.pbx.asterisk.facts import ControlFacts, Facts, facts_of
from simulators.pbx.asterisk.language_rules import prefix_rules
from simulators.pbx.asterisk.opening_hours import time_ranges
from simulators.pbx.asterisk.twins import find_twin, list_twins
from simulators.pbx.instance import Layout


@pytest.fixture
def target() -> Target:
    return load_target("reference")


def facts(target: Target) -> Facts:
    return facts_of(
        target,
        Layout(PurePosixPath("/srv/pbx")),
        pstn_address="127.0.0.30",
        control=ControlFacts("user", "control-secret", 8088, 5038),
        voicemail_pin="123456",
        opus_modules=["codec_opus_open_source.so"],
    )


def section(text: str, name: str) -> str:
    """Lines of a section up to the next."""
    found = re.search(rf"^\[{re.escape(name)}\].*?$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def test_every_number_is_known_and_the_unassigned_one_is_not(target: Target):
    dialplan = render(facts(target))["extensions.conf"]
    for number in target.numbers:
        known = f"exten => {number.number.lstrip('+')},1," in dialplan
        assert known is (number.purpose != "unassigned"), number.number


def test_closed_desks_have_their_hours_in_the_targets_time_zone(target: Target):
    dialplan = render(facts(target))["extensions.conf"]
    assert "GotoIfTime(13:00-16:59,mon&tue&wed&thu&fri,*,*,Europe/London?open)" in dialplan


def test_agents_are_members_of_their_queues(target: Target):
    files = render(facts(target))
    members = re.findall(r"^member => PJSIP/(\d+)", section(files["queues.conf"], "support-b"), re.MULTILINE)
    assert members == target.queues[1].agents
    assert files["pjsip.conf"].count("(agent-auth)") == len(target.agents.extensions)


def test_the_trunk_is_known_by_all_its_addresses(target: Target):
    assert f"match = {','.join(target.trunk.addresses)}" in render(facts(target))["pjsip.conf"]


def test_names_that_asterisk_cannot_hold_are_refused(target: Target):
    bad = target.queues[0].model_copy(update={"name": "a]\nb"})
    with pytest.raises(HarnessMisuse, match="queues"):
        facts(target.model_copy(update={"queues": [bad]}))


def test_hours_end_a_minute_before_they_close():
    assert [(r.times, r.days) for r in time_ranges(parse_hours("Mon-Fri 08:00-18:00, Sat 10:00-10:30"))] == [
        ("08:00-17:59", "mon&tue&wed&thu&fri"),
        ("10:00-10:29", "sat"),
    ]


def test_languages_by_calling_code_longest_first():
    rules = prefix_rules(LanguagesSection(by_country={"FR": "fr", "MA": "fr", "US": "en"}))
    assert [(r.prefix, r.language) for r in rules] == [("212", "fr"), ("33", "fr"), ("1", "en")]


def test_countries_that_share_a_code_must_share_a_language():
    assert len(prefix_rules(LanguagesSection(by_country={"US": "en", "CA": "en"}))) == 1
    with pytest.raises(HarnessMisuse, match=r"CA and US share the calling code \+1"):
        prefix_rules(LanguagesSection(by_country={"US": "en", "CA": "fr"}))
    with pytest.raises(HarnessMisuse, match="no country"):
        prefix_rules(LanguagesSection(by_country={"XX": "en"}))


@pytest.mark.parametrize("twin", list_twins(), ids=lambda twin: twin.name)
def test_a_twin_changes_the_configuration_or_does_not_start(twin, target: Target):
    healthy, broken = render(facts(target)), render(facts(target), twin)
    assert (healthy != broken) is twin.starts
    re.compile(twin.reason)
    assert twin.description and twin.breaks


def test_the_twins_that_there_must_be():
    names = {twin.name for twin in list_twins()}
    assert names >= {
        "one-way-audio",
        "wrong-greeting-language",
        "clipped-greeting",
        "caller-number-lost",
        "second-agent-never-rung",
        "pstn-forward",
        "silent-answer",
        "hangup-not-propagated",
        "pbx-not-running",
        "opus-missing",
    }


def test_an_unknown_twin_names_the_nearest():
    with pytest.raises(HarnessMisuse, match="did you mean 'one-way-audio'"):
        find_twin("one-way-audo")
