"""RTCP between two streams (RFC 3550 section 6), and what bad packets do to one: nothing."""

from __future__ import annotations

import random

import media_streams as streams
import pytest
from media_streams import Hands, Rtp, parse

from harness.load.records import Party
from simulators.light_phones.sdp import Codec

SECOND_NS = 1_000_000_000
KEY = bytes(range(30))
ROUNDS = 1500


def test_both_ends_learn_loss_and_round_trip():
    with streams.engine() as engine:
        near, far = (
            Hands(engine, streams.settings(Codec.OPUS)),
            Hands(engine, streams.settings(Codec.OPUS, Party.AGENT)),
        )
        for number in range(100):
            at_ns = number * streams.ROUND_NS
            if number % 4 != 3:
                far.feed(near.make(number), at_ns + 30_000_000)
            else:
                near.make(number)
            near.feed(far.make(number), at_ns + 30_000_000)
        # 30 ms to the far end, 500 ms there, 30 ms back.
        far.feed(near.make_rtcp(2 * SECOND_NS), 2 * SECOND_NS + 30_000_000)
        near.feed(far.make_rtcp(2 * SECOND_NS + 530_000_000), 2 * SECOND_NS + 560_000_000)
        report = near.stream.report()
        back = far.stream.report()
    assert report.far is not None and back.far is not None
    assert report.far.round_trip_ms == pytest.approx(60, abs=0.5)
    # The last of four is lost, and that it was sent the far end cannot know.
    assert report.far.lost == 24 and report.far.lost_share == pytest.approx(24 / 99, abs=1 / 256)
    assert (back.far.lost, back.far.lost_share, back.far.round_trip_ms) == (0, 0.0, None)


def test_a_report_says_what_was_sent_and_heard():
    with streams.engine() as engine:
        near, far = Hands(engine, streams.settings()), Hands(engine, streams.settings())
        for number in range(50):
            near.feed(far.make(number), number * streams.ROUND_NS)
            last = parse(near.make(number))
        octets = near.make_rtcp(49 * streams.ROUND_NS + 5_000_000)
        word = [int.from_bytes(octets[at : at + 4], "big") for at in range(0, len(octets), 4)]
    # SR with one block, then SDES with a CNAME.
    assert octets[0] == 0x81 and octets[1] == 200 and word[1] == near.stream.ssrc
    assert (word[4] - last.timestamp) % 2**32 == 5 * 8
    assert word[5:7] == [50, 50 * 160]
    assert (word[7], word[8] >> 24) == (far.stream.ssrc, 0)
    assert octets[52:54] == b"\x81\xca" and octets[61] == 8 and len(octets) == 72


@pytest.mark.parametrize("codec", streams.PAYLOAD_TYPES)
@pytest.mark.parametrize("key", [b"", KEY], ids=["rtp", "srtp"])
def test_no_packet_however_bad_does_harm(codec: Codec, key: bytes):
    chance = random.Random(f"{codec}{len(key)}")
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(codec, send_key=key))
        ear = Hands(engine, streams.settings(codec, receive_key=key))
        for number in range(ROUNDS):
            packet = mouth.make(number)
            report = mouth.make_rtcp(number * streams.ROUND_NS)
            # First, because in plain RTP a truncated packet with the right numbers would be the packet.
            ear.feed(packet, number * streams.ROUND_NS)
            for whole in (packet, report):
                ear.feed(whole[: chance.randrange(len(whole))], number * streams.ROUND_NS)
                spoilt = bytearray(whole)
                for _ in range(chance.randrange(1, 5)):
                    spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
                # Not to be taken for the sender: with its SSRC, garbage could move its numbers in plain RTP.
                spoilt[8:12] = b"evil"
                ear.feed(bytes(spoilt), number * streams.ROUND_NS)
                ear.feed(chance.randbytes(chance.randrange(200)), number * streams.ROUND_NS)
        report = ear.stream.report()
    heard = [stamp for stamp in report.stamps if stamp.call == 77]
    assert heard and heard[0].packets >= ROUNDS and heard[0].lost == 0
    assert report.malformed + report.undecryptable > ROUNDS


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x80",
        b"\x80\x08" + bytes(9),
        b"\x8f\x08" + bytes(10),  # fifteen CSRCs that are not there
        b"\x90\x08" + bytes(10) + b"\0\0\xff\xff",  # an extension longer than the packet
        b"\xa0\x08" + bytes(10) + b"\xff",  # more padding than packet
        b"\xa0\x08" + bytes(10) + b"\0",  # padding of nothing
        b"\x80\xc8\xff\xff" + bytes(20),  # RTCP longer than the datagram
        b"\x00\x01\x00\x00" + bytes(16),  # STUN
    ],
)
def test_a_malformed_packet_is_counted_and_nothing_else(octets: bytes):
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings())
        ear.feed(octets, 1)
        report = ear.stream.report()
    assert (report.malformed, report.received) == (1, 0)


def test_header_extension_and_csrcs_and_padding_hide_no_stamp():
    with streams.engine() as engine:
        mouth, ear = Hands(engine, streams.settings()), Hands(engine, streams.settings())
        plain = mouth.make(0)
        head = bytes([0x80 | 0x20 | 0x10 | 2]) + plain[1:12] + b"csr1csr2" + b"\xbe\xde\0\1ext!"
        ear.feed(head + plain[12:] + b"\0\0\0\4", 1)
        report = ear.stream.report()
    assert (report.malformed, report.unstamped, len(report.stamps)) == (0, 0, 1)


def test_another_payload_type_is_counted_and_not_heard():
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings())
        ear.feed(Rtp(1, 0, payload_type=13).octets(), 1)
        report = ear.stream.report()
    assert (report.received, report.other_payload, report.unstamped) == (1, 1, 0)
