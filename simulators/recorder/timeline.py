"""A stream's packets put back into time: by RTP timestamps, whatever order they came in (RFC 3550). Pure.

There is no jitter buffer: all packets are known when the recording ends. A run of packets whose timestamps agree with
their arrival is one segment and is placed by its packet with the least delay; a new source, or timestamps that jump,
begin a segment of their own. What is lost or not sent is silence.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.audio.levels import Samples
from harness.audio.wav import resample
from simulators.recorder.sound import Coding, decode

FAR_S = 1.0
"""Within a segment timestamps and arrival differ by no more than this."""
LONGEST_PACKET_S = 0.5
_HEADER = struct.Struct("!BBHII")
_SEQUENCES = 1 << 16
_TIMESTAMPS = 1 << 32
_PLACING_S = 5.0
"""How far into a segment the packet is looked for that was least delayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    """One packet of RTP version 2, without extension and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    source: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A speech packet as it came: ``at`` is CLOCK_MONOTONIC in s."""

    at: float
    packet: RtpPacket
    coding: Coding


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of a stream's speech: packets, those that never came, those that came twice or too late in order.

    ``first_s`` and ``last_s`` are when its sound begins and ends, in s of the recording; None without any.
    """

    packets: int = 0
    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    first_s: float | None = None
    last_s: float | None = None


@dataclass(slots=True)
class _Placed:
    """A packet in its segment: extended sequence number and ticks since the segment's first packet."""

    at: float
    sequence: int
    ticks: int
    payload: bytes


def parse_rtp(octets: bytes) -> RtpPacket | None:
    """Octets as RTP, None for all else: RTCP on one port with it (RFC 5761), STUN, noise. Never raises."""
    if len(octets) < _HEADER.size or octets[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, source = _HEADER.unpack_from(octets)
    if 192 <= second <= 223:
        return None
    begin, end = _HEADER.size + 4 * (first & 0x0F), len(octets)
    if first & 0x10:
        if len(octets) < begin + 4:
            return None
        begin += 4 + 4 * int.from_bytes(octets[begin + 2 : begin + 4], "big")
    if first & 0x20:
        end -= octets[-1]
    if begin > end:
        return None
    return RtpPacket(
        payload_type=second & 0x7F,
        marker=bool(second & 0x80),
        sequence=sequence,
        timestamp=timestamp,
        source=source,
        payload=octets[begin:end],
    )


def assemble(heard: Sequence[Heard], *, began: float, ended: float, rate_hz: int) -> tuple[Samples, Figures]:
    """A stream as sound from ``began`` to ``ended`` (CLOCK_MONOTONIC, s), and what came of it.

    ``heard`` is in the order of arrival. Sound before ``began`` or after ``ended`` is cut off, so neither a wrong
    timestamp nor a late packet makes a recording longer than its call.
    """
    sound = np.zeros(max(0, round((ended - began) * rate_hz)), dtype=np.float32)
    lost = repeated = reordered = 0
    first_s: float | None = None
    last_s: float | None = None
    for coding, segment in _segments(heard):
        late, twice, missing, kept = _sorted(segment)
        reordered, repeated, lost = reordered + late, repeated + twice, lost + missing
        begin_s = _begin(segment, coding) - began
        samples = resample(_speech(kept, coding), coding.rate_hz, rate_hz)
        shift_s = begin_s + kept[0].ticks / coding.clock_hz
        _put(sound, samples, round(shift_s * rate_hz))
        first_s = shift_s if first_s is None else min(first_s, shift_s)
        end_s = shift_s + len(samples) / rate_hz
        last_s = end_s if last_s is None else max(last_s, end_s)
    return sound, Figures(
        packets=len(heard),
        lost=lost,
        repeated=repeated,
        reordered=reordered,
        first_s=None if first_s is None else round(first_s, 3),
        last_s=None if last_s is None else round(last_s, 3),
    )


def _segments(heard: Sequence[Heard]) -> list[tuple[Coding, list[_Placed]]]:
    segments: list[tuple[Coding, list[_Placed]]] = []
    before: Heard | None = None
    for now in heard:
        if not now.packet.payload or len(now.packet.payload) > LONGEST_PACKET_S * now.coding.clock_hz:
            continue
        placed = None if before is None else _continued(segments[-1][1], before, now)
        if placed is None:
            segments.append((now.coding, [_Placed(now.at, now.packet.sequence, 0, now.packet.payload)]))
        else:
            segments[-1][1].append(placed)
        before = now
    return segments


def _continued(segment: list[_Placed], before: Heard, now: Heard) -> _Placed | None:
    """The packet's place in the segment, None when it does not continue it."""
    if now.packet.source != before.packet.source or now.coding is not before.coding:
        return None
    first, last = segment[0], segment[-1]
    ticks = last.ticks + _signed(now.packet.timestamp - before.packet.timestamp, _TIMESTAMPS)
    # Measured from the segment's beginning, so that no sum of small lies makes a recording of any length.
    if abs(ticks / now.coding.clock_hz - (now.at - first.at)) > FAR_S:
        return None
    sequence = last.sequence + _signed(now.packet.sequence - before.packet.sequence, _SEQUENCES)
    return _Placed(now.at, sequence, ticks, now.packet.payload)


def _signed(difference: int, modulus: int) -> int:
    """A difference of counters that wrap, the short way round."""
    return (difference + modulus // 2) % modulus - modulus // 2


def _sorted(segment: list[_Placed]) -> tuple[int, int, int, list[_Placed]]:
    """Packets that came late, that came twice, that never came, and those to hear, in order."""
    late, highest = 0, segment[0].sequence
    once: dict[int, _Placed] = {}
    for placed in segment:
        if placed.sequence not in once:
            late += placed.sequence < highest
            once[placed.sequence] = placed
        highest = max(highest, placed.sequence)
    kept = [once[number] for number in sorted(once)]
    # A gap that time does not show is a sequence number that jumped: nobody can lose more packets than time has.
    missing = sum(
        min(after.sequence - before.sequence - 1, max(0, after.ticks - before.ticks) // max(1, len(before.payload)))
        for before, after in pairwise(kept)
        if after.sequence - before.sequence > 1
    )
    return late, len(segment) - len(once), missing, kept


def _begin(segment: list[_Placed], coding: Coding) -> float:
    """When the segment's tick 0 was, on the clock of arrival, going by the packet that was least delayed."""
    soon = segment[0].at + _PLACING_S
    return min(placed.at - placed.ticks / coding.clock_hz for placed in segment if placed.at <= soon)


def _speech(kept: list[_Placed], coding: Coding) -> Samples:
    """Speech from the first packet's time to the end of the last, silence where none came."""
    per_tick = coding.rate_hz // coding.clock_hz
    decoded = decode(coding, b"".join(placed.payload for placed in kept))
    first = min(placed.ticks for placed in kept)
    speech = np.zeros((max(p.ticks + len(p.payload) for p in kept) - first) * per_tick, dtype=np.float32)
    at = 0
    for placed in kept:
        count = len(placed.payload) * per_tick
        begin = (placed.ticks - first) * per_tick
        speech[begin : begin + count] = decoded[at : at + count]
        at += count
    return speech


def _put(sound: Samples, samples: Samples, at: int) -> None:
    """Write samples where they belong, as far as they are within the recording."""
    begin, end = max(0, at), min(len(sound), at + len(samples))
    if begin < end:
        sound[begin:end] = samples[begin - at : end - at]
