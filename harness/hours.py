"""Opening hours as a target declares them: ``Mon-Fri 09:00-18:00, Sat 10:00-14:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time

MIDNIGHT = "24:00"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SPAN = re.compile(
    r"^(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))?\s+"
    r"(?P<opens>\d{2}:\d{2})-(?P<closes>\d{2}:\d{2})$"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Open from ``opens`` (included) to ``closes`` (excluded) on each of ``days`` (0 is Monday)."""

    days: frozenset[int]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours in the PBX's own time zone. No spans means never open."""

    text: str
    spans: tuple[Span, ...]

    def open_at(self, local: datetime) -> bool:
        """Whether they include ``local``, a wall-clock time in the PBX's time zone."""
        return any(local.weekday() in span.days and span.opens <= local.time() < span.closes for span in self.spans)


def parse_hours(text: str) -> Hours:
    """Read hours; raises ValueError with one line that shows the right form."""
    spans = []
    for part in (piece.strip() for piece in text.split(",")):
        match = _SPAN.match(part)
        if match is None or match["first"] not in DAYS or (match["last"] or "Mon") not in DAYS:
            raise ValueError(f"{part!r} is not of the form 'Mon-Fri 09:00-18:00'")
        first = DAYS.index(match["first"])
        last = DAYS.index(match["last"]) if match["last"] else first
        days = frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
        try:
            opens = time.fromisoformat(match["opens"])
            closes = time.max if match["closes"] == MIDNIGHT else time.fromisoformat(match["closes"])
        except ValueError as bad:
            raise ValueError(f"{part!r}: {bad}") from None
        if closes <= opens:
            raise ValueError(f"{part!r} closes before it opens; past midnight write two, the first up to 24:00")
        spans.append(Span(days, opens, closes))
    return Hours(text, tuple(spans))
