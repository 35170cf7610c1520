"""SDP of light phones: what two of them agree on, and what else comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.light_phones.sdp import (
    OPUS_PARAMETERS,
    Codec,
    Direction,
    OwnMedia,
    Security,
    UnacceptableSdpError,
    agree,
    make_answer,
    make_offer,
    read_sdp,
)

PORTS = st.integers(1, 32766).map(lambda half: 2 * half)
SIDES = st.builds(
    OwnMedia,
    address=st.ip_addresses(v=4).map(str).filter(lambda address: address != "0.0.0.0"),
    port=PORTS,
    rtcp_port=PORTS.map(lambda port: port + 1),
    ssrc=st.integers(0, 2**32 - 1),
    codecs=st.permutations(list(Codec)).flatmap(lambda all_: st.integers(1, 3).map(lambda n: tuple(all_[:n]))),
    key=st.binary(min_size=30, max_size=30),
    security=st.sampled_from(Security),
)
META = """v=0
o=- 17 2 IN IP4 57.144.1.2
s=-
c=IN IP4 57.144.1.2
t=0 0
a=msid-semantic: WMS x
m=audio 3480 RTP/SAVP 111 126
a=rtcp:9 IN IP4 0.0.0.0
a=rtcp-mux
a=crypto:1 AEAD_AES_256_GCM inline:AAAA
a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^31
a=rtpmap:111 opus/48000/2
a=fmtp:111 maxaveragebitrate=20000
a=rtpmap:126 telephone-event/8000
m=video 0 RTP/AVP 96
"""


@given(offerer=SIDES, answerer=SIDES, direction=st.sampled_from(Direction))
def test_both_agree_on_the_same(offerer: OwnMedia, answerer: OwnMedia, direction: Direction) -> None:
    offer = make_offer(offerer, direction)
    described = read_sdp(offer.encode())
    assert (described.rtp, described.direction) == ((offerer.address, offerer.port), direction)
    assert [codec for codec, _ in described.codecs] == list(offerer.codecs)
    common = [codec for codec in offerer.codecs if codec in answerer.codecs]
    if not common:
        with pytest.raises(UnacceptableSdpError, match="no common codec"):
            make_answer(answerer, described)
        return
    answer, theirs = make_answer(answerer, described)
    ours = agree(offerer, read_sdp(answer.encode()))
    assert ours.codec is theirs.codec is common[0]
    assert (ours.rtp, theirs.rtp) == ((answerer.address, answerer.port), (offerer.address, offerer.port))
    assert (ours.payload_type, ours.event) == (theirs.payload_type, theirs.event)
    assert (ours.send_key, ours.receive_key) == (theirs.receive_key, theirs.send_key)
    assert bool(ours.send_key) is (offerer.security is Security.SDES)
    assert ours.sends is (direction in (Direction.SENDRECV, Direction.SENDONLY))
    assert theirs.sends is (direction in (Direction.SENDRECV, Direction.RECVONLY))
    muxed = offerer.security is Security.SDES
    assert ours.rtcp == (answerer.address, answerer.port if muxed else answerer.rtcp_port)


LINES = st.sampled_from([line for sdp in (META,) for line in sdp.split("\n") if line])
ODD = st.one_of(LINES, st.text(max_size=30), LINES.flatmap(lambda line: st.integers(0, 40).map(lambda n: line[:n])))


@given(
    st.one_of(st.binary(max_size=300), st.lists(ODD, max_size=25).map(lambda ls: "\r\n".join(["v=0", *ls]).encode()))
)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        described = read_sdp(body)
    except UnacceptableSdpError as why:
        assert "\n" not in str(why)
        return
    assert described.codecs
    assert 0 < described.rtp[1] < 65536


def test_an_offer_as_the_phones_make_it() -> None:
    own = OwnMedia(
        address="127.0.0.1",
        port=4000,
        rtcp_port=4001,
        ssrc=255,
        codecs=(Codec.OPUS,),
        key=b"1" * 30,
        security=Security.SDES,
    )
    assert make_offer(own).split("\r\n")[5:] == [
        "m=audio 4000 RTP/SAVP 111 126",
        "a=rtpmap:111 opus/48000/2",
        f"a=fmtp:111 {OPUS_PARAMETERS}",
        "a=ptime:20",
        "a=rtpmap:126 telephone-event/8000",
        "a=fmtp:126 0-16",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'MTEx' * 10}",
        "a=rtcp-mux",
        "a=sendrecv",
        "a=ssrc:255 cname:000000ff",
        "",
    ]


def test_what_comes_from_meta() -> None:
    described = read_sdp(META.encode())
    assert (described.rtp, described.rtcp, described.event) == (("57.144.1.2", 3480), ("57.144.1.2", 3480), 126)
    assert (described.crypto_tag, described.key) == ("2", b"123456789012345678901234567890")
    own = OwnMedia(address="127.0.0.1", port=2, rtcp_port=3, ssrc=1, codecs=tuple(Codec), key=b"1" * 30)
    answer, _ = make_answer(own, described)
    assert "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MTEx" in answer
    assert answer.endswith("m=video 0 RTP/AVP 96\r\n")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("RTP/SAVP", "UDP/TLS/RTP/SAVPF", "the profile UDP/TLS/RTP/SAVPF is none of"),
        ("3480", "0", "has port 0"),
        ("opus/48000", "speex/8000", "none of the codecs"),
        ("SHA1_80", "SHA1_32", "no usable a=crypto line"),
        ("|2^31", "|2^31|1:4", "no usable a=crypto line"),
        ("c=IN IP4", "c=IN IP6", "no connection address"),
        ("v=0", "v=1", "does not begin with v=0"),
    ],
)
def test_what_cannot_be_taken_says_why(old: str, new: str, why: str) -> None:
    with pytest.raises(UnacceptableSdpError, match=why):
        read_sdp(META.replace(old, new).encode())


def test_an_old_hold() -> None:
    held = read_sdp(META.replace("c=IN IP4 57.144.1.2", "c=IN IP4 0.0.0.0").encode())
    assert held.direction is Direction.INACTIVE
