"""RTP figures of a scenario: ``rtp.json`` and the rows that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.evidence import RtpFigures, ScenarioRecord
from reports.visible import one_line

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpRow:
    """One call of one participant, as text; ``troubled`` when packets were lost."""

    who: str
    call: str
    codec: str
    received: str
    sent: str
    lost: str
    jitter: str
    round_trip: str
    mos: str
    mos_note: str
    troubled: bool


def rtp_document(record: ScenarioRecord) -> dict[str, Any]:
    """Content of ``rtp.json``; names and units of the figures are those of RtpReport."""
    return {
        "schema_version": SCHEMA_VERSION,
        "streams": [figures.model_dump(mode="json") for figures in record.rtp],
    }


def rtp_rows(record: ScenarioRecord) -> list[RtpRow]:
    """The table of the HTML report. A figure that is missing is a dash."""
    return [_row(figures) for figures in record.rtp]


def _row(stream: RtpFigures) -> RtpRow:
    figures = stream.figures
    received, lost = _number(figures, "received_packets"), _number(figures, "received_lost")
    sent, sent_lost = _number(figures, "sent_packets"), _number(figures, "sent_lost")
    discarded = _number(figures, "received_discarded")
    round_trip = _number(figures, "round_trip_ms")
    codec = one_line(str(figures.get("codec", "")), limit=24) or "–"
    clock = _number(figures, "clock_rate_hz")
    if clock and codec != "–":
        codec = f"{codec}/{clock:.0f}"
    return RtpRow(
        who=one_line(stream.participant, limit=60),
        call=one_line(stream.call, limit=60),
        codec=codec,
        received=_count(received),
        sent=_count(sent),
        lost=f"{_lost(lost, received)} in · {_lost(sent_lost, sent)} out"
        + (f" · {discarded:.0f} late" if discarded else ""),
        jitter=_milliseconds(_number(figures, "received_jitter_ms")),
        # 0 means that no RTCP report came back (RtpReport).
        round_trip=_milliseconds(round_trip or None),
        mos="–" if stream.mos_cqe is None else f"{stream.mos_cqe:.2f}",
        mos_note=one_line(stream.mos_note, limit=160),
        troubled=bool(lost or sent_lost or discarded) or received == 0,
    )


def _number(figures: Mapping[str, Any], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _lost(lost: float | None, others: float | None) -> str:
    if lost is None:
        return "–"
    if not lost or others is None:
        return f"{lost:.0f}"
    return f"{lost:.0f} ({100 * lost / (lost + others):.1f} %)"


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"
