"""A day of calls in minutes: at each instant one caller of each kind, and which site took the call.

A call is told by the first sign of the site that has it, and given up at once. Where the declaration has changed
since the instant before, it is taken to the answer and judged by ear: the site's greeting, or that it is closed.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic

from harness.audio.blocks import ANALYSIS_HZ
from harness.audio.levels import Samples
from harness.audio.prompt import LISTEN_STEP_S, PASS_SCORE, PromptReference, identify
from harness.errors import NO_STALL
from harness.evidence import RoutedCall, RoutingInstant, RoutingTable
from harness.routing import Route, local_time, open_at
from harness.target import Site, Target
from scenarios.checks import eventually
from scenarios.customer import Customer
from scenarios.prompts import MUSIC, load_reference, spoken
from scenarios.scene import Scene
from scenarios.site_calls import Seen, greeting_of, seen_at
from scenarios.sites import Caller

OPENING_S = 0.9
"""So much of a prompt's beginning tells it from all others, in s."""
LISTENED_S = 3.0
"""How long the beginning of a prompt may take to be recognised after the answer, in s."""
CLOSED = "after_hours"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a call began with: ``site`` None when it could be any's, ``is_open`` None when no site begins so."""

    site: Site | None
    is_open: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A caller's call at an instant."""

    caller: Caller
    route: Route
    received: Site | None
    is_open: bool | None
    told_by: str
    listened: bool


def run_through(scene: Scene, instants: Sequence[datetime], title: str, *, listen_always: bool = False) -> RoutingTable:
    """Let one caller of each kind call at each instant; the table is the scenario's from then on. Raises NotRun."""
    scene.sites.lease()
    callers = scene.sites.callers()
    people = [scene.add_customer(country=caller.country) for caller in callers]
    number = scene.sites.everybodys_number()
    rows: list[RoutingInstant] = []
    before: list[tuple[str, bool]] = []
    started = monotonic()
    for at in instants:
        scene.sites.move_clock(at)
        for person in people:
            person.called = number
        routes = [scene.sites.route_of(person, at) for person in people]
        declared = [_declared(route) for route in routes]
        judged: list[Judged] = []
        cases = list(zip(callers, people, routes, strict=True))
        listen = listen_always or declared != before
        size = _at_once(scene, len(cases))
        for first in range(0, len(cases), size):
            judged += _judge(scene, cases[first : first + size], listen=listen)
        before = declared
        rows.append(_row(scene, at, judged))
    table = RoutingTable(
        title=title,
        sites={site.name: site.timezone for site in scene.sites.all},
        regions={caller.name: f"from {caller.country}" for caller in callers},
        instants=rows,
    )
    scene.sites.tables.append(table)
    calls = sum(len(row.calls) for row in rows)
    by_ear = sum(call.received_open is not None for row in rows for call in row.calls)
    scene.note(f"{calls} calls at {len(rows)} instants in {monotonic() - started:.1f} s, {by_ear} judged by ear")
    return table


def all_as_declared(scene: Scene) -> None:
    """Every call of the scenario's tables went where it is declared. Raises PbxFault."""
    calls = [call for table in scene.sites.tables for row in table.instants for call in row.calls]
    wrong = [call.mismatch for call in calls if call.mismatch]
    scene.facts["calls_routed"] = len(calls)
    scene.facts["calls_misrouted"] = len(wrong)
    if wrong:
        raise scene.fault(f"{len(wrong)} of {len(calls)} calls went wrong, the first: {wrong[0]}", stall_s=NO_STALL)


def _declared(route: Route) -> tuple[str, bool]:
    site = route.taken_by()
    return (site.name, site.name in route.open_sites) if site else ("", False)


def _at_once(scene: Scene, callers: int) -> int:
    """How many may call at once without any site being full."""
    return min([callers, *(site.max_calls for site in scene.sites.all if site.max_calls)])


def _judge(scene: Scene, cases: Sequence[tuple[Caller, Customer, Route]], *, listen: bool) -> list[Judged]:
    """One call of each; all are over when this returns."""
    offset = scene.testbed.trunk_trace.stat().st_size if scene.testbed.trunk_trace.exists() else 0
    number = scene.sites.everybodys_number()
    for _, person, _ in cases:
        person.calls(number)
    scene.take_notes()
    within_s = scene.testbed.target.deadlines.answer_s
    judged = []
    for caller, person, route in cases:
        seen = _seen(scene, person, offset, within_s)
        heard = _heard(scene, person) if listen and seen.site else None
        judged.append(_judgement(caller, route, seen, heard))
    for _, person, _ in cases:
        if person.in_call:
            person.hangs_up()
    for _, person, _ in cases:
        scene.trunk_call_finished(person, scene.testbed.target.deadlines.release_s)
    _require_free(scene)
    return judged


def _require_free(scene: Scene) -> None:
    """No site has a call any more that could keep it full. Raises PbxFault."""
    within_s = scene.testbed.target.deadlines.release_s

    def left() -> list[str]:
        return [c.name for site in scene.sites.all for c in scene.testbed.pbx.site_channels(site.name) or ()]

    if remaining := eventually(left, operator.not_, within_s):
        raise scene.fault(f"{within_s:g} s after the calls the sites still have {', '.join(remaining)}")


def _seen(scene: Scene, person: Customer, offset: int, within_s: float) -> Seen:
    return eventually(
        lambda: seen_at(scene, person, offset), lambda seen: seen.site is not None or not person.in_call, within_s
    )


def _judgement(caller: Caller, route: Route, seen: Seen, heard: Heard | None) -> Judged:
    if heard is None:
        return Judged(caller, route, seen.site, None, seen.told_by, listened=False)
    return Judged(caller, route, heard.site or seen.site, heard.is_open, heard.words, listened=True)


def _heard(scene: Scene, person: Customer) -> Heard:
    """What the call begins with, once it is answered."""
    person.answered(scene.testbed.target.deadlines.answer_s)
    ear = person.ear
    openings = _openings(scene.testbed.target)
    looked_at_s = 0.0

    def recognised() -> str:
        nonlocal looked_at_s
        if ear.heard_s - looked_at_s < LISTEN_STEP_S and not ear.call_is_over:
            return ""
        looked_at_s = ear.heard_s
        return first_opening(ear.samples(), ear.rate_hz, openings)

    words = ear.listen_until(recognised, bool, LISTENED_S) or first_opening(ear.samples(), ear.rate_hz, openings)
    for site in scene.sites.all:
        if words == spoken(greeting_of(scene, site), site.language):
            return Heard(site, True, f"the {words}")
        if words == spoken(CLOSED, site.language):
            return Heard(_only_one_of(scene, site.language), False, f"the {words}")
    return Heard(None, None, f"the {words}" if words else ear.describe())


def first_opening(samples: Samples, rate_hz: int, openings: Mapping[str, PromptReference]) -> str:
    """The prompt that begins first in what was heard; empty when none does. Others may have followed already."""
    found = [match for match in identify(samples, rate_hz, openings) if match.score >= PASS_SCORE]
    return min(found, key=lambda match: match.first_sound_s or 0.0).name if found else ""


def _only_one_of(scene: Scene, language: str) -> Site | None:
    """The site that speaks a language, None when several do."""
    speaking = [site for site in scene.sites.all if site.language == language]
    return speaking[0] if len(speaking) == 1 else None


def _row(scene: Scene, at: datetime, judged: Sequence[Judged]) -> RoutingInstant:
    sites = scene.sites.all
    return RoutingInstant(
        at=at,
        local={site.name: f"{local_time(site.timezone, at):%H:%M}" for site in sites},
        open_sites=[site.name for site in sites if open_at(site, at)],
        calls=[_cell(at, one) for one in judged],
    )


def _cell(at: datetime, one: Judged) -> RoutedCall:
    declared, is_open = _declared(one.route)
    received = one.received.name if one.received else ""
    wrong = received != declared or (one.listened and one.is_open is not is_open)
    mismatch = (
        f"{at:%a %H:%M} UTC, a caller of {one.caller.name} ({one.caller.country}): "
        f"{_state(received, one.is_open)} took the call, {_state(declared, is_open)} should have, by {one.route.rule}"
        f"{f'; told by {one.told_by}' if one.told_by else ''}"
    )
    return RoutedCall(
        region=one.caller.name,
        declared=declared,
        declared_open=is_open,
        received=received,
        received_open=one.is_open,
        told_by=one.told_by,
        mismatch=mismatch if wrong else "",
    )


def _state(site: str, is_open: bool | None) -> str:
    if not site:
        return "nobody"
    return site if is_open is None else f"{site} ({'open' if is_open else 'closed'})"


def _openings(target: Target) -> dict[str, PromptReference]:
    """The beginnings of all prompts, by what is spoken."""
    return {
        spoken(name, language): _opening(path, spoken(name, language))
        for name, files in target.prompts.items()
        if name != MUSIC
        for language, path in files.items()
    }


@lru_cache(maxsize=64)
def _opening(path: Path, name: str) -> PromptReference:
    whole = load_reference(path, name)
    start = whole.audible[0]
    return PromptReference(name, whole.samples[start : start + round(OPENING_S * ANALYSIS_HZ)])
