"""An INVITE by two ways: PBXs that take it for one call, and such as take it for two."""

from __future__ import annotations

from typing import Any

import pytest
from sip_peer import ANSWER_SDP
from test_trunk_transactions import scene_of
from trunk_rig import Rig, RigMaker, place

from harness.errors import KnownDeviation, NotRun, PbxFault
from harness.sip.message import SipMessage
from scenarios.trunk_dialogs import refuses_second_way
from scenarios.trunk_variants import VARIANTS
from simulators.trunk.protocol import VaryProfile
from simulators.trunk.second_way import SecondWay


def by_two_ways(r: Rig) -> tuple[SipMessage, SipMessage]:
    """Both INVITEs as the PBX gets them."""
    r.trunk.call(VaryProfile(changes=VARIANTS["sends each INVITE by two ways"]))
    _, first = place(r)
    second = r.pbx.receive("second INVITE", lambda m: m.method == "INVITE" and m.branch != first.branch)
    return first, second


def scene(r: Rig, **more: Any) -> Any:
    made = scene_of(r, **more)
    pbx = f":{r.pbx.port}"
    made.trunk_invites = lambda to_pbx: [
        e for e in r.trace() if e.first_line.startswith("INVITE ") and e.destination.endswith(pbx) is to_pbx
    ]
    return made


def test_a_pbx_that_refuses_the_second_way(rig: RigMaker) -> None:
    r = rig()
    first, second = by_two_ways(r)
    assert [v for n, v in first.headers if n != "Via"] == [v for n, v in second.headers if n != "Via"]
    assert first.body == second.body
    r.pbx.answer(second, 482, "Loop Detected", tag="other")
    ack = r.pbx.receive("ACK", lambda m: m.is_request and m.method == "ACK" and m.branch == second.branch)
    assert (ack.request_uri, ack.get("To")[-9:]) == (second.request_uri, "tag=other")
    told = scene(r)
    refuses_second_way(told)
    assert told.notes == ["482 Loop Detected"]
    # The call goes on.
    r.pbx.answer(first, 200, "OK", sdp=ANSWER_SDP)
    assert r.phone.response(200)
    assert r.pbx.request("ACK").get("To").endswith("tag=peer")


def test_a_pbx_that_takes_the_second_way(rig: RigMaker) -> None:
    r = rig()
    _, second = by_two_ways(r)
    r.pbx.answer(second, 200, "OK", sdp=ANSWER_SDP, tag="other")
    ours = [r.pbx.request(method) for method in ("ACK", "BYE")]
    assert all(request.get("To").endswith("tag=other") for request in ours)
    assert int(ours[1].get("CSeq").split()[0]) == int(second.get("CSeq").split()[0]) + 1
    with pytest.raises(PbxFault, match="by a second way got 200 OK from the PBX, not 482"):
        refuses_second_way(scene(r))
    with pytest.raises(KnownDeviation, match="two calls"):
        refuses_second_way(scene(r, deviations={"RFC3261-8.2.2.2": "two calls"}))
    # The phone hears nothing of it.
    r.phone.nothing(0.2, lambda m: m.code >= 200)


def test_a_pbx_that_asks_for_credentials(rig: RigMaker) -> None:
    r = rig()
    _, second = by_two_ways(r)
    r.pbx.answer(second, 401, "Unauthorized")
    r.pbx.request("ACK")
    with pytest.raises(NotRun, match="credentials first"):
        refuses_second_way(scene(r))


def invite(to: str = "<sip:b@y>", branch: str = "z9hG4bK1") -> SipMessage:
    headers = [("v", f"SIP/2.0/UDP x;branch={branch}"), ("To", to), ("From", "<sip:a@x>;tag=1"), ("CSeq", "1 INVITE")]
    return SipMessage("INVITE sip:b@y SIP/2.0", [*headers, ("Call-ID", "c")])


def test_only_what_begins_a_call_has_a_second_way_and_once() -> None:
    ways = SecondWay()
    copy = ways.copy_of(invite())
    assert copy is not None
    assert copy.branch != "z9hG4bK1"
    assert ways.copy_of(invite()) is None
    assert ways.copy_of(invite("<sip:b@y>;tag=2", "z9hG4bK2")) is None
    assert ways.copy_of(SipMessage("BYE sip:b@y SIP/2.0", invite(branch="z9hG4bK3").headers)) is None
    answer = SipMessage("SIP/2.0 100 Trying", copy.headers)
    assert ways.takes(answer)
    assert ways.follows(answer) == []
    assert not ways.takes(SipMessage("SIP/2.0 100 Trying", invite().headers))
