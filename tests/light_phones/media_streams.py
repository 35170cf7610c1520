"""Streams without a thread and without a network: their packets pass through the test's hands, at times it says."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.load.records import Party
from simulators.light_phones.media.engine import MediaEngine, Stream
from simulators.light_phones.ports import StreamSettings
from simulators.light_phones.sdp import Codec

ADDRESS = "127.0.0.1"
NOWHERE = (ADDRESS, 9)
ROUND_NS = 20_000_000
PAYLOAD_TYPES = {Codec.OPUS: 111, Codec.PCMU: 0, Codec.PCMA: 8}
CLOCKS_HZ = {Codec.OPUS: 48_000, Codec.PCMU: 8000, Codec.PCMA: 8000}
EVENTS = 126
HEADER = 12


@dataclass(frozen=True, slots=True)
class Rtp:
    """An RTP packet with the fixed header only."""

    sequence: int
    timestamp: int
    payload: bytes = b"\xd5" * 160
    payload_type: int = 8
    ssrc: int = 0x1234
    marker: bool = False

    def octets(self) -> bytes:
        kind = self.payload_type | (0x80 if self.marker else 0)
        head = struct.pack("!BBHII", 0x80, kind, self.sequence % 65536, self.timestamp % (1 << 32), self.ssrc)
        return head + self.payload


def parse(octets: bytes) -> Rtp:
    _, kind, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", octets)
    return Rtp(sequence, timestamp, octets[HEADER:], kind & 0x7F, ssrc, bool(kind & 0x80))


class Hands:
    """A stream and the means to move its packets."""

    def __init__(self, engine: MediaEngine, settings: StreamSettings) -> None:
        self.stream: Stream = engine.open()
        self.stream.start(settings)
        self._ffi: Any = engine._ffi
        self._lib: Any = engine._lib
        self._room = self._ffi.new("uint8_t[]", 1500)

    def make(self, number: int, now_ns: int | None = None) -> bytes:
        """The packet of a round; empty: none is due."""
        now_ns = number * ROUND_NS if now_ns is None else now_ns
        length = self._lib.lm_make(self.stream._handle, number, now_ns, self._room)
        return bytes(self._ffi.buffer(self._room, length))

    def make_rtcp(self, now_ns: int) -> bytes:
        return bytes(self._ffi.buffer(self._room, self._lib.lm_make_rtcp(self.stream._handle, now_ns, self._room)))

    def feed(self, octets: bytes, at_ns: int) -> None:
        # Exactly as long as the packet, so that a sanitizer sees who reads beyond it.
        room = self._ffi.new("uint8_t[]", max(1, len(octets)))
        self._ffi.memmove(room, octets, len(octets))
        self._lib.lm_feed(self.stream._handle, room, len(octets), at_ns)


@contextmanager
def engine() -> Iterator[MediaEngine]:
    with MediaEngine(ADDRESS, threaded=False, seed=7) as made:
        yield made


def settings(codec: Codec = Codec.PCMA, party: Party = Party.CUSTOMER, **more: Any) -> StreamSettings:
    """Of a stream that sends nowhere, in call 77, unless ``more`` says otherwise."""
    usual: dict[str, Any] = {
        "remote": NOWHERE,
        "remote_rtcp": None,
        "payload_type": PAYLOAD_TYPES[codec],
        "event_payload_type": EVENTS,
        "event_clock_hz": 8000,
        "send_key": b"",
        "receive_key": b"",
        "call": 77,
        "jitter_buffer_ms": 60,
    }
    return StreamSettings(codec=codec, party=party, **usual | more)
