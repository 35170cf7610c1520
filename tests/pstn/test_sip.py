"""Requests and responses of the PSTN gateway: RFC 3261's own examples, noise, streams cut anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.pstn.sip import StreamReader, parse_request, response

INVITE = (
    b"INVITE sip:02079460000@127.0.0.30:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.10:5060;branch=z9hG4bKabc\r\n"
    b'f: "Ana Mar\xc3\xada" <sip:+34612345678@127.0.0.10>;tag=1\r\n'
    b"To: <sip:02079460000@127.0.0.30>\r\n"
    b"Call-ID:\r\n one@127.0.0.10\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Content-Length: 4\r\n\r\nv=0\n"
)


def test_a_request_tells_who_calls_whom():
    request = parse_request(INVITE)
    assert request is not None
    assert (request.caller, request.called) == ("+34612345678", "02079460000")
    assert request.header("call-id") == "one@127.0.0.10"
    assert "Ana María" in request.raw


def test_a_response_copies_what_it_must_and_adds_a_tag():
    request = parse_request(INVITE)
    assert request is not None
    lines = response(request, 403, "No").decode().split("\r\n")
    assert lines[0] == "SIP/2.0 403 No"
    assert "Via: SIP/2.0/UDP 127.0.0.10:5060;branch=z9hG4bKabc" in lines
    assert any(line.startswith("To: <sip:02079460000@127.0.0.30>;tag=") for line in lines)
    assert "CSeq: 1 INVITE" in lines
    assert lines[-2:] == ["", ""]


def test_100_has_no_tag():
    request = parse_request(INVITE)
    assert request is not None
    assert b"30>;tag" not in response(request, 100, "Trying")


def test_no_request():
    for noise in (b"", b"\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"INVITE sip:x SIP/2.0\r\n\r\n", b"\xff\xfe"):
        assert parse_request(noise) is None


@given(st.binary(max_size=300))
def test_noise_never_raises(data: bytes):
    request = parse_request(data)
    if request is not None:
        response(request, 403, "No")


@given(st.integers(0, len(INVITE)), st.binary(max_size=40))
def test_a_damaged_request_never_raises(position: int, noise: bytes):
    request = parse_request(INVITE[:position] + noise + INVITE[position:])
    if request is not None:
        response(request, 403, "No")


@given(st.lists(st.integers(0, 2 * len(INVITE)), max_size=6))
def test_a_stream_is_cut_the_same_wherever_it_is_split(splits: list[int]):
    stream = INVITE + b"\r\n\r\n" + INVITE
    reader, messages, begin = StreamReader(), [], 0
    for end in [*sorted(splits), len(stream)]:
        messages += reader.feed(stream[begin:end])
        begin = max(begin, end)
    assert messages == [INVITE, INVITE]
    assert not reader.broken


def test_a_stream_that_is_no_sip_is_given_up():
    assert StreamReader().feed(b"GET / HTTP/1.1\r\n") == []
    endless = StreamReader()
    endless.feed(b"x" * 70_000)
    assert endless.broken
    wrong = StreamReader()
    wrong.feed(b"INVITE x SIP/2.0\r\nContent-Length: many\r\n\r\n")
    assert wrong.broken
