"""A recording as the recording server keeps it: what was negotiated, told and received. Facts without I/O.

Beside each WAV file, one channel per label, lies a JSON file with these facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from simulators.recorder.metadata import (
    CommunicationSession,
    DataMode,
    MediaStream,
    Membership,
    Metadata,
    Participant,
    StreamUse,
)
from simulators.recorder.timeline import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One label's stream, and its channel in the WAV file, in the order of the m-lines.

    ``keys`` are DTMF digits in packets (RFC 4733). ``foreign`` packets had a payload type that was not agreed,
    ``astray`` ones came to the RTCP port, ``while_paused`` ones while the client had said ``inactive``.
    """

    label: str
    coding: str
    figures: Figures
    keys: str = ""
    foreign: int = 0
    astray: int = 0
    while_paused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Metadata after an update, at ``at_s`` of the recording."""

    at_s: float
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stretch of the recording, in s, in which a label was inactive."""

    label: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording session (RFC 7245), over.

    ``started`` and ``ended`` are Unix times in s, ``began`` is CLOCK_MONOTONIC of the beginning. ``wav`` is the sound's
    file name, ``ended_by`` why it ended. ``complaints`` are what the client did that RFC 7866 does not allow, though it
    kept nothing from being recorded.
    """

    id: str
    call_id: str
    source: str
    started: float
    ended: float
    began: float
    ended_by: str
    wav: str
    rate_hz: int
    channels: tuple[Channel, ...]
    told: tuple[Told, ...] = ()
    pauses: tuple[Pause, ...] = ()
    complaints: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        return self.ended - self.started

    @property
    def metadata(self) -> Metadata | None:
        """What was told last, None when there was never any metadata."""
        return self.told[-1].metadata if self.told else None

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Everybody who was ever named, in the order in which they were."""
        everybody: dict[str, Participant] = {}
        for told in self.told:
            everybody.update({participant.id: participant for participant in told.metadata.participants})
        return tuple(everybody.values())

    def senders(self, label: str) -> tuple[Participant, ...]:
        """Everybody who ever sent the stream of that label, as the metadata tells it."""
        senders: dict[str, Participant] = {}
        for told in self.told:
            senders.update({participant.id: participant for participant in told.metadata.senders(label)})
        return tuple(senders.values())


def faults(recording: Recording) -> tuple[str, ...]:
    """What is wrong with a recording session as it was received, one line each; its sound is judged by ear."""
    return tuple(_faults(recording))


def _faults(recording: Recording) -> Iterator[str]:
    yield from recording.complaints
    yield from _metadata_faults(recording)
    for channel in recording.channels:
        name = f"stream {channel.label}"
        if channel.astray:
            yield f"{name}: {channel.astray} RTP packets came to its RTCP port"
        if channel.foreign:
            yield f"{name}: {channel.foreign} packets had a payload type that was not agreed"
        if channel.while_paused:
            yield f"{name}: {channel.while_paused} packets came while it was paused"
        if channel.figures.packets == 0:
            yield f"{name}: no sound came to the port that was agreed for it"


def _metadata_faults(recording: Recording) -> Iterator[str]:
    metadata = recording.metadata
    if metadata is None:
        yield "the client sent no metadata"
        return
    yield from (f"metadata: {fault}" for fault in metadata.faults)
    if not recording.participants:
        yield "the metadata names no participant"
        return
    for channel in recording.channels:
        senders = recording.senders(channel.label)
        if not senders:
            yield f"the metadata does not say who sends stream {channel.label}"
    for told in recording.told:
        for channel in recording.channels:
            together = told.metadata.senders(channel.label)
            if len(together) > 1:
                names = " and ".join(participant.aor or participant.id for participant in together)
                yield f"stream {channel.label} is sent by {names} together: they cannot be told apart"
                return


def to_json(recording: Recording) -> str:
    """The JSON file's text."""
    return json.dumps(asdict(recording), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Recording:
    """A recording out of its JSON file. Raises ValueError when the text is not one of ``to_json``."""
    try:
        facts = json.loads(text)
        return replace(
            Recording(**facts),
            channels=tuple(Channel(**{**each, "figures": Figures(**each["figures"])}) for each in facts["channels"]),
            told=tuple(Told(at_s=each["at_s"], metadata=_metadata(each["metadata"])) for each in facts["told"]),
            pauses=tuple(Pause(**each) for each in facts["pauses"]),
            complaints=tuple(facts["complaints"]),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no recording's facts: {error}") from error


def _metadata(facts: dict[str, Any]) -> Metadata:
    return Metadata(
        mode=DataMode(facts["mode"]),
        sessions=tuple(CommunicationSession(**_tuples(each)) for each in facts["sessions"]),
        participants=tuple(Participant(**each) for each in facts["participants"]),
        streams=tuple(MediaStream(**each) for each in facts["streams"]),
        memberships=tuple(Membership(**each) for each in facts["memberships"]),
        uses=tuple(StreamUse(**_tuples(each)) for each in facts["uses"]),
        extensions=tuple((name, text) for name, text in facts["extensions"]),
        faults=tuple(facts["faults"]),
    )


def _tuples(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
