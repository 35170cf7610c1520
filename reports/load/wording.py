"""The words in which a load run is told."""

from __future__ import annotations

from harness.load.records import Cause, Flow
from harness.load.result import CapacityResult, LostWorker
from harness.verdict import Verdict
from reports.visible import one_line

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
    if digits is not None:
        return f"{value:,.{digits}f}"
    size = abs(value)
    shown = f"{value:,.{0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


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


def searched(found: CapacityResult) -> str:
    """What a search found, in a sentence."""
    unit, words = SEARCHED.get(found.kind, (found.kind, found.kind))
    if found.carried is None:
        sentence = f"{words}: not even the least load was carried"
        sentence += f"; {with_unit(found.first_failed, unit)} failed." if found.first_failed is not None else "."
    else:
        sentence = f"{words}: {with_unit(found.carried, unit)} were carried"
        sentence += f", {with_unit(found.first_failed, unit)} were not." if found.first_failed is not None else "."
    return sentence if found.finished else f"{sentence} The search was not finished."


def lost_in_words(lost: LostWorker) -> str:
    """``worker-2 was lost at 5:10 with 61 calls: …``"""
    told = f"{one_line(lost.worker)} was lost at {moment(lost.at)} with {calls_in_words(lost.calls)}"
    return f"{told}: {one_line(lost.why)}" if lost.why else told
