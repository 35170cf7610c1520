"""What passes between the harness and the recording server."""

from __future__ import annotations

from dataclasses import dataclass

from harness.messages import Event
from simulators.recorder.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderConfig:
    """Where the server listens (UDP and TCP), and the directory of its recordings.

    RTP comes to ephemeral ports of the same address. ``trace`` gets every SIP message, as JSON lines.
    """

    address: str
    port: int = 5060
    directory: str
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted(Event):
    """A recording session was accepted. ``labels`` are those of the streams that are recorded."""

    recording: str
    call_id: str
    source: str
    labels: tuple[str, ...]
    complaints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingUpdated(Event):
    """The client changed streams or metadata. ``paused`` are the labels that are inactive now."""

    recording: str
    paused: tuple[str, ...]
    labels: tuple[str, ...]
    with_metadata: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEnded(Event):
    """A recording is over and its files are whole: ``facts`` is the JSON file's path, ``wav`` the sound's.

    ``faults`` are what was wrong with it as a recording session, one line each.
    """

    recording: Recording
    facts: str
    wav: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRefused(Event):
    """A request was refused with ``code``; ``reason`` is one line that says why.

    ``code`` 0: a TCP connection brought what cannot be cut into messages, so it was closed.
    """

    method: str
    code: int
    reason: str
    call_id: str
    source: str
