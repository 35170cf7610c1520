"""The media relay's rules on SRTP: both ends are libsrtp's, with the keys that the SDPs announced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pylibsrtp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from srtp_ends import crypto_line, key_of, receiving, sending
from test_relay_rules import EVENT, PBX, SPEECH, digits_of, ends, keys, rtp, sequences, starts, stream

from simulators.trunk.protocol import (
    DurationsRecounted,
    EndsAdded,
    EndsLost,
    HeldBack,
    MediaRule,
    PacketsLost,
    WayCut,
)
from simulators.trunk.relay_rules import RelayWay
from simulators.trunk.sdes import SrtpKey, Suite
from simulators.trunk.sdp import media_place
from simulators.trunk.srtp import LONGEST, SrtpSender

KEY = key_of()
LOOKS = DurationsRecounted(way=PBX)
"""Of itself it looks into every packet and changes none whose durations are in the clock that was agreed on."""

suites = st.sampled_from(Suite)


def way_of(*rules: MediaRule, announced: Iterable[SrtpKey] = (KEY,)) -> RelayWay:
    way = RelayWay(PBX, rules)
    way.know(frozenset({EVENT}), {EVENT: 8000, SPEECH: 8000})
    way.expect(protected=True, keys=announced)
    return way


def protected(packets: Iterable[bytes], key: SrtpKey = KEY) -> list[bytes]:
    sender = sending(key)
    return [sender.protect(packet) for packet in packets]


def received(packets: Iterable[bytes], key: SrtpKey = KEY) -> list[bytes]:
    """As the far end opens them. Raises pylibsrtp.Error for one that is not authentic or comes again."""
    receiver = receiving(key)
    return [receiver.unprotect(packet) for packet in packets]


def through(way: RelayWay, packets: Iterable[bytes]) -> list[bytes]:
    return [out for packet in packets for out in way.rtp(packet)]


def test_a_published_packet_is_opened_and_closed() -> None:
    # libsrtp, test/srtp_driver.c, srtp_validate.
    key = SrtpKey(
        Suite.AES_CM_128_HMAC_SHA1_80, bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
    )
    plain = bytes.fromhex("800f1234decafbadcafebabe") + 16 * b"\xab"
    closed = bytes.fromhex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")
    sender = SrtpSender()
    sender.announce([key])
    assert sender.open(closed) == plain
    assert sender.close(plain) == closed


@given(keys, starts, suites)
def test_packets_that_no_rule_touches_come_out_octet_for_octet(digits: str, start: int, suite: Suite) -> None:
    key = key_of(suite)
    packets = protected(stream(digits, sequence=start), key)
    way = way_of(LOOKS, announced=[key])
    assert through(way, packets) == packets
    counts = way.counts()
    assert (counts.received, counts.sent, counts.unread) == (len(packets), len(packets), 0)
    assert counts.digits == digits


@given(keys, starts, st.integers(0, 3), suites)
def test_ends_are_lost(digits: str, start: int, kept: int, suite: Suite) -> None:
    key = key_of(suite)
    way = way_of(EndsLost(way=PBX, kept=kept), announced=[key])
    got = received(through(way, protected(stream(digits, sequence=start), key)), key)
    assert ends(got) == [kept] * len(digits)
    assert digits_of(got) == digits == way.counts().digits


@given(keys, starts, st.integers(1, 5), suites)
def test_ends_are_added(digits: str, start: int, extra: int, suite: Suite) -> None:
    key = key_of(suite)
    way = way_of(EndsAdded(way=PBX, extra=extra), announced=[key])
    # The far end takes no number twice, and none that is not authentic, also where the numbers turn.
    got = received(through(way, protected(stream(digits, sequence=start), key)), key)
    assert ends(got) == [3 + extra] * len(digits)
    assert sequences(got) == [(start + n) % 65_536 for n in range(len(got))]
    assert digits_of(got) == digits
    assert way.counts().unread == 0


def test_durations_are_recounted() -> None:
    way = RelayWay(PBX, [LOOKS])
    way.know(frozenset({EVENT}), {EVENT: 8000, SPEECH: 48_000})
    way.expect(protected=True, keys=[KEY])
    plain = stream("5")
    told = [
        packet[:-2] + (6 * int.from_bytes(packet[-2:], "big")).to_bytes(2, "big") if packet[1] == EVENT else packet
        for packet in plain
    ]
    assert received(through(way, protected(told))) == plain
    assert way.counts().rules[0].packets == 6


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_order_and_repetition_are_borne(order: Sequence[int]) -> None:
    packets = protected(stream("12345"))
    way = way_of(EndsAdded(way=PBX))
    out = through(way, [packets[n % len(packets)] for n in order])
    repeated = len(order) - len(set(order))
    assert way.counts().unread == repeated
    # What came before goes on as it came; the far end throws it away.
    assert len(out) >= len(order)


@pytest.mark.parametrize("suite", Suite)
def test_of_several_keys_the_one_that_was_taken_is_found(suite: Suite) -> None:
    offered = [key_of(), key_of(first=1), key_of(suite, first=2)]
    sdp = "\r\n".join(
        [
            "v=0",
            "c=IN IP4 127.0.0.1",
            f"m=audio 4000 RTP/SAVP {SPEECH} {EVENT}",
            *(crypto_line(tag, key) for tag, key in enumerate(offered, 1)),
        ]
    )
    place = media_place(sdp)
    assert place is not None
    assert (place.protected, place.keys) == (True, tuple(offered))
    way = way_of(EndsLost(way=PBX), announced=place.keys)
    got = received(through(way, protected(stream("12"), offered[2])), offered[2])
    assert ends(got) == [0, 0]
    assert way.counts().unread == 0


def test_a_later_offer_has_other_keys() -> None:
    first, second, third = (key_of(first=n) for n in range(3))
    way = way_of(EndsLost(way=PBX), announced=[first])
    early, late = protected(stream("1"), first), protected(stream("2", sequence=100), second)
    assert ends(received(through(way, early[:8]), first)) == [0]
    way.expect(protected=True, keys=[second])
    way.expect(protected=True, keys=[second])
    # What is still under way by the old key is read, too.
    assert len(through(way, early[8:])) == 0
    assert ends(received(through(way, late), second)) == [0]
    way.expect(protected=True, keys=[third])
    assert way.counts().digits == "12"
    assert way.counts().unread == 0


def test_a_key_that_stays_keeps_its_count_of_turns() -> None:
    way = way_of(EndsLost(way=PBX))
    packets = protected(stream("12345", sequence=65_530))
    out = through(way, packets[:20])
    way.expect(protected=True, keys=[key_of(first=1), KEY])
    got = received([*out, *through(way, packets[20:])])
    assert digits_of(got) == "12345"
    assert way.counts().unread == 0


@pytest.mark.parametrize("announced", [(), (key_of(first=1),), (key_of(Suite.AES_CM_128_HMAC_SHA1_32),)])
def test_without_the_key_packets_go_on_as_they_came_and_are_counted(announced: tuple[SrtpKey, ...]) -> None:
    packets = protected(stream("12"))
    way = way_of(LOOKS, EndsLost(way=PBX), EndsAdded(way=PBX), announced=announced)
    assert through(way, packets) == packets
    counts = way.counts()
    assert (counts.unread, counts.sent, counts.digits) == (len(packets), len(packets), "")
    assert [one.packets for one in counts.rules] == [0, 0, 0]


def test_rules_that_look_into_no_packet_need_no_key() -> None:
    packets = protected(stream("12345" * 5))[:100]
    way = way_of(PacketsLost(way=PBX, percent=20), announced=())
    out = through(way, packets)
    assert len(out) == 80
    assert out == [packet for packet in packets if packet in out]
    assert way.counts().unread == 0
    assert through(way_of(WayCut(way=PBX)), packets) == []


def test_packets_that_cannot_be_read_are_lost_and_held_back_all_the_same() -> None:
    way = way_of(LOOKS, HeldBack(way=PBX), announced=())
    packets = protected(stream("1"))
    assert through(way, packets) == []
    way.other_has_begun()
    assert through(way, packets) == packets


def test_srtcp_on_the_same_port_passes_untouched() -> None:
    report = sending(KEY).protect_rtcp(b"\x80\xc8\x00\x06" + bytes(24))
    way = way_of(LOOKS, EndsLost(way=PBX))
    assert way.rtp(report) == way.rtcp(report) == [report]
    assert (way.counts().rtcp, way.counts().unread) == (2, 0)


def test_a_call_that_is_not_encrypted_needs_none_of_this() -> None:
    way = way_of(EndsLost(way=PBX))
    way.expect(protected=False, keys=())
    assert ends(through(way, stream("12"))) == [0, 0]


@given(st.binary(max_size=80), st.booleans())
def test_garbage_passes_as_it_came(octets: bytes, version_2: bool) -> None:
    garbage = (b"\x80" + octets[1:]) if version_2 else octets
    way = way_of(LOOKS, EndsLost(way=PBX), EndsAdded(way=PBX))
    assert way.rtp(garbage) == [garbage]


@given(st.data())
def test_spoilt_and_truncated_packets_pass_as_they_came(data: st.DataObject) -> None:
    packets = protected(stream("5"))
    packet = bytearray(data.draw(st.sampled_from(packets)))
    if data.draw(st.booleans()):
        packet = packet[: data.draw(st.integers(0, len(packet) - 1))]
    else:
        packet[data.draw(st.integers(12, len(packet) - 1))] ^= data.draw(st.integers(1, 255))
    way = way_of(LOOKS, EndsLost(way=PBX), EndsAdded(way=PBX))
    assert way.rtp(bytes(packet)) == [bytes(packet)]
    # The true one is read after it.
    assert len(through(way, packets)) == len(packets) - 3
    assert way.counts().digits == "5"


@given(st.binary(max_size=40), st.integers(0, 63), st.integers(0, 255))
def test_any_plain_packet_of_the_sender_is_coped_with(payload: bytes, bits: int, second: int) -> None:
    plain = bytes((0x80 | bits, second)) + rtp(5, 6, payload)[2:]
    try:
        packet = sending(KEY).protect(plain)
    except pylibsrtp.Error:
        # A header like this cannot be protected.
        return
    way = way_of(LOOKS, EndsLost(way=PBX), EndsAdded(way=PBX))
    assert len(way.rtp(packet)) in (0, 1, 4)


@pytest.mark.parametrize("octets", [LONGEST, LONGEST + 1, 1500, 1501, 9000])
def test_long_packets_pass(octets: int) -> None:
    plain = rtp(1, 2, bytes(octets - 12 - 10), kind=SPEECH)
    packet = protected([plain])[0] if octets <= LONGEST else plain + bytes(10)
    way = way_of(LOOKS)
    assert way.rtp(packet) == [packet]
    assert way.counts().unread == (octets > LONGEST)


def test_what_is_too_far_behind_to_be_sent_is_lost() -> None:
    sender = SrtpSender()
    assert sender.close(rtp(0, 0, b"x")) is None
    sender.announce([KEY])
    packets = [rtp(n, n, b"x", kind=SPEECH) for n in (0, 20_000, 40_000, 60_000)]
    for plain, packet in zip(packets, protected(packets), strict=True):
        assert sender.open(packet) == plain
        assert sender.close(plain) == packet
    assert sender.close(rtp(30_000, 0, b"x")) is None
