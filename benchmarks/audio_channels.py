"""What a telephone connection does to sound: codecs, lost packets, a drifting jitter buffer, attenuation.

Used by the detectors' benchmark and tests. Codecs come from libraries that may be missing (G.722's Python
package, libopus): ``available_codecs`` names those that are here.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np
import soundfile

from harness.audio.levels import Samples
from harness.audio.wav import PCM16_SCALE, resample

PACKET_S = 0.02
OPUS_RATE_HZ = 16_000
OPUS_PACKET = 320
_OPUS_APPLICATION_VOIP = 2048
_OPUS_SET_BITRATE = 4002
_OPUS_SET_DTX = 4016
_OPUS_SET_PACKET_LOSS_PERC = 4014
_OPUS_DTX_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A connection. ``loss`` and ``drift`` are shares of packets: lost ones are concealed by repeating the
    last, drift inserts or deletes one, as a jitter buffer that follows a clock does."""

    codec: str = "pcmu"
    loss: float = 0.0
    drift: float = 0.0
    gain_db: float = 0.0
    noise_dbov: float = -75.0

    def __str__(self) -> str:
        parts = [self.codec]
        parts += [f"{self.loss:.0%} loss"] if self.loss else []
        parts += [f"{self.drift:.0%} insert/delete"] if self.drift else []
        parts += [f"{self.gain_db:+.0f} dB"] if self.gain_db else []
        return ", ".join(parts)

    def carry(self, samples: Samples, rate_hz: int, seed: int = 0) -> Samples:
        """The sound as it arrives, at the same rate."""
        random = np.random.default_rng(seed)
        sent = samples * 10 ** (self.gain_db / 20)
        noise = random.standard_normal(sent.size) * 10 ** (self.noise_dbov / 20)
        coded = CODECS[self.codec]((sent + noise).astype(np.float32), rate_hz, self.loss, random)
        return _drifting(coded, rate_hz, self.drift, random)


def _packets(samples: Samples, rate_hz: int) -> Samples:
    length = round(rate_hz * PACKET_S)
    padded = np.pad(samples, (0, -samples.size % length))
    return padded.reshape(-1, length)


def _concealed(samples: Samples, rate_hz: int, loss: float, random: np.random.Generator) -> Samples:
    """Lost packets replaced by the one before, fading when several are lost in a row."""
    packets = _packets(samples, rate_hz).copy()
    for index in np.flatnonzero(random.random(len(packets)) < loss):
        packets[index] = packets[index - 1] * 0.9 if index else 0.0
    return packets.reshape(-1)[: samples.size]


def _drifting(samples: Samples, rate_hz: int, drift: float, random: np.random.Generator) -> Samples:
    if not drift:
        return samples
    packets = _packets(samples, rate_hz)
    # 0 drops a packet, 2 plays it twice.
    times = random.choice([0, 1, 2], size=len(packets), p=[drift / 2, 1 - drift, drift / 2])
    return np.repeat(packets, times, axis=0).reshape(-1)


def _through_file(subtype: str) -> Callable[[Samples, int, float, np.random.Generator], Samples]:
    def code(samples: Samples, rate_hz: int, loss: float, random: np.random.Generator) -> Samples:
        file = io.BytesIO()
        narrow = np.clip(resample(samples, rate_hz, 8000), -1, 1)
        soundfile.write(file, narrow, 8000, subtype=subtype, format="WAV")
        file.seek(0)
        decoded, _ = soundfile.read(file, dtype="float32")
        heard = _concealed(decoded.astype(np.float32), 8000, loss, random)
        return resample(heard, 8000, rate_hz)[: samples.size]

    return code


def _g722(samples: Samples, rate_hz: int, loss: float, random: np.random.Generator) -> Samples:
    module = _g722_module()
    assert module is not None
    wide = np.clip(resample(samples, rate_hz, 16_000), -1, 0.9999)
    octets = module.G722(16_000, 64_000).encode((wide * PCM16_SCALE).astype(np.int16))
    decoded = np.array(module.G722(16_000, 64_000).decode(octets), dtype=np.float32) / PCM16_SCALE
    return resample(_concealed(decoded.astype(np.float32), 16_000, loss, random), 16_000, rate_hz)


def opus_packets(samples: Samples, bitrate: int, *, dtx: bool = False) -> list[bytes]:
    """Opus packets of 20 ms, mono, 16 kHz, application VoIP, as pjsua2 sends them."""
    opus = _opus_library()
    assert opus is not None
    error = ctypes.c_int()
    encoder = opus.opus_encoder_create(OPUS_RATE_HZ, 1, _OPUS_APPLICATION_VOIP, ctypes.byref(error))
    settings = {_OPUS_SET_BITRATE: bitrate, _OPUS_SET_DTX: int(dtx), _OPUS_SET_PACKET_LOSS_PERC: 5}
    for request, value in settings.items():
        opus.opus_encoder_ctl(ctypes.c_void_p(encoder), request, ctypes.c_int(value))
    packets = []
    buffer = ctypes.create_string_buffer(1500)
    for frame in _packets(samples, OPUS_RATE_HZ):
        pcm = (np.clip(frame, -1, 0.9999) * PCM16_SCALE).astype(np.int16).tobytes()
        size = opus.opus_encode(ctypes.c_void_p(encoder), pcm, OPUS_PACKET, buffer, 1500)
        packets.append(buffer.raw[:size])
    opus.opus_encoder_destroy(ctypes.c_void_p(encoder))
    return packets


def opus_not_sent(packets: list[bytes]) -> float:
    """Share of packets that discontinuous transmission leaves out."""
    return float(np.mean([len(packet) <= _OPUS_DTX_BYTES for packet in packets]))


def _opus(bitrate: int) -> Callable[[Samples, int, float, np.random.Generator], Samples]:
    def code(samples: Samples, rate_hz: int, loss: float, random: np.random.Generator) -> Samples:
        opus = _opus_library()
        assert opus is not None
        error = ctypes.c_int()
        decoder = opus.opus_decoder_create(OPUS_RATE_HZ, 1, ctypes.byref(error))
        out = (ctypes.c_int16 * OPUS_PACKET)()
        heard = []
        for packet in opus_packets(resample(samples, rate_hz, OPUS_RATE_HZ), bitrate):
            # No packet makes the decoder conceal one.
            arrived = None if random.random() < loss else packet
            opus.opus_decode(ctypes.c_void_p(decoder), arrived, len(arrived or b""), out, OPUS_PACKET, 0)
            heard.append(np.array(out, dtype=np.float32) / np.float32(PCM16_SCALE))
        opus.opus_decoder_destroy(ctypes.c_void_p(decoder))
        return resample(np.concatenate(heard), OPUS_RATE_HZ, rate_hz)

    return code


@cache
def _g722_module() -> ModuleType | None:
    try:
        return import_module("G722")
    except ImportError:
        return None


@cache
def _opus_library() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("opus")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_decoder_create.restype = ctypes.c_void_p
    return library


CODECS: dict[str, Callable[[Samples, int, float, np.random.Generator], Samples]] = {
    "pcmu": _through_file("ULAW"),
    "pcma": _through_file("ALAW"),
    "gsm": _through_file("GSM610"),
    "g722": _g722,
    "opus-20k": _opus(20_000),
    "opus-16k": _opus(16_000),
    "opus-12k": _opus(12_000),
}


def available_codecs() -> tuple[str, ...]:
    """Codecs whose libraries are on this machine."""
    missing = set()
    if _g722_module() is None:
        missing.add("g722")
    if _opus_library() is None:
        missing |= {name for name in CODECS if name.startswith("opus")}
    return tuple(name for name in CODECS if name not in missing)
