"""Reads ``load/`` of a run directory, however damaged: what cannot be read becomes a note, never an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from harness.errors import HarnessMisuse
from harness.load import store
from harness.load.records import CallRecord, Cause, HealthSample, PbxSample, ProcessSample
from harness.load.result import LoadResult
from harness.load.table import Table
from harness.masking import mask_message, mask_text
from harness.trace import SipTraceEntry
from harness.verdict import Verdict
from reports.messages import read_messages
from reports.visible import one_line

KEPT = (f"{store.DIRECTORY}/kept/**/*.jsonl", "work/**/trunk.jsonl")
"""Where traces of calls that failed are: of the run, and where the trunks of its workers write them."""
_NOTES_SHOWN = 8
_FREE_TEXTS = ("name", "why", "reason", "customer", "agent", "call_id")

T = TypeVar("T")
RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEvidence:
    """What a load run left behind. ``files`` are its raw files, relative to the run directory; ``messages`` those of
    calls whose trace was kept."""

    result: LoadResult
    calls: Table[CallRecord]
    health: Table[HealthSample]
    pbx: Table[PbxSample]
    processes: Table[ProcessSample]
    messages: tuple[SipTraceEntry, ...] = ()
    problems: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def read_load_result(run_directory: Path, secrets: Sequence[str] = ()) -> LoadResult | None:
    """The result of a load run; None: the directory is of no load run. One without a readable ``load.json`` is
    inconclusive."""
    directory = run_directory / store.DIRECTORY
    if not directory.is_dir():
        return None
    try:
        found = store.read_result(run_directory)
        trouble = f"{store.RESULT} is not there: the load run did not come to its end"
    except (HarnessMisuse, OSError, RecursionError) as error:
        found, trouble = None, f"{store.RESULT} cannot be read: {one_line(str(error), limit=300)}"
    return masked(found or _unfinished(run_directory, trouble), secrets)


def read_load(run_directory: Path, result: LoadResult, secrets: Sequence[str] = ()) -> LoadEvidence:
    """Everything of a load run, without ``secrets`` and whatever else looks like one."""
    problems: list[str] = []
    calls = _masked_texts(_table(run_directory, CallRecord, problems), secrets)
    health = _table(run_directory, HealthSample, problems)
    pbx = _table(run_directory, PbxSample, problems)
    processes = _table(run_directory, ProcessSample, problems)
    if not len(calls):
        problems.append("no call was recorded")
    elif not len(health):
        problems.append("nothing is recorded about the generator: whether it was the bottleneck is not known")
    messages: list[SipTraceEntry] = []
    for trace in sorted(trace for pattern in KEPT for trace in run_directory.glob(pattern)):
        read, trouble = read_messages(trace)
        messages += read
        problems += trouble
    directory = run_directory / store.DIRECTORY
    return LoadEvidence(
        result=result,
        calls=calls,
        health=health,
        pbx=pbx,
        processes=processes,
        messages=tuple(replace(entry, raw=mask_message(entry.raw, secrets)) for entry in messages),
        problems=tuple(mask_text(text, secrets) for text in problems),
        files=tuple(
            path.relative_to(run_directory).as_posix()
            for path in sorted(directory.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        ),
    )


def masked(value: T, secrets: Sequence[str]) -> T:
    """A dataclass with every text in it masked."""
    return _masked(value, secrets)  # type: ignore[no-any-return]


def _masked(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        return mask_text(value, secrets)
    if isinstance(value, tuple):
        return tuple(_masked(item, secrets) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _masked(getattr(value, f.name), secrets) for f in fields(value)})
    return value


def _masked_texts(calls: Table[CallRecord], secrets: Sequence[str]) -> Table[CallRecord]:
    """Names of lines, and whatever texts calls that failed have: no other call is shown by itself."""
    columns = dict(calls.columns)
    failed = calls["cause"] != Cause.NONE.value
    for name in _FREE_TEXTS:
        values = columns[name].copy()
        shown = np.ones(len(calls), dtype=bool) if name == "name" else failed
        clean = {text: mask_text(text, secrets) for text in set(values[shown])}
        for number in np.flatnonzero(shown):
            values[number] = clean[values[number]]
        columns[name] = values
    return replace(calls, columns=columns)


def _table(run_directory: Path, record: type[RecordT], problems: list[str]) -> Table[RecordT]:
    name = store.FILES[record]
    if not (run_directory / store.DIRECTORY / name).exists():
        problems.append(f"{name} is not there")
    try:
        table = store.read_table(run_directory, record)
    except Exception as error:  # noqa: BLE001 - a file that somebody spoilt must not cost the report
        problems.append(f"{name} cannot be read: {one_line(f'{type(error).__name__}: {error}')}")
        return Table.of(record, ())
    problems += table.damage[:_NOTES_SHOWN]
    if len(table.damage) > _NOTES_SHOWN:
        problems.append(f"{name}: {len(table.damage) - _NOTES_SHOWN} more lines were left out")
    return table


def _unfinished(run_directory: Path, trouble: str) -> LoadResult:
    """Stands for a result that is gone: what happened is not known."""
    return LoadResult(
        name=run_directory.name,
        target="",
        pbx="",
        trunk_profile="",
        began="",
        planned_s=0.0,
        lasted_s=0.0,
        seed=0,
        workers=(),
        conditions=(),
        criteria=(),
        generator=Verdict.NOT_RUN,
        generator_why="The run did not come to its end.",
        verdict=Verdict.INCONCLUSIVE,
        headline=f"Nothing proven: {trouble}",
    )
