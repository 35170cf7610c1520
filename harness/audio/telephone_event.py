"""Key presses in RTP packets of the payload format ``telephone-event`` (RFC 4733).

A press is named by its RTP timestamp, which all its packets share, and by its event code: however often an end
packet is repeated, it is one press. A sender that gives each repetition a new timestamp pressed as often, and that
is what the reader says, because an IVR hears the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

KEYS = "0123456789*#ABCD"
"""Keys by event code (RFC 4733 section 3.2, table 3)."""

SILENT_S = 0.25
"""A press without news for this long is over: five updates of 50 ms (section 2.5.1.2) have not come."""

_OCTETS = 4
_LONGEST = 0xFFFF
_TIMESTAMPS = 1 << 32
_SEQUENCES = 1 << 16
_REMEMBERED = 32


class End(StrEnum):
    """How a press ended: by a packet with the end bit, by the next press or by silence; ``OPEN``: not yet."""

    BIT = "end bit"
    NEXT = "next press"
    SILENCE = "silence"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class EventPacket:
    """An RTP packet of the telephone-event payload type. ``at_s`` is when it arrived, on any clock of the caller's;
    without it nothing ends by silence."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPress:
    """One press. ``at_s`` is when its first packet arrived, ``duration_s`` what its last packet says, all segments
    together. ``marked``: the packet that began it carried the marker bit, which section 2.5.1.1 demands."""

    digit: str
    at_s: float
    timestamp: int
    duration_s: float
    volume_dbm0: int
    end: End
    marked: bool
    packets: int
    end_packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPresses:
    """What a stream held: presses in the order they were made, packets ``ignored`` because they are malformed, and
    events that are no key of a telephone (``others``)."""

    presses: tuple[KeyPress, ...]
    packets: int
    ignored: int
    others: int

    @property
    def digits(self) -> str:
        return "".join(press.digit for press in self.presses)


@dataclass(frozen=True, slots=True)
class _Event:
    code: int
    end: bool
    volume: int
    duration: int


@dataclass(slots=True, kw_only=True)
class _Press:
    """A press so far. ``segments`` are the timestamps of its segments, ``before`` the length of all but the last."""

    code: int
    at_s: float
    heard_at_s: float
    sequence: int
    marked: bool
    volume: int
    segments: list[int]
    before: int = 0
    duration: int = 0
    end: End = End.OPEN
    packets: int = 0
    end_packets: int = 0


@dataclass(slots=True)
class TelephoneEventReader:
    """Reads the packets of one RTP source (one SSRC) in the order they arrive.

    ``clock_hz`` is the clock rate of the negotiated telephone-event, 8000 or 48000 as a rule.
    """

    clock_hz: int
    silent_s: float = SILENT_S
    _presses: list[_Press] = field(default_factory=list)
    _packets: int = 0
    _ignored: int = 0
    _others: int = 0

    def feed(self, packet: EventPacket) -> None:
        """Take the next packet; one that is malformed is counted and changes nothing."""
        self.advance(packet.at_s)
        self._packets += 1
        events = _events(packet.payload)
        if events is None:
            self._ignored += 1
            return
        timestamp, marker = packet.timestamp % _TIMESTAMPS, packet.marker
        for event in events:
            if event.code < len(KEYS):
                self._update(self._press(packet, timestamp, marker, event), packet, timestamp, event)
            else:
                self._others += 1
            # Several events in a packet follow each other without a pause (section 2.5.1.5).
            timestamp, marker = (timestamp + event.duration) % _TIMESTAMPS, True

    def advance(self, now_s: float) -> None:
        """Let time pass: presses that no packet has spoken of for ``silent_s`` are over."""
        for press in self._presses[-_REMEMBERED:]:
            if press.end is End.OPEN and now_s - press.heard_at_s >= self.silent_s:
                press.end = End.SILENCE

    def report(self) -> KeyPresses:
        """All presses so far, those still open included."""
        presses = tuple(
            KeyPress(
                digit=KEYS[press.code],
                at_s=press.at_s,
                timestamp=press.segments[0],
                duration_s=(press.before + press.duration) / self.clock_hz,
                volume_dbm0=-press.volume,
                end=press.end,
                marked=press.marked,
                packets=press.packets,
                end_packets=press.end_packets,
            )
            for press in self._presses
        )
        return KeyPresses(presses=presses, packets=self._packets, ignored=self._ignored, others=self._others)

    def _press(self, packet: EventPacket, timestamp: int, marker: bool, event: _Event) -> _Press:
        """The press that a packet speaks of, a new one if need be."""
        for known in reversed(self._presses[-_REMEMBERED:]):
            if known.code == event.code and timestamp in known.segments:
                return known
        last = self._presses[-1] if self._presses else None
        if last is not None and not marker and _continues(last, timestamp, event):
            last.before += (timestamp - last.segments[-1]) % _TIMESTAMPS
            last.segments.append(timestamp)
            last.duration = 0
            last.sequence = packet.sequence
            return last
        press = _Press(
            code=event.code,
            at_s=packet.at_s,
            heard_at_s=packet.at_s,
            sequence=packet.sequence,
            marked=False,
            volume=event.volume,
            segments=[timestamp],
        )
        if last is not None and _newer(last.sequence, packet.sequence):
            # Overtaken by the press after it.
            press.end = End.NEXT
            self._presses.insert(len(self._presses) - 1, press)
            return press
        for known in self._presses[-_REMEMBERED:]:
            if known.end in (End.OPEN, End.SILENCE):
                known.end = End.NEXT
        self._presses.append(press)
        return press

    def _update(self, press: _Press, packet: EventPacket, timestamp: int, event: _Event) -> None:
        press.packets += 1
        press.marked |= packet.marker
        press.heard_at_s = max(press.heard_at_s, packet.at_s)
        if press.end is End.SILENCE:
            press.end = End.OPEN
        if event.end:
            press.end_packets += 1
            press.end = End.BIT
        if timestamp != press.segments[-1] or _newer(press.sequence, packet.sequence):
            return
        press.sequence = packet.sequence
        if press.duration - event.duration > _LONGEST // 2:
            # Senders that know no segments let the 16 bits of a long press run over.
            press.before += _LONGEST + 1
            press.duration = event.duration
        press.duration = max(press.duration, event.duration)


def read_presses(packets: Iterable[EventPacket], clock_hz: int, *, end_s: float | None = None) -> KeyPresses:
    """The presses in a stream that is over, ``end_s`` being when listening to it stopped."""
    reader = TelephoneEventReader(clock_hz)
    for packet in packets:
        reader.feed(packet)
    if end_s is not None:
        reader.advance(end_s)
    return reader.report()


def ends_press(payload: bytes) -> bool:
    """Whether a payload says that a press is over: the E bit of its last event (section 2.3.2)."""
    events = _events(payload)
    return events is not None and events[-1].end


def _events(payload: bytes) -> list[_Event] | None:
    """The events of a payload, None when it is malformed: not in fours, or with a duration of 0, which only state
    events may have (section 2.3.5). The reserved bit is passed over."""
    if not payload or len(payload) % _OCTETS:
        return None
    events = [
        _Event(code, bool(flags & 0x80), flags & 0x3F, duration)
        for code, flags, duration in struct.iter_unpack("!BBH", payload)
    ]
    if any(event.duration == 0 and event.code < len(KEYS) for event in events):
        return None
    return events


def _continues(press: _Press, timestamp: int, event: _Event) -> bool:
    """Whether a packet begins the next segment of a long press (section 2.5.1.3): it takes up where the segment
    before ended. That one's last updates may be lost, so a full segment counts as well."""
    passed = (timestamp - press.segments[-1]) % _TIMESTAMPS
    return press.code == event.code and press.end_packets == 0 and passed in (press.duration, _LONGEST, _LONGEST + 1)


def _newer(sequence: int, than: int) -> bool:
    """Whether one sequence number comes after another, round the 16 bits (RFC 1982)."""
    return 0 < (sequence - than) % _SEQUENCES < _SEQUENCES // 2
