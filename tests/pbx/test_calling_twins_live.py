"""The broken twins of callbacks and escalations do, on the wire, the wrong thing that they say they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.sip.digest import parse_parameters
from simulators.phones.protocol import CallConnected
from tests.pbx.support_centre import CUSTOMER, SupportCentre, eventually, open_centre
from tests.trunk.sip_peer import ANSWER_SDP

pytest.importorskip("pjsua2")
pytestmark = pytest.mark.live

SUPPORT, CALLBACK = "+442079460100", "+442079460103"
BUTTON = "x-wa-meta-cta-payload"
CHALLENGE = {"Proxy-Authenticate": 'Digest realm="t",nonce="n",algorithm=MD5,qop="auth"'}
QUIET_S = 1.0


def redials(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        centre.calls(agent)
        for _ in range(2):
            trunk.answer(trunk.request("INVITE"), 403)
            trunk.request("ACK")
        assert centre.ended(agent).code == 403


def takes_the_pstn(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk, centre.gateway() as gateway:
        centre.calls(agent)
        trunk.answer(trunk.request("INVITE"), 403)
        trunk.request("ACK")
        assert gateway.request("INVITE").request_uri.startswith(f"sip:{CUSTOMER.lstrip('+')}@")


def rings_any_agent(centre: SupportCentre) -> None:
    any_agent, wanted = centre.agent("1001"), centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1002;case=1"}):
        centre.answers(any_agent)
        assert not centre.rang(wanted)


def drops_the_case(centre: SupportCentre) -> None:
    agent = centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1002;case=1"}):
        assert "case=1" not in centre.answers(agent).invite


def is_late(centre: SupportCentre) -> None:
    with centre.trunk() as trunk:
        invite = trunk.invite(CUSTOMER, CALLBACK)
        trunk.send(invite)
        trunk.response(100)
        trunk.nothing(QUIET_S, lambda m: m.code > 100)
        trunk.cancel(invite)
        trunk.acknowledge(invite, trunk.response(487))


def has_a_plus(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        centre.calls(agent)
        trunk.answer(trunk.request("INVITE"), 407, extra=CHALLENGE)
        trunk.request("ACK")
        invite = trunk.request("INVITE")
        assert parse_parameters(invite.get("Proxy-Authorization"))["username"] == SUPPORT
        trunk.answer(invite, 403)
        assert centre.ended(agent).code == 403


def says_free(centre: SupportCentre) -> None:
    assert centre.adapter.agent_available("1001")
    agent = centre.agent("1002")
    with centre.customer_calls(SUPPORT, {BUTTON: "agent=1002;case=1"}):
        centre.answers(agent)
        assert centre.adapter.agent_available("1002")


def gives_up(centre: SupportCentre) -> None:
    other = centre.agent("1002")
    with centre.trunk() as trunk:
        invite = trunk.invite(CUSTOMER, SUPPORT, extra={BUTTON: "agent=1001;case=1"})
        trunk.send(invite)
        trunk.acknowledge(invite, trunk.response(200))
        trunk.answer(trunk.request("BYE"), 200)
    assert not centre.rang(other)


def keeps_ringing(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        call = centre.calls(agent)
        invite = trunk.request("INVITE")
        trunk.answer(invite, 180)
        centre.hangs_up(call)
        assert centre.ended(agent)
        trunk.nothing(QUIET_S, lambda m: m.method == "CANCEL")
        trunk.answer(invite, 486)
        trunk.request("ACK")
        centre.begin()
        # Calls that are answered work.
        centre.calls(agent)
        invite = trunk.request("INVITE")
        trunk.answer(invite, 200, sdp=ANSWER_SDP)
        trunk.request("ACK")
        centre.event(CallConnected, agent)
        trunk.in_their_dialog(invite, "BYE")
        trunk.response(200, "BYE")
        centre.ended(agent)


def keeps_the_agent(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        centre.calls(agent)
        invite = trunk.request("INVITE")
        trunk.answer(invite, 200, sdp=ANSWER_SDP)
        trunk.request("ACK")
        centre.event(CallConnected, agent)
        trunk.in_their_dialog(invite, "BYE")
        trunk.response(200, "BYE")
        assert eventually(lambda: [c.peer for c in centre.adapter.channels() or ()] == ["1001"])
        trunk.nothing(QUIET_S, lambda m: m.method == "INVITE")
        assert [c.peer for c in centre.adapter.channels() or ()] == ["1001"]


@pytest.mark.parametrize(
    ("twin", "does"),
    [
        ("redials-after-refusal", redials),
        ("pstn-after-refusal", takes_the_pstn),
        ("escalation-to-random-agent", rings_any_agent),
        ("payload-dropped", drops_the_case),
        ("callback-answered-late", is_late),
        ("digest-user-with-plus", has_a_plus),
        ("presence-always-free", says_free),
        ("busy-agent-loses-call", gives_up),
        ("cancel-not-propagated", keeps_ringing),
        ("ignores-no-media-end", keeps_the_agent),
    ],
)
def test_the_twin_does_what_it_says(twin: str, does: Callable[[SupportCentre], None], tmp_path: Path) -> None:
    with open_centre(tmp_path, twin) as centre:
        does(centre)
