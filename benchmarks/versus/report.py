"""The tables of a run: on the terminal, as Markdown, as JSON, and in docs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.versus.generators import LIGHT, PJSUA2, SIPP
from benchmarks.versus.results import MediaRun, Results, SignallingRun
from harness.errors import HarnessMisuse

SCHEMA_VERSION = 1
ORDER = (LIGHT, SIPP, PJSUA2)
BEGINS, ENDS = "<!-- versus: written by python -m benchmarks.versus --write -->", "<!-- end of versus -->"
NONE = "–"

Row = tuple[str, ...]
RunT = TypeVar("RunT", SignallingRun, MediaRun)


def ratio(values: Sequence[float | None]) -> str:
    """Values in proportion to the first, ``1 : 2.5 : 0.31``; a value that is missing or 0 is a dash."""
    first = values[0]
    if not first:
        return NONE
    return " : ".join(NONE if not value else f"{value / first:.2g}" for value in values)


def markdown(results: Results) -> str:
    """Settings and tables."""
    head: Row = ("", *ORDER, "ratio")
    parts = [
        _table(("setting", ""), [(name, value) for name, value in results.settings.items()]),
        "**Calls without media**\n",
        _table(head, _signalling_rows(results)),
        "**Calls with media**, both ways\n",
        _table(head, _media_rows(results.media)),
    ]
    checked = _checks(results.media)
    if checked:
        parts.append("What each found in the media that came back:\n\n" + "\n".join(f"- {line}" for line in checked))
    if results.notes:
        parts.append("\n".join(f"- {note}" for note in results.notes))
    return "\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def as_json(results: Results) -> str:
    """All that was measured, with what follows from it."""
    data = asdict(results) | {
        "schema_version": SCHEMA_VERSION,
        "signalling": [_signalling_json(run) for run in results.signalling],
        "highest": {name: _signalling_json(run) for name, run in results.highest.items()},
        "media": [
            asdict(run) | {"calls_per_core": run.calls_per_core, "reached": run.reached, "carried": run.carried}
            for run in results.media
        ],
    }
    return json.dumps(data, indent=1) + "\n"


def write(results: Results, directory: Path) -> list[Path]:
    """``versus.json`` and ``versus.md``; where they are."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"versus.json": as_json(results), "versus.md": markdown(results)}
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in texts]


def write_into(document: Path, tables: str) -> None:
    """Put the tables of a run into a document, in place of those of the run before. Raises HarnessMisuse when it
    cannot be read or has no place for them."""
    try:
        page = document.read_text(encoding="utf-8")
    except OSError as why:
        raise HarnessMisuse(f"cannot be read: {why.strerror}", where=document) from None
    before, begins, rest = page.partition(f"{BEGINS}\n")
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise HarnessMisuse(f"the lines '{BEGINS}' and '{ENDS}' are missing", where=document)
    document.write_text(f"{before}{BEGINS}\n\n{tables.strip()}\n\n{ENDS}{after}", encoding="utf-8")


def _signalling_rows(results: Results) -> list[Row]:
    rows = []
    for answerer, rate in dict.fromkeys((run.answerer, run.rate) for run in results.signalling):
        runs = {run.generator: run for run in results.signalling if (run.answerer, run.rate) == (answerer, rate)}
        rows.append(_row(f"{answerer}, {rate:g} calls/s: calls for a second of a core", runs, _per_core_s, "{:.0f}"))
        if any(not run.sustained for run in runs.values()):
            rows.append(_words("of it failed, sent again", runs, _went))
    if results.highest:
        highest = results.highest
        answerer = next(iter(highest.values())).answerer
        rows.append(_row(f"{answerer}: highest rate sustained, calls/s", highest, lambda run: run.rate, "{:.0f}"))
        rows.append(_row("at that rate: calls for a second of a core", highest, _per_core_s, "{:.0f}"))
        rows.append(_words("at that rate: cores, generator + answerer", highest, _cores))
    return rows


def _media_rows(media: Sequence[MediaRun]) -> list[Row]:
    rows = []
    for answerer, calls in dict.fromkeys((run.answerer, run.calls) for run in media):
        runs = {run.generator: run for run in media if (run.answerer, run.calls) == (answerer, calls)}
        rows.append(
            _row(f"{answerer}, {calls} calls at once: calls for a core", runs, lambda run: run.calls_per_core, "{:.0f}")
        )
        rows.append(_words("cores, generator + answerer", runs, _cores))
        rows.append(_words("all up, paced and heard", runs, lambda run: "yes" if run.carried else f"no, {run.up} up"))
        if any(run.reached is not None for run in runs.values()):
            rows.append(_words("packets due that the answerer sent back", runs, _reached))
        rows.append(_words("packets lost, late", runs, _lost))
        if any(run.dropped for run in runs.values()):
            rows.append(_words("datagrams that the kernel dropped", runs, lambda run: str(run.dropped)))
        rows.append(_words("calls verified by what came back", runs, _verified))
    return rows


def _checks(media: Sequence[MediaRun]) -> list[str]:
    lines = []
    for name in ORDER:
        notes = list(dict.fromkeys(run.talked.note for run in media if run.generator == name and run.talked.note))
        lines += [f"{name}: {note}" for note in notes]
    return lines


def _row(what: str, runs: Mapping[str, RunT], value: Callable[[RunT], float], form: str) -> Row:
    values: list[float | None] = [value(runs[name]) if name in runs else None for name in ORDER]
    return (what, *(NONE if found is None else form.format(found) for found in values), ratio(values))


def _words(what: str, runs: Mapping[str, RunT], words: Callable[[RunT], str]) -> Row:
    return (what, *(words(runs[name]) if name in runs else NONE for name in ORDER), "")


def _per_core_s(run: SignallingRun) -> float:
    return run.calls_per_core_s


def _went(run: SignallingRun) -> str:
    again = run.placed.retransmissions
    return f"{run.placed.failed}, {'not counted' if again is None else again}"


def _cores(run: SignallingRun | MediaRun) -> str:
    other = "?" if run.answerer_cores is None else f"{run.answerer_cores:.2f}"
    return f"{run.spent.cores:.2f} + {other}"


def _reached(run: MediaRun) -> str:
    return NONE if run.reached is None else f"{run.reached:.1%}"


def _lost(run: MediaRun) -> str:
    talked = run.talked
    if talked.lost is None or talked.late is None:
        return "not counted"
    return f"{talked.lost}, {talked.late} of {talked.returned}"


def _verified(run: MediaRun) -> str:
    if run.talked.verified is not None:
        return f"{run.talked.verified} of {run.calls}"
    if run.talked.intact is not None:
        return "no; own check passed" if run.talked.intact else "no; own check failed"
    return "no; counted only"


def _signalling_json(run: SignallingRun) -> dict[str, Any]:
    return asdict(run) | {"calls_per_core_s": run.calls_per_core_s, "sustained": run.sustained}


def _table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
