"""What the media relay does to the packets of a call: one way of it, packets in, packets out. No I/O here.

Each kind of rule is a stage that a packet passes through; it may become none or several. Rules speak of RTP
(RFC 3550); whatever else comes (RTCP on the same port, STUN) passes untouched unless the way is cut. SRTP is opened
before the rules and closed after them, where there is one that looks into packets; SRTCP never is.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from harness.audio.telephone_event import EventPacket, TelephoneEventReader, ends_press
from simulators.trunk.protocol import (
    DurationsRecounted,
    EndsAdded,
    EndsLost,
    HeldBack,
    MediaRule,
    MediaWay,
    PacketsDelayed,
    PacketsLost,
    RuleCount,
    WayCounts,
    WayCut,
)
from simulators.trunk.sdes import SrtpKey
from simulators.trunk.srtp import SrtpSender

EVENT_CLOCK_HZ = 8000
"""For the durations of presses only, which the relay does not tell."""

MOST_TURNS = 64

_HUNDRED = 100
_EVENT_OCTETS = 4
_SEQUENCES = 1 << 16
_MOST_OVERTAKEN = 1000
"""How many packets may come before one that was sent earlier."""
_FIXED = struct.Struct("!BBHII")
_RTCP_TYPES = range(192, 224)
"""Second octets of RTCP, which no RTP packet has where both share a port (RFC 5761 section 4)."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """An RTP packet; ``sequence`` is what it will be sent under, ``clock_hz`` the clock rate of its payload type (0:
    not known). ``event_at`` is where the event of a key press stands in it, None in all other packets; ``ends`` tells
    the end packet of a press."""

    octets: bytes
    sequence: int
    timestamp: int
    source: int
    clock_hz: int
    event_at: int | None
    ends: bool

    def to_bytes(self) -> bytes:
        return self.octets[:2] + self.sequence.to_bytes(2, "big") + self.octets[4:]


class Stage(Protocol):
    """One rule at work. ``packets`` counts those that it dropped or added."""

    packets: int

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        """What becomes of the packet."""


class _LoseEnds:
    def __init__(self, rule: EndsLost) -> None:
        self.packets = 0
        self._kept = rule.kept
        self._press: tuple[int, int] | None = None
        self._seen = 0

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        if not packet.ends:
            return (packet,)
        press = (packet.source, packet.timestamp)
        if press != self._press:
            self._press, self._seen = press, 0
        self._seen += 1
        if self._seen <= self._kept:
            return (packet,)
        self.packets += 1
        return ()


class _AddEnds:
    def __init__(self, rule: EndsAdded) -> None:
        self.packets = 0
        self._extra = rule.extra
        self._press: tuple[int, int] | None = None
        self._added_after: int | None = None
        self._moved = 0

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        moved = self._moved
        if self._added_after is not None:
            ahead = (packet.sequence - self._added_after) % _SEQUENCES
            if ahead >= _SEQUENCES // 2:
                # Overtaken by the packets that were added.
                moved -= self._extra
            elif ahead > _MOST_OVERTAKEN:
                self._added_after = None
        passed = replace(packet, sequence=(packet.sequence + moved) % _SEQUENCES)
        press = (packet.source, packet.timestamp)
        if not packet.ends or press == self._press:
            return (passed,)
        self._press = press
        self._added_after = packet.sequence
        self._moved += self._extra
        self.packets += self._extra
        copies = range(1, self._extra + 1)
        return (passed, *(replace(passed, sequence=(passed.sequence + n) % _SEQUENCES) for n in copies))


class _RecountDurations:
    def __init__(self, rule: DurationsRecounted) -> None:
        self.packets = 0
        self._audio_hz = 0
        self._press: tuple[int, int] | None = None
        self._duration = 0

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        at, octets = packet.event_at, packet.octets
        if at is None:
            self._audio_hz = packet.clock_hz or self._audio_hz
            return (packet,)
        press = (packet.source, packet.timestamp)
        if press != self._press:
            self._press, self._duration = press, 0
        told = int.from_bytes(octets[at + 2 : at + 4], "big")
        # The 16 bits of a long press run over.
        self._duration += (told - self._duration) % _SEQUENCES
        if not self._audio_hz or packet.clock_hz in (0, self._audio_hz):
            return (packet,)
        duration = min(self._duration * packet.clock_hz // self._audio_hz, _SEQUENCES - 1)
        self.packets += 1
        return (replace(packet, octets=octets[: at + 2] + duration.to_bytes(2, "big") + octets[at + 4 :]),)


class _LosePackets:
    def __init__(self, rule: PacketsLost) -> None:
        if not 0 <= rule.percent <= _HUNDRED:
            raise ValueError(f"{rule.percent} % of packets cannot be lost")
        self.packets = 0
        self._percent = rule.percent
        self._random = random.Random(rule.seed)
        self._lost: frozenset[int] = frozenset()
        self._count = 0

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        place = self._count % _HUNDRED
        if place == 0:
            self._lost = frozenset(self._random.sample(range(_HUNDRED), self._percent))
        self._count += 1
        if place not in self._lost:
            return (packet,)
        self.packets += 1
        return ()


class _Delay:
    """Passes all; when they arrive, ``arrives_at`` says."""

    def __init__(self, rule: PacketsDelayed) -> None:
        if rule.delay_ms < 0 or rule.jitter_ms < 0:
            raise ValueError(f"a packet cannot be {rule.delay_ms:g} and up to {rule.jitter_ms:g} ms under way")
        self.packets = 0
        self._rule = rule
        self._random = random.Random(rule.seed)
        self._last_at = 0.0

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        self.packets += 1
        return (packet,)

    def arrives_at(self, at: float) -> float:
        took_ms = self._rule.delay_ms + self._rule.jitter_ms * self._random.random()
        self._last_at = max(self._last_at, at + took_ms / 1000)
        return self._last_at


class _Cut:
    def __init__(self, rule: WayCut) -> None:
        self.packets = 0

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        self.packets += 1
        return ()


class _HoldBack:
    def __init__(self, rule: HeldBack) -> None:
        self.packets = 0
        self.over = False

    def take(self, packet: RtpPacket) -> Iterable[RtpPacket]:
        if self.over:
            return (packet,)
        self.packets += 1
        return ()


_STAGES: dict[type[MediaRule], Callable[[Any], Stage]] = {
    EndsLost: _LoseEnds,
    EndsAdded: _AddEnds,
    DurationsRecounted: _RecountDurations,
    PacketsLost: _LosePackets,
    PacketsDelayed: _Delay,
    WayCut: _Cut,
    HeldBack: _HoldBack,
}

CHANGING = (EndsLost, EndsAdded, DurationsRecounted)
"""Rules that read or change what SRTP protects."""


class RelayWay:
    """One way of a call. Raises ValueError for a rule that cannot be followed."""

    def __init__(self, way: MediaWay, rules: Iterable[MediaRule]) -> None:
        self._way = way
        self._stages = [(rule, _STAGES[type(rule)](rule)) for rule in rules if rule.way is way]
        self._cut = any(isinstance(rule, WayCut) for rule, _ in self._stages)
        self._delays = [stage for _, stage in self._stages if isinstance(stage, _Delay)]
        self._presses = TelephoneEventReader(EVENT_CLOCK_HZ)
        self._received = self._sent = self._rtcp = 0
        self._event_types: frozenset[int] = frozenset()
        self._clocks: Mapping[int, int] = {}
        self._sources: list[int] = []
        self._outside = [stage for rule, stage in self._stages if not isinstance(rule, CHANGING)]
        self._reads = len(self._outside) < len(self._stages)
        self._protected = False
        self._sender = SrtpSender()
        self._unread = 0
        self.first_at = 0.0
        """When the first RTP packet came, as it was told (CLOCK_MONOTONIC, s); 0: none has."""

    def other_has_begun(self) -> None:
        """The other way has brought its first packet."""
        for _, stage in self._stages:
            if isinstance(stage, _HoldBack):
                stage.over = True

    def know(self, event_types: frozenset[int], clocks: Mapping[int, int]) -> None:
        """Payload types of telephone-event and the clock rates of all, as whom the packets are for numbers them."""
        self._event_types, self._clocks = event_types, clocks

    def expect(self, *, protected: bool, keys: Iterable[SrtpKey]) -> None:
        """Whether who sends this way speaks SRTP, and the keys that its SDP has for that."""
        self._protected = protected
        if self._reads:
            self._sender.announce(keys)

    def rtp(self, octets: bytes, at: float = 0.0) -> list[bytes]:
        """What came for the RTP port ``at`` a time, as it goes on."""
        if len(octets) < _FIXED.size or octets[0] >> 6 != 2 or octets[1] in _RTCP_TYPES:
            return self.rtcp(octets)
        self._received += 1
        self.first_at = self.first_at or at
        source = int.from_bytes(octets[8:12], "big")
        if self._sources[-1:] != [source] and len(self._sources) < MOST_TURNS:
            self._sources.append(source)
        passed = self._protected_by_rules(octets) if self._protected else self._plain_by_rules(octets)
        self._sent += len(passed)
        return passed

    def _protected_by_rules(self, octets: bytes) -> list[bytes]:
        """What becomes of an SRTP packet. Rules that look into packets pass over one that cannot be opened."""
        plain = self._sender.open(octets) if self._reads else None
        if plain is not None:
            closed = map(self._sender.close, self._plain_by_rules(plain))
            return [packet for packet in closed if packet is not None]
        self._unread += self._reads
        return _through(self._outside, self._read(octets, is_event=False)) if self._outside else [octets]

    def _plain_by_rules(self, octets: bytes) -> list[bytes]:
        is_event = octets[1] & 0x7F in self._event_types
        if not is_event and not self._stages:
            return [octets]
        return _through((stage for _, stage in self._stages), self._read(octets, is_event))

    def rtcp(self, octets: bytes) -> list[bytes]:
        """What came for the RTCP port, as it goes on."""
        if self._cut or any(isinstance(stage, _HoldBack) and not stage.over for _, stage in self._stages):
            return []
        self._rtcp += 1
        return [octets]

    @property
    def is_slow(self) -> bool:
        return bool(self._delays)

    def arrives_at(self, at: float) -> float:
        """When what came ``at`` a time and goes on is at the other end: not before what came earlier. Each packet is
        asked for once."""
        for delay in self._delays:
            at = delay.arrives_at(at)
        return at

    def counts(self) -> WayCounts:
        """All so far."""
        return WayCounts(
            way=self._way,
            received=self._received,
            sent=self._sent,
            rtcp=self._rtcp,
            rules=tuple(RuleCount(rule=rule, packets=stage.packets) for rule, stage in self._stages),
            digits=self._presses.report().digits,
            sources=tuple(self._sources),
            first_at=self.first_at,
            unread=self._unread,
        )

    def _read(self, octets: bytes, is_event: bool) -> RtpPacket:
        _, second, sequence, timestamp, source = _FIXED.unpack_from(octets)
        clock_hz = self._clocks.get(second & 0x7F, 0)
        if not is_event:
            return RtpPacket(octets, sequence, timestamp, source, clock_hz, None, False)
        start, end = _payload(octets)
        payload = octets[start:end]
        self._presses.feed(EventPacket(sequence, timestamp, bool(second & 0x80), payload))
        event_at = start if len(payload) == _EVENT_OCTETS else None
        return RtpPacket(octets, sequence, timestamp, source, clock_hz, event_at, ends_press(payload))


def _through(stages: Iterable[Stage], packet: RtpPacket) -> list[bytes]:
    packets = [packet]
    for stage in stages:
        packets = [left for one in packets for left in stage.take(one)]
    return [left.to_bytes() for left in packets]


def _payload(octets: bytes) -> tuple[int, int]:
    """Where an RTP packet's payload begins and ends: without contributing sources, header extension and padding
    (RFC 3550 section 5.1)."""
    first = octets[0]
    start = _FIXED.size + 4 * (first & 0x0F)
    if first & 0x10:
        start += 4 + 4 * int.from_bytes(octets[start + 2 : start + 4], "big")
    end = len(octets) - octets[-1] if first & 0x20 else len(octets)
    return start, max(start, end)
