"""What the server takes and what it refuses, each for a reason of its own; nothing that comes can make it fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sip.message import SipMessage, parse
from simulators.recorder.admission import admit, require_client
from simulators.recorder.body import MOST_BYTES, body_parts
from simulators.recorder.offer import Direction, answer, parse_offer, require_recordable
from simulators.recorder.refusal import Refused
from simulators.recorder.sound import Coding
from tests.recorder.recording_client import MIXED_TYPE, Told, mixed, offer

ADDRESS = "127.0.14.40"
OFFER = offer({"1": 4000, "2": 4002}, address=ADDRESS)
XML = Told().xml()


def invite(body: bytes = b"", content_type: str = MIXED_TYPE, **headers: str) -> SipMessage:
    message = SipMessage("INVITE sip:recorder@127.0.14.41 SIP/2.0")
    for name, value in {"Require": "siprec", "Contact": "<sip:src@127.0.14.40>;+sip.src", **headers}.items():
        message.add(name, value)
    message.add("Content-Type", content_type)
    message.body = body or mixed(OFFER, XML)
    return message


def test_a_whole_invite():
    require_client(invite())
    admission = admit(invite(), first=True)
    assert [stream.label for stream in admission.streams] == ["1", "2"]
    assert [stream.direction for stream in admission.streams] == [Direction.SENDONLY] * 2
    assert admission.metadata is not None
    assert admission.complaints == ()


@pytest.mark.parametrize(
    ("headers", "code", "reason"),
    [
        ({"Require": ""}, 421, "does not say Require: siprec"),
        ({"Require": "siprec, 100rel"}, 420, "Require names 100rel"),
        ({"Contact": ""}, 400, "no Contact"),
        ({"Contact": "<sip:src@127.0.14.40;+sip.src>"}, 400, "does not carry \\+sip.src"),
    ],
)
def test_who_is_no_recording_client(headers: dict[str, str], code: int, reason: str):
    with pytest.raises(Refused, match=reason) as refused:
        require_client(invite(**headers))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("body", "content_type", "code", "reason"),
    [
        (OFFER.encode(), "text/plain", 415, "text/plain"),
        (mixed(OFFER, XML), "multipart/alternative;boundary=x", 415, "not multipart/mixed"),
        (mixed(OFFER, XML), "multipart/mixed", 400, "names no boundary"),
        (mixed(OFFER, XML), "multipart/mixed;boundary=other", 400, "not in the body"),
        (mixed(OFFER, XML)[:-10], MIXED_TYPE, 400, "before its closing boundary"),
        (mixed(OFFER, XML[:-9]), MIXED_TYPE, 400, "no well-formed XML"),
        (mixed("v=1\r\n", XML), MIXED_TYPE, 400, "begin with v=0"),
        (mixed("v=0\r\n", XML), MIXED_TYPE, 400, "no m-line"),
        (XML.encode(), "application/rs-metadata+xml", 488, "no SDP offer"),
        (mixed(OFFER.replace("a=label:2\r\n", ""), XML), MIXED_TYPE, 488, "m-line 2 has no a=label"),
        (mixed(OFFER.replace("label:2", "label:1"), XML), MIXED_TYPE, 488, "m-lines 1 and 2 both have label '1'"),
        (mixed(OFFER.replace("sendonly", "recvonly"), XML), MIXED_TYPE, 488, "m-line 1 is recvonly"),
        (mixed(OFFER.replace("a=sendonly\r\n", ""), XML), MIXED_TYPE, 488, "m-line 1 is sendrecv"),
        (mixed(OFFER.replace("RTP/AVP", "RTP/SAVP"), XML), MIXED_TYPE, 488, "RTP/SAVP"),
        (mixed(OFFER.replace("AVP 0", "AVP 18"), XML), MIXED_TYPE, 488, "no audio that can be heard here"),
        (mixed(OFFER.replace("audio 400", "audio 990000"), XML), MIXED_TYPE, 400, "not an m-line"),
        (b"x" * (MOST_BYTES + 1), MIXED_TYPE, 413, "more than"),
        (
            b"--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" * 9000,
            "multipart/mixed;boundary=b",
            415,
            "within",
        ),
    ],
)
def test_what_is_refused(body: bytes, content_type: str, code: int, reason: str):
    with pytest.raises(Refused, match=reason) as refused:
        admit(invite(body, content_type), first=True)
    assert refused.value.code == code


def test_what_is_recorded_all_the_same():
    wrong = mixed(OFFER, XML.replace("complete", "partial"), disposition="render")
    assert admit(invite(wrong), first=True).complaints == (
        "the metadata's Content-Disposition is 'render', not recording-session",
        "the first metadata is a partial update of nothing",
    )
    assert admit(invite(OFFER.encode(), "application/sdp"), first=True).metadata is None


def test_the_answer_receives_what_can_be_heard():
    offered = OFFER.replace("AVP 0", "AVP 111 8 0").replace("a=rtpmap:0 PCMU", "a=rtpmap:111 opus/48000/2\r\na=x:0 y")
    streams = parse_offer((offered + "m=video 4008 RTP/AVP 99\r\na=label:3\r\na=sendonly\r\n").encode())
    require_recordable(streams)
    lines = answer(streams, "127.0.14.41", {"1": 5000, "2": 5002}, session=7, version=1).decode().splitlines()
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 5000 RTP/AVP 8 101",
        "m=audio 5002 RTP/AVP 8 101",
        "m=video 0 RTP/AVP 99",
    ]
    assert lines.count("a=recvonly") == 2
    assert "a=rtpmap:8 PCMA/8000" in lines
    paused = parse_offer(OFFER.replace("sendonly", "inactive").encode())
    assert answer(paused, "127.0.14.41", {"1": 5000, "2": 5002}, session=7, version=2).count(b"a=inactive") == 2


@pytest.mark.parametrize("coding", list(Coding))
def test_codings_that_are_heard(coding: Coding):
    number = {"pcmu": 0, "pcma": 8, "g722": 9}[coding]
    (stream,) = parse_offer(f"v=0\r\nm=audio 4000 RTP/AVP {number}\r\na=label:1\r\na=sendonly\r\n".encode())
    assert stream.speech == (number, coding)


@given(st.text(max_size=80), st.binary(max_size=400))
def test_any_body(content_type: str, body: bytes):
    message = invite(body or b"x", content_type.replace("\r", "").replace("\n", ""))
    try:
        admit(message, first=True)
    except Refused as refused:
        assert refused.reason


@given(st.integers(0, 2000), st.integers(0, 30), st.binary(max_size=6))
def test_a_damaged_body(at: int, cut: int, put: bytes):
    body = mixed(OFFER, XML)
    try:
        admission = admit(invite(body[:at] + put + body[at + cut :]), first=True)
    except Refused as refused:
        assert refused.reason
    else:
        ports = {stream.label: 4000 for stream in admission.streams}
        answer(admission.streams, ADDRESS, ports, session=1, version=1)


@given(st.binary(max_size=300))
def test_any_sdp(octets: bytes):
    try:
        streams = parse_offer(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n" + octets)
        require_recordable(streams)
    except Refused as refused:
        assert refused.code in (400, 488)


def test_blanks_where_clients_of_the_trade_leave_them():
    body = (
        mixed(OFFER, f"\r\n {XML}")
        .replace(b"7866\r\n", b"7866 \r\n")
        .replace(b"application/sdp\r\n", b"application/sdp \r\n")
    )
    admission = admit(invite(body.replace(b"sendonly\r\n", b"sendonly \r\n")), first=True)
    assert [stream.label for stream in admission.streams] == ["1", "2"]
    assert admission.metadata is not None


def test_a_transfer_encoding_is_undone():
    (part,) = body_parts(
        "multipart/mixed;boundary=b",
        "",
        (b"--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0wDQo=\r\n--b--"),
    )
    assert part.content == b"v=0\r\n"


def test_messages_are_those_of_the_wire():
    assert parse(invite().to_bytes()).body == mixed(OFFER, XML)
