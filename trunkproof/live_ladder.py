"""The SIP ladder of a trunk, printed while messages pass: customer, trunk, PBX."""

from __future__ import annotations

import json
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.trace import SipTraceEntry

COLUMNS = ("customer", "trunk", "PBX")
TIME = 9
"""Characters before the first column's line."""
LANE = 34
"""Characters between two columns' lines."""
WIDTH = TIME + 1 + 2 * (LANE + 1)

_CODECS = re.compile(r"^a=rtpmap:\d+ ([^/\s]+)", re.MULTILINE)
_COLOURS = {"1": "yellow", "2": "green", "3": "red", "4": "red", "5": "red", "6": "red"}
_REQUEST_COLOUR = "cyan"


class TraceFollower:
    """Reads a trace file that another process is writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def read(self) -> list[SipTraceEntry]:
        """Entries that were completed since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        return [SipTraceEntry(**json.loads(line)) for line in whole.splitlines()]


class LiveLadder:
    """Prints each message as an arrow. ``customer_side`` is the trunk's ``ip:port`` towards customers.

    Keep-alives are left out unless ``keep_alives``.
    """

    def __init__(self, console: Console, customer_side: str, *, keep_alives: bool = False) -> None:
        self._console = console
        self._customer_side = customer_side
        self._keep_alives = keep_alives
        self._started_at: float | None = None
        self._seen: set[tuple[str, str, str]] = set()

    def show(self, entry: SipTraceEntry) -> None:
        """Print one message, after the columns' names when it is the first."""
        if not self._keep_alives and entry.header("CSeq").endswith("OPTIONS"):
            return
        if self._started_at is None:
            self._started_at = entry.at
            self._console.print(heading())
        key = (entry.source, entry.destination, entry.raw)
        row = ladder_row(entry, entry.at - self._started_at, self._customer_side, repeated=key in self._seen)
        self._seen.add(key)
        self._console.print(row, soft_wrap=True)


def heading() -> Text:
    """The names above the columns' lines."""
    line = [" "] * WIDTH
    for column, name in enumerate(COLUMNS):
        centre = TIME + column * (LANE + 1)
        start = min(centre - len(name) // 2, WIDTH - len(name))
        line[start : start + len(name)] = name
    return Text("".join(line), style="bold")


def ladder_row(entry: SipTraceEntry, at_s: float, customer_side: str, *, repeated: bool = False) -> Text:
    """One message as a line: time, and an arrow between two of the three columns."""
    on_customer_side = customer_side in (entry.source, entry.destination)
    sent_by_trunk = entry.source == customer_side if on_customer_side else _is_trunk(entry.source, customer_side)
    rightwards = sent_by_trunk != on_customer_side
    arrow = _arrow(_label(entry) + (" (again)" if repeated else ""), rightwards)
    row = Text(f"{at_s:{TIME - 1}.3f} │", style="dim")
    empty = " " * LANE
    for lane_is_customers in (True, False):
        if lane_is_customers == on_customer_side:
            row.append(arrow, style="not dim " + ("dim " if repeated else "") + _colour(entry))
        else:
            row.append(empty)
        row.append("│")
    return row


def _is_trunk(place: str, customer_side: str) -> bool:
    return place.rpartition(":")[0] == customer_side.rpartition(":")[0]


def _label(entry: SipTraceEntry) -> str:
    parts = entry.first_line.split(" ", 2)
    sdp = _sdp_note(entry)
    if parts[0] == "SIP/2.0":
        method = entry.header("CSeq").rpartition(" ")[2]
        about = "" if method == "INVITE" else f" ({method})"
        return " ".join(parts[1:]) + about + sdp
    user = parts[1].partition(":")[2].partition("@")[0] if len(parts) > 1 and "@" in parts[1] else ""
    return f"{parts[0]} {user}".rstrip() + sdp if parts[0] == "INVITE" else parts[0]


def _sdp_note(entry: SipTraceEntry) -> str:
    if "\nm=audio " not in entry.raw:
        return ""
    names = [name.lower() for name in _CODECS.findall(entry.raw) if name.lower() != "telephone-event"]
    return f" [{names[0]}]" if names else " [SDP]"


def _arrow(label: str, rightwards: bool) -> str:
    shown = label if len(label) <= LANE - 6 else label[: LANE - 7] + "…"
    line = f" {shown} ".center(LANE - 1, "─")
    return f"{line}▶" if rightwards else f"◀{line}"


def _colour(entry: SipTraceEntry) -> str:
    parts = entry.first_line.split(" ")
    if parts[0] != "SIP/2.0" or len(parts) < 2:
        return _REQUEST_COLOUR
    return _COLOURS.get(parts[1][:1], _REQUEST_COLOUR)
