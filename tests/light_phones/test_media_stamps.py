"""Stamps: whom they name, that decoders do not hear them, and that nothing else is taken for one."""

from __future__ import annotations

import ctypes
import ctypes.util

import media_streams as streams
import numpy as np
import numpy.typing as npt
import pytest
from media_streams import Hands, parse

from harness.audio.g711 import levels
from harness.load.records import Party
from simulators.light_phones.media.voices import PARTIES, _at_rate
from simulators.light_phones.sdp import Codec

FRAMES = 200
STAMP = 20
_OPUS_HZ = 48_000


@pytest.mark.parametrize("codec", streams.PAYLOAD_TYPES)
@pytest.mark.parametrize("party", PARTIES)
def test_a_stamp_says_who_speaks_in_which_call_and_how_late_it_came(codec: Codec, party: Party):
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(codec, party, call=0xFEDCBA98))
        ear = Hands(engine, streams.settings(codec))
        for number in range(100):
            packet = mouth.make(number)
            if number not in (40, 41, 70):
                ear.feed(packet, number * streams.ROUND_NS + 7_000_000)
        report = ear.stream.report()
        told = engine.heard()
    (stamp,) = report.stamps
    assert (stamp.call, stamp.party, stamp.packets, stamp.lost) == (0xFEDCBA98, party, 97, 3)
    assert (stamp.first_at, stamp.last_at) == (0.007, pytest.approx(99 * 0.02 + 0.007))
    assert stamp.delay_mean_ms == pytest.approx(7.0) and stamp.delay_max_ms == pytest.approx(7.0)
    assert (report.lost, report.longest_burst, report.unstamped) == (3, 2, 0)
    assert [(one.stream, one.call, one.party, one.at) for one in told] == [(ear.stream, 0xFEDCBA98, party, 0.007)]


def test_another_call_at_the_same_ear_is_told_apart():
    with streams.engine() as engine:
        own = Hands(engine, streams.settings(party=Party.AGENT, call=1))
        foreign = Hands(engine, streams.settings(party=Party.AGENT, call=2))
        ear = Hands(engine, streams.settings(call=1))
        for number in range(10):
            ear.feed(own.make(number), number * streams.ROUND_NS)
        for number in range(3):
            ear.feed(foreign.make(number), (10 + number) * streams.ROUND_NS)
        report, told = ear.stream.report(), engine.heard()
    assert [(stamp.call, stamp.packets) for stamp in report.stamps] == [(1, 10), (2, 3)]
    assert [event.call for event in told] == [1, 2]


def test_music_on_hold_shows_in_the_stamps_though_no_number_is_missing():
    with streams.engine() as engine:
        mouth, ear = Hands(engine, streams.settings()), Hands(engine, streams.settings())
        sent = [parse(mouth.make(number)) for number in range(30)]
        for place, packet in enumerate([*sent[:10], *sent[20:]]):
            # A PBX numbers what it sends itself.
            relayed = streams.Rtp(place, place * 160, packet.payload, ssrc=5)
            ear.feed(relayed.octets(), place * streams.ROUND_NS)
        report = ear.stream.report()
    assert (report.lost, report.stamps[0].lost) == (0, 10)


@pytest.mark.parametrize("codec", streams.PAYLOAD_TYPES)
def test_what_was_changed_on_the_way_is_no_stamp(codec: Codec):
    with streams.engine() as engine:
        mouth, ear = Hands(engine, streams.settings(codec)), Hands(engine, streams.settings(codec))
        for number in range(160):
            packet = bytearray(mouth.make(number))
            # In Opus the stamp is in the last 20 octets, in G.711 in the least bit of each.
            at, bit = (
                (len(packet) - STAMP + number // 8, number % 8) if codec == Codec.OPUS else (streams.HEADER + number, 0)
            )
            packet[at] ^= 1 << bit
            ear.feed(bytes(packet), number * streams.ROUND_NS)
        report = ear.stream.report()
    assert (report.unstamped, report.stamps) == (160, ())


def test_noise_holds_no_stamp():
    noise = np.random.default_rng(1)
    with streams.engine() as engine:
        for codec, least in ((Codec.OPUS, 0), (Codec.PCMA, 160)):
            ear = Hands(engine, streams.settings(codec))
            for number in range(2000):
                payload = noise.bytes(least or int(noise.integers(0, 200)))
                packet = streams.Rtp(number, number * 160, payload, streams.PAYLOAD_TYPES[codec])
                ear.feed(packet.octets(), number * streams.ROUND_NS)
            assert (ear.stream.report().unstamped, ear.stream.report().stamps) == (2000, ())


def frames(codec: Codec, party: Party) -> tuple[list[bytes], int]:
    """Payloads of a loop of the voice, and the place in it at which they begin."""
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(codec, party))
        return [parse(mouth.make(number)).payload for number in range(FRAMES)], mouth.stream.ssrc


def decode_opus(packets: list[bytes]) -> npt.NDArray[np.int16]:
    library = ctypes.CDLL(ctypes.util.find_library("opus"))
    library.opus_decoder_create.restype = ctypes.c_void_p
    error = ctypes.c_int()
    decoder = ctypes.c_void_p(library.opus_decoder_create(_OPUS_HZ, 1, ctypes.byref(error)))
    sound = np.zeros((len(packets), 960), dtype=np.int16)
    for place, packet in enumerate(packets):
        room = sound[place].ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        assert library.opus_decode(decoder, packet, len(packet), room, 960, 0) == 960
    library.opus_decoder_destroy(decoder)
    return sound.ravel()


@pytest.mark.parametrize("party", PARTIES)
def test_a_decoder_hears_the_same_with_and_without_stamps(party: Party):
    stamped, _ = frames(Codec.OPUS, party)
    # Code 3 with one frame and 21 octets of padding, to code 0 (RFC 6716 section 3.2).
    assert all(packet[0] & 3 == 3 and packet[1] == 0x41 and packet[2] == 1 + STAMP for packet in stamped)
    plain = [bytes([packet[0] & ~3]) + packet[3 : -1 - STAMP] for packet in stamped]
    sound = decode_opus(stamped)
    assert np.array_equal(sound, decode_opus(plain))
    assert np.sqrt(np.mean(np.square(sound.astype(float)))) > 300
    # Meta asks for no more than 20 kbit/s on average.
    assert 10_000 < sum(map(len, plain)) * 8 / (FRAMES * 0.02) < 20_000


@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_stamps_in_g711_leave_more_than_30_db(codec: Codec, party: Party):
    payloads, ssrc = frames(codec, party)
    original = _at_rate(party, 8000).astype(float)
    loop = min(len(_at_rate(each, 8000)) for each in PARTIES) // 160
    begin = ssrc % loop
    wanted = np.concatenate([original[place * 160 :][:160] for place in ((begin + n) % loop for n in range(FRAMES))])
    heard = levels(codec).astype(float)[np.frombuffer(b"".join(payloads), dtype=np.uint8)]
    noise = np.mean(np.square(heard - wanted))
    assert 10 * np.log10(np.mean(np.square(wanted)) / noise) > 30
