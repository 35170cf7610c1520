"""Records as columns: what a hundred thousand of them are read into and computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from harness.load.records import EarFigures

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a record. ``path`` leads to it, ``heading`` is its name in a file, which has the unit in it."""

    path: str
    heading: str
    kind: type
    """``float``, ``int``, ``str``, or a StrEnum."""
    optional: bool
    """Whether it may be None."""

    @property
    def numeric(self) -> bool:
        return self.kind in (float, int)


def columns_of(record: type) -> tuple[Column, ...]:
    """The columns of a record's class, in the order of its fields; those of what a party heard as ``ear.field``."""
    return _columns(record)


@cache
def _columns(record: type) -> tuple[Column, ...]:
    hints = get_type_hints(record)
    found: list[Column] = []
    for each in fields(record):
        kind, optional = _kind(hints[each.name])
        if kind is EarFigures:
            found += (
                Column(f"{each.name}.{c.path}", f"{each.name}.{c.heading}", c.kind, True) for c in columns_of(kind)
            )
        else:
            # Points in time are s, which their names do not say.
            heading = f"{each.name}_s" if each.name == "at" or each.name.endswith("_at") else each.name
            found.append(Column(each.name, heading, kind, optional))
    return tuple(found)


def _kind(hint: Any) -> tuple[type, bool]:
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    return (choices[0], True) if choices else (hint, False)


def values_of(record: Any) -> list[Any]:
    """A record's values in the order of its columns; those of an ear that heard nothing that counts are None."""
    kind: type = type(record)
    return [get(record) for get in _getters(kind)]


@cache
def _getters(record: type) -> tuple[Callable[[Any], Any], ...]:
    return tuple(_getter(column.path) for column in columns_of(record))


def _getter(path: str) -> Callable[[Any], Any]:
    ear, dot, name = path.partition(".")
    if not dot:
        return attrgetter(path)
    get_ear, get = attrgetter(ear), attrgetter(name)
    return lambda record: None if (figures := get_ear(record)) is None else get(figures)


@dataclass(frozen=True)
class Table(Generic[RecordT]):
    """Many records of one class. ``table["srd_s"]`` is a column: numbers are float64 with NaN for None, all else are
    texts (``""`` for None). ``damage`` says in a line each what could not be read."""

    record: type[RecordT]
    columns: Mapping[str, NDArray[Any]]
    damage: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, record: type[RecordT], records: Iterable[RecordT]) -> Table[RecordT]:
        """Of records in memory."""
        rows = [values_of(each) for each in records]
        by_column: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ((),) * len(columns_of(record))
        columns = zip(columns_of(record), by_column, strict=True)
        return cls(record, {column.path: _array(column, values) for column, values in columns})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, path: str) -> NDArray[Any]:
        return self.columns[path]

    def where(self, chosen: NDArray[np.bool_]) -> Table[RecordT]:
        """The records for which ``chosen`` is true."""
        return Table(self.record, {path: values[chosen] for path, values in self.columns.items()}, self.damage)

    def row(self, number: int) -> RecordT:
        """One record (from 0)."""
        row: RecordT = _record(self.record, {path: values[number] for path, values in self.columns.items()}, "")
        return row

    def __iter__(self) -> Iterator[RecordT]:
        return (self.row(number) for number in range(len(self)))


def _array(column: Column, values: Sequence[Any]) -> NDArray[Any]:
    if column.numeric:
        return np.array(values, dtype=float)
    texts = np.empty(len(values), dtype=object)
    texts[:] = ["" if value is None else value for value in values]
    return texts


def _record(record: type, values: Mapping[str, Any], within: str) -> Any:
    arguments: dict[str, Any] = {}
    for name, column in _plan(record):
        path = f"{within}{name}"
        if column is not None:
            arguments[name] = _value(column, values[path])
        else:
            absent = np.isnan(values[f"{path}.received"])
            arguments[name] = None if absent else _record(EarFigures, values, f"{path}.")
    return record(**arguments)


@cache
def _plan(record: type) -> tuple[tuple[str, Column | None], ...]:
    """Names of its fields, each with its column; an ear has several, thus none."""
    by_path = {column.path: column for column in _columns(record)}
    return tuple((each.name, by_path.get(each.name)) for each in fields(record))


def _value(column: Column, value: Any) -> Any:
    if column.numeric:
        return None if np.isnan(value) else column.kind(value)
    if issubclass(column.kind, StrEnum):
        return column.kind(value) if value else None
    return str(value)
