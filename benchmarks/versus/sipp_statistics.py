"""What SIPp tells of itself: the statistics file (``-trace_stat``) and its screens (``-trace_screen``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import Inconclusive

DELIMITER = ";"
_ECHOED = re.compile(r"(\d+) Total echo RTP pckts 1st stream")
_SENT = re.compile(r"(\d+) Total AUDIO RTP pckts sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class SippCounts:
    """The last row of a statistics file: since SIPp was started."""

    created: int
    current: int
    successful: int
    failed: int
    retransmissions: int
    elapsed_s: float


def read_statistics(text: str) -> SippCounts:
    """The last whole row. Raises Inconclusive when there is none, or one of the columns is missing."""
    lines = [line for line in text.split("\n")[:-1] if line.strip()]
    if len(lines) < 2:
        raise Inconclusive("SIPp wrote no statistics")
    row = dict(zip(lines[0].split(DELIMITER), lines[-1].split(DELIMITER), strict=False))

    def value(column: str) -> str:
        if column not in row:
            raise Inconclusive(f"SIPp's statistics have no column {column}")
        return row[column]

    return SippCounts(
        created=int(value("TotalCallCreated")),
        current=int(value("CurrentCall")),
        successful=int(value("SuccessfulCall(C)")),
        failed=int(value("FailedCall(C)")),
        retransmissions=int(value("Retransmissions(C)")),
        elapsed_s=_epoch_s(value("CurrentTime")) - _epoch_s(value("StartTime")),
    )


def packets_sent(screens: str) -> int | None:
    """Packets that its RTP streams have sent, by the last screen that tells it."""
    return _last(_SENT, screens)


def packets_echoed(screens: str) -> int | None:
    """Packets that came and were sent back (``-rtp_echo``), by the last screen that tells it."""
    return _last(_ECHOED, screens)


def _last(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.findall(text)
    return int(found[-1]) if found else None


def _epoch_s(moment: str) -> float:
    """SIPp writes a point in time as date, time of day and s since 1970, with tabs between them."""
    return float(moment.split("\t")[-1])
