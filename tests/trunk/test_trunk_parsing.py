"""Messages, framing, numbers, digest and SDP: the parts without sockets."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sip_peer import SDP

from harness.sip.framing import FramingError, StreamFramer
from harness.sip.message import MalformedMessageError, SipMessage, check_headers, parameter, parse, salvage
from harness.wacid import make_wacid
from simulators.trunk.numbers import NumberFormat, formatted, in_e164, spellings
from simulators.trunk.sdp import (
    MediaPlace,
    NoCommonCodecError,
    SdpPolicy,
    media_place,
    rejecting,
    shape_offer,
    with_media_at,
    without_ear,
)
from simulators.trunk.sippy_text import for_sippy, from_sippy, quotable

BODIES = st.binary(max_size=200)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).map(str.strip)


def message(value: str = "x", body: bytes = b"") -> SipMessage:
    return SipMessage("OPTIONS sip:a@b SIP/2.0", [("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("Subject", value)], body)


@given(VALUES, BODIES)
def test_messages_survive_writing_and_reading(value: str, body: bytes) -> None:
    read = parse(message(value, body).to_bytes())
    assert read.get("subject") == value
    assert read.body == body


@given(st.text(max_size=40), BODIES)
@example("\U0010ff80 \U0010f000", "\U0010ff80".encode())
def test_text_for_sippy_has_every_octet_and_no_surprise(value: str, body: bytes) -> None:
    plain = value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    plain = plain.replace("\r", "").replace("\n", "").strip()
    before = message(plain, body)
    text = for_sippy(before)
    text.encode("utf-8")
    head, _, rest = text.partition("\r\n\r\n")
    assert head.splitlines() == head.split("\r\n")
    assert f"Content-Length: {len(rest)}" in head
    after = from_sippy(text)
    assert after.get("Subject").encode("utf-8", "surrogateescape") == plain.encode("utf-8", "surrogateescape")
    assert after.body == body


@given(st.binary(max_size=300))
def test_any_octets_are_a_message_or_malformed(octets: bytes) -> None:
    salvage(octets)
    try:
        check_headers(parse(octets))
    except MalformedMessageError as malformed:
        assert "\n" not in str(malformed)


@given(st.lists(BODIES, min_size=1, max_size=5), st.data())
def test_stream_is_cut_into_messages_however_it_is_segmented(bodies: list[bytes], data: st.DataObject) -> None:
    messages = [message(str(n), body).to_bytes() for n, body in enumerate(bodies)]
    stream = b"\r\n\r\n".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    framer = StreamFramer()
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[start:end])
    assert found == messages


@given(st.binary(max_size=500))
def test_framer_yields_messages_or_gives_up(octets: bytes) -> None:
    try:
        for found in StreamFramer().feed(octets):
            assert b"\r\n\r\n" in found
    except FramingError as error:
        assert error.octets


@pytest.mark.parametrize("length", ["x", "-1", "99999999999", "1 2"])
def test_unusable_length_on_a_stream(length: str) -> None:
    with pytest.raises(FramingError):
        StreamFramer().feed(f"OPTIONS a SIP/2.0\r\nContent-Length: {length}\r\n\r\n".encode())


def test_compact_forms_and_folding() -> None:
    read = parse(b"OPTIONS sip:a@b SIP/2.0\r\nf: <sip:x@y>;tag=1\r\nSubject: a\r\n b\r\nl: 2\r\n\r\nhello")
    assert read.get("From") == "<sip:x@y>;tag=1"
    assert read.get("Subject") == "a b"
    assert read.body == b"he"
    assert parameter(read.get("From"), "tag") == "1"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (NumberFormat.E164_PLUS, "+442079460100"),
        (NumberFormat.E164, "442079460100"),
        (NumberFormat.NATIONAL, "02079460100"),
    ],
)
def test_number_formats(form: NumberFormat, text: str) -> None:
    assert formatted("+442079460100", form) == text
    assert text in spellings("+442079460100")


def test_user_ids_are_not_numbers() -> None:
    for form in NumberFormat:
        assert formatted("US.13491208655302741918", form) == "US.13491208655302741918"
    assert in_e164("US.1349") == "US.1349"
    assert in_e164("44 20-7946 0100") == "+442079460100"


def test_wacid_has_both_numbers() -> None:
    wacid = make_wacid("+34600111222", "+442079460100")
    octets = base64.b64decode(wacid.removeprefix("wacid."))
    assert b"34600111222" in octets
    assert b"442079460100" in octets
    assert wacid != make_wacid("+34600111222", "+442079460100")


POLICY = SdpPolicy(codecs=("opus", "pcma"), reorder=True, event_clocks=(8000,), ptime_ms=20)


def test_offer_is_restricted_and_ordered() -> None:
    shaped = shape_offer(SDP.replace("96 0 8 9 120", "8 0 96 9 120"), POLICY)
    assert "m=audio 40000 RTP/AVP 96 8 120\r\n" in shaped
    assert "PCMU" not in shaped
    assert shaped.endswith("a=ptime:20\r\na=maxptime:20\r\n")


def test_telephone_event_of_other_clocks_goes() -> None:
    shaped = shape_offer(SDP.replace("telephone-event/8000", "telephone-event/48000"), POLICY)
    assert "telephone-event" not in shaped
    assert "RTP/AVP 96 8\r\n" in shaped


def test_no_common_codec() -> None:
    with pytest.raises(NoCommonCodecError, match=r"offered .*pcmu.*, the trunk carries opus, pcma"):
        shape_offer("v=0\r\nm=audio 1 RTP/AVP 0\r\n", POLICY)


@given(st.text(max_size=200))
def test_any_text_as_offer(text: str) -> None:
    with_media = f"v=0\r\nm=audio 1 RTP/AVP 8\r\n{text}"
    assert "m=audio 1 RTP/AVP 8\r\n" in shape_offer(with_media, POLICY)


@given(st.text(max_size=40))
def test_display_names_can_be_quoted(name: str) -> None:
    quoted = quotable(name)
    assert not any(char < " " for char in quoted)
    assert quoted.replace("\\\\", "").replace('\\"', "").count('"') == 0


def test_audio_that_nobody_receives() -> None:
    deaf = without_ear(SDP.replace("a=sendrecv", "a=rtcp:40001 IN IP4 127.0.12.9\r\na=rtcp-mux\r\na=sendrecv"))
    assert "m=audio 9 RTP/AVP 96 0 8 9 120\r\n" in deaf
    assert deaf.endswith("a=sendrecv\r\na=rtcp:9\r\n")
    assert deaf.count("a=rtcp") == 1
    assert without_ear(SDP.replace("m=audio 40000", "m=audio 0")) == SDP.replace("m=audio 40000", "m=audio 0")


def test_only_the_audio_stream_loses_its_ear() -> None:
    video = "m=video 50000 RTP/AVP 97\r\na=rtcp:50001\r\n"
    deaf = without_ear(SDP + video)
    assert deaf.endswith("a=rtcp:9\r\n" + video)


def test_answer_that_rejects_every_stream() -> None:
    answer = rejecting(SDP + "m=video 50000 RTP/AVP 97 98\r\n")
    assert answer.endswith("m=audio 0 RTP/AVP 96 0 8 9 120\r\nm=video 0 RTP/AVP 97 98\r\n")


def test_media_at_another_place() -> None:
    clocks = {96: 48_000, 0: 8000, 8: 8000, 9: 8000, 120: 8000}
    place = MediaPlace(("127.0.12.9", 40000), ("127.0.12.9", 40001), frozenset({120}), clocks, protected=False, keys=())
    assert media_place(SDP) == place
    moved = with_media_at(SDP, "127.0.12.20", 30000, 30001)
    assert media_place(moved) == replace(place, rtp=("127.0.12.20", 30000), rtcp=("127.0.12.20", 30001))
    # The session's own address is what other streams go by.
    assert "s=-\r\nc=IN IP4 127.0.12.9\r\n" in moved
    assert "m=audio 30000 RTP/AVP 96 0 8 9 120\r\nc=IN IP4 127.0.12.20\r\na=rtpmap:96" in moved
    assert moved.endswith("a=sendrecv\r\na=rtcp:30001\r\n")


def test_the_stream_s_own_address_and_rtcp_port_count() -> None:
    own = SDP.replace("a=sendrecv", "c=IN IP4 127.0.12.7\r\na=rtcp:50000 IN IP4 127.0.12.6\r\na=sendrecv")
    place = media_place(own)
    assert place is not None
    assert (place.rtp, place.rtcp) == (("127.0.12.7", 40000), ("127.0.12.6", 50000))
    moved = with_media_at(own, "127.0.12.20", 30000, 30001)
    assert "127.0.12.7" not in moved
    assert "127.0.12.6" not in moved


@pytest.mark.parametrize(
    "sdp",
    [
        SDP.replace("m=audio 40000", "m=audio 0"),
        SDP.replace("c=IN IP4 127.0.12.9", "c=IN IP4 0.0.0.0"),
        SDP.replace("c=IN IP4 127.0.12.9\r\n", ""),
        SDP.partition("m=audio")[0],
    ],
    ids=["refused stream", "hold of RFC 2543", "no address", "no audio"],
)
def test_what_has_no_place_stays_as_it_is(sdp: str) -> None:
    assert media_place(sdp) is None
    assert with_media_at(sdp, "127.0.12.20", 30000, 30001) == sdp


@given(st.text(max_size=300))
def test_any_text_can_be_moved(text: str) -> None:
    media_place(text)
    with_media_at(text, "127.0.12.20", 30000, 30001)


@given(st.text(max_size=300))
def test_any_text_can_be_deafened_and_rejected(text: str) -> None:
    without_ear(text)
    assert rejecting(text).startswith("v=0\r\n")
