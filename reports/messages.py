"""SIP messages of a trace file, however damaged it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from harness.trace import SipTraceEntry


def read_messages(path: Path) -> tuple[list[SipTraceEntry], list[str]]:
    """Messages of a trace file by time, and a note when lines of it could not be read."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        return [], [f"the SIP trace {path.name} cannot be read: {error.strerror}"]
    entries: list[SipTraceEntry] = []
    unreadable = 0
    for line in lines:
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            unreadable += 1
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.at)
    if not unreadable:
        return entries, []
    return entries, [f"{unreadable} line{'s' * (unreadable > 1)} of the SIP trace {path.name} could not be read"]


def _entry(line: bytes) -> SipTraceEntry | None:
    try:
        data = json.loads(line)
        entry = SipTraceEntry(**data)
    except (ValueError, TypeError, RecursionError):
        return None
    numbers = all(isinstance(n, int | float) and abs(n) < 1e12 for n in (entry.at, entry.wall))
    texts = all(isinstance(t, str) for t in (entry.source, entry.destination, entry.transport, entry.raw))
    if not numbers or not texts:
        return None
    try:
        entry.raw.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Surrogates that stand for no octet: a trace of ours has none, but its octets must still be defined.
        return replace(entry, raw=entry.raw.encode("utf-8", "replace").decode())
    return entry
