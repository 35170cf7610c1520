"""Reads what a run left behind, however damaged: what cannot be read becomes a note, never an error.

Secrets are masked here, so that no report ever has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.evidence import RECORD_NAME, Record, RunRecord, ScenarioRecord
from harness.load.result import LoadResult
from harness.masking import MASK, mask_message, mask_text
from harness.trace import SipTraceEntry
from harness.verdict import Blame, Verdict
from reports.load.reading import read_load_result
from reports.messages import read_messages
from reports.visible import one_line

RUN_RECORD_NAME = "run.json"

RecordT = TypeVar("RecordT", bound=Record)
_SECRET_KEY = re.compile(r"(?i)password|passwd|secret|credential|api_?key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One scenario: its directory, its record, its SIP messages by time, and what could not be read."""

    directory: Path
    record: ScenarioRecord
    messages: tuple[SipTraceEntry, ...] = ()
    problems: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run directory's content; scenarios by feature file, line and name. ``load`` is what came of a load run."""

    directory: Path
    record: RunRecord
    scenarios: tuple[Evidence, ...]
    load: LoadResult | None = None


def read_run(run_directory: Path, secrets: Sequence[str] = ()) -> Run:
    """Everything of a run, without ``secrets`` and whatever else looks like one.

    A directory under ``evidence/`` without a readable record is an inconclusive scenario.
    """
    scenarios = [
        _read_scenario(directory, secrets)
        for directory in sorted(run_directory.glob("evidence/*"))
        if directory.is_dir()
    ]
    # Those without a readable record name no feature file and come last.
    scenarios.sort(
        key=lambda s: (not s.record.feature_file, s.record.feature_file, s.record.line, s.record.name, s.directory.name)
    )
    return Run(
        directory=run_directory,
        record=_masked(_read_run_record(run_directory, scenarios), secrets),
        scenarios=tuple(scenarios),
        load=read_load_result(run_directory, secrets),
    )


def _masked(record: RecordT, secrets: Sequence[str]) -> RecordT:
    return type(record).model_validate(_masked_value(record.model_dump(), secrets))


def _masked_value(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return mask_text(value, secrets)
    if isinstance(value, list):
        return [_masked_value(item, secrets) for item in value]
    if isinstance(value, dict):
        return {
            key: MASK if _SECRET_KEY.search(str(key)) and isinstance(item, str) else _masked_value(item, secrets)
            for key, item in value.items()
        }
    return value


def _read_scenario(directory: Path, secrets: Sequence[str]) -> Evidence:
    problems: list[str] = []
    try:
        record = ScenarioRecord.model_validate_json((directory / RECORD_NAME).read_bytes())
    except OSError as error:
        return _unreadable(directory, f"{RECORD_NAME} cannot be read: {error.strerror}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where}: {first['msg']}" if where else str(first["msg"])
        return _unreadable(directory, f"{RECORD_NAME} is damaged ({said})")
    messages: list[SipTraceEntry] = []
    if record.trace:
        trace = inside(directory, record.trace)
        if trace is None:
            problems = [f"the SIP trace {one_line(record.trace)} is not in the evidence directory"]
        else:
            messages, problems = read_messages(trace)
    return Evidence(
        directory=directory,
        record=_masked(record, secrets),
        messages=tuple(replace(entry, raw=mask_message(entry.raw, secrets)) for entry in messages),
        problems=tuple(problems),
    )


def inside(directory: Path, name: str) -> Path | None:
    """``name`` within ``directory``; None when it would leave it."""
    try:
        path = (directory / name).resolve()
        return path if path.is_relative_to(directory.resolve()) else None
    except (OSError, ValueError):
        return None


def _unreadable(directory: Path, reason: str) -> Evidence:
    """Stands for a scenario whose record is gone: what happened is not known."""
    record = ScenarioRecord(
        feature="Unreadable evidence",
        feature_file="",
        line=0,
        name=directory.name,
        verdict=Verdict.INCONCLUSIVE,
        blame=Blame.HARNESS,
        reason=f"the evidence of this scenario is incomplete: {reason}",
        started_wall=0.0,
        started_at=0.0,
        duration_s=0.0,
        talk_s=0.0,
    )
    return Evidence(directory=directory, record=record)


def _read_run_record(run_directory: Path, scenarios: list[Evidence]) -> RunRecord:
    path = run_directory / RUN_RECORD_NAME
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        trouble = f"{RUN_RECORD_NAME} cannot be read: {error.strerror}"
    except ValidationError as error:
        trouble = f"{RUN_RECORD_NAME} is damaged: {error.errors()[0]['msg']}"
    starts = [s.record.started_wall for s in scenarios if s.record.started_wall]
    ends = [s.record.started_wall + s.record.duration_s for s in scenarios if s.record.started_wall]
    return RunRecord(
        run_id=run_directory.name,
        target="unknown",
        profile="unknown",
        started_wall=min(starts, default=0.0),
        finished_wall=max(ends, default=0.0),
        errors=[f"{trouble}: the run did not finish properly"],
        run_verdict=Verdict.INCONCLUSIVE,
        run_blame=Blame.HARNESS,
    )
