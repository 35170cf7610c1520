"""Calls through a trunk in its own process, between raw SIP peers."""

from __future__ import annotations

import socket
import time

import pytest
from sip_peer import ANSWER_SDP
from trunk_rig import BUSINESS, CUSTOMER, PBX, RigMaker, connect, place

from simulators.trunk.protocol import CallFinished, CallStarted, CustomerOnline, Direction, Leg, LegPhase, OpenCalls


def test_customer_hangs_up(rig: RigMaker) -> None:
    r = rig()
    sent, got = place(r, display="Ana")
    started = r.trunk.wait_for(CallStarted, timeout_s=2)
    assert started.direction is Direction.USER_INITIATED
    assert (started.customer, started.business) == (CUSTOMER, BUSINESS)
    assert started.customer_call_id == sent.get("Call-ID")
    assert started.pbx_call_id == got.get("Call-ID") != sent.get("Call-ID")
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    assert ok.body.decode() == ANSWER_SDP
    r.phone.acknowledge(sent, ok)
    r.pbx.request("ACK")
    r.phone.in_dialog(sent, ok, "BYE")
    r.phone.response(200, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.reason) == (Leg.CUSTOMER, 200, "OK")
    assert finished.connected_s > 0
    assert r.phases() == [
        ("customer", "trying", 0),
        ("pbx", "trying", 0),
        ("pbx", "ringing", 180),
        ("customer", "ringing", 180),
        ("pbx", "connected", 200),
        ("customer", "connected", 200),
        ("customer", "ended", 0),
        ("pbx", "ended", 200),
    ]


def test_an_answer_that_is_late_is_nothing_but_late(rig: RigMaker) -> None:
    r = rig()
    contact = f"{r.phone.address}:{r.phone.port}"
    r.trunk.call(CustomerOnline(number=CUSTOMER, profile_name="Ana", country="ES", contact=contact, answer_late_s=0.3))
    sent, got = place(r)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    answered_at = time.monotonic()
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    assert time.monotonic() - answered_at >= 0.3
    assert ok.body.decode() == ANSWER_SDP
    r.phone.acknowledge(sent, ok)
    r.pbx.request("ACK")


def test_pbx_hangs_up(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "BYE")
    r.pbx.response(200, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX
    assert r.phases()[-2:] == [("pbx", "ended", 0), ("customer", "ended", 200)]
    assert r.count(CallFinished) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (403, "Forbidden"),
        (404, "Not Found"),
        (480, "Gone Fishing"),
        (486, "Busy Here"),
        (488, "No Codec"),
        (500, "Broken"),
        (503, "Full"),
        (600, "Busy Everywhere"),
        (603, "Decline"),
    ],
)
def test_refusal_of_the_pbx_reaches_the_customer(rig: RigMaker, code: int, reason: str) -> None:
    r = rig()
    sent, got = place(r)
    r.pbx.answer(got, code, reason)
    refusal = r.phone.response(code)
    assert refusal.first_line == f"SIP/2.0 {code} {reason}"
    r.phone.acknowledge(sent, refusal)
    r.pbx.request("ACK")
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.reason, finished.connected_s) == (Leg.PBX, code, reason, 0.0)
    assert r.phases()[-2:] == [("pbx", "ended", code), ("customer", "ended", code)]


def test_redirection_is_not_followed(rig: RigMaker) -> None:
    r = rig()
    _, got = place(r)
    r.pbx.answer(got, 302, "Moved Temporarily")
    r.phone.response(480)
    assert r.finished().code == 302


def test_customer_gives_up(rig: RigMaker) -> None:
    r = rig()
    sent, got = place(r)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    r.phone.cancel(sent)
    r.phone.response(200, "CANCEL")
    r.phone.response(487)
    cancel = r.pbx.request("CANCEL")
    assert cancel.branch == got.branch
    r.pbx.answer(cancel, 200, "OK")
    r.pbx.answer(got, 487, "Request Terminated")
    r.pbx.request("ACK")
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.connected_s) == (Leg.CUSTOMER, 487, 0.0)
    assert r.phases()[-2:] == [("customer", "ended", 0), ("pbx", "ended", 487)]
    assert r.trunk.call(OpenCalls()) == ()


def test_answer_that_crosses_cancel_is_hung_up(rig: RigMaker) -> None:
    r = rig()
    sent, got = place(r)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    r.phone.cancel(sent)
    r.phone.response(487)
    r.pbx.request("CANCEL")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.pbx.request("ACK")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.connected_s) == (Leg.CUSTOMER, 200, 0.0)
    assert r.count(CallFinished) == 1


def test_cancel_after_the_answer_changes_nothing(rig: RigMaker) -> None:
    r = rig()
    sent, _got, ok = connect(r)
    r.phone.cancel(sent)
    r.phone.response(481, "CANCEL")
    assert len(r.trunk.call(OpenCalls())) == 1
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().code == 200


def test_crossing_byes(rig: RigMaker) -> None:
    r = rig()
    sent, got, ok = connect(r)
    r.phone.in_dialog(sent, ok, "BYE")
    bye = r.pbx.request("BYE")
    r.pbx.in_their_dialog(got, "BYE")
    r.pbx.response(200, "BYE")
    r.pbx.answer(bye, 481, "Call/Transaction Does Not Exist")
    finished = r.finished()
    assert (finished.ended_by, finished.code) == (Leg.CUSTOMER, 200)
    assert r.phases()[-2:] == [("customer", "ended", 0), ("pbx", "ended", 0)]
    assert r.count(CallFinished) == 1


def test_call_that_nobody_answers_ends_with_480(rig: RigMaker) -> None:
    r = rig("dialog.no_answer_s = 0.3")
    _, got = place(r)
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(480)
    r.pbx.answer(r.pbx.request("CANCEL"), 200, "OK")
    r.pbx.answer(got, 487, "Request Terminated")
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.reason) == (Leg.PBX, 487, "no answer within 0.3 s")


def test_silent_pbx_does_not_hang_the_customer(rig: RigMaker) -> None:
    r = rig("dialog.no_response_s = 0.3")
    place(r)
    r.phone.response(408)
    finished = r.finished()
    assert (finished.ended_by, finished.code, finished.reason) == (Leg.PBX, 408, "nothing came within 0.3 s")


def test_pbx_that_is_not_there_refuses_with_503(rig: RigMaker) -> None:
    r = rig()
    r.pbx.close()
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    r.phone.response(503, timeout_s=2)
    finished = r.finished()
    assert (finished.ended_by, finished.code) == (Leg.PBX, 503)
    assert "nobody listens" in finished.reason


def test_early_media_passes(rig: RigMaker) -> None:
    r = rig()
    _, got = place(r)
    r.pbx.answer(got, 183, "Session Progress", sdp=ANSWER_SDP)
    assert r.phone.response(183).body.decode() == ANSWER_SDP
    r.reaches(Leg.CUSTOMER, LegPhase.EARLY_MEDIA)
    assert r.phases()[-2:] == [("pbx", "early_media", 183), ("customer", "early_media", 183)]


def test_early_media_becomes_ringing_by_profile(rig: RigMaker) -> None:
    r = rig('media.early_media = "ringing_only"')
    _, got = place(r)
    r.pbx.answer(got, 183, "Session Progress", sdp=ANSWER_SDP)
    assert r.phone.response(180).body == b""


@pytest.mark.parametrize(
    "name",
    ["Zoë Ångström", "前田 太郎", "محمد", "👩‍💻 Ana", 'Ana \\"Anita\\" O', "Smith, Bob", "Ли\u2028на", "x"],
)
def test_display_names_arrive_unharmed(rig: RigMaker, name: str) -> None:
    r = rig()
    _, got = place(r, display=name)
    assert got.get("From").startswith(f'"{name}" <sip:{CUSTOMER}@') or got.get("From").startswith("x <")
    _, _ = got, r.pbx.answer(got, 486, "Busy Here")
    assert name in r.phone.response(486).get("From")


def test_octets_that_are_not_utf8_survive(rig: RigMaker) -> None:
    r = rig()
    octets = r.phone.invite(CUSTOMER, BUSINESS, display="XXXX").to_bytes().replace(b"XXXX", b"caf\xe9")
    r.phone.send_octets(octets)
    assert b'"caf\xe9"' in r.pbx.request("INVITE").to_bytes()


def test_offer_without_sdp_is_completed_in_ack(rig: RigMaker) -> None:
    r = rig()
    sent, got = place(r, sdp="")
    assert got.body == b""
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    assert ok.body.decode() == ANSWER_SDP
    ack = r.phone.acknowledgement(sent, ok)
    ack.add("Content-Type", "application/sdp")
    ack.body = ANSWER_SDP.replace("41000", "42000").encode()
    r.phone.send(ack)
    assert b"42000" in r.pbx.request("ACK").body


def test_stop_ends_open_calls_on_both_legs(rig: RigMaker) -> None:
    r = rig()
    connect(r)
    r.trunk.stop()
    r.phone.request("BYE")
    r.pbx.request("BYE")
    assert r.trunk.log_tail().count("Traceback") == 0


def test_fifty_calls_at_once(rig: RigMaker) -> None:
    r = rig()
    sent = [r.phone.invite(f"+3460011{n:04}", BUSINESS) for n in range(50)]
    for invite in sent:
        r.phone.send(invite)
    got = [r.pbx.request("INVITE") for _ in sent]
    assert len({invite.get("Call-ID") for invite in got}) == 50
    for invite in got:
        r.pbx.answer(invite, 200, "OK", sdp=ANSWER_SDP)
    answers = [r.phone.response(200) for _ in sent]
    by_call = {answer.get("Call-ID"): answer for answer in answers}
    for invite in sent:
        r.phone.acknowledge(invite, by_call[invite.get("Call-ID")])
    assert len(r.trunk.call(OpenCalls())) == 50
    for invite in sent:
        r.phone.in_dialog(invite, by_call[invite.get("Call-ID")], "BYE")
    for _ in sent:
        r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    mark = 0
    for _ in sent:
        event = r.trunk.wait_for(CallFinished, timeout_s=4, since=mark)
        mark = r.trunk.events().index(event) + 1
        assert (event.ended_by, event.code) == (Leg.CUSTOMER, 200)


def test_port_in_use_is_one_line(rig: RigMaker) -> None:
    from harness.process import SimulatorRefused

    blocker = socket.create_server((PBX, 0))
    try:
        with pytest.raises(SimulatorRefused, match=r"could not start: .*in use"):
            rig(address=PBX, pbx_side_port=blocker.getsockname()[1])
    finally:
        blocker.close()
