"""What a PBX does to sound between two legs that have no codec in common, and what a network does to its packets."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np
import numpy.typing as npt
from media_streams import CLOCKS_HZ, PAYLOAD_TYPES, Hands, Rtp, parse

from harness.audio.g711 import levels
from simulators.light_phones.sdp import Codec

Samples = npt.NDArray[np.float64]
FRAME = 160
RATE_HZ = 8000
_VOIP = 2048
_MOST_OCTETS = 1275


def decode(codec: Codec, payloads: list[bytes | None]) -> Samples:
    """Sound at 8 kHz; of a packet that was lost (None) silence, with Opus what its decoder makes of it."""
    if codec == Codec.OPUS:
        return _decode_opus(payloads)
    parts = [np.zeros(FRAME) if p is None else levels(codec)[np.frombuffer(p, dtype=np.uint8)] for p in payloads]
    return np.concatenate(parts)


def encode(codec: Codec, sound: Samples) -> list[bytes]:
    """Payloads of 20 ms."""
    sound = np.clip(sound[: len(sound) // FRAME * FRAME], -32768, 32767)
    if codec == Codec.OPUS:
        return _encode_opus(sound)
    order = np.argsort(levels(codec), kind="stable")
    ordered = levels(codec)[order].astype(float)
    codes = order[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, sound)].astype(np.uint8)
    return [codes[at : at + FRAME].tobytes() for at in range(0, len(codes), FRAME)]


def say(mouth: Hands, frames: int, first: int = 0) -> list[bytes | None]:
    """The payloads that a stream sends."""
    return [parse(mouth.make(first + number)).payload for number in range(frames)]


def hear(ear: Hands, codec: Codec, payloads: list[bytes | None], first: int = 0) -> None:
    """Has a stream receive payloads, None being lost."""
    step = CLOCKS_HZ[codec] // 50
    for number, payload in enumerate(payloads, first):
        if payload is not None:
            packet = Rtp(number, number * step, payload, PAYLOAD_TYPES[codec])
            ear.feed(packet.octets(), number * 20_000_000 + 1)


def lose(payloads: list[bytes | None], share: float, noise: np.random.Generator) -> list[bytes | None]:
    """Loses packets by chance."""
    return [
        None if gone else payload for gone, payload in zip(noise.random(len(payloads)) < share, payloads, strict=True)
    ]


def gain(sound: Samples, decibel: float) -> Samples:
    return sound * 10 ** (decibel / 20)


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(ctypes.util.find_library("opus"))
    library.opus_decoder_create.restype = library.opus_encoder_create.restype = ctypes.c_void_p
    return library


def _decode_opus(payloads: list[bytes | None]) -> Samples:
    library, error = _library(), ctypes.c_int()
    decoder = ctypes.c_void_p(library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error)))
    sound = np.zeros((len(payloads), FRAME), dtype=np.int16)
    for place, payload in enumerate(payloads):
        room = sound[place].ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        assert library.opus_decode(decoder, payload, len(payload or b""), room, FRAME, 0) == FRAME
    library.opus_decoder_destroy(decoder)
    return sound.ravel().astype(np.float64)


def _encode_opus(sound: Samples) -> list[bytes]:
    library, error = _library(), ctypes.c_int()
    encoder = ctypes.c_void_p(library.opus_encoder_create(RATE_HZ, 1, _VOIP, ctypes.byref(error)))
    samples = np.ascontiguousarray(np.round(sound), dtype=np.int16)
    room = ctypes.create_string_buffer(_MOST_OCTETS)
    packets = []
    for at in range(0, len(samples), FRAME):
        frame = samples[at : at + FRAME].ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        length = library.opus_encode(encoder, frame, FRAME, room, _MOST_OCTETS)
        assert length > 0
        packets.append(room.raw[:length])
    library.opus_encoder_destroy(encoder)
    return packets
