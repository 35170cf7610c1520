"""The files of a load run: ``load/`` in its run directory.

``calls.csv``, ``health.csv``, ``processes.csv`` and ``pbx.csv`` have a line per record, whose columns are the fields of
the records; they grow while the run goes on and can be read at any time. Points in time and durations are s, rounded to
1 µs, unless a column's name says otherwise; an empty field is None. ``load.json`` is the run as a whole, written at its
end.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from io import TextIOWrapper
from itertools import compress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessMisuse
from harness.load.listening import ListenedEar
from harness.load.records import CallRecord, HealthSample, PbxSample, ProcessSample
from harness.load.result import LoadResult
from harness.load.table import Column, Table, columns_of, values_of

DIRECTORY = "load"
RESULT = "load.json"
FILES: dict[type, str] = {
    CallRecord: "calls.csv",
    HealthSample: "health.csv",
    ProcessSample: "processes.csv",
    PbxSample: "pbx.csv",
}
SOME_HAVE: dict[type, str] = {ListenedEar: "pesq.csv"}
"""Files that are there once there is something for them."""

SCHEMA_VERSION = 1
FLUSHED_EVERY_S = 1.0
"""So much is lost at most when the process that writes is killed."""
AT_ONCE = 2000
"""Lines that are turned into columns together: so few stay in a processor's cache."""
DIGITS = 6
"""A clock is read no finer than 1 µs."""

RecordT = TypeVar("RecordT")


class LoadStore:
    """Writes the records of a run as they come. What is there already stays, and is gone on with."""

    def __init__(self, run_directory: Path, *, clock: Callable[[], float] = monotonic) -> None:
        self.directory = run_directory / DIRECTORY
        self.directory.mkdir(parents=True, exist_ok=True)
        self._files = {record: _opened(self.directory / name, record) for record, name in FILES.items()}
        self._writers = {record: csv.writer(file, lineterminator="\n") for record, file in self._files.items()}
        self._clock = clock
        self._flushed_at = clock()

    def add(self, record: CallRecord | HealthSample | ProcessSample | PbxSample | ListenedEar) -> None:
        """One more line of its file."""
        if type(record) in SOME_HAVE and type(record) not in self._files:
            file = self._files[type(record)] = _opened(self.directory / SOME_HAVE[type(record)], type(record))
            self._writers[type(record)] = csv.writer(file, lineterminator="\n")
        self._writers[type(record)].writerow(map(_written, values_of(record)))
        if self._clock() - self._flushed_at >= FLUSHED_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Everything is in the files."""
        for file in self._files.values():
            file.flush()
        self._flushed_at = self._clock()

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def __enter__(self) -> LoadStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_result(run_directory: Path, result: LoadResult) -> None:
    """``load.json``, whole or not at all."""
    directory = run_directory / DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    contents = {"schema_version": SCHEMA_VERSION} | _RESULT.dump_python(result, mode="json")
    written = directory / f"{RESULT}.new"
    written.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    written.replace(directory / RESULT)


def read_result(run_directory: Path) -> LoadResult | None:
    """``load.json``; None: the run did not come to its end. Raises HarnessMisuse for one that is damaged."""
    path = run_directory / DIRECTORY / RESULT
    if not path.is_file():
        return None
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
        version = contents["schema_version"]
        if version != SCHEMA_VERSION:
            raise HarnessMisuse(f"has schema_version {version}, {SCHEMA_VERSION} is read here", where=path)
        return _RESULT.validate_python(contents)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise HarnessMisuse(f"'{key}': {first['msg']}", where=path) from None
    except (ValueError, TypeError, KeyError) as bad:
        raise HarnessMisuse(f"is no result of a load run: {bad}", where=path) from None


def read_calls(run_directory: Path) -> Table[CallRecord]:
    """All calls; of a missing file, none."""
    return read_table(run_directory, CallRecord)


def read_health(run_directory: Path) -> Table[HealthSample]:
    """The generators, second by second."""
    return read_table(run_directory, HealthSample)


def read_processes(run_directory: Path) -> Table[ProcessSample]:
    """The run's own processes, moment by moment."""
    return read_table(run_directory, ProcessSample)


def read_pbx(run_directory: Path) -> Table[PbxSample]:
    """The PBX, moment by moment."""
    return read_table(run_directory, PbxSample)


def read_listening(run_directory: Path) -> Table[ListenedEar]:
    """The ears that PESQ was asked of."""
    return read_table(run_directory, ListenedEar)


def read_table(run_directory: Path, record: type[RecordT]) -> Table[RecordT]:
    """The file of a kind of records. Lines that are cut off or damaged are left out, and said in ``damage``."""
    name = (FILES | SOME_HAVE)[record]
    path = run_directory / DIRECTORY / name
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    *lines, rest = text.split("\n")
    damage = [f"{name}:{len(lines) + 1}: the line is cut off, it was left out"] if rest else []
    header = _rows(lines[:1])[0] if lines else []
    parts = []
    for first in range(1, len(lines), AT_ONCE):
        part, damaged = _part(record, header, _rows(lines[first : first + AT_ONCE]))
        parts.append(part)
        damage += (f"{name}:{first + n + 1}: the line is damaged, it was left out" for n in damaged)
    parts = parts or [_part(record, header, [])[0]]
    columns = {path: np.concatenate([part[path] for part in parts]) for path in parts[0]}
    return Table(record, columns, tuple(damage))


_RESULT = TypeAdapter(LoadResult)


def _opened(path: Path, record: type) -> TextIOWrapper:
    """The file at its end. A last line that a crash has cut off is taken away: the next would be glued to it."""
    if path.is_file():
        with path.open("rb+") as existing:
            contents = existing.read()
            existing.truncate(contents.rfind(b"\n") + 1)
    file = path.open("a", encoding="utf-8", newline="")
    if file.tell() == 0:
        csv.writer(file, lineterminator="\n").writerow([column.heading for column in columns_of(record)])
        file.flush()
    return file


def _written(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, str):
        # One line each, so that a line that is cut off is known by its end.
        return value.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    return value


def _rows(lines: Sequence[str]) -> list[list[str]]:
    rows = list(csv.reader(lines))
    if len(rows) == len(lines):
        return rows
    # A quote that a damaged line opens would take in those after it: each line by itself then.
    return [next(csv.reader([line]), []) for line in lines]


def _part(
    record: type, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[dict[str, NDArray[Any]], list[int]]:
    """The columns of some rows, and the numbers of the rows (from 0) that are damaged and not in them."""
    whole = [n for n, row in enumerate(rows) if len(row) == len(header)]
    good = rows if len(whole) == len(rows) else [rows[n] for n in whole]
    by_heading = dict(zip(header, zip(*good, strict=True), strict=True)) if good else {}
    nothing = ("",) * len(good)
    read = {c.path: _read(c, by_heading.get(c.heading, nothing)) for c in columns_of(record)}
    wrong = np.zeros(len(good), dtype=bool)
    for _, of_column in read.values():
        if of_column is not None:
            wrong |= of_column
    kept = {whole[n] for n in np.flatnonzero(~wrong)}
    columns = {path: values[~wrong] if wrong.any() else values for path, (values, _) in read.items()}
    return columns, [n for n in range(len(rows)) if n not in kept]


def _read(column: Column, texts: Sequence[str]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """A column's values, and which of them cannot be; None: all can."""
    if column.kind is float:
        return _numbers(texts, optional=column.optional)
    if column.kind is int:
        return _counts(texts, optional=column.optional)
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    if not issubclass(column.kind, StrEnum):
        return values, None
    wrong = set(texts) - {member.value for member in column.kind} - ({""} if column.optional else set())
    return values, np.array([text in wrong for text in texts]) if wrong else None


def _numbers(texts: Sequence[str], *, optional: bool) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """NaN for what is empty, and for what is no number, which is wrong."""
    values = np.full(len(texts), np.nan)
    there = np.fromiter(map(bool, texts), bool, len(texts))
    try:
        values[there] = np.fromiter(map(float, compress(texts, texts)), float)
    except ValueError:
        values[:] = [_number(text) for text in texts]
    wrong = np.isnan(values) & (there if optional else True)
    return values, wrong if wrong.any() else None


def _counts(texts: Sequence[str], *, optional: bool) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """As ``_numbers``, of which most are alike: each is converted once."""
    known = {text: _number(text) for text in set(texts)}
    values = np.fromiter(map(known.__getitem__, texts), float, len(texts))
    wrong = {text for text, value in known.items() if np.isnan(value) and (text or not optional)}
    return values, np.array([text in wrong for text in texts]) if wrong else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
