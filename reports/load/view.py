"""The load part of the page, ready for its template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.load.measures import Measures, measure
from harness.load.records import Cause
from harness.load.result import CapacityResult, CriterionResult, LoadResult, ProbeResult
from harness.verdict import Verdict
from reports.ladder_svg import PAGE_WIDTH, Drawing, draw
from reports.load import over_time, spread, tables
from reports.load.charts import Chart, Limit, Series
from reports.load.failures import FailureGroup, failure_groups
from reports.load.interval import Interval, interval, is_at_least
from reports.load.reading import LoadEvidence
from reports.load.tables import TableView
from reports.load.wording import (
    PROBE_WORDS,
    SEARCHED,
    calls_in_words,
    lost_in_words,
    moment,
    number,
    searched,
    with_unit,
)
from reports.visible import one_line, visible
from reports.wording import VERDICT_WORDS, duration

_MESSAGE_CHARACTERS = 6_000
_MESSAGES = 120
_GROUPS_OPEN = 3
_DIGITS = {"%": 2, "s": 3, "ms": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One of the large figures at the top."""

    name: str
    value: str
    unit: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionView:
    verdict: str
    word: str
    words: str
    value: str
    confidence: str
    limit: str
    samples: str
    why: str
    drawing: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One failed call in a line. ``worker`` and ``call_id`` find it in the files."""

    at: str
    call: str
    customer: str
    agent: str
    why: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    anchor: str
    words: str
    count: str
    share: str
    ours: bool
    """The generator's own fault."""
    when: str
    mix: str
    opened: bool
    examples: tuple[CallLine, ...]
    more: int
    shown: CallLine | None
    drawing: Drawing | None
    messages: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeView:
    verdict: str
    sentence: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    number: int
    offered: str
    attempts: str
    failures: str
    verdict: str
    word: str
    why: str
    edge: bool
    """One of the two between which the capacity lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityView:
    sentence: str
    confidence: str
    steps: tuple[StepView, ...]
    chart: Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadView:
    """The load part. ``data`` is what its script draws."""

    name: str
    verdict: str
    told: str
    first_failure: str
    tiles: tuple[Tile, ...]
    criteria: tuple[CriterionView, ...]
    charts_load: list[Chart]
    charts_delay: list[Chart]
    charts_sound: list[Chart]
    charts_generator: list[Chart]
    chart_failures: Chart | None
    ratios: TableView
    delays: TableView
    sound: TableView
    kinds: list[TableView]
    failures: tuple[FailureView, ...]
    capacity: CapacityView | None
    probes: tuple[ProbeView, ...]
    lost: tuple[str, ...]
    generator: str
    generator_word: str
    generator_why: str
    generator_table: TableView
    baseline_why: str
    conditions: tuple[tuple[str, str], ...]
    profile_text: str
    problems: tuple[str, ...]
    files: tuple[str, ...]
    data: dict[str, Any]


def load_view(load: LoadEvidence) -> LoadView:
    """Everything that the page shows of a load run."""
    result = load.result
    found = measure(load.calls)
    groups = failure_groups(load.calls, load.messages)
    up = over_time.most_up(load)
    charts_load = _worth(over_time.load_charts(load))
    charts_delay = _worth([over_time.delay_chart(load), *spread.delay_distributions(load)])
    charts_sound = _worth([*over_time.sound_charts(load), *spread.sound_distributions(load)])
    charts_generator = _worth([*over_time.generator_charts(load), *over_time.process_charts(load)])
    failing = over_time.failure_chart(load, groups) if groups else None
    searched = _capacity(result.capacity) if result.capacity else None
    drawn = [*charts_load, *charts_delay, *charts_sound, *charts_generator]
    drawn += [chart for chart in (failing, searched.chart if searched else None) if chart]
    return LoadView(
        name=result.name,
        verdict=result.verdict.value,
        told=_told(load, found, up),
        first_failure=_first_failure(groups, result.verdict),
        tiles=_tiles(load, found, up),
        criteria=tuple(criterion_view(c) for c in result.criteria),
        charts_load=charts_load,
        charts_delay=charts_delay,
        charts_sound=charts_sound,
        charts_generator=charts_generator,
        chart_failures=failing,
        ratios=tables.ratios(found),
        delays=tables.delays(found),
        sound=tables.sound(found, result.listening),
        kinds=tables.kinds(load.calls),
        failures=tuple(_failure(group, position) for position, group in enumerate(groups)),
        capacity=searched,
        probes=tuple(_probe(probe) for probe in result.probes),
        lost=tuple(lost_in_words(lost) for lost in result.lost_workers),
        generator=result.generator.value,
        generator_word=_GENERATOR_WORDS[result.generator if len(load.health) else Verdict.NOT_RUN],
        generator_why=result.generator_why,
        generator_table=tables.generator(load, found, result.baseline, up),
        baseline_why=result.baseline.why if result.baseline else "",
        conditions=_conditions(result),
        profile_text=result.profile_text,
        problems=load.problems,
        files=load.files,
        data={
            "charts": [chart.as_data() for chart in drawn],
            "marks": [{"at": m.at, "label": one_line(m.label), "colour": m.colour} for m in over_time.marks(result)],
            "until": round(over_time.until(load), 2),
        },
    )


def criterion_view(criterion: CriterionResult) -> CriterionView:
    """A criterion in words and figures."""
    digits = 2 if criterion.measure.startswith("mos") else _DIGITS.get(criterion.unit)
    low, high = criterion.low, criterion.high
    confidence = "–"
    if criterion.value is not None and low is not None and high is not None and low != high:
        confidence = f"{number(low, digits)} – {with_unit(high, criterion.unit, digits)}"
    elif criterion.value is not None and low is not None and high is None:
        confidence = f"from {with_unit(low, criterion.unit, digits)}"
    elif criterion.value is not None and high is not None and low is None:
        confidence = f"up to {with_unit(high, criterion.unit, digits)}"
    return CriterionView(
        verdict=criterion.verdict.value,
        word=VERDICT_WORDS[criterion.verdict],
        words=criterion.words,
        value=with_unit(criterion.value, criterion.unit, digits),
        confidence=confidence,
        limit=f"{'≥' if is_at_least(criterion) else '≤'} {with_unit(criterion.limit, criterion.unit)}",
        samples=f"{criterion.samples:,}",
        why="" if _BARE_VALUE.fullmatch(criterion.why) else criterion.why,
        drawing=interval(criterion),
    )


_BARE_VALUE = re.compile(r"[\d.,]+\s?[^\s\d]{0,3}")
_GENERATOR_WORDS = {
    Verdict.PASS: "The generator kept up",
    Verdict.FAIL: "The generator was the bottleneck",
    Verdict.INCONCLUSIVE: "The generator was the bottleneck",
    Verdict.NOT_RUN: "Whether the generator kept up is not known",
}


def _worth(charts: Sequence[Chart]) -> list[Chart]:
    """Those in which something is to be seen, without the lines in which nothing is."""
    return [
        replace_series(chart, [s for s in chart.series if any(v is not None for v in s.values)])
        for chart in charts
        if chart.x and not chart.empty
    ]


def replace_series(chart: Chart, series: list[Series]) -> Chart:
    right = chart.right_label if any(s.scale == "right" for s in series) else ""
    return replace(chart, series=series, right_label=right)


def _told(load: LoadEvidence, found: Measures, up: int) -> str:
    """What was done, in a sentence."""
    if not found.calls:
        return "No call was recorded, so there is nothing to tell."
    seconds = tables.offered_s(load)
    return (
        f"{calls_in_words(found.calls)} were offered within {duration(seconds)}, "
        f"{number(found.calls / seconds, 1)} a second; at most {up:,} were up at once."
    )


def _first_failure(groups: Sequence[FailureGroup], verdict: Verdict) -> str:
    """What broke first, in a sentence; empty when nothing did."""
    broken = [group for group in groups if group.cause is not Cause.GENERATOR]
    if not broken:
        return ""
    first = broken[0]
    when = f"at {moment(first.first_at)}, with {calls_in_words(first.up_then)} up: {over_time.group_words(first)}."
    if verdict is Verdict.FAIL:
        return f"What broke first, {when}"
    # A run may pass with faults in it.
    wrong = sum(group.count for group in broken)
    return f"1 call was not right, {when}" if wrong == 1 else f"{wrong:,} calls were not right; the first {when}"


def _tiles(load: LoadEvidence, found: Measures, up: int) -> tuple[Tile, ...]:
    if not found.calls:
        return ()
    verified, ser = found.verified_calls, found.session_establishment_ratio
    each_second = found.calls / tables.offered_s(load)
    srd, mos = found.srd_s.quantile(0.95), found.mos.quantile(0.05)
    return (
        Tile(name="Calls", value=f"{found.calls:,}", unit="", note=f"{number(each_second, 1)} a second"),
        Tile(name="At once", value=f"{up:,}", unit="", note="most calls that were up"),
        _tile("Verified", verified.value, "%", 2, f"{tables.span(verified, '%', 2)}"),
        _tile("Established (SER)", ser.value, "%", 2, tables.span(ser, "%", 2)),
        _tile(
            "Request delay, p95", None if srd.value is None else srd.value * 1000, "ms", 0,
            tables.span(srd, "ms", 0, 1000),
        ),
        _tile("MOS, p5", mos.value, "", 2, tables.span(mos, "", 2)),
    )  # fmt: skip


def _tile(name: str, value: float | None, unit: str, digits: int, note: str) -> Tile:
    if value is None:
        return Tile(name=name, value="–", unit="", note="not measured")
    return Tile(name=name, value=number(value, digits), unit=unit, note=note)


def _failure(group: FailureGroup, position: int) -> FailureView:
    lines = tuple(_line(example.call, example.at) for example in group.examples)
    drawn = draw(group.ladder, PAGE_WIDTH) if group.ladder.arrows else None
    ours = group.cause is Cause.GENERATOR
    first, last = moment(group.first_at), moment(group.last_at)
    return FailureView(
        anchor=f"load-failure-{position + 1}",
        words=over_time.group_words(group),
        count=calls_in_words(group.count),
        share=f"{number(group.share, 2)} %",
        ours=ours,
        when=f"at {first}" if first == last else f"from {first} to {last}",
        mix=" · ".join(f"{name}: {count:,}" for name, count in group.by_line[:6]),
        opened=position < _GROUPS_OPEN and not ours,
        examples=lines,
        more=group.count - len(lines),
        shown=_line(group.shown.call, group.shown.at) if group.shown else None,
        drawing=drawn,
        messages=_messages(group),
    )


def _line(call: Any, at: float) -> CallLine:
    return CallLine(
        at=moment(at),
        call=f"{call.call} of {one_line(call.worker)}",
        customer=f"{one_line(call.customer)} ({one_line(call.country)})" if call.country else one_line(call.customer),
        agent=one_line(call.agent) or "–",
        why=one_line(call.why, limit=300) or "–",
        call_id=one_line(call.call_id),
    )


def _messages(group: FailureGroup) -> list[dict[str, Any]]:
    """As the page's script shows the messages of a ladder."""
    return [
        {
            "time": f"{arrow.at_s:+.3f} s",
            "from": f"{arrow.names[0]} · {one_line(arrow.entry.source)}",
            "to": f"{arrow.names[1]} · {one_line(arrow.entry.destination)}",
            "over": one_line(arrow.entry.transport, limit=12).upper(),
            "again": arrow.retransmission,
            "text": visible(arrow.entry.raw, limit=_MESSAGE_CHARACTERS),
        }
        for arrow in group.ladder.arrows[:_MESSAGES]
    ]


def _probe(probe: ProbeResult) -> ProbeView:
    return ProbeView(
        verdict=probe.verdict.value,
        sentence=f"With {calls_in_words(probe.up)} up, at {moment(probe.began_at)}: "
        f"“{one_line(probe.scenario)}” {PROBE_WORDS[probe.verdict]}",
        why=probe.why,
    )


def _capacity(found: CapacityResult) -> CapacityView:
    unit = SEARCHED.get(found.kind, (found.kind, ""))[0]
    edges = {found.carried, found.first_failed}
    steps = sorted(found.steps, key=lambda step: step.number)
    good = [s.offered if s.verdict is Verdict.PASS else None for s in steps]
    bad = [s.offered if s.verdict is Verdict.FAIL else None for s in steps]
    unknown = [s.offered if s.verdict not in (Verdict.PASS, Verdict.FAIL) else None for s in steps]
    outcomes = (("Carried", good, "pass"), ("Failed", bad, "fail"), ("Not decided", unknown, "inconclusive"))
    chart = Chart(
        id="capacity",
        title="The search, step by step",
        says="What was offered in each step, and whether it was carried.",
        over_time=False,
        x=[float(s.number) for s in steps],
        x_label="step",
        y_label=unit,
        wide=True,
        height=220,
        limits=tuple(
            Limit(value=carried, label=f"carried: {with_unit(carried, unit)}")
            for carried in (found.carried,)
            if carried is not None
        ),
        series=[
            Series(label="Offered", values=[s.offered for s in steps], colour="soft", unit=unit, dashed=True),
            *(
                Series(label=label, values=list(values), colour=colour, unit=unit, shape="dots")
                for label, values, colour in outcomes
                if any(v is not None for v in values)
            ),
        ],
    )
    return CapacityView(
        sentence=searched(found),
        confidence=found.confidence,
        chart=chart,
        steps=tuple(
            StepView(
                number=s.number,
                offered=with_unit(s.offered, unit),
                attempts=f"{s.attempts:,}",
                failures=f"{s.failures:,}",
                verdict=s.verdict.value,
                word=VERDICT_WORDS[s.verdict],
                why=s.why,
                edge=s.offered in edges,
            )
            for s in steps
        ),
    )


def _conditions(result: LoadResult) -> tuple[tuple[str, str], ...]:
    """What RFC 7502 section 5 demands to be told, and what it takes to repeat the run."""
    known = (
        ("Profile", result.name),
        ("Target", result.target),
        ("PBX", result.pbx),
        ("Trunk profile", result.trunk_profile),
        ("Began", result.began),
        ("Planned", duration(result.planned_s) if result.planned_s else ""),
        ("Lasted", duration(result.lasted_s) if result.lasted_s else ""),
        ("Seed", str(result.seed) if result.began else ""),
        ("Workers", ", ".join(result.workers)),
    )
    return tuple((f"{name[:1].upper()}{name[1:]}", value) for name, value in (*known, *result.conditions) if value)
