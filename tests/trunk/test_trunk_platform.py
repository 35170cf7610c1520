"""Calls about which the trunk asks WhatsApp's platform: INVITEs of the PBX and of customers."""

from __future__ import annotations

import pytest
from fake_platform import FakePlatform, no, silent, yes
from sip_peer import ANSWER_SDP
from trunk_rig import BUSINESS, CUSTOMER, Rig, RigMaker, place

from harness.call_policy import CallAsked, CallDecided, CallMoved, CallStep, Direction, Message
from harness.process import SimulatorRefused
from harness.sip.message import SipMessage
from simulators.trunk.protocol import (
    ENTRY_HEADER,
    CallStarted,
    CustomerOffline,
    Leg,
    OpenCalls,
    Refused,
)

NO_PERMISSION = "No Approved Call Permission Found: No approved call permission from the recipient"


@pytest.fixture
def asking(rig: RigMaker, platform: FakePlatform) -> Rig:
    return rig(policy_socket=str(platform.path))


def is_invite(message: SipMessage) -> bool:
    return message.is_request and message.method == "INVITE"


def call_customer(r: Rig, customer: str = CUSTOMER) -> SipMessage:
    sent = r.pbx.invite(BUSINESS, customer)
    r.pbx.send(sent)
    return sent


# The PBX calls


def test_business_call_that_is_permitted(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    sent = call_customer(r)
    r.pbx.response(100)
    inner = r.phone.request("INVITE")
    asked = platform.wait_for(CallAsked)
    assert (asked.direction, asked.business, asked.user) == (Direction.BUSINESS_INITIATED, BUSINESS, CUSTOMER)
    assert asked.call.startswith("wacid.")
    started = r.trunk.wait_for(CallStarted, timeout_s=2)
    assert (started.wacid, started.answer_first) == (asked.call, False)
    r.phone.answer(inner, 180, "Ringing")
    r.pbx.response(180)
    r.phone.answer(inner, 200, "OK", sdp=ANSWER_SDP)
    ok = r.pbx.response(200)
    r.pbx.acknowledge(sent, ok)
    r.phone.request("ACK")
    assert platform.step(CallStep.ANSWERED).call == asked.call
    r.pbx.in_dialog(sent, ok, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX
    ended = platform.step(CallStep.ENDED)
    assert ended.duration_s > 0
    assert platform.steps(2) == [CallStep.ANSWERED, CallStep.ENDED]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (403, NO_PERMISSION),
        (403, "Business Initiated Connected Call Per Day Limit Hit"),
        (400, "Asset not found, invalid business phone number"),
        (403, 'SIP server "x\\y" d’après nous'),
    ],
)
def test_business_call_that_is_refused(asking: Rig, platform: FakePlatform, code: int, text: str) -> None:
    r = asking
    platform.answers = no(code, text)
    call_customer(r)
    r.pbx.response(100)
    answer = r.pbx.response(code)
    assert answer.first_line == f"SIP/2.0 {code} {text}"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert answer.get("Warning") == f'399 127.0.12.20 "{quoted}"'
    refused = r.trunk.wait_for(Refused, timeout_s=2)
    assert (refused.code, refused.text, refused.reason) == (code, text, text)
    assert (refused.caller, refused.called) == (BUSINESS, CUSTOMER)
    r.phone.nothing(0.1, is_invite)
    assert r.count(CallStarted) == 0
    assert r.trunk.call(OpenCalls()) == ()


def test_text_of_the_platform_does_not_break_the_status_line(asking: Rig, platform: FakePlatform) -> None:
    platform.answers = no(403, "No\r\nX-Injected: yes\x00")
    call_customer(asking)
    answer = asking.pbx.response(403)
    assert answer.first_line == "SIP/2.0 403 No  X-Injected: yes "
    assert answer.get("X-Injected") == ""


def test_refusal_without_a_code_is_403(asking: Rig, platform: FakePlatform) -> None:
    platform.answers = no(0, "")
    call_customer(asking)
    assert asking.pbx.response(403).first_line == "SIP/2.0 403 Forbidden"


@pytest.mark.parametrize("unreachable", ["offline", "unknown"])
def test_permitted_customer_who_cannot_be_reached(asking: Rig, platform: FakePlatform, unreachable: str) -> None:
    asking.trunk.call(CustomerOffline(number=CUSTOMER))
    call_customer(asking, CUSTOMER if unreachable == "offline" else "+15550001111")
    assert asking.pbx.response(480).first_line == "SIP/2.0 480 Temporarily Unavailable"
    platform.step(CallStep.UNANSWERED)
    assert asking.trunk.wait_for(Refused, timeout_s=2).code == 480
    assert asking.count(CallStarted) == 0


@pytest.mark.parametrize(
    ("code", "seen", "step"),
    [
        (486, "486 User declined the call", CallStep.DECLINED),
        (603, "486 User declined the call", CallStep.DECLINED),
        (480, "480 Temporarily Unavailable", CallStep.UNANSWERED),
        (500, "480 Temporarily Unavailable", CallStep.UNANSWERED),
        (488, "488 Reason", CallStep.UNANSWERED),
    ],
)
def test_customer_who_does_not_take_the_call(
    asking: Rig, platform: FakePlatform, code: int, seen: str, step: CallStep
) -> None:
    call_customer(asking)
    asking.phone.answer(asking.phone.request("INVITE"), code)
    answer = asking.pbx.receive("refusal", lambda m: m.code >= 300)
    assert answer.first_line == f"SIP/2.0 {seen}"
    platform.step(step)
    asking.finished()
    assert platform.steps(1) == [step]


def test_customer_who_does_not_answer(rig: RigMaker, platform: FakePlatform) -> None:
    r = rig("dialog.no_answer_s = 0.3", policy_socket=str(platform.path))
    call_customer(r)
    inner = r.phone.request("INVITE")
    r.phone.answer(inner, 180, "Ringing")
    r.pbx.response(480)
    platform.step(CallStep.UNANSWERED)
    r.phone.answer(r.phone.request("CANCEL"), 200, "OK")
    r.phone.answer(inner, 487, "Request Terminated")
    r.finished()
    assert platform.steps(1) == [CallStep.UNANSWERED]


def test_phone_that_is_silent(rig: RigMaker, platform: FakePlatform) -> None:
    r = rig("dialog.no_response_s = 0.3", policy_socket=str(platform.path))
    call_customer(r)
    r.pbx.response(480)
    platform.step(CallStep.UNANSWERED)


def test_pbx_cancels(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    sent = call_customer(r)
    inner = r.phone.request("INVITE")
    r.phone.answer(inner, 180, "Ringing")
    r.pbx.response(180)
    r.pbx.cancel(sent)
    r.pbx.response(487)
    platform.step(CallStep.CANCELLED)
    r.phone.answer(r.phone.request("CANCEL"), 200, "OK")
    r.phone.answer(inner, 487, "Request Terminated")
    r.finished()
    assert platform.steps(1) == [CallStep.CANCELLED]


@pytest.mark.parametrize("allowed", [True, False])
def test_pbx_cancels_while_the_platform_is_asked(asking: Rig, platform: FakePlatform, allowed: bool) -> None:
    r = asking
    platform.answers = silent
    sent = call_customer(r)
    asked = platform.wait_for(CallAsked)
    r.pbx.cancel(sent)
    r.pbx.response(200, "CANCEL")
    r.pbx.response(487)
    platform.send(CallDecided(call=asked.call, allowed=allowed, code=403, text="No"))
    if allowed:
        platform.step(CallStep.CANCELLED)
    platform.answers = yes
    call_customer(r)
    # The trunk reads in order: it has taken note of the first decision when the second INVITE comes.
    r.phone.request("INVITE")
    assert platform.steps(int(allowed)) == ([CallStep.CANCELLED] if allowed else [])
    r.trunk.wait_for(CallStarted, timeout_s=2)
    assert (r.count(CallStarted), r.count(Refused)) == (1, 0)


def test_invite_is_repeated_while_the_platform_is_asked(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    platform.answers = silent
    sent = call_customer(r)
    asked = platform.wait_for(CallAsked)
    for _ in range(3):
        r.pbx.send(sent)
        r.pbx.response(100)
    platform.send(CallDecided(call=asked.call, allowed=True))
    r.phone.answer(r.phone.request("INVITE"), 486)
    r.pbx.response(486)
    assert sum(isinstance(message, CallAsked) for message in platform.got) == 1


def test_platform_that_does_not_answer(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    platform.answers = silent
    call_customer(r)
    answer = r.pbx.response(503)
    why = "WhatsApp's platform did not answer within 2 s"
    assert why in answer.get("Warning")
    refused = r.trunk.wait_for(Refused, timeout_s=2)
    assert (refused.code, refused.reason) == (503, why)
    late = platform.wait_for(CallAsked)
    platform.send(CallDecided(call=late.call, allowed=True))
    platform.step(CallStep.CANCELLED)
    r.phone.nothing(0.1, is_invite)


def test_two_answers(asking: Rig, platform: FakePlatform) -> None:
    def twice(asked: CallAsked) -> list[Message | bytes]:
        return [CallDecided(call=asked.call, allowed=True), CallDecided(call=asked.call, allowed=False, code=403)]

    platform.answers = twice
    call_customer(asking)
    inner = asking.phone.request("INVITE")
    asking.phone.answer(inner, 180, "Ringing")
    asking.pbx.response(180)
    assert asking.count(Refused) == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"not json\n",
        b'{"kind": "CallDecided"}\n',
        b'{"kind": "CallAsked", "call": "x", "direction": "user_initiated", "business": "b", "user": "u"}\n',
        b'{"kind": "CallDecided", "call": "nobody", "allowed": true}\n',
        b'{"kind": "CallEndOrdered", "call": "nobody"}\n',
        b"\xff\xfe" * 40 + b"\n",
    ],
)
def test_garbage_of_the_platform_changes_nothing(asking: Rig, platform: FakePlatform, garbage: bytes) -> None:
    platform.answers = lambda asked: [garbage, *yes(asked)]
    call_customer(asking)
    asking.phone.request("INVITE")
    assert "Traceback" not in asking.trunk.log_tail()


def test_line_that_never_ends_costs_only_the_connection(asking: Rig, platform: FakePlatform) -> None:
    platform.answers = lambda asked: [b"x" * 200_000]
    call_customer(asking)
    asking.pbx.response(503)
    platform.answers = yes
    connected_again(asking, platform)


def connected_again(r: Rig, platform: FakePlatform) -> None:
    """Calls until the trunk has its line again; each call that comes too early is refused with the reason."""
    for _ in range(40):
        call_customer(r)
        try:
            r.phone.request("INVITE", timeout_s=0.2)
        except AssertionError:
            assert "platform" in r.pbx.response(503).get("Warning")
        else:
            return
    raise AssertionError("the trunk does not ask any more")


def test_platform_dies_while_it_is_asked_and_in_a_call(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    sent = call_customer(r)
    inner = r.phone.request("INVITE")
    r.phone.answer(inner, 200, "OK", sdp=ANSWER_SDP)
    ok = r.pbx.response(200)
    r.pbx.acknowledge(sent, ok)
    platform.step(CallStep.ANSWERED)
    platform.answers = silent
    call_customer(r)
    platform.wait_for(CallAsked, lambda asked: asked.call != platform.got[0].call)
    platform.die()
    assert "went away before it decided" in r.pbx.response(503).get("Warning")
    call_customer(r)
    assert "is not there to be asked" in r.pbx.response(503).get("Warning")
    assert len(r.trunk.call(OpenCalls())) == 1
    r.pbx.in_dialog(sent, ok, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().code == 200
    reborn = FakePlatform(platform.path)
    try:
        connected_again(r, reborn)
    finally:
        reborn.die()


def test_two_hundred_questions_at_once(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    waiting: list[CallAsked] = []

    def twenty_at_once_last_first(asked: CallAsked) -> list[Message | bytes]:
        waiting.append(asked)
        if len(waiting) < 20:
            return []
        decided, waiting[:] = waiting[::-1], []
        return [CallDecided(call=one.call, allowed=False, code=403, text=f"No {one.call}") for one in decided]

    platform.answers = twenty_at_once_last_first
    for _ in range(200):
        call_customer(r)
    answers: dict[str, str] = {}
    while len(answers) < 200:
        # Nobody acknowledges: some come twice.
        answer = r.pbx.response(403)
        answers[answer.get("Call-ID")] = answer.first_line
    asked = {f"SIP/2.0 403 No {message.call}" for message in platform.got if isinstance(message, CallAsked)}
    assert set(answers.values()) == asked
    assert len(asked) == 200


def test_trunk_does_not_start_without_its_platform(rig: RigMaker, platform: FakePlatform) -> None:
    platform.die()
    with pytest.raises(SimulatorRefused, match=r"could not start: WhatsApp's platform does not listen on .*5 s"):
        rig(policy_socket=str(platform.path))


# Customers call


def test_user_call_that_is_let_through(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    sent, got = place(r, extra={ENTRY_HEADER: "https://wa.me/call/442079460100?biz_payload=caf%C3%A9"})
    asked = platform.wait_for(CallAsked)
    assert (asked.direction, asked.business, asked.user) == (Direction.USER_INITIATED, BUSINESS, CUSTOMER)
    assert asked.entry == "https://wa.me/call/442079460100?biz_payload=caf%C3%A9"
    assert got.get(ENTRY_HEADER) == ""
    assert got.get("x-wa-meta-wacid") == asked.call
    assert not list(got.values("x-wa-meta-cta-payload")) + list(got.values("x-wa-meta-deeplink-payload"))
    assert r.trunk.wait_for(CallStarted, timeout_s=2).wacid == asked.call
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    r.phone.acknowledge(sent, ok)
    platform.step(CallStep.ANSWERED)
    r.phone.in_dialog(sent, ok, "BYE")
    platform.step(CallStep.ENDED)
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    r.finished()
    assert platform.steps(2) == [CallStep.ANSWERED, CallStep.ENDED]


def test_user_call_that_is_refused_never_reaches_the_pbx(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    platform.answers = no(403, "The call button has expired.")
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    answer = r.phone.response(403)
    assert answer.first_line == "SIP/2.0 403 The call button has expired."
    refused = r.trunk.wait_for(Refused, timeout_s=2)
    assert refused.source == f"{r.phone.address}:{r.phone.port}"
    assert (refused.caller, refused.called) == (CUSTOMER, BUSINESS)
    r.pbx.nothing(0.1, is_invite)
    assert r.count(CallStarted) == 0


@pytest.mark.parametrize(
    ("payload", "header"),
    [
        ("order-4711", "order-4711"),
        ("Zoë's Bestellung № 7 👍", "Zoë's Bestellung № 7 👍"),
        ("{customer} \\1 %s", "{customer} \\1 %s"),
        ("ж" * 512, "ж" * 512),
        ("a\r\nX-Injected: yes", "a  X-Injected: yes"),
        ("a\x0bb\x7fc", "a b c"),
    ],
)
def test_payloads_reach_the_pbx_whole(asking: Rig, platform: FakePlatform, payload: str, header: str) -> None:
    platform.answers = lambda asked: [
        CallDecided(call=asked.call, allowed=True, button_payload=payload, link_payload=payload[::-1])
    ]
    _, got = place(asking)
    assert got.get("x-wa-meta-cta-payload") == header
    assert got.get("x-wa-meta-deeplink-payload") == header[::-1]
    assert got.get("X-Injected") == ""
    assert got.body.startswith(b"v=0")


def test_user_who_has_no_number(rig: RigMaker, platform: FakePlatform) -> None:
    platform.answers = lambda asked: [
        CallDecided(call=asked.call, allowed=True, user="US.13491208655302741918", user_id="US.13491208655302741918")
    ]
    r = rig('headers.extra = { "x-wa-meta-user-id" = "{user_id}" }', policy_socket=str(platform.path))
    _, got = place(r, display="Ana")
    assert "<sip:US.13491208655302741918@" in got.get("From")
    assert got.get("x-wa-meta-user-id") == "US.13491208655302741918"
    assert r.trunk.wait_for(CallStarted, timeout_s=2).customer == "US.13491208655302741918"


def test_pbx_that_refuses_a_user(asking: Rig, platform: FakePlatform) -> None:
    _, got = place(asking)
    asking.pbx.answer(got, 486, "Busy Here")
    asking.phone.response(486)
    platform.step(CallStep.DECLINED)
    asking.finished()
    assert platform.steps(1) == [CallStep.DECLINED]


def test_customer_gives_up_while_the_platform_is_asked(asking: Rig, platform: FakePlatform) -> None:
    r = asking
    platform.answers = silent
    sent = r.phone.invite(CUSTOMER, BUSINESS)
    r.phone.send(sent)
    asked = platform.wait_for(CallAsked)
    r.phone.cancel(sent)
    r.phone.response(487)
    platform.send(CallDecided(call=asked.call, allowed=True))
    assert platform.wait_for(CallMoved).step is CallStep.CANCELLED
    r.pbx.nothing(0.1, is_invite)


def test_trunk_that_stops_turns_away_who_waits(asking: Rig, platform: FakePlatform) -> None:
    platform.answers = silent
    call_customer(asking)
    platform.wait_for(CallAsked)
    asking.trunk.stop()
    assert "the trunk was stopped" in asking.pbx.response(503).get("Warning")
