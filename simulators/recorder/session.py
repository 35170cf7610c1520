"""One recording session while it lasts: its streams, what they bring, and what the client tells. No I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.audio.telephone_event import EventPacket, read_presses
from simulators.recorder.admission import Admission
from simulators.recorder.metadata import Metadata
from simulators.recorder.offer import EVENTS, Direction, OfferedStream, taken
from simulators.recorder.recording import Channel, Pause, Recording, Told
from simulators.recorder.sound import Coding
from simulators.recorder.timeline import Heard, assemble, parse_rtp

MOST_PACKETS = 1_000_000
"""Of one stream: five hours of speech. More is not kept."""

Hear = Callable[[bytes, float, bool], None]
"""Octets that came to a pair of ports, when (CLOCK_MONOTONIC, s), and whether to the RTCP port."""


class Ears(Protocol):
    """Where RTP comes in."""

    def open(self, hear: Hear) -> int:
        """A new pair of ports; the RTP port. Raises OSError."""
        ...

    def close(self, port: int) -> None:
        """Hear nothing there any more."""
        ...


@dataclass(slots=True)
class Stream:
    """One label's stream: its agreed payload types, and all that came for it."""

    label: str
    codings: dict[int, Coding] = field(default_factory=dict)
    event_types: set[int] = field(default_factory=set)
    coding: str = ""
    paused_at: float | None = None
    gone: bool = False
    heard: list[Heard] = field(default_factory=list)
    presses: list[EventPacket] = field(default_factory=list)
    foreign: int = 0
    astray: int = 0
    while_paused: int = 0

    def agree(self, offered: OfferedStream) -> None:
        """What the answer says the client will send from now on; earlier payload types are still understood."""
        if offered.speech is not None:
            payload_type, coding = offered.speech
            self.codings[payload_type] = coding
            self.coding = coding.value
        if offered.events is not None:
            self.event_types.add(offered.events)

    def hear(self, octets: bytes, at: float, to_rtcp: bool) -> None:
        """A datagram that came to the stream's ports."""
        packet = parse_rtp(octets)
        if packet is None:
            return
        if to_rtcp:
            self.astray += 1
            return
        if self.paused_at is not None:
            # It is kept: what is sent in a pause is what nobody may find in a recording.
            self.while_paused += 1
        if packet.payload_type in self.event_types:
            if len(self.presses) < MOST_PACKETS:
                self.presses.append(EventPacket(packet.sequence, packet.timestamp, packet.marker, packet.payload, at))
        elif packet.payload_type in self.codings:
            if len(self.heard) < MOST_PACKETS:
                self.heard.append(Heard(at=at, packet=packet, coding=self.codings[packet.payload_type]))
        else:
            self.foreign += 1


class RecordingSession:
    """See the module. Times are CLOCK_MONOTONIC in s; ``wall`` is Unix time of ``at``."""

    def __init__(self, name: str, call_id: str, source: str, ears: Ears, at: float, wall: float) -> None:
        self.id = name
        self.call_id = call_id
        self.source = source
        self.streams: list[Stream] = []
        self._ears = ears
        self._began = at
        self._wall = wall
        self._ports: dict[str, int] = {}
        self._told: list[Told] = []
        self._pauses: list[Pause] = []
        self._complaints: list[str] = []

    @property
    def ports(self) -> Mapping[str, int]:
        """RTP ports by label."""
        return self._ports

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the streams that are recorded now."""
        return tuple(stream.label for stream in self.streams if not stream.gone)

    @property
    def paused(self) -> tuple[str, ...]:
        """Labels of the streams that are inactive now."""
        return tuple(stream.label for stream in self.streams if stream.paused_at is not None and not stream.gone)

    @property
    def metadata(self) -> Metadata | None:
        return self._told[-1].metadata if self._told else None

    @property
    def complaints(self) -> tuple[str, ...]:
        return tuple(self._complaints)

    def take(self, admission: Admission, at: float) -> None:
        """Go by an offer and metadata. Raises OSError when no port is free."""
        if admission.streams:
            self._take_streams(admission.streams, at)
        if admission.metadata is not None:
            known = self.metadata
            state = admission.metadata if known is None else known.updated(admission.metadata)
            self._told.append(Told(at_s=round(at - self._began, 3), metadata=state))
        self._complaints += [each for each in admission.complaints if each not in self._complaints]

    def close(self) -> None:
        """Hear nothing more."""
        for port in self._ports.values():
            self._ears.close(port)

    def finish(self, at: float, why: str, wav: str) -> tuple[Recording, npt.NDArray[np.float32]]:
        """The recording and its sound, (channels, samples); takes as long as the recording is long, times a little."""
        for stream in self.streams:
            self._resume(stream, at)
        codings = {heard.coding for stream in self.streams for heard in stream.heard}
        rate_hz = max((coding.rate_hz for coding in codings), default=Coding.PCMU.rate_hz)
        length = max(0, round((at - self._began) * rate_hz))
        sound = np.zeros((max(1, len(self.streams)), length), dtype=np.float32)
        channels = []
        for row, stream in enumerate(self.streams):
            sound[row], figures = assemble(stream.heard, began=self._began, ended=at, rate_hz=rate_hz)
            channels.append(
                Channel(
                    label=stream.label,
                    coding=stream.coding,
                    figures=figures,
                    keys=read_presses(stream.presses, EVENTS[1], end_s=at).digits,
                    foreign=stream.foreign,
                    astray=stream.astray,
                    while_paused=stream.while_paused,
                )
            )
        recording = Recording(
            id=self.id,
            call_id=self.call_id,
            source=self.source,
            started=self._wall,
            ended=self._wall + at - self._began,
            began=self._began,
            ended_by=why,
            wav=wav,
            rate_hz=rate_hz,
            channels=tuple(channels),
            told=tuple(self._told),
            pauses=tuple(self._pauses),
            complaints=tuple(self._complaints),
        )
        return recording, sound

    def _take_streams(self, offered: Sequence[OfferedStream], at: float) -> None:
        known = {stream.label: stream for stream in self.streams}
        kept = {each.label: each for each in offered if taken(each)}
        for label, each in kept.items():
            if label not in known:
                stream = Stream(label)
                self._ports[label] = self._ears.open(stream.hear)
                self.streams.append(stream)
                known[label] = stream
            known[label].gone = False
            known[label].agree(each)
            if each.direction is Direction.INACTIVE:
                self._pause(known[label], at)
            else:
                self._resume(known[label], at)
        for stream in self.streams:
            if stream.label not in kept:
                stream.gone = True
                self._resume(stream, at)

    def _pause(self, stream: Stream, at: float) -> None:
        if stream.paused_at is None:
            stream.paused_at = at

    def _resume(self, stream: Stream, at: float) -> None:
        if stream.paused_at is not None:
            from_s, to_s = stream.paused_at - self._began, at - self._began
            self._pauses.append(Pause(label=stream.label, from_s=round(from_s, 3), to_s=round(to_s, 3)))
            stream.paused_at = None
