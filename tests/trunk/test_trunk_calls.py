"""Calls through a trunk in its own process, between raw SIP peers."""

from __future__ import annotations

import pytest

from trunk_rig import BUSINESS, CUSTOMER, Rig, RigMaker
from simulators.trunk.message import SipMessage, parameter
from simulators.trunk.protocol import CallFinished, CallStarted, Direction, Leg
from sip_peer import ANSWER_SDP


def place(rig: Rig, **keywords) -> tuple[SipMessage, SipMessage]:
    """The phone calls; the INVITE that it sent and the one that the PBX got."""
    sent = rig.phone.invite(CUSTOMER, BUSINESS, **keywords)
    rig.phone.send(sent)
    return sent, rig.pbx.request("INVITE")


def connect(rig: Rig, **keywords) -> tuple[SipMessage, SipMessage, SipMessage]:
    """A call that is up; the third is the 200 that the phone got."""
    sent, got = place(rig, **keywords)
    rig.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = rig.phone.response(200)
    rig.phone.acknowledge(sent, ok)
    rig.pbx.request("ACK")
    return sent, got, ok


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


def test_pbx_hangs_up(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "BYE")
    r.pbx.response(200, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX
    assert r.phases()[-2:] == [("pbx", "ended", 0), ("customer", "ended", 200)]
    assert r.count(CallFinished) == 1
