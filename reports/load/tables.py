"""The figures of a load run as tables: what the charts show, for those who read numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.load.confidence import Estimate
from harness.load.listening import ListeningResult, ListeningScore, Scale, in_words
from harness.load.measures import Distribution, Measures, measure, session_failures
from harness.load.records import CallRecord
from harness.load.result import BaselineResult
from harness.load.table import Table
from reports.load.columns import known
from reports.load.reading import LoadEvidence
from reports.load.wording import number, with_unit
from reports.visible import one_line

NOT_MEASURED = "not measured"
_GROUPS_SHOWN = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A table: its first column names a row. ``note`` stands under it."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def ratios(found: Measures) -> TableView:
    """SER, SEER, ISA, SCR and our own."""
    rows = (
        ("Session establishment ratio (SER)", found.session_establishment_ratio),
        ("Session effectiveness ratio (SEER)", found.session_effectiveness_ratio),
        ("Ineffective session attempts (ISA)", found.ineffective_session_attempts),
        ("Session completion ratio (SCR)", found.session_completion_ratio),
        ("Verified calls", found.verified_calls),
    )
    apart = [
        f"{count:,} {words}"
        for count, words in (
            (found.redirected, "redirected (out of SER and SEER)"),
            (found.cancelled, "cancelled by us"),
            (found.callbacks, "calls back, whose INVITE is the PBX's"),
            (found.challenged, "challenged for credentials (each with its repetition one attempt)"),
            (found.spoilt, "spoilt by the generator, counted for nothing"),
        )
        if count
    ]
    return TableView(
        title="Ratios",
        heads=("RFC 6076", "Value", "95 % confidence", "Of"),
        rows=tuple((name, with_unit(e.value, "%", 2), span(e, "%", 2), f"{e.samples:,}") for name, e in rows),
        note=f"Counted apart: {', '.join(apart)}." if apart else "",
    )


def delays(found: Measures) -> TableView:
    """How long things took."""
    rows = (
        ("Session request delay (SRD), established", found.srd_s, 1000, "ms"),
        ("Session request delay, refused", found.srd_failed_s, 1000, "ms"),
        ("First response", found.first_response_s, 1000, "ms"),
        ("INVITE to 200", found.answer_s, 1000, "ms"),
        ("INVITE to the agent's phone", found.answer_to_agent_s, 1000, "ms"),
        ("Session disconnect delay (SDD)", found.sdd_ms, 1, "ms"),
        ("Session duration (SDT)", found.sdt_s, 1, "s"),
    )
    return TableView(
        title="Delays",
        heads=("", "Calls", "Median", "95th percentile", "95 % confidence", "99th", "Longest"),
        rows=tuple(_spread(name, d, times, unit) for name, d, times, unit in rows if d.samples),
    )


def sound(found: Measures, listening: ListeningResult | None = None) -> TableView:
    """What came to the ears of all, and PESQ at those of the sampled calls."""
    rows = (
        ("Estimated MOS (G.107)", found.mos, "", 2, (0.05, 0.5)),
        ("RTP lost or late", found.loss, "%", 3, (0.95, 0.5)),
        ("Jitter (RFC 3550)", found.jitter_ms, "ms", 2, (0.95, 0.5)),
        ("One-way delay, by the stamps", found.delay_ms, "ms", 1, (0.95, 0.5)),
        ("Mouth to ear (packet, way, jitter buffer)", found.mouth_to_ear_ms, "ms", 1, (0.95, 0.5)),
    )
    heard = found.jitter_ms.samples
    shown = []
    for name, d, unit, digits, (worse, middle) in rows:
        if not d.samples:
            if heard:
                shown.append((name, "–", NOT_MEASURED, *("–",) * 3))
            continue
        bad = d.quantile(worse)
        worst = d.least if worse < middle else d.most
        shown.append(
            (
                name,
                f"{d.samples:,}",
                with_unit(d.quantile(middle).value, unit, digits),
                f"{with_unit(bad.value, unit, digits)} (p{worse * 100:.0f})",
                span(bad, unit, digits),
                with_unit(worst, unit, digits),
            )
        )
    notes = ["MOS is an estimate from packet figures (E-model), not a listening test.", told_by(found)]
    if listening is not None:
        shown += (_pesq(score) for score in listening.scores)
        notes.append(f"{one_line(in_words(listening), limit=400)}.")
    return TableView(
        title="Sound",
        heads=("", "Ears", "Median", "Worse end", "95 % confidence", "Worst"),
        rows=tuple(shown),
        note=" ".join(filter(None, notes)),
    )


def _pesq(score: ListeningScore) -> tuple[str, str, str, str, str, str]:
    return (
        f"PESQ of sampled calls ({score.scale}, {Scale(score.scale).words})",
        f"{score.ears:,}",
        with_unit(score.median, "", 2),
        f"{with_unit(score.p5, '', 2)} (p5)",
        span(score.p5_estimate, "", 2),
        with_unit(score.least, "", 2),
    )


def told_by(found: Measures) -> str:
    """By what it was told who was heard; empty without a verified call."""
    if not found.by_stamps and not found.by_tones:
        return ""
    told = f"Who was heard was told by stamps in {found.by_stamps:,} calls, by tones in {found.by_tones:,}"
    if not found.by_tones:
        return f"{told}."
    return f"{told}: there loss is that of the PBX's leg to the ear, and end-to-end loss and delay are not measured."


def kinds(calls: Table[CallRecord]) -> list[TableView]:
    """The figures by line of the mix, and by customers' country."""
    return [
        view
        for view in (_by(calls, "name", "By kind of call"), _by(calls, "country", "By customers' country"))
        if len(view.rows) > 1
    ]


def generator(load: LoadEvidence, found: Measures, baseline: BaselineResult | None, up: int) -> TableView:
    """The generator in this run, beside what it does by itself."""
    health = load.health
    workers = max(1, len(set(health["worker"])))
    seconds = known(health["at"])
    took = float(seconds.max() - seconds.min() + 1) if len(seconds) else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        per_hundred = known(np.where(health["up"] > 0, 100 * health["media_cpu"] / health["up"], np.nan))
    signalling = 1000 * float(np.nansum(health["signalling_cpu"])) / found.calls if found.calls and took else None
    late = known(health["send_late_ms"])
    own = {
        "Calls": with_unit(found.calls, ""),
        "Calls/s offered": with_unit(found.calls / offered_s(load), "", 2) if found.calls else "–",
        "Most calls at once": with_unit(up, ""),
        "Failures": with_unit(session_failures(load.calls), ""),
        "Session request delay, p95": with_unit(_times(found.srd_s.quantile(0.95).value, 1000), "ms", 1),
        "Pacing slip, p99": with_unit(found.slip_ms.quantile(0.99).value, "ms", 1),
        "RTP sent late, p99": with_unit(float(np.quantile(late, 0.99)) if len(late) else None, "ms", 1),
        "Media for 100 calls": with_unit(float(np.median(per_hundred)) if len(per_hundred) else None, "cores", 3),
        "Signalling of a call": with_unit(signalling, "ms of processor", 1),
        "Packets dropped at full receive buffers": with_unit(float(np.nansum(health["receive_drops"])), "")
        if len(health)
        else "–",
    }
    alone = (
        {}
        if baseline is None
        else {
            "Calls": with_unit(baseline.calls, ""),
            "Calls/s offered": with_unit(baseline.rate, "", 2),
            "Most calls at once": with_unit(baseline.up, ""),
            "Failures": with_unit(baseline.failures, ""),
            "Session request delay, p95": with_unit(baseline.srd_p95_ms, "ms", 1),
            "RTP sent late, p99": with_unit(baseline.send_late_p99_ms, "ms", 1),
            "Media for 100 calls": with_unit(baseline.media_cpu_per_100, "cores", 3),
            "Signalling of a call": with_unit(baseline.signalling_cpu_ms, "ms of processor", 1),
        }
    )
    heads = ("", f"This run, {workers} worker{'s' * (workers > 1)}", *(("Alone, without a PBX",) if alone else ()))
    return TableView(
        title="The generator in figures",
        heads=heads,
        rows=tuple((name, value, *((alone.get(name, "–"),) if alone else ())) for name, value in own.items()),
        note=""
        if alone
        else "No baseline was measured: what the generator does on this machine without a PBX is not known.",
    )


def offered_s(load: LoadEvidence) -> float:
    """How long calls were offered: as planned, or up to the last one that was due."""
    due = known(load.calls["due_at"])
    last = float(due.max()) if len(due) else 0.0
    planned = load.result.planned_s
    # Calls of a search are due after the profile's duration, too.
    return max(planned if 0.9 * planned < last <= planned else last, 1e-3)


def span(estimate: Estimate, unit: str, digits: int | None = None, times: float = 1.0) -> str:
    """``95.6 – 97.1 %``; an open end where the samples set none."""
    if estimate.value is None or (estimate.low is None and estimate.high is None):
        return "–"
    low, high = _times(estimate.low, times), _times(estimate.high, times)
    if high is None:
        return f"from {with_unit(low, unit, digits)}"
    if low is None:
        return f"up to {with_unit(high, unit, digits)}"
    return f"{number(low, digits)} – {with_unit(high, unit, digits)}"


def _by(calls: Table[CallRecord], key: str, title: str) -> TableView:
    names, counts = np.unique(calls[key], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rows = []
    for name in names[order][:_GROUPS_SHOWN]:
        found = measure(calls.where(calls[key] == name))
        rows.append(
            (
                str(name) or "–",
                f"{found.calls:,}",
                with_unit(found.verified_calls.value, "%", 2),
                with_unit(found.session_establishment_ratio.value, "%", 2),
                with_unit(_times(found.srd_s.quantile(0.95).value, 1000), "ms", 0),
                with_unit(_times(found.answer_to_agent_s.quantile(0.95).value, 1000), "ms", 0),
                with_unit(found.mos.quantile(0.05).value, "", 2),
            )
        )
    more = len(names) - _GROUPS_SHOWN
    return TableView(
        title=title,
        heads=("", "Calls", "Verified", "SER", "SRD, p95", "To the agent's phone, p95", "MOS, p5"),
        rows=tuple(rows),
        note=f"{more} more are in calls.csv." if more > 0 else "",
    )


def _spread(name: str, found: Distribution, times: float, unit: str) -> tuple[str, ...]:
    high = found.quantile(0.95)
    digits = 1
    return (
        name,
        f"{found.samples:,}",
        with_unit(_times(found.quantile(0.5).value, times), unit, digits),
        with_unit(_times(high.value, times), unit, digits),
        span(high, unit, digits, times),
        with_unit(_times(found.quantile(0.99).value, times), unit, digits),
        with_unit(_times(found.most, times), unit, digits),
    )


def _times(value: float | None, by: float) -> float | None:
    return None if value is None else value * by
