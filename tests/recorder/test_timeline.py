"""Packets back into time: loss, order, repetition, wrapped counters, pauses, and packets that lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.recorder.sound import Coding, decode
from simulators.recorder.timeline import Heard, RtpPacket, assemble, parse_rtp
from tests.recorder.recording_client import encoded, rtp

TONE = (0.4 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.float32)
OCTETS = encoded(TONE)
DECODED = decode(Coding.PCMU, OCTETS)


def stream(delays: list[float] | None = None, first: int = 65_520, tick: int = (1 << 32) - 1600) -> list[Heard]:
    """One second of the tone, begun at 100.5, in 50 packets."""
    packets = []
    for n in range(50):
        payload = OCTETS[n * 160 : (n + 1) * 160]
        packet = RtpPacket(
            payload_type=0,
            marker=n == 0,
            sequence=(first + n) % 65_536,
            timestamp=(tick + 160 * n) % (1 << 32),
            source=7,
            payload=payload,
        )
        packets.append(Heard(at=100.5 + 0.02 * n + (delays[n] if delays else 0.0), packet=packet, coding=Coding.PCMU))
    return packets


def put_together(heard: list[Heard], rate_hz: int = 8000):
    return assemble(sorted(heard, key=lambda each: each.at), began=100.0, ended=102.0, rate_hz=rate_hz)


def test_sound_stands_where_it_was_sent():
    sound, figures = put_together(stream())
    assert len(sound) == 16_000
    assert np.array_equal(sound[4000:12_000], DECODED)
    assert not sound[:4000].any()
    assert not sound[12_000:].any()
    assert (figures.packets, figures.lost, figures.repeated, figures.reordered) == (50, 0, 0, 0)
    assert (figures.first_s, figures.last_s) == (0.5, 1.5)


def test_jitter_leaves_no_trace():
    delays = [0.03 * ((n * 7) % 5) for n in range(50)]
    sound, figures = put_together(stream(delays))
    assert np.array_equal(sound[4000:12_000], DECODED)
    assert figures.reordered > 0
    assert figures.lost == 0


def test_loss_is_silence_and_repetition_is_nothing():
    heard = stream()
    twice = [*heard[:10], heard[9], *heard[10:20], *heard[23:]]
    sound, figures = put_together(twice)
    assert (figures.lost, figures.repeated) == (3, 1)
    assert not sound[4000 + 20 * 160 : 4000 + 23 * 160].any()
    assert np.array_equal(sound[4000 : 4000 + 20 * 160], DECODED[: 20 * 160])
    assert np.array_equal(sound[4000 + 23 * 160 : 12_000], DECODED[23 * 160 :])


def test_a_second_without_a_turn_moves_nothing():
    """Packets that were read late, all at once, are placed by those after them."""
    delays = [max(0.0, 0.9 - 0.02 * n) for n in range(50)]
    sound, _ = put_together(stream(delays))
    assert np.array_equal(sound[4000:12_000], DECODED)


def test_a_pause_in_which_timestamps_stand_still():
    heard = stream()
    later = [Heard(at=each.at + 2.0, packet=each.packet, coding=each.coding) for each in heard[25:]]
    sound, figures = assemble([*heard[:25], *later], began=100.0, ended=104.0, rate_hz=8000)
    assert np.array_equal(sound[4000:8000], DECODED[:4000])
    assert not sound[8000:24_000].any()
    assert np.array_equal(sound[24_000:28_000], DECODED[4000:])
    assert figures.lost == 0


def test_a_new_source_begins_anew():
    heard = stream()
    other = [
        Heard(
            at=each.at + 1.0,
            packet=RtpPacket(
                payload_type=0,
                marker=False,
                sequence=n,
                timestamp=n * 160,
                source=9,
                payload=each.packet.payload,
            ),
            coding=each.coding,
        )
        for n, each in enumerate(heard)
    ]
    sound, figures = assemble([*heard, *other], began=100.0, ended=103.0, rate_hz=8000)
    assert np.array_equal(sound[4000:12_000], DECODED)
    assert np.array_equal(sound[12_000:20_000], DECODED)
    assert figures.lost == 0


def test_a_recording_may_have_a_higher_rate():
    sound, _ = put_together(stream(), rate_hz=16_000)
    assert len(sound) == 32_000
    spectrum = np.abs(np.fft.rfft(sound[8000:24_000]))
    assert np.argmax(spectrum) == 440


def test_g722_is_wide():
    from G722 import G722

    tone = (8000 * np.sin(2 * np.pi * 5000 * np.arange(16_000) / 16_000)).astype(np.int16)
    octets = G722(16_000, 64_000).encode(tone)
    spectrum = np.abs(np.fft.rfft(decode(Coding.G722, octets)))
    assert len(octets) == 8000
    assert np.argmax(spectrum) == 5000


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x80" * 11, b"\x40" + b"\0" * 30, b"\x80\xc8" + b"\0" * 26, b"\x9f" + b"\0" * 20, b"\xa0" + b"\xff" * 12],
)
def test_what_is_no_rtp(octets: bytes):
    assert parse_rtp(octets) is None


def test_a_packet():
    packet = parse_rtp(rtp(7, 160, 99, b"abc", 101, marker=True))
    assert packet == RtpPacket(payload_type=101, marker=True, sequence=7, timestamp=160, source=99, payload=b"abc")
    padded = bytes([0xA0]) + rtp(7, 160, 99, b"abc\0\0\x03")[1:]
    assert parse_rtp(padded).payload == b"abc"
    extended = bytes([0x90]) + rtp(7, 160, 99, b"\xbe\xde\0\x01\1\2\3\4abc")[1:]
    assert parse_rtp(extended).payload == b"abc"


@given(st.binary(max_size=60))
def test_any_datagram(octets: bytes):
    parse_rtp(octets)


LIE = st.builds(
    lambda at, sequence, timestamp, source, size, coding: Heard(
        at=at,
        packet=RtpPacket(
            payload_type=0, marker=False, sequence=sequence, timestamp=timestamp, source=source, payload=b"\x55" * size
        ),
        coding=coding,
    ),
    st.floats(99, 103, allow_nan=False),
    st.integers(0, 65_535),
    st.integers(0, (1 << 32) - 1),
    st.integers(1, 2),
    st.integers(0, 5000),
    st.sampled_from(Coding),
)


@given(st.lists(LIE, max_size=20))
@settings(max_examples=60, deadline=None)
def test_packets_that_lie(heard: list[Heard]):
    sound, figures = put_together(heard)
    assert len(sound) == 16_000
    assert np.isfinite(sound).all()
    assert figures.lost <= 1000
