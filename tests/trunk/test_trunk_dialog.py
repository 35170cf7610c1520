"""What the trunk does with requests inside and outside of calls, by profile."""

from __future__ import annotations

import pytest
from sip_peer import ANSWER_SDP, SDP
from trunk_rig import BUSINESS, CUSTOMER, RigMaker, connect, place

from harness.sip.message import SipMessage
from simulators.trunk.protocol import Leg, OpenCalls, SetHeaderRules

OTHER_SDP = ANSWER_SDP.replace("41000", "45000")


def test_reinvite_passes_to_the_customer(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "INVITE", sdp=OTHER_SDP)
    inner = r.phone.request("INVITE")
    assert b"45000" in inner.body
    r.phone.answer(inner, 200, "OK", sdp=SDP.replace("40000", "46000"))
    assert b"46000" in r.pbx.response(200).body


def test_refused_reinvite_leaves_the_call_up(rig: RigMaker) -> None:
    r = rig("dialog.reinvite = 500")
    sent, got, ok = connect(r)
    r.pbx.in_their_dialog(got, "INVITE", sdp=OTHER_SDP)
    r.pbx.response(500)
    assert len(r.trunk.call(OpenCalls())) == 1
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.CUSTOMER


def test_reinvite_that_the_phone_refuses_can_be_repeated(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    for number in (50, 51):
        request = r.pbx.in_their_dialog(got, "INVITE", sdp=OTHER_SDP, number=number)
        r.phone.answer(r.phone.request("INVITE"), 488, "Not Acceptable Here")
        refusal = r.pbx.response(488)
        r.pbx.acknowledge(request, refusal)
    r.pbx.in_their_dialog(got, "BYE", number=60)
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX


def test_reinvite_without_sdp_gets_the_session_as_it_is(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "INVITE")
    assert b"40000" in r.pbx.response(200).body


@pytest.mark.parametrize(
    ("method", "code"), [("UPDATE", 405), ("INFO", 405), ("REFER", 405), ("PRACK", 405), ("NONSENSE", 501)]
)
def test_requests_in_a_call_that_are_not_taken(rig: RigMaker, method: str, code: int) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, method)
    answer = r.pbx.response(code, method)
    assert code != 405 or "INVITE" in answer.get("Allow")
    assert len(r.trunk.call(OpenCalls())) == 1


def test_update_passes_by_profile(rig: RigMaker) -> None:
    r = rig('dialog.update = "pass"')
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "UPDATE", sdp=OTHER_SDP)
    inner = r.phone.request("UPDATE")
    assert b"45000" in inner.body
    r.phone.answer(inner, 200, "OK", sdp=SDP)
    assert b"40000" in r.pbx.response(200, "UPDATE").body


def test_options_in_a_call_is_answered(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.pbx.in_their_dialog(got, "OPTIONS")
    r.pbx.response(200, "OPTIONS")


@pytest.mark.parametrize(
    ("method", "code"),
    [("OPTIONS", 200), ("REGISTER", 403), ("SUBSCRIBE", 405), ("MESSAGE", 405), ("NONSENSE", 501)],
)
def test_requests_outside_calls(rig: RigMaker, method: str, code: int) -> None:
    r = rig()
    request = r.pbx.invite("+442079460100", CUSTOMER, sdp="")
    request.first_line = request.first_line.replace("INVITE", method)
    request.set("CSeq", f"1 {method}")
    r.pbx.send(request)
    answer = r.pbx.response(code, method)
    assert answer.get("Server").startswith("8x8")
    assert code == 403 or code == 501 or "BYE" in answer.get("Allow")


def test_bye_for_a_call_that_does_not_exist(rig: RigMaker) -> None:
    r = rig()
    request = r.pbx.invite("+442079460100", CUSTOMER, sdp="")
    request.first_line = request.first_line.replace("INVITE", "BYE")
    request.set("CSeq", "1 BYE")
    request.set("To", request.get("To") + ";tag=gone")
    r.pbx.send(request)
    r.pbx.response(481, "BYE")


def headers_of(message: SipMessage, *names: str) -> list[str]:
    return [message.get(name) for name in names]


def test_number_formats_and_identity_by_profile(rig: RigMaker) -> None:
    r = rig(
        """
        uris.called_format = "national"
        uris.caller_format = "e164"
        uris.from_host = "sip.example.net"
        identity.display_name = "number"
        identity.remote_party_id = true
        identity.privacy = "id"
        headers.user_agent = "Trunk/1"
        headers.supported = ["timer"]
        headers.extra = { "X-Customer" = "{customer}", "x-wa-meta-wacid" = "{wacid}" }
        headers.call_id = "outgoing:{wacid}"
        """
    )
    _, got = place(r, display="Ana")
    assert got.request_uri.startswith("sip:02079460100@")
    assert got.get("From").startswith("34600111222 <sip:34600111222@sip.example.net>")
    assert got.get("P-Asserted-Identity") == "34600111222 <sip:34600111222@sip.example.net>"
    assert got.get("Remote-Party-ID").endswith(";party=calling;screen=yes;privacy=full")
    assert headers_of(got, "Privacy", "User-Agent", "Supported", "X-Customer") == ["id", "Trunk/1", "timer", CUSTOMER]
    assert got.get("Call-ID").startswith("outgoing:wacid.")
    assert got.get("Call-ID") == f"outgoing:{got.get('x-wa-meta-wacid')}"


def test_codecs_by_profile(rig: RigMaker) -> None:
    r = rig('media.codecs = ["pcma", "pcmu"]\nmedia.order = "profile"')
    _, got = place(r)
    assert b"m=audio 40000 RTP/AVP 8 0 120\r\n" in got.body
    assert b"opus" not in got.body


def test_offer_without_a_common_codec(rig: RigMaker) -> None:
    r = rig('media.codecs = ["g722"]')
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS, sdp=SDP.replace("RTP/AVP 96 0 8 9 120", "RTP/AVP 0 120")))
    assert "carries g722" in r.phone.response(488).get("Warning")


def test_header_rules_of_profile_and_of_command(rig: RigMaker) -> None:
    r = rig(
        rules="""
[[header_rules]]
methods = ["INVITE"]
messages = "requests"
action = "add"
header = "X-Country"
value = "{country}"
"""
    )
    r.trunk.call(
        SetHeaderRules(
            rules="""
[[header_rules]]
action = "remove"
header = "P-Asserted-Identity"
[[header_rules]]
action = "replace"
header = "Request-URI"
pattern = "sip:[+]"
value = "sip:00"
[[header_rules]]
direction = "from_pbx"
messages = "responses"
action = "replace"
header = "Contact"
pattern = "sip:peer@"
value = "sip:elsewhere@"
"""
        )
    )
    sent, got = place(r)
    assert headers_of(got, "X-Country", "P-Asserted-Identity") == ["ES", ""]
    assert got.request_uri.startswith("sip:00442079460100@")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = r.phone.response(200)
    r.phone.acknowledge(sent, ok)
    assert r.pbx.request("ACK").request_uri.startswith("sip:elsewhere@")
    r.trunk.call(SetHeaderRules(rules=""))
    _, again = place(r)
    assert again.get("P-Asserted-Identity")


def test_bad_header_rules_are_refused_with_one_line(rig: RigMaker) -> None:
    from harness.process import SimulatorRefused

    r = rig()
    with pytest.raises(SimulatorRefused, match=r"unknown key.*did you mean 'pattern'"):
        r.trunk.call(SetHeaderRules(rules='[[header_rules]]\naction = "remove"\nheader = "X"\npatern = "y"\n'))
