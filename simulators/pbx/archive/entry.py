"""What the archive knows of a recording, and how the PBX tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
"""What a recording may be called: it is part of a path."""

_TEXTS = ("caller", "called", "queue", "wacid", "consent")
_AGENTS_APART = "+"


class BadEntry(ValueError):
    """Facts of a recording that cannot be understood; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recording. ``start`` is the PBX's time, with its zone; ``agents`` in the order in which they took the call;
    ``sha256`` of the WAV, in hex."""

    id: str
    caller: str
    called: str
    agents: tuple[str, ...]
    queue: str
    wacid: str
    consent: str
    start: datetime
    duration_s: float
    sha256: str

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.duration_s)

    def as_json(self) -> dict[str, Any]:
        """For ``json.dumps``."""
        return {**asdict(self), "agents": list(self.agents), "start": self.start.isoformat(timespec="milliseconds")}


def from_json(data: Mapping[str, Any]) -> Entry:
    """An entry as ``as_json`` made it. Raises BadEntry."""
    try:
        return Entry(
            id=str(data["id"]),
            agents=tuple(str(agent) for agent in data["agents"]),
            start=_moment("start", str(data["start"])),
            duration_s=float(data["duration_s"]),
            sha256=str(data["sha256"]),
            **{name: str(data[name]) for name in _TEXTS},
        )
    except (KeyError, TypeError, ValueError) as bad:
        raise BadEntry(f"not an entry: {bad!r}") from None


def from_pbx(name: str, text: str, sha256: str) -> Entry:
    """An entry from the lines ``key=value`` that the PBX wrote at the call's end. Raises BadEntry."""
    if not ID.fullmatch(name):
        raise BadEntry(f"{name!r} is no name for a recording")
    facts = dict(line.partition("=")[::2] for line in text.splitlines())
    missing = [key for key in (*_TEXTS, "agents", "start", "end") if key not in facts]
    if missing:
        raise BadEntry(f"the PBX has not told {', '.join(missing)}")
    start, end = _moment("start", facts["start"]), _moment("end", facts["end"])
    if end < start:
        raise BadEntry(f"the call ended at {facts['end']}, before it started at {facts['start']}")
    return Entry(
        id=name,
        agents=tuple(agent for agent in facts["agents"].split(_AGENTS_APART) if agent),
        start=start,
        duration_s=round((end - start).total_seconds(), 3),
        sha256=sha256,
        **{key: facts[key] for key in _TEXTS},
    )


def _moment(key: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadEntry(f"{key} {text!r} is no time") from None
    if moment.tzinfo is None:
        raise BadEntry(f"{key} {text!r} has no time zone")
    return moment
