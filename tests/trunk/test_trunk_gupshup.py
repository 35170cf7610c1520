"""Calls on the profile gupshup-like, message by message."""

from __future__ import annotations

import pytest
from fake_platform import FakePlatform, no
from sip_peer import SDP
from trunk_rig import BUSINESS, CUSTOMER, RigMaker, place

BRIDGED = (
    SDP.replace("RTP/AVP 96 0 8 9 120", "RTP/AVP 102 0 8 9 103 126")
    .replace(
        "a=rtpmap:120 telephone-event/8000\r\n",
        "a=rtpmap:103 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n",
    )
    .replace("a=rtpmap:96", "a=rtpmap:102")
)


def test_call_to_the_pbx(rig: RigMaker) -> None:
    r = rig(profile="gupshup-like")
    sent, got = place(r, sdp=BRIDGED)
    assert got.get("Call-ID") not in ("", sent.get("Call-ID"))
    assert got.get("User-Agent") == "Gupshup-gs_sip/1.0"
    assert got.get("Supported") == "timer, path, replaces"
    assert got.get("X-FB-External-Domain") == "wa.meta.vc"
    assert got.get("x-wa-meta-country-code") == "ES"
    assert got.get("X-WV-CALLID") == f"outgoing:{got.get('x-wa-meta-wacid')}"
    assert (got.get("X-WV-FROM"), got.get("X-WV-TO")) == (CUSTOMER[1:], BUSINESS[1:])
    assert b"m=audio 40000 RTP/AVP 102 8 103 126\r\n" in got.body


@pytest.mark.parametrize(
    ("says", "rings", "code", "phrase", "cause"),
    [
        (
            "No Approved Call Permission Found: No approved call permission from the recipient",
            True,
            502,
            "Bad Gateway",
            27,
        ),
        (
            "Business Initiated Connected Call Per Day Limit Hit",
            False,
            400,
            "Bad Request - Business Initiated Calls Limit Hit",
            41,
        ),
        ("Duplicate call", False, 486, "Busy Here - Duplicate Call", 17),
        ("Payment issue", False, 403, "Payment issue", 0),
    ],
)
def test_how_refusals_are_told(
    rig: RigMaker, platform: FakePlatform, says: str, rings: bool, code: int, phrase: str, cause: int
) -> None:
    platform.answers = no(403, says)
    r = rig(profile="gupshup-like", policy_socket=str(platform.path))
    r.pbx.send(r.pbx.invite(BUSINESS, CUSTOMER))
    told = r.pbx.receive("final answer", lambda m: m.code >= 200)
    assert told.first_line == f"SIP/2.0 {code} {phrase}"
    assert told.get("Reason") == (f"Q.850;cause={cause}" if cause else "")
    assert says in told.get("Warning")
    if rings:
        r.pbx.response(180, timeout_s=0.1)
    else:
        r.pbx.nothing(0.1, lambda m: m.code == 180)
