"""Calls that WhatsApp's platform orders: the customer answers first, then the PBX gets its INVITE."""

from __future__ import annotations

import pytest
from fake_platform import FakePlatform
from sip_peer import ANSWER_SDP, SDP
from trunk_rig import BUSINESS, CUSTOMER, Rig, RigMaker

from harness.call_policy import CallEndOrdered, CallOrdered, CallStep, Direction
from harness.sip.message import SipMessage
from simulators.trunk.protocol import CallFinished, CallStarted, CustomerOffline, CustomerOnline, Leg, OpenCalls

CALL = "wacid.ordered"
TALKED = [CallStep.ANSWERED, CallStep.ENDED]


@pytest.fixture
def ordering(rig: RigMaker, platform: FakePlatform) -> Rig:
    return rig(policy_socket=str(platform.path))


def order(platform: FakePlatform, context: str = "") -> None:
    platform.send(CallOrdered(call=CALL, business=BUSINESS, user=CUSTOMER, context=context))


def answered_by_customer(r: Rig, platform: FakePlatform, **words: str) -> tuple[SipMessage, SipMessage]:
    """The INVITE that the phone got and answered, and the one that the PBX got then."""
    order(platform, **words)
    first = r.phone.request("INVITE")
    r.phone.answer(first, 200, "OK", sdp=SDP)
    return first, r.pbx.request("INVITE")


def is_invite(message: SipMessage) -> bool:
    return message.is_request and message.method == "INVITE"


def hung_up_with_rejected_media(r: Rig) -> None:
    """The phone gets the ACK with an answer that takes nothing, and then BYE."""
    assert b"m=audio 0 RTP/AVP 96" in r.phone.request("ACK").body
    r.phone.answer(r.phone.request("BYE"), 200, "OK")


def test_both_answer(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    order(platform, context="order-4711 Zoë")
    first = r.phone.request("INVITE")
    assert first.body == b""
    assert f"<sip:{BUSINESS}@" in first.get("From")
    started = r.trunk.wait_for(CallStarted, timeout_s=2)
    assert (started.answer_first, started.direction) == (True, Direction.BUSINESS_INITIATED)
    assert (started.wacid, started.customer, started.business) == (CALL, CUSTOMER, BUSINESS)
    r.phone.answer(first, 180, "Ringing")
    r.pbx.nothing(0.1, is_invite)
    r.phone.answer(first, 200, "OK", sdp=SDP)
    got = r.pbx.request("INVITE")
    platform.step(CallStep.ANSWERED)
    assert (started.customer_call_id, started.pbx_call_id) == (first.get("Call-ID"), got.get("Call-ID"))
    assert got.request_uri.startswith(f"sip:{BUSINESS}@")
    assert f"<sip:{CUSTOMER}@" in got.get("From")
    assert got.get("From").startswith("Ana ")
    assert got.get("x-wa-meta-wacid") == CALL
    assert got.get("x-wa-meta-cta-payload") == "order-4711 Zoë"
    assert b"m=audio 40000 RTP/AVP 96 0 8 9 120\r\n" in got.body
    assert b"a=ptime:20" in got.body
    r.pbx.answer(got, 180, "Ringing")
    # The phone repeats its 200 until it gets the ACK.
    for _ in range(3):
        r.phone.answer(first, 200, "OK", sdp=SDP)
    r.phone.nothing(0.1, lambda m: m.method == "ACK")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.pbx.request("ACK")
    assert r.phone.request("ACK").body.decode() == ANSWER_SDP
    r.phone.answer(first, 200, "OK", sdp=SDP)
    assert r.phone.request("ACK").body.decode() == ANSWER_SDP
    r.phone.in_their_dialog(first, "BYE")
    r.phone.response(200, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    finished = r.finished()
    assert (finished.ended_by, finished.code) == (Leg.CUSTOMER, 200)
    assert finished.connected_s > 0
    assert platform.steps(2) == TALKED
    assert r.phases() == [
        ("customer", "trying", 0),
        ("customer", "ringing", 180),
        ("customer", "connected", 200),
        ("pbx", "trying", 0),
        ("pbx", "ringing", 180),
        ("pbx", "connected", 200),
        ("customer", "ended", 0),
        ("pbx", "ended", 200),
    ]


def test_pbx_hangs_up_and_holds(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    _, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.phone.request("ACK")
    r.pbx.in_their_dialog(got, "INVITE", sdp=ANSWER_SDP.replace("41000", "45000"))
    inner = r.phone.request("INVITE")
    assert b"45000" in inner.body
    r.phone.answer(inner, 200, "OK", sdp=SDP)
    r.pbx.response(200)
    r.pbx.in_their_dialog(got, "BYE", number=60)
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX
    assert platform.steps(2) == TALKED


@pytest.mark.parametrize("code", [404, 486, 503])
def test_pbx_refuses(ordering: Rig, platform: FakePlatform, code: int) -> None:
    r = ordering
    _, got = answered_by_customer(r, platform)
    r.pbx.answer(got, code)
    hung_up_with_rejected_media(r)
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.connected_s) == (Leg.PBX, code, 0.0)
    assert platform.steps(2) == TALKED


def test_pbx_does_not_answer_in_time(rig: RigMaker, platform: FakePlatform) -> None:
    r = rig("business_calls.pbx_answer_s = 0.3", policy_socket=str(platform.path))
    _, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 180, "Ringing")
    hung_up_with_rejected_media(r)
    r.pbx.answer(r.pbx.request("CANCEL"), 200, "OK")
    r.pbx.answer(got, 487, "Request Terminated")
    finished = r.finished()
    assert (finished.ended_by, finished.reason) == (Leg.PBX, "the PBX did not answer within 0.3 s")
    assert platform.steps(2) == TALKED


def test_pbx_that_is_not_there(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    r.pbx.close()
    order(platform)
    r.phone.answer(r.phone.request("INVITE"), 200, "OK", sdp=SDP)
    hung_up_with_rejected_media(r)
    assert r.finished().code == 503


def test_pbx_that_answers_without_sdp(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    _, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 200, "OK")
    hung_up_with_rejected_media(r)
    r.pbx.request("ACK")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert "has no SDP" in r.finished().reason


@pytest.mark.parametrize(("code", "step"), [(486, CallStep.DECLINED), (480, CallStep.UNANSWERED)])
def test_customer_does_not_take_the_call(ordering: Rig, platform: FakePlatform, code: int, step: CallStep) -> None:
    r = ordering
    order(platform)
    r.phone.answer(r.phone.request("INVITE"), code)
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.connected_s) == (Leg.CUSTOMER, code, 0.0)
    assert platform.steps(1) == [step]
    r.pbx.nothing(0.1, is_invite)
    assert r.trunk.call(OpenCalls()) == ()


def test_customer_does_not_answer(rig: RigMaker, platform: FakePlatform) -> None:
    r = rig("dialog.no_answer_s = 0.3", policy_socket=str(platform.path))
    order(platform)
    first = r.phone.request("INVITE")
    r.phone.answer(first, 180, "Ringing")
    r.phone.answer(r.phone.request("CANCEL"), 200, "OK")
    r.phone.answer(first, 487, "Request Terminated")
    assert r.finished().reason == "no answer within 0.3 s"
    assert platform.steps(1) == [CallStep.UNANSWERED]
    r.pbx.nothing(0.1, is_invite)


def test_phone_is_silent(rig: RigMaker, platform: FakePlatform) -> None:
    r = rig("dialog.no_response_s = 0.3", policy_socket=str(platform.path))
    order(platform)
    r.phone.request("INVITE")
    assert r.finished().code == 408
    assert platform.steps(1) == [CallStep.UNANSWERED]


@pytest.mark.parametrize("user", [CUSTOMER, "+15550001111", "US.1349"])
def test_customer_who_is_not_there(ordering: Rig, platform: FakePlatform, user: str) -> None:
    ordering.trunk.call(CustomerOffline(number=CUSTOMER))
    platform.send(CallOrdered(call=CALL, business=BUSINESS, user=user))
    moved = platform.step(CallStep.UNANSWERED)
    assert (moved.call, moved.user) == (CALL, user)
    assert ordering.trunk.call(OpenCalls()) == ()
    assert ordering.count(CallStarted) == 0


def test_customer_answers_without_an_offer(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    order(platform)
    r.phone.answer(r.phone.request("INVITE"), 200, "OK")
    r.phone.request("ACK")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert "the customer's 200 has no SDP" in r.finished().reason
    r.pbx.nothing(0.1, is_invite)


def test_customer_offers_no_codec_that_the_trunk_carries(rig: RigMaker, platform: FakePlatform) -> None:
    r = rig('media.codecs = ["g722"]', policy_socket=str(platform.path))
    order(platform)
    r.phone.answer(r.phone.request("INVITE"), 200, "OK", sdp=ANSWER_SDP)
    hung_up_with_rejected_media(r)
    assert "the trunk carries g722" in r.finished().reason
    r.pbx.nothing(0.1, is_invite)


def test_customer_hangs_up_while_the_pbx_rings(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    first, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.in_their_dialog(first, "BYE")
    r.phone.response(200, "BYE")
    r.pbx.answer(r.pbx.request("CANCEL"), 200, "OK")
    r.pbx.answer(got, 487, "Request Terminated")
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.connected_s) == (Leg.CUSTOMER, 487, 0.0)
    assert platform.steps(2) == TALKED


def test_answer_of_the_pbx_that_crosses_the_customers_bye(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    first, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.in_their_dialog(first, "BYE")
    r.pbx.request("CANCEL")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.pbx.request("ACK")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.CUSTOMER
    assert r.count(CallFinished) == 1
    assert platform.steps(2) == TALKED


# The platform ends it


def test_ended_while_the_customer_rings(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    order(platform)
    first = r.phone.request("INVITE")
    r.phone.answer(first, 180, "Ringing")
    platform.send(CallEndOrdered(call=CALL))
    r.phone.answer(r.phone.request("CANCEL"), 200, "OK")
    r.phone.answer(first, 487, "Request Terminated")
    finished = r.finished()
    assert (finished.ended_by, finished.reason) == (Leg.PBX, "WhatsApp's platform ended the call")
    assert platform.steps(1) == [CallStep.CANCELLED]


def test_ended_before_the_phone_has_said_anything(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    order(platform)
    first = r.phone.request("INVITE")
    platform.send(CallEndOrdered(call=CALL))
    platform.step(CallStep.CANCELLED)
    # A request that nobody has answered cannot be cancelled yet (RFC 3261 section 9.1).
    r.phone.answer(first, 180, "Ringing")
    r.phone.answer(r.phone.request("CANCEL"), 200, "OK")
    r.phone.answer(first, 487, "Request Terminated")
    r.finished()


def test_ended_while_the_pbx_rings(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    _, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 180, "Ringing")
    platform.step(CallStep.ANSWERED)
    platform.send(CallEndOrdered(call=CALL))
    hung_up_with_rejected_media(r)
    r.pbx.answer(r.pbx.request("CANCEL"), 200, "OK")
    r.pbx.answer(got, 487, "Request Terminated")
    r.finished()
    assert platform.steps(2) == TALKED


def test_ended_while_they_talk(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    _, got = answered_by_customer(r, platform)
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.phone.request("ACK")
    platform.send(CallEndOrdered(call=CALL))
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().code == 200
    platform.send(CallEndOrdered(call=CALL))
    assert platform.steps(2) == TALKED


def test_order_that_comes_twice(ordering: Rig, platform: FakePlatform) -> None:
    order(platform)
    order(platform)
    ordering.phone.request("INVITE")
    ordering.phone.nothing(0.1, is_invite)
    ordering.trunk.wait_for(CallStarted, timeout_s=2)
    assert ordering.count(CallStarted) == 1


# Media that is lost


def deaf_customer(r: Rig) -> None:
    contact = f"{r.phone.address}:{r.phone.port}"
    r.trunk.call(CustomerOnline(number=CUSTOMER, profile_name="Ana", country="ES", contact=contact, media_lost=True))


def test_pbx_sends_to_where_nobody_listens(ordering: Rig, platform: FakePlatform) -> None:
    r = ordering
    deaf_customer(r)
    _, got = answered_by_customer(r, platform)
    assert b"m=audio 9 RTP/AVP 96" in got.body
    assert b"a=rtcp:9\r\n" in got.body
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    assert b"m=audio 41000" in r.phone.request("ACK").body


def test_answer_of_a_deaf_customer_to_the_pbx(ordering: Rig) -> None:
    r = ordering
    deaf_customer(r)
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    inner = r.phone.request("INVITE")
    assert b"m=audio 40000" in inner.body
    r.phone.answer(inner, 200, "OK", sdp=ANSWER_SDP)
    answer = r.pbx.response(200)
    assert b"m=audio 9 RTP/AVP 96" in answer.body
    r.pbx.acknowledge(sent, answer)
    r.phone.request("ACK")
    r.phone.in_their_dialog(inner, "INVITE", sdp=SDP)
    assert b"m=audio 9 " in r.pbx.request("INVITE").body
