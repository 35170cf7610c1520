"""How well light phones tell calls by tones: ``python -m benchmarks.light_tones [--calls N] [--hours H]``.

Calls of 6 s say who they are, go through a channel as a PBX and a network make them, and are heard by another party:
alone, with a second call 6 dB below, and as loud as it. Then nobody says anything by tones for some hours, in voices,
several at once, clipped ones, and noise: whoever is heard there is a false alarm. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import struct
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.audio_channels import Channel
from harness.audio.g711 import levels
from harness.audio.levels import Samples
from harness.audio.speech import SPEECH
from harness.audio.wav import PCM16_SCALE, read_reference, resample
from harness.load.records import Party
from simulators.light_phones.media.engine import MediaEngine, Stream
from simulators.light_phones.ports import StreamSettings
from simulators.light_phones.sdp import Codec

RATE_HZ, FRAME, HEADER, PCMA = 8000, 160, 12, 8
CALL_FRAMES = 300
ROUND_NS = 20_000_000
CHANNELS = (
    Channel(codec="pcmu"),
    Channel(codec="pcmu", gain_db=-20),
    Channel(codec="pcmu", loss=0.02),
    Channel(codec="pcmu", loss=0.05),
    Channel(codec="pcmu", loss=0.05, drift=0.02),
    Channel(codec="pcmu", noise_dbov=-32),
    Channel(codec="opus-20k"),
    Channel(codec="opus-12k"),
    Channel(codec="opus-16k", loss=0.02),
    Channel(codec="opus-16k", loss=0.05),
    Channel(codec="gsm"),
    Channel(codec="gsm", loss=0.05),
)
BESIDE_DB = (-6.0, 0.0)


LEVELS = levels(Codec.PCMA) / PCM16_SCALE
ORDER = np.argsort(LEVELS)
BETWEEN = (LEVELS[ORDER][1:] + LEVELS[ORDER][:-1]) / 2


class Ends:
    """Streams whose packets pass through the benchmark's hands."""

    def __init__(self, engine: MediaEngine) -> None:
        self._engine = engine
        self._ffi: Any = engine._ffi
        self._lib: Any = engine._lib
        self._room = self._ffi.new("uint8_t[]", 1500)

    def says(self, call: int, party: Party, frames: int) -> Samples:
        stream, octets = self._open(call, party), bytearray()
        for number in range(frames):
            length = self._lib.lm_make(stream._handle, number, number * ROUND_NS, self._room)
            octets += bytes(self._ffi.buffer(self._room, length))[HEADER:]
        stream.close()
        return np.asarray(LEVELS[np.frombuffer(bytes(octets), dtype=np.uint8)], dtype=np.float32)

    def hears(self, call: int, sound: Samples) -> set[tuple[int, Party]]:
        """Who the customer of a call hears."""
        stream = self._open(call, Party.CUSTOMER)
        codes = ORDER[np.searchsorted(BETWEEN, sound)].astype(np.uint8)
        for number in range(len(codes) // FRAME):
            head = struct.pack("!BBHII", 0x80, PCMA, number % 65536, number * FRAME, 1)
            packet = self._ffi.new("uint8_t[]", head + codes[number * FRAME :][:FRAME].tobytes())
            self._lib.lm_feed(stream._handle, packet, HEADER + FRAME, number * ROUND_NS)
        return {(tone.call, tone.party) for tone in stream.close().tones}

    def _open(self, call: int, party: Party) -> Stream:
        stream = self._engine.open()
        stream.start(
            StreamSettings(
                remote=("127.0.0.1", 9),
                remote_rtcp=None,
                codec=Codec.PCMA,
                payload_type=PCMA,
                event_payload_type=None,
                event_clock_hz=RATE_HZ,
                send_key=b"",
                receive_key=b"",
                call=call,
                party=party,
                jitter_buffer_ms=60,
                tones=True,
            )
        )
        return stream


def channels(ends: Ends, calls: int) -> None:
    """A line for each channel."""
    heads = ("heard", *(f"2nd {decibel:+.0f} dB" for decibel in BESIDE_DB), "wrong")
    print(f"{f'of {calls} calls':32}" + "".join(f"{head:>12}" for head in heads))
    for channel in CHANNELS:
        random = np.random.default_rng(1)
        alone, wrong, second = 0, 0, dict.fromkeys(BESIDE_DB, 0)
        for trial in range(calls):
            own, other = int(random.integers(1, 1 << 24)), int(random.integers(1 << 24, 1 << 25))
            voices = [ends.says(call, Party.AGENT, CALL_FRAMES) for call in (own, other)]
            shift = int(random.integers(0, 8000))
            beside = np.concatenate([np.zeros(shift, dtype=np.float32), voices[1]])[: len(voices[0])]
            told = ends.hears(own, _carried(channel, voices[0], trial))
            alone += (own, Party.AGENT) in told
            wrong += bool(told - {(own, Party.AGENT)})
            for decibel in BESIDE_DB:
                told = ends.hears(own, _carried(channel, voices[0] + beside * 10 ** (decibel / 20), trial))
                second[decibel] += (other, Party.AGENT) in told
                wrong += bool(told - {(own, Party.AGENT), (other, Party.AGENT)})
        noise = "" if channel.noise_dbov < -70 else ", noise"
        counts = (alone, *second.values(), wrong)
        print(f"{f'{channel}{noise}':32}" + "".join(f"{count:12}" for count in counts), flush=True)


def _carried(channel: Channel, sound: Samples, seed: int) -> Samples:
    # Packets of the PBX begin anywhere in ours.
    late = np.zeros(seed * 37 % FRAME, dtype=np.float32)
    return channel.carry(np.concatenate([late, sound]), RATE_HZ, seed)


def nobody(seconds: float) -> Iterator[Samples]:
    """Sound in which nobody speaks by tones, ten minutes each."""
    random = np.random.default_rng(2)
    parts = [read_reference(path) for path in SPEECH.values()]
    speech = np.concatenate([resample(part.mono, part.rate_hz, RATE_HZ) for part in parts])
    ten = 600 * RATE_HZ
    for turn in range(max(1, round(seconds / 600))):
        voice = np.roll(np.tile(speech, ten // len(speech) + 1)[:ten], int(random.integers(0, ten)))
        several = sum(np.roll(voice, int(random.integers(0, ten))) for _ in range(4))
        kinds: tuple[Any, ...] = (voice, several, np.clip(8 * voice, -0.9, 0.9), random.normal(0, 0.1, ten))
        yield np.asarray(kinds[turn % len(kinds)], dtype=np.float32)


def false_alarms(ends: Ends, hours: float) -> None:
    seconds, found, began = 0.0, 0, time.process_time()
    for sound in nobody(hours * 3600):
        found += len(ends.hears(7, sound))
        seconds += len(sound) / RATE_HZ
    spent = time.process_time() - began
    cost_ms = spent / seconds * 1000
    print(f"{found} false alarms in {seconds / 3600:.1f} h of voices and noise, {cost_ms:.2f} ms of CPU per s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--hours", type=float, default=10.0)
    arguments = parser.parse_args()
    with MediaEngine("127.0.0.1", threaded=False, seed=7) as engine:
        ends = Ends(engine)
        channels(ends, arguments.calls)
        false_alarms(ends, arguments.hours)


if __name__ == "__main__":
    main()
