"""Tones: whom they name behind a PBX that codes sound anew, that nobody else is taken for them, and no key either."""

from __future__ import annotations

import media_streams as streams
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import Hands
from transcoding import FRAME, RATE_HZ, Samples, decode, encode, gain, hear, lose, say

from harness.audio.beacon import BEACONS_HZ
from harness.audio.dtmf import find_dtmf
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference, resample
from harness.load.records import Party
from simulators.light_phones.media.facts import StreamReport
from simulators.light_phones.sdp import Codec

CALL = 0x01000007
FRAMES = 300
CODECS = list(Codec)
WAYS = [(before, after) for before in CODECS for after in CODECS]


def spoken(codec: Codec, call: int = CALL, party: Party = Party.AGENT, frames: int = FRAMES) -> Samples:
    """What the PBX makes of a party's packets."""
    with streams.engine() as engine:
        return decode(codec, say(Hands(engine, streams.settings(codec, party, call=call, tones=True)), frames))


def heard(codec: Codec, sound: Samples, lost: float = 0.0, seed: int = 1) -> StreamReport:
    """What the customer of CALL hears of sound that the PBX codes anew."""
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(codec, Party.CUSTOMER, call=CALL, tones=True))
        hear(ear, codec, lose(list(encode(codec, sound)), lost, np.random.default_rng(seed)))
        return ear.stream.report()


def test_who_has_said_who_it_is_goes_over_to_speech():
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(Codec.PCMU, Party.AGENT, call=CALL, tones=True))
        tones = decode(Codec.PCMU, say(mouth, FRAMES))
        mouth.stream.speak()
        speech = decode(Codec.PCMU, say(mouth, FRAMES))
        named_first, named_then = (named(heard(Codec.PCMA, shifted(sound))) for sound in (tones, speech))
    assert named_first == {(CALL, Party.AGENT)}
    assert named_then == set()


def shifted(sound: Samples) -> Samples:
    """As from a PBX whose packets begin within ours: from G.711 to the same, stamps would live on otherwise."""
    return np.concatenate([np.zeros(FRAME // 3), sound])


def named(report: StreamReport) -> set[tuple[int, Party]]:
    return {(tone.call, tone.party) for tone in report.tones}


@pytest.mark.parametrize(("before", "after"), WAYS)
@pytest.mark.parametrize("decibel", [-6.0, 0.0, 6.0])
def test_tones_say_who_speaks_behind_another_codec(before: Codec, after: Codec, decibel: float):
    report = heard(after, shifted(gain(spoken(before), decibel)))
    assert named(report) == {(CALL, Party.AGENT)}
    assert report.stamps == ()
    (tone,) = report.tones
    assert tone.longest_gap_ms <= 60
    assert tone.frames >= 0.95 * tone.listened
    assert tone.first_at == pytest.approx(0.0, abs=0.1)
    assert tone.last_at == pytest.approx(FRAMES * 0.02, abs=0.1) or after == Codec.OPUS


@pytest.mark.parametrize(("before", "after"), WAYS)
def test_three_in_a_hundred_may_be_lost_on_either_leg(before: Codec, after: Codec):
    noise = np.random.default_rng(5)
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(before, Party.AGENT, call=CALL, tones=True))
        sound = decode(before, lose(say(mouth, FRAMES), 0.03, noise))
    report = heard(after, shifted(sound), 0.03)
    assert named(report) == {(CALL, Party.AGENT)}
    assert report.tones[0].frames >= 0.8 * report.tones[0].listened


def test_noise_15_db_below_does_not_matter():
    sound = spoken(Codec.PCMA)
    level = np.sqrt(np.mean(np.square(sound))) * 10 ** (-15 / 20)
    noisy = sound + np.random.default_rng(2).normal(0, level, len(sound))
    assert named(heard(Codec.PCMU, noisy)) == {(CALL, Party.AGENT)}


@settings(max_examples=25, deadline=None)
@given(call=st.integers(0, 2**32 - 1), party=st.sampled_from(list(Party)), late=st.integers(0, 3 * FRAME))
def test_every_identity_is_told_wherever_it_begins(call: int, party: Party, late: int):
    sound = np.concatenate([np.zeros(late), spoken(Codec.PCMA, call, party, 60)])
    assert named(heard(Codec.PCMU, sound)) == {(call, party)}


def test_it_takes_two_words_to_be_believed():
    sound = spoken(Codec.PCMA)
    assert named(heard(Codec.PCMU, sound[: 40 * FRAME])) == set()
    assert named(heard(Codec.PCMU, sound[: 52 * FRAME])) == {(CALL, Party.AGENT)}


def test_the_first_hearing_is_told_once_and_with_the_time_at_which_it_began():
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(Codec.PCMU, Party.CUSTOMER, call=CALL, tones=True))
        hear(ear, Codec.PCMU, encode(Codec.PCMU, np.concatenate([np.zeros(100 * FRAME), spoken(Codec.PCMA)])))
        told = engine.heard()
    assert [(one.stream, one.call, one.party) for one in told] == [(ear.stream, CALL, Party.AGENT)]
    assert told[0].at == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("frames", [3, 9, 30, 100])
def test_a_gap_is_measured_to_a_symbol(frames: int):
    sound = spoken(Codec.PCMA)
    sound[100 * FRAME : (100 + frames) * FRAME] = 0
    (tone,) = heard(Codec.PCMU, sound).tones
    assert frames * 20 - 60 <= tone.longest_gap_ms <= frames * 20 + 120


def test_a_pause_in_packets_is_a_gap():
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(Codec.PCMU, Party.CUSTOMER, call=CALL, tones=True))
        payloads = list(encode(Codec.PCMU, spoken(Codec.PCMA)))
        hear(ear, Codec.PCMU, [*payloads[:100], *[None] * 50, *payloads[150:]])
        (tone,) = ear.stream.report().tones
    assert tone.longest_gap_ms == pytest.approx(1000, abs=120)


@pytest.mark.parametrize("decibel", [-8.0, -3.0, 0.0])
@pytest.mark.parametrize("late", [0, 500, 1700])
def test_a_second_call_beside_the_first_is_named(decibel: float, late: int):
    own, other = spoken(Codec.PCMA), spoken(Codec.PCMA, 9, Party.CUSTOMER)
    other = np.concatenate([np.zeros(late), other])[: len(own)]
    report = heard(Codec.PCMU, own + gain(other, decibel))
    assert named(report) == {(CALL, Party.AGENT), (9, Party.CUSTOMER)}


def test_calls_that_were_swapped_midway_are_both_named_and_counted():
    own, other = spoken(Codec.PCMA), spoken(Codec.PCMA, 9)
    report = heard(Codec.PCMU, np.concatenate([own[: 100 * FRAME], other[100 * FRAME :]]))
    frames = {tone.call: tone.frames for tone in report.tones}
    assert frames[CALL] == pytest.approx(100, abs=6)
    assert frames[9] == pytest.approx(200, abs=6)


def speech() -> Samples:
    parts = [read_reference(path) for path in SPEECH.values()]
    sound = np.concatenate([resample(part.mono, part.rate_hz, RATE_HZ) for part in parts])
    return np.asarray(sound * 32_768.0, dtype=np.float64)


def nobody(kind: str) -> Samples:
    noise = np.random.default_rng(3)
    if kind == "speech":
        return speech()
    if kind == "many voices":
        return np.asarray(sum(np.roll(speech(), int(shift)) for shift in noise.integers(0, 100_000, 5)))
    if kind == "noise":
        return noise.normal(0, 4000, 60 * RATE_HZ)
    # Tones of the alphabet, of any length and in any order.
    seconds = [(noise.choice(BEACONS_HZ[:15]), noise.choice(BEACONS_HZ[15:])) for _ in range(1000)]
    time = np.arange(3 * FRAME) / RATE_HZ
    return np.concatenate([5000 * sum(np.sin(2 * np.pi * hz * time) for hz in pair) for pair in seconds])


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.OPUS])
@pytest.mark.parametrize("kind", ["speech", "many voices", "noise", "tones in no order"])
def test_nobody_is_heard_where_nobody_speaks_by_tones(codec: Codec, kind: str):
    report = heard(codec, nobody(kind))
    assert report.tones == ()
    assert report.tones_listened_s > 10


@pytest.mark.parametrize("codec", CODECS)
def test_no_tones_are_taken_for_keys(codec: Codec):
    for call in range(20):
        assert find_dtmf(spoken(codec, call) / 32_768, RATE_HZ) == ()


def test_stamps_are_read_beside_tones_and_tones_are_not_listened_to_then():
    for codec in CODECS:
        with streams.engine() as engine:
            mouth = Hands(engine, streams.settings(codec, Party.AGENT, tones=True))
            ear = Hands(engine, streams.settings(codec, tones=True))
            hear(ear, codec, say(mouth, 100))
            report = ear.stream.report()
        assert [(stamp.packets, stamp.lost) for stamp in report.stamps] == [(100, 0)]
        assert (report.unstamped, report.tones, report.tones_listened_s) == (0, (), 0.0)


def test_opus_is_listened_to_for_a_fifth_of_the_time():
    report = heard(Codec.OPUS, spoken(Codec.PCMA, frames=2000))
    assert report.tones_listened_s == pytest.approx(2000 * 0.02 / 5, rel=0.2)
    assert report.tones[0].last_at > 37


def test_a_stream_without_tones_speaks_and_does_not_listen():
    with streams.engine() as engine:
        plain = Hands(engine, streams.settings(Codec.PCMU))
        hear(plain, Codec.PCMU, encode(Codec.PCMU, spoken(Codec.PCMA)))
        assert plain.stream.report().tones == ()


@settings(max_examples=30, deadline=None)
@given(
    codec=st.sampled_from(CODECS),
    packets=st.lists(st.tuples(st.binary(max_size=1400), st.integers(-(2**31), 2**31)), max_size=60),
    voice=st.booleans(),
)
def test_nothing_that_comes_upsets_an_ear(codec: Codec, packets: list[tuple[bytes, int]], voice: bool):
    sound = list(encode(codec, shifted(spoken(Codec.PCMU, frames=90)))) if voice else []
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(codec, Party.CUSTOMER, call=CALL, tones=True))
        hear(ear, codec, sound)
        for number, (payload, jump) in enumerate(packets):
            packet = streams.Rtp(1000 + number, jump, payload, streams.PAYLOAD_TYPES[codec])
            ear.feed(packet.octets(), number * streams.ROUND_NS + 1)
        report = ear.stream.report()
    assert named(report) == ({(CALL, Party.AGENT)} if voice else set())
    assert all(tone.frames <= tone.listened for tone in report.tones)
