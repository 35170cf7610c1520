"""SRTP of the light phones against libsrtp, in both directions."""

from __future__ import annotations

import media_streams as streams
import pylibsrtp
import pytest
from media_streams import Hands, Rtp, parse

from simulators.light_phones.sdp import Codec

KEY, OTHER_KEY = bytes(range(30)), bytes(range(1, 31))


def libsrtp(direction: int, key: bytes = KEY) -> pylibsrtp.Session:
    return pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=direction))


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA])
def test_libsrtp_reads_what_a_stream_sends_past_the_turn_of_the_numbers(codec: Codec):
    reader = libsrtp(pylibsrtp.Policy.SSRC_ANY_INBOUND)
    with streams.engine() as engine:
        secure = Hands(engine, streams.settings(codec, send_key=KEY))
        before = parse(reader.unprotect(secure.make(0)))
        for number in range(1, 70_000):
            octets = secure.make(number)
            # libsrtp follows with every so many; it estimates the turns by itself.
            if number % 500 == 0:
                packet = parse(reader.unprotect(octets))
                assert packet.sequence == (before.sequence + number) % 65_536
    assert before.payload_type == streams.PAYLOAD_TYPES[codec]


def test_a_stream_reads_what_libsrtp_sends_past_the_turn_of_the_numbers():
    writer = libsrtp(pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(receive_key=KEY))
        mouth = Hands(engine, streams.settings())
        for number in range(2000):
            packet = parse(mouth.make(number))
            protected = writer.protect(Rtp(64_500 + number, packet.timestamp, packet.payload).octets())
            # Neighbours change places, also where the numbers turn.
            ear.feed(protected, number * streams.ROUND_NS)
        report = ear.stream.report()
    assert (report.received, report.expected, report.undecryptable, report.stamps[0].packets) == (2000, 2000, 0, 2000)


def test_order_and_repetition_across_the_turn():
    writer = libsrtp(pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(receive_key=KEY))
        protected = [writer.protect(Rtp(65_520 + number, number * 160).octets()) for number in range(32)]
        for place in range(0, 32, 2):
            for number in (place + 1, place, place):
                ear.feed(protected[number], number * streams.ROUND_NS)
        report = ear.stream.report()
    # What came before the first is in no sequence (RFC 3550 A.3), but it was received.
    assert (report.received, report.undecryptable, report.expected, report.lost) == (48, 0, 31, 0)
    assert (report.duplicated, report.reordered) == (16, 15)


@pytest.mark.parametrize("spoilt", ["key", "octet", "tag", "plain"])
def test_what_is_not_the_far_ends_is_not_heard(spoilt: str):
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(send_key=b"" if spoilt == "plain" else KEY))
        ear = Hands(engine, streams.settings(receive_key=OTHER_KEY if spoilt == "key" else KEY))
        for number in range(20):
            packet = bytearray(mouth.make(number))
            if spoilt in ("octet", "tag"):
                packet[20 if spoilt == "octet" else -1] ^= 1
            ear.feed(bytes(packet), number * streams.ROUND_NS)
        report = ear.stream.report()
    assert (report.received, report.undecryptable, report.stamps) == (0, 20, ())


def test_a_stream_without_a_key_hears_no_stamp_in_srtp():
    with streams.engine() as engine:
        mouth, ear = (
            Hands(engine, streams.settings(Codec.OPUS, send_key=KEY)),
            Hands(engine, streams.settings(Codec.OPUS)),
        )
        for number in range(20):
            ear.feed(mouth.make(number), number * streams.ROUND_NS)
        report = ear.stream.report()
    assert (report.unstamped, report.stamps) == (20, ())


def test_rtcp_is_secured_as_well():
    reader, writer = libsrtp(pylibsrtp.Policy.SSRC_ANY_INBOUND), libsrtp(pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    with streams.engine() as engine:
        first = Hands(engine, streams.settings(send_key=KEY, receive_key=KEY))
        plain = Hands(engine, streams.settings())
        plain.feed(parse(first.make(0)).octets(), 0)
        for number in range(1, 4):
            report = reader.unprotect_rtcp(first.make_rtcp(number * 10**9))
            assert report[1] == 200 and report[4:8] == first.stream.ssrc.to_bytes(4, "big")
            answer = writer.protect_rtcp(plain.make_rtcp(number * 10**9))
            for _ in range(2):
                first.feed(answer, number * 10**9)
        heard = first.stream.report()
    assert heard.far is not None and (heard.far.reports, heard.undecryptable) == (3, 0)


def test_the_same_keys_go_on_and_new_ones_begin_anew():
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(send_key=KEY))
        ear = Hands(engine, streams.settings(receive_key=KEY))
        for number in range(30):
            if number == 10:
                mouth.stream.start(streams.settings(send_key=KEY, call=78))
            if number == 20:
                mouth.stream.start(streams.settings(send_key=OTHER_KEY, call=79))
                ear.stream.start(streams.settings(receive_key=OTHER_KEY))
            ear.feed(mouth.make(number), number * streams.ROUND_NS)
        report = ear.stream.report()
    assert [(stamp.call, stamp.packets) for stamp in report.stamps] == [(77, 10), (78, 10), (79, 10)]
    assert (report.lost, report.sources, report.undecryptable) == (0, 1, 0)
