"""What the trunk owes its peers by RFC 3261, message by message; SIPp found each of these (tests/independent)."""

from __future__ import annotations

import pytest
from sip_peer import ANSWER_SDP
from trunk_rig import BUSINESS, CUSTOMER, RigMaker, connect, place

from harness.sip.message import SipMessage


def first(message: SipMessage) -> bool:
    return message.is_request


def test_refusal_is_acknowledged_before_the_credentials_go(rig: RigMaker) -> None:
    r = rig(digest_password="secret")
    _, got = place(r)
    r.pbx.answer(got, 401, extra={"WWW-Authenticate": 'Digest realm="x", nonce="y", algorithm=MD5'})
    ack, again = r.pbx.receive("ACK", first), r.pbx.receive("INVITE", first)
    assert (ack.method, ack.branch, again.method) == ("ACK", got.branch, "INVITE")
    r.pbx.answer(again, 200, "OK", sdp=ANSWER_SDP)
    # Section 13.2.2.4.
    assert r.pbx.request("ACK").get("Authorization") == again.get("Authorization") != ""


def test_ack_of_a_refusal_goes_where_the_invite_went(rig: RigMaker) -> None:
    r = rig()
    _, got = place(r)
    r.pbx.answer(got, 302, extra={"Contact": "<sip:else@127.0.12.77:5060>"})
    ack = r.pbx.request("ACK")
    assert (ack.request_uri, ack.branch) == (got.request_uri, got.branch)
    r.pbx.answer(got, 302, extra={"Contact": "<sip:else@127.0.12.77:5060>"})
    assert r.pbx.request("ACK").to_bytes() == ack.to_bytes()


def test_answer_that_crosses_cancel_is_acknowledged_first(rig: RigMaker) -> None:
    r = rig()
    sent, got = place(r)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    r.phone.cancel(sent)
    r.pbx.answer(r.pbx.request("CANCEL"), 200, "OK")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    assert [r.pbx.receive("request", first).method for _ in range(2)] == ["ACK", "BYE"]


def test_no_bye_before_the_ack(rig: RigMaker) -> None:
    """Section 15; the PBX hangs up while the phone's ACK is on its way."""
    r = rig()
    sent, got = place(r)
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    r.pbx.request("ACK")
    r.pbx.in_their_dialog(got, "BYE")
    r.pbx.response(200, "BYE")
    r.phone.nothing(0.3, lambda m: m.is_request)
    r.phone.acknowledge(sent, ok)
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    r.finished()


def test_second_bye_is_of_no_call(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "BYE", number=50)
    r.pbx.response(200, "BYE")
    r.pbx.in_their_dialog(got, "BYE", number=51)
    r.pbx.response(481, "BYE")


def test_bye_out_of_order_ends_nothing(rig: RigMaker) -> None:
    r = rig()
    sent, _, ok = connect(r)
    r.phone.send(late := r.phone.in_dialog(sent, ok, "OPTIONS"))
    r.phone.response(200, "OPTIONS")
    late.set("CSeq", "1 BYE")
    late.set("Via", r.phone._via())
    late.first_line = late.first_line.replace("OPTIONS", "BYE")
    r.phone.send(late)
    r.phone.response(500, "BYE")
    assert r.finished_not()


def test_bye_without_a_tag_is_of_no_call(rig: RigMaker) -> None:
    r = rig()
    message = r.pbx.invite(BUSINESS, CUSTOMER, sdp="")
    message.first_line = message.first_line.replace("INVITE", "BYE")
    message.set("CSeq", "1 BYE")
    r.pbx.send(message)
    r.pbx.response(481, "BYE")


def test_recorded_route_of_the_pbx_is_kept(rig: RigMaker) -> None:
    """Section 12.1.2: an SBC before the PBX stays in the call."""
    r = rig()
    sent, got = place(r)
    route = f"<sip:{r.pbx.address}:{r.pbx.port};lr>"
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP, extra={"Record-Route": f"<sip:192.0.2.1;lr>, {route}"})
    r.phone.acknowledge(sent, ok := r.phone.response(200))
    ack = r.pbx.request("ACK")
    assert ", ".join(ack.values("Route")) == f"{route}, <sip:192.0.2.1;lr>"
    r.phone.in_dialog(sent, ok, "BYE")
    assert ", ".join(r.pbx.request("BYE").values("Route")) == f"{route}, <sip:192.0.2.1;lr>"


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_required_extension_that_it_has_not(rig: RigMaker, method: str) -> None:
    r = rig('headers.supported = ["replaces"]')
    message = r.pbx.invite(BUSINESS, CUSTOMER, extra={"Require": "replaces, 100rel"})
    message.first_line = message.first_line.replace("INVITE", method)
    message.set("CSeq", f"1 {method}")
    r.pbx.send(message)
    assert r.pbx.response(420, method).get("Unsupported") == "100rel"


def test_uri_of_an_unknown_scheme(rig: RigMaker) -> None:
    r = rig()
    message = r.pbx.invite(BUSINESS, CUSTOMER)
    message.first_line = "INVITE nobody:knows.example SIP/2.0"
    r.pbx.send(message)
    assert "'nobody'" in r.pbx.response(416).first_line
