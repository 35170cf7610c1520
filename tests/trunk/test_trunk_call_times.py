"""When what passed between trunk and PBX, as the trunk tells it."""

from __future__ import annotations

import time

from sip_peer import ANSWER_SDP
from trunk_rig import Rig, RigMaker, connect, place

from simulators.trunk.protocol import CallFinished, CallTimed, Direction, KeepTrace, Leg, TracedCalls


def timed(rig: Rig) -> CallTimed:
    finished = rig.finished()
    times = rig.trunk.wait_for(CallTimed, lambda e: e.call == finished.call, timeout_s=2)
    events = rig.trunk.events()
    assert events.index(times) < events.index(finished)
    return times


def test_a_call_of_a_customer_who_hangs_up(rig: RigMaker) -> None:
    r = rig()
    before = time.monotonic()
    sent, got = place(r)
    r.pbx.answer(got, 100, "Trying")
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    rung = time.monotonic()
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    answered = time.monotonic()
    r.phone.acknowledge(sent, ok)
    r.pbx.request("ACK")
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    times = timed(r)
    assert times.direction is Direction.USER_INITIATED
    assert times.pbx_call_id == got.get("Call-ID")
    order = [
        before,
        times.invite_at,
        times.first_response_at,
        times.provisional_at,
        rung,
        times.final_at,
        answered,
        times.bye_at,
        times.bye_answered_at,
        time.monotonic(),
    ]
    assert order == sorted(at for at in order if at is not None)
    assert (times.code, times.reason, times.challenges, times.invites_repeated) == (200, "OK", 0, 0)
    assert (times.bye_from, times.bye_code) == (Leg.CUSTOMER, 200)


def test_a_call_that_the_pbx_ends(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    times = timed(r)
    assert (times.bye_from, times.bye_code) == (Leg.PBX, 200)
    assert times.bye_at is not None and times.bye_answered_at is not None and times.bye_at <= times.bye_answered_at


def test_challenges_and_a_refusal(rig: RigMaker) -> None:
    r = rig("security.answer_challenges = true", digest_username="acme", digest_password="secret")
    _, got = place(r)
    challenge = 'Digest realm="acme", nonce="abc", algorithm=MD5, qop="auth"'
    r.pbx.answer(got, 401, "Unauthorized", extra={"WWW-Authenticate": challenge})
    again = r.pbx.request("INVITE")
    assert again.get("Authorization")
    r.pbx.answer(again, 486, "Busy Here")
    times = timed(r)
    assert (times.code, times.reason, times.challenges, times.bye_at) == (486, "Busy Here", 1, None)
    assert times.invite_at is not None and times.final_at is not None and times.final_at > times.invite_at


def test_an_invite_that_goes_unanswered_is_repeated(rig: RigMaker) -> None:
    r = rig("dialog.no_response_s = 2")
    place(r)
    times = timed(r)
    assert times.invites_repeated == 2, "after 0.5 s and 1.5 s"
    assert (times.code, times.first_response_at, times.final_at) == (0, None, None)


def test_only_calls_that_failed_or_are_asked_for_are_traced(rig: RigMaker) -> None:
    r = rig(trace_calls=TracedCalls.KEPT)
    kept: list[str] = []
    forgotten: list[str] = []
    refused: list[str] = []
    for told in (kept, forgotten):
        sent, got, ok = connect(r)
        mark = r.trunk.mark()
        r.phone.in_dialog(sent, ok, "BYE")
        r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
        finished = r.trunk.wait_for(CallFinished, timeout_s=4, since=mark)
        told += [finished.call, got.get("Call-ID"), sent.get("Call-ID")]
    sent, got = place(r)
    r.pbx.answer(got, 503, "Service Unavailable")
    r.phone.response(503)
    refused += [got.get("Call-ID"), sent.get("Call-ID")]
    r.trunk.wait_for(CallFinished, lambda e: e.code == 503, timeout_s=4)
    assert r.trunk.call(KeepTrace(call=kept[0])) is True
    assert r.trunk.call(KeepTrace(call="no such call")) is False
    traced = [entry.call_id for entry in r.trace()]
    assert set(traced) == {*kept[1:], *refused}
    # INVITE, 100, 200, ACK, BYE and its 200.
    assert traced.count(kept[2]) >= 6


def test_a_pbx_far_away_is_late_by_the_way_there_and_back(rig: RigMaker) -> None:
    """The bounds are the lower ones: what a busy machine adds has none."""
    r = rig(pbx_delay_ms=100)
    asked_at = time.monotonic()
    sent, got = place(r)
    assert time.monotonic() - asked_at >= 0.1
    r.pbx.answer(got, 180, "Ringing")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    answered_at = time.monotonic()
    ok = r.phone.response(200)
    assert time.monotonic() - answered_at >= 0.1
    r.phone.acknowledge(sent, ok)
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.request("ACK")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    times = timed(r)
    assert times.invite_at is not None and times.provisional_at is not None
    assert times.provisional_at - times.invite_at >= 0.2
    assert times.bye_at is not None and times.bye_answered_at is not None
    assert times.bye_answered_at - times.bye_at >= 0.2
    # The trace is written at the trunk's end of the way, too.
    traced = [entry for entry in r.trace() if entry.call_id == times.pbx_call_id]
    invite, ringing = (
        next(entry for entry in traced if entry.raw.startswith(what)) for what in ("INVITE", "SIP/2.0 180")
    )
    assert ringing.at - invite.at >= 0.2
    assert invite.at <= times.provisional_at - 0.2
