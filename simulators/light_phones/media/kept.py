"""Payloads that a stream kept, as the sound that a phone would have played: decoded, in time, lost ones concealed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.audio.g711 import levels
from harness.audio.levels import Samples
from harness.errors import Inconclusive
from harness.load.records import Party
from simulators.light_phones.media.engine import CODECS
from simulators.light_phones.media.extension import extension
from simulators.light_phones.media.voices import FRAMES_PER_S, PARTIES, sound, spoken
from simulators.light_phones.sdp import Codec

OPUS_HZ, LAW_HZ = 16_000, 8_000
"""Rates of what is decoded."""

_HEAD = struct.Struct("!IH")
_CLOCK_HZ = {Codec.OPUS: 48_000, Codec.PCMU: 8_000, Codec.PCMA: 8_000}
_LONGEST_FRAME = 1920
_MOST_OCTETS = 1500
_MOST_FRAMES = 60 * FRAMES_PER_S

Frame = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class PlayedSound:
    """Mono sound at ``rate_hz``; ``concealed`` of its ``frames`` of 20 ms were made up, since no packet of theirs came
    in time."""

    samples: Samples
    rate_hz: int
    frames: int
    concealed: int


def played(kept: bytes, codec: Codec) -> PlayedSound:
    """Decode ``StreamReport.kept``. A missing frame is libopus's concealment, or, of G.711, the one before at half its
    level. Raises Inconclusive for what cannot be decoded, and for packets of more than 20 ms."""
    packets = dict(_frames(kept, codec))
    if not packets:
        raise Inconclusive("no sound was kept")
    first, last = min(packets), max(packets)
    if last - first >= _MOST_FRAMES:
        raise Inconclusive("the timestamps of the sound jump")
    rate_hz = OPUS_HZ if codec is Codec.OPUS else LAW_HZ
    decode = _opus() if codec is Codec.OPUS else _law(codec)
    frames = [decode(packets.get(number, b"")) for number in range(first, last + 1)]
    if any(len(frame) != rate_hz // FRAMES_PER_S for frame in frames):
        raise Inconclusive("the sound does not come in packets of 20 ms")
    samples: Samples = np.concatenate(frames).astype(np.float32) / 32_768.0
    return PlayedSound(samples, rate_hz, len(frames), len(frames) - len(packets))


def sent(party: Party, codec: Codec, frames: int) -> bytes:
    """The first frames of a party's voice as they leave its phone, stamps and all, in the form of ``kept``."""
    module, stamps = extension(), random.Random(1)
    payload = module.ffi.new("uint8_t[]", _MOST_OCTETS)
    step = _CLOCK_HZ[codec] // FRAMES_PER_S
    rounds = len(spoken(party, LAW_HZ)) * FRAMES_PER_S // LAW_HZ
    packets = []
    for number in range(frames):
        stamp = stamps.randbytes(module.lib.LM_STAMP_BYTES)
        length = module.lib.lm_payload(
            sound(), PARTIES.index(party), number % rounds, CODECS.index(codec), stamp, payload
        )
        packets.append(_HEAD.pack(number * step, length) + bytes(module.ffi.buffer(payload, length)))
    return b"".join(packets)


def _frames(kept: bytes, codec: Codec) -> Iterator[tuple[int, bytes]]:
    """Payloads by the number of their frame, that of the first that came being 0."""
    at, step = 0, _CLOCK_HZ[codec] // FRAMES_PER_S
    begin: int | None = None
    while at + _HEAD.size <= len(kept):
        timestamp, length = _HEAD.unpack_from(kept, at)
        begin = timestamp if begin is None else begin
        after = (timestamp - begin + (1 << 31)) % (1 << 32) - (1 << 31)
        at += _HEAD.size
        yield round(after / step), kept[at : at + length]
        at += length


def _opus() -> Callable[[bytes], Frame]:
    module = extension()
    decoder = module.ffi.gc(module.lib.lm_decoder_new(), module.lib.lm_decoder_free)
    if decoder == module.ffi.NULL:
        raise Inconclusive("libopus has no decoder for us")
    samples = module.ffi.new("int16_t[]", _LONGEST_FRAME)

    def decode(payload: bytes) -> Frame:
        count = module.lib.lm_decode(decoder, payload, len(payload), samples)
        if count < 0:
            raise Inconclusive("what was heard is no Opus")
        return np.frombuffer(module.ffi.buffer(samples, 2 * count), dtype=np.int16).copy()

    return decode


def _law(codec: Codec) -> Callable[[bytes], Frame]:
    of_code = levels(codec)
    before: Frame = np.zeros(LAW_HZ // FRAMES_PER_S, dtype=np.int16)

    def decode(payload: bytes) -> Frame:
        nonlocal before
        before = of_code[np.frombuffer(payload, dtype=np.uint8)] if payload else before // 2
        return before

    return decode
