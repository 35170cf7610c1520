"""What passes between the harness and a simulator process: commands in, replies and events out.

Commands and events are frozen dataclasses, defined in each simulator's ``protocol`` module; they are
pickled, so they hold plain values only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. ``at`` is CLOCK_MONOTONIC in s, taken where the event happened."""

    at: float = field(default_factory=monotonic)


@dataclass(frozen=True, slots=True)
class Request:
    """A command on its way to a simulator; ``number`` pairs it with its reply."""

    number: int
    command: Command


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a request: ``value`` when it was carried out, ``error`` (one line) when it was not."""

    number: int
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Event):
    """First event of a simulator: its sockets are bound and it takes commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotStart(Event):
    """A simulator could not start (a port in use, a library missing). ``reason`` is one line."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Command):
    """End all calls, close the sockets and exit with status 0."""
