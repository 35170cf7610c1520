"""Calls that know where they belong, through the real Asterisk: callback numbers and payloads of call buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from simulators.phones.protocol import CallConnected, CallProgress, Decline, MediaActive
from tests.pbx.support_centre import CUSTOMER, SupportCentre, complaints, eventually, hears_something, open_centre

pytest.importorskip("pjsua2")
pytestmark = pytest.mark.live

BUTTON, LINK = "x-wa-meta-cta-payload", "x-wa-meta-deeplink-payload"
SUPPORT, CALLBACK = "+442079460100", "+442079460103"


@pytest.fixture(scope="module")
def open_all_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupportCentre]:
    directory = tmp_path_factory.mktemp("centre")
    with open_centre(directory) as centre:
        yield centre
    assert complaints(directory) == []


@pytest.fixture
def centre(open_all_day: SupportCentre) -> Iterator[SupportCentre]:
    open_all_day.begin()
    yield open_all_day
    open_all_day.clear()


def case_of(invite: str) -> str:
    """The case that an agent's phone was sent."""
    found = re.search(r"^X-Case-Context: *(.*?)\r?$", invite, re.MULTILINE)
    return found[1] if found else ""


def test_a_customer_who_is_called_back_is_put_through_at_once(centre: SupportCentre) -> None:
    agent = centre.agent("1002")
    customer = centre.customer()
    call = centre.calls(customer, CALLBACK)
    centre.event(CallConnected, customer)
    assert 180 not in [e.code for e in centre.events(CallProgress, customer)]
    assert hears_something(centre.event(MediaActive, customer))
    centre.answers(agent)
    centre.hangs_up(call)
    centre.ended(agent)


def test_a_callback_knows_its_case_too(centre: SupportCentre) -> None:
    agent = centre.agent("1002")
    centre.agent("1001")
    with centre.customer_calls(CALLBACK, {BUTTON: "agent=1002;case=7"}):
        assert case_of(centre.rings(agent).invite) == "agent=1002;case=7"


@pytest.mark.parametrize("header", [BUTTON, LINK])
@pytest.mark.parametrize(
    "payload",
    [
        "agent=1003;case=4711",
        "agent=1003",
        "agent=1003;case=Žluťoučký 🐎;note=${SHELL(id)} \"a,b\" (c) $[1+1] & | ? : 'x' \\ 100%",
        "agent=1003;case=" + "ü" * 240,
    ],
)
def test_the_agent_who_offered_the_call_gets_it_with_its_case(centre: SupportCentre, header: str, payload: str) -> None:
    first, wanted = centre.agent("1001"), centre.agent("1003")
    with centre.customer_calls(SUPPORT, {header: payload}):
        incoming = centre.answers(wanted)
        assert (incoming.from_user, case_of(incoming.invite)) == (CUSTOMER, payload)
        assert not centre.rang(first)
    centre.ended(wanted)


def test_a_payload_may_name_a_queue(centre: SupportCentre) -> None:
    here, there = centre.agent("1001"), centre.agent("1101")
    with centre.customer_calls(SUPPORT, {BUTTON: "queue=support-b;case=4711"}):
        assert case_of(centre.answers(there).invite) == "queue=support-b;case=4711"
        assert not centre.rang(here)


def test_an_agent_who_does_not_answer_loses_the_call_to_the_queue(centre: SupportCentre) -> None:
    wanted, other = centre.agent("1001"), centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1001;case=4711"}):
        assert case_of(centre.rings(wanted).invite)
        assert not centre.rang(other)
        assert case_of(centre.answers(other).invite) == "agent=1001;case=4711"


def test_an_agent_who_declines_loses_the_call_to_the_queue(centre: SupportCentre) -> None:
    wanted, other = centre.agent("1001"), centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1001;case=4711"}):
        centre.agents.call(Decline(call=centre.rings(wanted).call))
        assert case_of(centre.answers(other).invite) == "agent=1001;case=4711"


def test_an_agent_who_is_busy_is_not_rung_again(centre: SupportCentre) -> None:
    wanted, other = centre.agent("1001"), centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1001"}, address=1):
        centre.answers(wanted)
        with centre.customer_calls(SUPPORT, {BUTTON: "agent=1001;case=2"}, address=2):
            assert case_of(centre.answers(other).invite) == "agent=1001;case=2"


def test_an_agent_who_is_away_is_not_waited_for(centre: SupportCentre) -> None:
    other = centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1001;case=2"}):
        assert case_of(centre.rings(other).invite) == "agent=1001;case=2"


@pytest.mark.parametrize(
    "payload",
    [
        "agent=1999;case=1",
        "queue=sales;case=1",
        "case=4711",
        "agent=",
        "=1001",
        "agent=1001,30)&System(touch /tmp/owned)",
        "agent=1001&PJSIP/1002;case=1",
        "agent=${EVAL(1001)};case=1",
        "agent=${SHELL(echo 1001)}",
        'agent=1001"',
        "agent=10-01;case=1",
        "queue=supporta",
        "agent=_X.;case=1",
        "agent=s",
        "s",
        "agent=1001\x01;case=1",
        " ;agent=1001",
        "x" * 512,
    ],
)
def test_what_leads_nowhere_is_received_as_any_call(centre: SupportCentre, payload: str) -> None:
    agent = centre.agent("1001")
    with centre.customer_calls(SUPPORT, {BUTTON: payload}):
        assert eventually(lambda: centre.contexts() == ["reception"])
        assert not centre.rang(agent)
