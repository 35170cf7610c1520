"""Agents call customers through the real Asterisk: the account at the trunk, refusals, clicks, presence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.sip.digest import DigestAlgorithm, parse_parameters, response_of
from harness.sip.message import SipMessage
from simulators.phones.protocol import CallConnected
from tests.pbx.support_centre import CUSTOMER, SupportCentre, complaints, eventually, open_centre
from tests.trunk.sip_peer import ANSWER_SDP, SipPeer

pytest.importorskip("pjsua2")
pytestmark = pytest.mark.live

REALM = "trunk.example"
NONCES = {DigestAlgorithm.MD5: "0123456789abcdef", DigestAlgorithm.SHA_256: "fedcba9876543210"}
QUIET_S = 1.0


@pytest.fixture(scope="module")
def open_all_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupportCentre]:
    directory = tmp_path_factory.mktemp("centre")
    with open_centre(directory) as centre:
        yield centre
    assert complaints(directory) == []
    kept = (directory / "pbx" / "etc" / "pjsip.conf").read_text()
    assert centre.target.trunk.digest_password.get_secret_value() not in kept


@pytest.fixture
def centre(open_all_day: SupportCentre) -> Iterator[SupportCentre]:
    open_all_day.begin()
    yield open_all_day
    open_all_day.clear()


def challenge(trunk: SipPeer, invite: SipMessage, algorithms: tuple[DigestAlgorithm, ...]) -> None:
    """407 with a challenge for each algorithm (RFC 8760 section 2.3)."""
    # Header names differ in case only, so that the two stand in one dictionary.
    names = ("Proxy-Authenticate", "proxy-authenticate")
    values = [f'Digest realm="{REALM}",nonce="{NONCES[a]}",opaque="1",algorithm={a},qop="auth"' for a in algorithms]
    trunk.answer(invite, 407, "Proxy Authentication Required", extra=dict(zip(names, values, strict=False)))
    trunk.request("ACK")


@pytest.mark.parametrize(
    "offered",
    [
        (DigestAlgorithm.MD5,),
        (DigestAlgorithm.SHA_256,),
        (DigestAlgorithm.SHA_256, DigestAlgorithm.MD5),
        (DigestAlgorithm.MD5, DigestAlgorithm.SHA_256),
    ],
    ids=",".join,
)
def test_the_pbx_proves_who_it_is(centre: SupportCentre, offered: tuple[DigestAlgorithm, ...]) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        centre.calls(agent)
        first = trunk.request("INVITE")
        assert first.request_uri.startswith(f"sip:{CUSTOMER}@")
        assert f"<sip:{centre.target.numbers[0].number}@" in first.get("From")
        assert not first.get("Proxy-Authorization")
        challenge(trunk, first, offered)
        second = trunk.request("INVITE")
        (credentials,) = second.values("Proxy-Authorization")
        given = parse_parameters(credentials)
        # RFC 8760 section 2.4 would have it take the first it knows; Asterisk takes the last.
        taken = offered[-1]
        assert second.get("Call-ID") == first.get("Call-ID")
        assert given["username"] == centre.target.numbers[0].number.lstrip("+")
        assert given.get("algorithm", "MD5") == taken
        assert given["response"] == response_of(
            taken,
            username=given["username"],
            realm=REALM,
            password=centre.target.trunk.digest_password.get_secret_value(),
            method="INVITE",
            given=given,
        )
        trunk.answer(second, 200, sdp=ANSWER_SDP)
        trunk.request("ACK")
        centre.event(CallConnected, agent)
        trunk.in_their_dialog(second, "BYE")
        trunk.response(200, "BYE")
        centre.ended(agent)
    assert eventually(lambda: not centre.adapter.channels())


def test_each_queue_has_its_number_and_its_trunk(centre: SupportCentre) -> None:
    queue = centre.target.queues[1]
    number = next(n.number for n in centre.target.numbers if n.queue == queue.name)
    agent = centre.agent(queue.agents[0])
    with centre.trunk(centre.target.trunk_address_of(queue)) as trunk:
        centre.calls(agent)
        invite = trunk.request("INVITE")
        assert f"<sip:{number}@" in invite.get("From")
        trunk.answer(invite, 486)
        trunk.request("ACK")
        assert centre.ended(agent).code == 486


@pytest.mark.parametrize(("code", "told"), [(400, 500), *((c, c) for c in (403, 404, 408, 480, 486, 503))])
def test_a_refusal_reaches_the_agent_and_is_final(centre: SupportCentre, code: int, told: int) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk, centre.gateway() as gateway:
        centre.calls(agent)
        invite = trunk.request("INVITE")
        trunk.answer(invite, code, "No")
        trunk.request("ACK")
        assert centre.ended(agent).code == told
        assert eventually(lambda: not centre.adapter.channels())
        for peer in (trunk, gateway):
            peer.nothing(QUIET_S, lambda m: m.method == "INVITE")


def test_a_customers_phone_stops_ringing_when_the_agent_gives_up(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        call = centre.calls(agent)
        invite = trunk.request("INVITE")
        trunk.answer(invite, 180)
        centre.hangs_up(call)
        cancel = trunk.request("CANCEL")
        trunk.answer(cancel, 200)
        trunk.answer(invite, 487)
        trunk.request("ACK")
    assert eventually(lambda: not centre.adapter.channels())


@pytest.mark.parametrize("name", ["trunk", "trunk-support-a", "pstn"])
def test_nobody_is_the_trunk_by_name(centre: SupportCentre, name: str) -> None:
    with centre.peer(centre.target.phones.addresses[-1]) as stranger:
        stranger.send(stranger.invite(name, centre.target.numbers[0].number))
        stranger.response(401)


def test_a_click_calls_the_agent_then_the_customer(centre: SupportCentre) -> None:
    agent = centre.agent("1001")
    with centre.trunk() as trunk:
        assert centre.adapter.click_to_call("1001", CUSTOMER)
        assert centre.rings(agent).from_user == CUSTOMER
        centre.answers(agent)
        invite = trunk.request("INVITE")
        assert invite.request_uri.startswith(f"sip:{CUSTOMER}@")
        assert f"<sip:{centre.target.numbers[0].number}@" in invite.get("From")
        trunk.answer(invite, 403, "Forbidden")
        trunk.request("ACK")
        centre.ended(agent)
        trunk.nothing(QUIET_S, lambda m: m.method == "INVITE")
    assert eventually(lambda: not centre.adapter.channels())


def test_presence(centre: SupportCentre) -> None:
    def free() -> bool | None:
        return centre.adapter.agent_available("1002")

    assert free() is False
    agent = centre.agent("1002")
    centre.manager.command("queue pause member PJSIP/1002")
    assert free() is False
    centre.manager.command("queue unpause member PJSIP/1002")
    assert free() is True
    with centre.trunk() as trunk:
        centre.adapter.click_to_call("1002", CUSTOMER)
        centre.rings(agent)
        assert eventually(lambda: not free())
        call = centre.answers(agent).call
        invite = trunk.request("INVITE")
        trunk.answer(invite, 180)
        assert free() is False
        centre.hangs_up(call)
        trunk.answer(trunk.request("CANCEL"), 200)
        trunk.answer(invite, 487)
    assert eventually(free)
    centre.clear()
    assert eventually(lambda: not free())
