"""Asterisk's configuration as it is rendered for the reference target and for each twin."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harness.errors import HarnessMisuse
from harness.hours import parse_hours
from harness.load.profile import CriteriaSection
from harness.load.records import Cause
from harness.target import EscalationSection, IvrSection, LanguagesSection, Target, load_target
from simulators.pbx.asterisk.configuration import render
from simulators.pbx.asterisk.facts import Facts, facts_of
from simulators.pbx.asterisk.language_rules import prefix_rules
from simulators.pbx.asterisk.opening_hours import time_ranges
from simulators.pbx.asterisk.twins import find_twin, list_twins
from simulators.pbx.certificates import PbxCertificate
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Layout
from simulators.pbx.reference import for_trunk
from simulators.trunk.profile import load_profile


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


def test_each_queue_has_an_account_at_the_trunk(target: Target):
    secret = target.trunk.model_copy(update={"digest_password": SecretStr("trunk-secret")})
    sip = render(facts(target.model_copy(update={"trunk": secret})))["pjsip.conf"]
    account = re.findall(r"^\[trunk-support-b\].*?(?=^\[|\Z)", sip, re.MULTILINE | re.DOTALL)
    text = "".join(account)
    assert "from_user = +442079460110" in text
    assert "username = 442079460110" in text
    assert "password = trunk-secret" in text
    assert "contact = sip:127.0.0.21:5060" in text
    assert "set_var = TRUNK=trunk-support-b" in section(sip, "1101")


def test_without_a_password_challenges_are_not_answered(target: Target):
    trunk = target.trunk.model_copy(update={"digest_password": SecretStr("")})
    sip = render(facts(target.model_copy(update={"trunk": trunk})))["pjsip.conf"]
    assert "outbound_auth" not in sip
    assert "from_user = +442079460100" in sip


def test_a_declared_user_name_is_taken(target: Target):
    trunk = target.trunk.model_copy(update={"digest_username": "acme"})
    sip = render(facts(target.model_copy(update={"trunk": trunk})))["pjsip.conf"]
    assert sip.count("username = acme\n") == len(target.queues)


def test_customers_who_are_called_back_are_not_greeted(target: Target):
    open_hours = [
        number.model_copy(update={"hours": parse_hours("Mon 08:00-09:00")}) if number.purpose == "callback" else number
        for number in target.numbers
    ]
    dialplan = render(facts(target.model_copy(update={"numbers": open_hours})))["extensions.conf"]
    called_back = re.search(r"^exten => 442079460103,1,.*?^$", dialplan, re.MULTILINE | re.DOTALL)
    assert called_back is not None
    assert "Gosub(answer-at-once,s,1)" in called_back[0]
    assert "Set(WAY=queue)" in called_back[0]
    assert "GotoIfTime" not in called_back[0]


def test_payloads_are_known_as_the_target_writes_them(target: Target):
    other = EscalationSection(agent_payload="to:{agent};{case}", queue_payload="q={queue}", agent_header="X-Case")
    dialplan = render(facts(target.model_copy(update={"escalation": other})))["extensions.conf"]
    assert "exten => to:1001,1," in dialplan
    assert "exten => q=support-d,1," in dialplan
    assert "PJSIP_HEADER(add,X-Case)" in dialplan
    quiet = other.model_copy(update={"agent_header": ""})
    assert "PJSIP_HEADER(add" not in render(facts(target.model_copy(update={"escalation": quiet})))["extensions.conf"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"agent_payload": "case={case};agent={agent}"},
        {"agent_payload": "agent={agent} case={case}"},
        {"agent_payload": "agent={agent}{agent}"},
        {"queue_payload": "queue={agent}"},
        {"queue_payload": ""},
        {"agent_header": "X Case"},
        {"agent_header": "X-Case)=x"},
    ],
)
def test_payloads_that_lead_nowhere_are_refused(target: Target, wrong: dict[str, str]):
    escalation = target.escalation.model_copy(update=wrong)
    with pytest.raises(HarnessMisuse, match=r"\[escalation\] "):
        facts(target.model_copy(update={"escalation": escalation}))


@given(name=st.text(alphabet="abcXYZ019_.-", min_size=1, max_size=12))
def test_every_name_that_a_queue_may_have_has_its_key(name: str):
    target = load_target("reference")
    queue = target.queues[0].model_copy(update={"name": name})
    number = target.numbers[0].model_copy(update={"queue": name})
    known = facts(target.model_copy(update={"queues": [queue], "numbers": [number], "ivr": IvrSection()})).escalation
    assert [(wanted.key, wanted.name) for wanted in known.queues] == [(f"queue={name}", name)]


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


@pytest.mark.parametrize("twin", [t for t in list_twins() if t.target == "reference"], ids=lambda twin: twin.name)
def test_a_twin_changes_the_configuration_or_does_not_start(twin, target: Target):
    if twin.profile:
        trunk = load_profile(twin.profile)
        target = for_trunk(
            target,
            transport=trunk.transport,
            media_encryption=trunk.media.encryption,
            ice=trunk.media.ice,
            domain=trunk.uris.from_host,
        )
    healthy, broken = render(facts(target)), render(facts(target), twin)
    assert (healthy != broken) is (twin.starts and twin.certificate is PbxCertificate.GOOD)
    re.compile(twin.reason)
    assert twin.description and twin.breaks


@pytest.mark.parametrize("twin", [t for t in list_twins() if t.load], ids=lambda twin: twin.name)
def test_what_only_many_calls_show_is_named_by_a_cause_or_a_criterion(twin):
    target = load_target(twin.target)
    assert target.load_allowed
    assert render(facts(target)) != render(facts(target), twin)
    assert set(twin.caught_by) <= {*Cause, *CriteriaSection.model_fields}
    re.compile(twin.reason)


def test_a_pbx_for_many_calls_has_ports_for_them_and_logs_little(target: Target):
    plain, load = render(facts(target)), render(facts(load_target("reference-load")))
    assert "verbose(3)" in plain["logger.conf"] and "verbose" not in load["logger.conf"]
    assert "rtpend = 19999" in plain["rtp.conf"] and "rtpend = 22799" in load["rtp.conf"]
    assert "maxfiles" not in plain["asterisk.conf"] and "maxfiles = 33792" in load["asterisk.conf"]


def test_a_trunk_over_tls_with_srtp(target: Target):
    plain = render(facts(target))
    tls = render(facts(for_trunk(target, transport="tls", media_encryption="sdes", ice=False, domain="wa.meta.vc")))
    assert "tls" not in plain["pjsip.conf"] and "res_srtp" not in plain["modules.conf"]
    sections = tls["pjsip.conf"].split("[tls]")[1]
    assert f"bind = {target.pbx.host}:5061" in sections
    assert r"contact = sip:wa.meta.vc\;transport=tls" in sections
    assert "media_encryption = sdes" in sections
    assert "from_domain = pbx.acme.example" in sections
    assert f"bind = {target.pbx.host}:5060" in tls["pjsip.conf"].split("[tls]")[0]


def test_a_trunk_with_ice_and_dtls_is_in_a_network_of_its_own(target: Target):
    moved = for_trunk(target, transport="tls", media_encryption="dtls", ice=True, domain="wa.meta.vc")
    host = moved.pbx.host
    assert host.startswith("198.18.") and moved.trunk.addresses[0].startswith("198.18.")
    written = render(facts(moved))
    assert f"ice_permit = {host}/32" in written["rtp.conf"]
    assert f"198.18.0.1 => {host}" in written["rtp.conf"]
    assert "permit = 198.18.0.0/16" in written["manager.conf"]
    trunk_leg = written["pjsip.conf"].split("[trunk-leg]")[1].split("\n[")[0]
    for line in ("media_encryption = dtls", "use_avpf = yes", "ice_support = yes", "rtcp_mux = yes"):
        assert line in trunk_leg
    assert for_trunk(moved, transport="tls", media_encryption="dtls", ice=True, domain="wa.meta.vc") == moved


def test_a_pbx_on_a_real_network_cannot_be_moved(target: Target):
    real = target.model_copy(update={"pbx": target.pbx.model_copy(update={"host": "192.0.2.1"})})
    with pytest.raises(HarnessMisuse, match=r"ICE needs a network of its own"):
        for_trunk(real, transport="tls", media_encryption="dtls", ice=True, domain="wa.meta.vc")


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
        "redials-after-refusal",
        "pstn-after-refusal",
        "escalation-to-random-agent",
        "payload-dropped",
        "callback-answered-late",
        "digest-user-with-plus",
        "presence-always-free",
        "busy-agent-loses-call",
        "cancel-not-propagated",
        "ignores-no-media-end",
    }


def test_an_unknown_twin_names_the_nearest():
    with pytest.raises(HarnessMisuse, match="did you mean 'one-way-audio'"):
        find_twin("one-way-audo")
