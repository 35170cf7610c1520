"""The words in which a load run is told."""

from __future__ import annotations

from harness.load.records import Cause, Flow
from harness.verdict import Verdict

CAUSE_WORDS = {
    Cause.NONE: "nothing was wrong",
    Cause.GENERATOR: "not placed or not judged: the generator's own fault",
    Cause.REFUSED: "refused by the PBX",
    Cause.NO_RESPONSE: "no final response in time",
    Cause.NO_AGENT: "answered, and no agent's phone rang",
    Cause.WRONG_DESTINATION: "another queue's agent was rung",
    Cause.CROSS_TALK: "somebody heard another call",
    Cause.CUSTOMER_HEARS_NOTHING: "the customer did not hear the agent",
    Cause.AGENT_HEARS_NOTHING: "the agent did not hear the customer",
    Cause.DROPPED: "ended by the PBX before either party did",
    Cause.NOT_ENDED: "not ended on both sides",
    Cause.POOR_QUALITY: "poor sound",
}
FLOW_WORDS = {
    Flow.INBOUND: "inbound",
    Flow.IVR: "through the menu",
    Flow.CALLBACK: "callback",
    Flow.ESCALATION: "chat to call",
}
PROBE_WORDS = {
    Verdict.PASS: "still worked",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "could not be judged",
    Verdict.NOT_RUN: "was not run",
}
SEARCHED = {"rate": ("calls/s", "Session establishment rate"), "concurrency": ("calls up at once", "Calls at once")}
"""By kind of search: its unit, and what was searched."""


def number(value: float, digits: int | None = None) -> str:
    """``2,412``, ``96.4``: with as many decimals as are worth reading, or with ``digits``."""
    if digits is None:
        size = abs(value)
        digits = 0 if size >= 1000 or value == int(value) else 1 if size >= 100 else 2 if size >= 1 else 3
    shown = f"{value:,.{digits}f}"
    return "0" if digits and float(shown.replace(",", "")) == 0 else shown


def with_unit(value: float | None, unit: str, digits: int | None = None) -> str:
    """``214 ms``; a dash for what was not measured."""
    if value is None:
        return "–"
    return f"{number(value, digits)} {unit}".rstrip()


def moment(seconds: float) -> str:
    """Since the run's beginning: ``5:12``, ``1:02:07``."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def calls_in_words(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"
