"""What a scenario leaves behind: one JSON record and the files it names, in ``evidence/<scenario>/``.

Scenarios write it, reports read it. Paths in a record are relative to its own directory. Times are
CLOCK_MONOTONIC in s unless the name says otherwise.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.verdict import Blame, Verdict

RECORD_NAME = "scenario.json"


class Role(StrEnum):
    """Who takes part in a call; the order is the ladder's, from left to right."""

    CUSTOMER = "customer"
    TRUNK = "trunk"
    PBX = "pbx"
    AGENT = "agent"
    PSTN = "pstn"


class StepStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not_reached"


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(Record):
    """One Given/When/Then. ``notes`` are what it measured or saw, one line each."""

    keyword: str
    text: str
    line: int
    status: StepStatus
    started_at: float = 0.0
    duration_s: float = 0.0
    error: str = ""
    notes: list[str] = Field(default_factory=list)


class Participant(Record):
    """Somebody at an address (``ip`` or ``ip:port``; several when a B2BUA has a port for each side)."""

    name: str
    role: Role
    addresses: list[str]
    detail: str = ""


class Mark(Record):
    """Something recognised in audio: from ``start_s`` to ``end_s`` of the recording."""

    label: str
    start_s: float
    end_s: float
    score: float | None = None


class Clip(Record):
    """What one participant heard in one call. ``file`` is a WAV; its first sample was heard at ``started_at``."""

    participant: str
    call: str
    label: str
    file: str
    started_at: float
    codec: str
    marks: list[Mark] = Field(default_factory=list)


class RtpFigures(Record):
    """RTP of one participant's call, as in ``simulators.phones.protocol.RtpReport``, plus the estimate of MOS."""

    participant: str
    call: str
    figures: dict[str, Any]
    mos_cqe: float | None = None
    mos_note: str = ""


class RoutedCall(Record):
    """A call of a routing table: the site that must take it and the one that did, empty for none.

    ``*_open`` tells whether the site takes calls or only tells its hours; None: not told. ``told_by`` is how the
    site was recognised, ``mismatch`` in one line what is wrong, empty when nothing is.
    """

    region: str
    declared: str
    declared_open: bool = True
    received: str = ""
    received_open: bool | None = None
    told_by: str = ""
    mismatch: str = ""


class RoutingInstant(Record):
    """One moment of a routing table, in UTC; ``local`` is what each site's clock shows (``13:30``) by its name."""

    at: datetime
    local: dict[str, str] = Field(default_factory=dict)
    open_sites: list[str] = Field(default_factory=list)
    calls: list[RoutedCall] = Field(default_factory=list)


class RoutingTable(Record):
    """Which site took the calls of which region, over a day. ``sites`` are time zones, ``regions`` who called."""

    title: str
    sites: dict[str, str]
    regions: dict[str, str]
    instants: list[RoutingInstant]


class Fault(Record):
    """Something that the PBX did wrong. ``kind`` is what requirements name that it breaks, ``text`` one line.

    ``message_at`` is the time of the SIP message in which it did it, None without one; ``lines`` are the lines of that
    message, from 0, in which it stands.
    """

    kind: str
    text: str
    message_at: float | None = None
    lines: list[int] = Field(default_factory=list)


class ScenarioRecord(Record):
    """One scenario's result and evidence.

    ``reason`` is the one line a person reads; ``detail`` explains with messages and measures.
    ``talk_s`` is how long at least one call was in progress (first INVITE to last end);
    ``started_wall`` is Unix time in s. ``trace`` is a SIP trace file of this scenario's messages only.
    """

    feature: str
    feature_file: str
    line: int
    name: str
    tags: list[str] = Field(default_factory=list)
    requirements: list[str] = Field(default_factory=list)
    verdict: Verdict
    blame: Blame
    reason: str = ""
    detail: str = ""
    steps: list[Step] = Field(default_factory=list)
    started_wall: float
    started_at: float
    duration_s: float
    talk_s: float
    worker: str = ""
    target: str = ""
    """Name of the target that it ran on, of those that the run has."""
    profile: str = ""
    """Name of the trunk's profile there."""
    faults: list[Fault] = Field(default_factory=list)
    """What the PBX did wrong, where that has a kind."""
    unjudged_before: str = ""
    """Why it was played once before and not judged, empty when it was not: this machine was too busy."""
    deviates: bool = False
    """Not run because the target declares that the PBX does otherwise than required."""
    participants: list[Participant] = Field(default_factory=list)
    trace: str = ""
    clips: list[Clip] = Field(default_factory=list)
    rtp: list[RtpFigures] = Field(default_factory=list)
    routing: list[RoutingTable] = Field(default_factory=list)
    facts: dict[str, Any] = Field(default_factory=dict)
    """Further figures by name, with the unit in the name: ``answer_delay_ms``."""


class RunRecord(Record):
    """``run.json``: what holds for the whole run."""

    run_id: str
    target: str
    target_description: str = ""
    profile: str
    twin: str = ""
    provider: str = ""
    pbx_version: str = ""
    started_wall: float
    finished_wall: float
    workers: int = 1
    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    """What a reader must know: Opus missing on this machine, docker not tried, run interrupted."""
    claims: list[str] = Field(default_factory=list)
    """What the run's targets claim, all of them together."""
    requirements_of: dict[str, str] = Field(default_factory=dict)
    """By profile: the built-in profile whose requirements hold on it, where that is another."""
    errors: list[str] = Field(default_factory=list)
    """Run-level failures, one line each: the PBX did not start, an INVITE at the PSTN trap of no scenario."""
    run_verdict: Verdict | None = None
    run_blame: Blame | None = None
    """Verdict of a run-level failure, None when there was none."""


def slug(text: str) -> str:
    """``text`` as a name for a directory: readable, and different for different texts."""
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:72] or "scenario"
    return f"{readable}-{hashlib.blake2b(text.encode(), digest_size=3).hexdigest()}"


def write_record(directory: Path, record: ScenarioRecord) -> None:
    """Write a scenario's record; a reader never sees half of it."""
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f".{RECORD_NAME}"
    unfinished.write_text(record.model_dump_json(indent=1), encoding="utf-8")
    unfinished.rename(directory / RECORD_NAME)
