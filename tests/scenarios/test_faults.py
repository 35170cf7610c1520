"""Which lines of the PBX's message a fault stands in."""

from __future__ import annotations

import pytest

from scenarios.faults import offending_lines

ANSWER = "\r\n".join(
    [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/TLS 127.0.0.26;branch=z9hG4bK1",
        "v: SIP/2.0/TLS [2001:db8::1];branch=z9hG4bK2",
        "Record-Route: <sip:127.0.0.26;lr>",
        "f: <sip:+442079460100@192.0.2.1>;tag=1",
        "Proxy-Authorization: Digest username=***",
        "",
        "v=0",
        "m=audio 4000 RTP/AVP 111 101",
        "a=rtpmap:101 telephone-event/8000",
        "a=ptime:60",
    ]
)


@pytest.mark.parametrize(
    ("kind", "why", "lines"),
    [
        ("via", "Via below the first came back as none", [1, 2]),
        ("record-route", "Record-Route of the 200 is <sip:127.0.0.26;lr>", [3]),
        ("refused-from_host", "192.0.2.1", [4]),
        ("refused-digest", "the digest user is '+44', expected '44'", [5]),
        ("answer", "a=ptime:60, offered is a=maxptime:20", [10]),
        ("answer", "payload type 101 for telephone-event/8000, offered as 126", [9]),
        ("answer", "audio RTP/AVP where audio RTP/SAVP is offered", [8]),
        ("answer", "2 crypto attributes in the answer, where one of those offered must be", [8]),
        ("route", "Route of the BYE is none, recorded was <sip:wa.meta.vc;lr>", [0]),
        ("some-new-rule", "the Record-Route is odd", [3]),
    ],
)
def test_the_line_at_fault(kind, why, lines):
    assert offending_lines(kind, why, ANSWER) == lines


@pytest.mark.parametrize("raw", ["", "\r\n\r\n", "\udc80\x00"])
def test_odd_messages_have_a_first_line(raw):
    assert offending_lines("via", "whatever", raw) == [0]
