"""``report.html``: one file that needs nothing else.

What is heavy (ladders, outlines, messages, sound, captures) lies in templates and JSON blocks that the
browser does not lay out before a scenario is opened.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from markupsafe import Markup

from harness.evidence import ScenarioRecord, Step, StepStatus
from harness.verdict import Verdict
from reports.anchors import anchors
from reports.conformance import Conformance
from reports.conformance_view import conformance_view
from reports.heard import Hearing
from reports.ladder import Ladder
from reports.ladder_svg import PAGE_WIDTH, Drawing, draw
from reports.load.view import LoadView
from reports.reading import Run
from reports.rendering import asset, render
from reports.routing import TableView, table_view
from reports.rtp import RtpRow, rtp_rows
from reports.scenario_files import Exhibit
from reports.visible import one_line, visible
from reports.wording import BLAME_WORDS, VERDICT_WORDS, count, duration, headline, run_verdict

EMBEDDED_BYTES = 24_000_000
"""Sound and captures in the page together; beyond it, the page names the files beside it."""

_MESSAGE_CHARACTERS = 12_000
_MESSAGES_EMBEDDED = 1_500
_OPEN_AT_FIRST = 8
_OPEN_WHEN_SO_FEW = 2
_ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2, Verdict.NOT_RUN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    keyword: str
    text: str
    status: str
    duration: str
    notes: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A Call-ID in the ladder's legend."""

    position: int
    colour: int
    between: str
    call_id: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One scenario on the page."""

    anchor: str
    record: ScenarioRecord
    verdict: str
    blame: str
    opened: bool
    search: str
    target: str
    """Which target it ran on, where the run has several; else empty."""
    duration: str
    talk: str
    steps: tuple[StepView, ...]
    drawing: Drawing | None
    arrows: int
    quiet_arrows: int
    calls: tuple[CallView, ...]
    hearing: Hearing
    rtp: list[RtpRow]
    routing: tuple[TableView, ...]
    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    directory: str
    files: tuple[str, ...]
    has_pcap: bool
    data: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureView:
    name: str
    file: str
    cards: tuple[Card, ...]
    summary: str


def page(run: Run, exhibits: Sequence[Exhibit], conformance: Conformance, load: LoadView | None = None) -> str:
    """The report of a run; ``load`` is its load part."""
    cards = _cards(run, exhibits)
    features = [
        FeatureView(name=name, file=file, cards=tuple(group), summary=_tally(group))
        for (name, file), group in (
            (key, list(members))
            for key, members in groupby(cards, lambda card: (card.record.feature, card.record.feature_file))
        )
    ]
    verdict, exit_code = run_verdict(run)
    counts = count(run)
    return render(
        "report.html.j2",
        run=run.record,
        headline=headline(run),
        verdict=verdict.value,
        counts=[(v.value, VERDICT_WORDS[v], counts[v]) for v in _ORDER],
        total=len(run.scenarios),
        facts=_run_facts(run, exit_code),
        features=features,
        conformance=conformance_view(conformance) if conformance.anything_decided else None,
        load=load,
        load_data=_load_data(load),
        css=asset("report.css") + asset("conformance.css") + asset("ladder.css") + (_load_css() if load else ""),
        script=asset("report.js") + asset("print.js") + (_load_script() if load else ""),
    )


def _load_css() -> Markup:
    return asset("uPlot.min.css") + asset("load.css")


def _load_script() -> Markup:
    # Its licence asks to be with every copy; the semicolon keeps what follows from being taken for a call.
    licence = Markup("\n/*\n") + asset("uPlot.LICENSE") + Markup("*/\n")
    return licence + asset("uPlot.iife.min.js") + Markup(";\n") + asset("load.js")


def _load_data(load: LoadView | None) -> dict[str, Any]:
    if load is None:
        return {}
    return {"charts": _json(load.data), "failures": [_json({"messages": f.messages}) for f in load.failures]}


def _cards(run: Run, exhibits: Sequence[Exhibit]) -> list[Card]:
    # What went wrong gets its evidence into the page first.
    budget = EMBEDDED_BYTES
    data: dict[int, Markup] = {}
    opened: set[int] = set()
    for position in sorted(range(len(exhibits)), key=lambda p: (_ORDER[exhibits[p].evidence.record.verdict], p)):
        data[position], used = _data(exhibits[position], budget)
        budget -= used
        if exhibits[position].evidence.record.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            opened.add(position)
    if len(exhibits) <= _OPEN_WHEN_SO_FEW:
        opened = set(range(len(exhibits)))
    elif len(opened) > _OPEN_AT_FIRST:
        opened = set(sorted(opened)[:_OPEN_AT_FIRST])
    several = len({shown.evidence.record.target for shown in exhibits} - {""}) > 1
    places = anchors(shown.evidence.record for shown in exhibits)
    cards = []
    for position, (shown, anchor) in enumerate(zip(exhibits, places, strict=True)):
        target = shown.evidence.record.target if several else ""
        cards.append(_card(run, shown, anchor, target=target, opened=position in opened, data=data[position]))
    return cards


def _card(run: Run, shown: Exhibit, anchor: str, *, target: str, opened: bool, data: Markup) -> Card:
    record, ladder = shown.evidence.record, shown.ladder
    directory = shown.evidence.directory
    return Card(
        anchor=anchor,
        record=record,
        verdict=VERDICT_WORDS[record.verdict],
        blame=BLAME_WORDS[record.blame] if record.verdict is not Verdict.NOT_RUN else "",
        opened=opened,
        search=_search_text(record),
        target=target,
        duration=duration(record.duration_s),
        talk=duration(record.talk_s) if record.talk_s else "",
        steps=tuple(_step(step) for step in record.steps),
        drawing=draw(ladder, PAGE_WIDTH) if ladder.arrows else None,
        arrows=len(ladder.arrows),
        quiet_arrows=sum(arrow.view.housekeeping for arrow in ladder.arrows),
        calls=_calls(ladder),
        hearing=shown.hearing,
        rtp=rtp_rows(record),
        routing=tuple(table_view(table) for table in record.routing),
        facts=tuple((name.replace("_", " "), _fact(value)) for name, value in record.facts.items()),
        problems=shown.problems,
        directory=directory.relative_to(run.directory).as_posix(),
        files=tuple(sorted(p.name for p in directory.iterdir() if p.is_file() and not p.name.startswith("."))),
        has_pcap=shown.capture.messages > 0,
        data=data,
    )


def _step(step: Step) -> StepView:
    return StepView(
        keyword=step.keyword.strip(),
        text=step.text,
        status=step.status.value,
        duration="" if step.status is StepStatus.NOT_REACHED else duration(step.duration_s),
        notes=tuple(step.notes),
        error=step.error,
    )


def _calls(ladder: Ladder) -> tuple[CallView, ...]:
    return tuple(
        CallView(
            position=position,
            colour=call.colour,
            between=" → ".join(call.between),
            call_id=call.call_id,
            messages=call.messages,
        )
        for position, call in enumerate(ladder.calls)
        if call.colour is not None
    )


def _data(shown: Exhibit, budget: int) -> tuple[Markup, int]:
    """What the script needs of a scenario, and how many bytes of the budget it takes."""
    used = 0
    pcap = ""
    if shown.capture.messages:
        pcap = base64.b64encode(gzip.compress(shown.capture.octets, mtime=0)).decode()
        pcap = pcap if len(pcap) <= budget else ""
        used += len(pcap)
    clips: list[dict[str, str] | None] = []
    for lane in shown.hearing.lanes:
        sound = base64.b64encode(lane.playable.octets).decode() if lane.playable else ""
        if not lane.playable or used + len(sound) > budget:
            clips.append(None)
            continue
        used += len(sound)
        clips.append({"type": lane.playable.mime_type, "sound": sound})
    messages = [
        {
            "time": f"{arrow.at_s:+.3f} s",
            "from": f"{arrow.names[0]} · {one_line(arrow.entry.source)}",
            "to": f"{arrow.names[1]} · {one_line(arrow.entry.destination)}",
            "over": one_line(arrow.entry.transport, limit=12).upper(),
            "again": arrow.retransmission,
            "text": visible(arrow.entry.raw, limit=_MESSAGE_CHARACTERS),
        }
        for arrow in shown.ladder.arrows[:_MESSAGES_EMBEDDED]
    ]
    return _json({"messages": messages, "clips": clips, "pcap": pcap}), used


def _json(value: Any) -> Markup:
    """JSON that cannot end the script element around it."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _search_text(record: ScenarioRecord) -> str:
    words = [record.feature, record.name, record.reason, record.target, *record.tags, *record.requirements]
    words += [step.text for step in record.steps]
    return one_line(" ".join(words), limit=2_000).lower()


def _fact(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), limit=400)


def _tally(cards: Sequence[Card]) -> str:
    verdicts = [card.record.verdict for card in cards]
    return ", ".join(f"{verdicts.count(verdict)} {VERDICT_WORDS[verdict]}" for verdict in _ORDER if verdict in verdicts)


def _run_facts(run: Run, exit_code: int) -> list[tuple[str, str]]:
    record = run.record
    target = f"{record.target} – {record.target_description}" if record.target_description else record.target
    talk = sum(s.record.talk_s for s in run.scenarios)
    return [
        (name, value)
        for name, value in (
            ("Target", target),
            ("PBX", record.pbx_version),
            ("Provider", record.provider),
            ("Trunk profile", record.profile),
            ("Broken twin", record.twin),
            ("Started", _date(record.started_wall)),
            ("Took", duration(max(record.finished_wall - record.started_wall, 0.0))),
            ("Talk time", duration(talk) if run.scenarios or not run.load else ""),
            ("Workers", str(record.workers)),
            ("Exit code", str(exit_code)),
            ("Run", record.run_id),
            ("Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
            ("Command", record.command),
        )
        if value
    ]


def _date(wall: float) -> str:
    if not 0 < wall < 1e11:
        return ""
    return f"{datetime.fromtimestamp(wall, UTC):%d %B %Y, %H:%M} UTC".lstrip("0")
