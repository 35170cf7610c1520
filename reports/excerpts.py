"""The part of a SIP message in which the PBX did something wrong, for people."""

from __future__ import annotations

from harness.evidence import Fault
from reports.conformance import Excerpt, Line
from reports.ladder import Arrow, Ladder
from reports.visible import one_line, visible

AROUND = 2
"""Lines that are shown before and after a marked one."""
LONGEST = 400
GAP = "…"


def excerpts(faults: list[Fault], ladder: Ladder) -> dict[str, Excerpt]:
    """By kind of fault, for those that have a message in the ladder."""
    by_time = {arrow.entry.at: arrow for arrow in ladder.arrows}
    return {f.kind: _excerpt(f, by_time[f.message_at]) for f in faults if f.message_at in by_time}


def _excerpt(fault: Fault, arrow: Arrow) -> Excerpt:
    lines = visible(arrow.entry.raw).rstrip("\n").split("\n")
    marked = {number for number in fault.lines if number < len(lines)}
    shown = {0, *(n for mark in marked for n in range(mark - AROUND, mark + AROUND + 1) if 0 <= n < len(lines))}
    found: list[Line] = []
    last = -1
    for number in sorted(shown):
        if number > last + 1:
            found.append(Line(text=GAP))
        found.append(Line(text=one_line(lines[number], limit=LONGEST), marked=number in marked))
        last = number
    if last < len(lines) - 1:
        found.append(Line(text=GAP))
    return Excerpt(between=" → ".join(arrow.names), at_s=round(arrow.at_s, 3), lines=found)
