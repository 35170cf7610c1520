"""The conformance matrix as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.requirements import Level, Requirement
from reports.conformance import Conformance, Excerpt, ProfileResult, Result, SourceRows, Standing

STANDING_WORDS = {
    Standing.PASS: "met",
    Standing.FAIL: "failed",
    Standing.INCONCLUSIVE: "inconclusive",
    Standing.NOT_APPLICABLE: "not applicable",
    Standing.NOT_RUN: "not run",
}
PRODUCTS = {"asterisk": "Asterisk", "freeswitch": "FreeSWITCH", "kamailio": "Kamailio"}
_COLOURS = {"Not ready": "fail", "Not proven": "inconclusive"}
_MARKS = {Standing.NOT_APPLICABLE: "not_run"}
"""Colours and signs are those of scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """``link`` leads to the scenario that counts, empty without one. ``mark`` is a colour and a sign."""

    mark: str
    word: str
    title: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlineView:
    """A profile's one line; ``mark`` is its colour and sign."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    requirement: Requirement
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """``met`` is by profile, in the order of the columns: ``12 of 14 met``; ``failed`` whether any of them failed."""

    source: str
    rows: tuple[RowView, ...]
    met: tuple[str, ...]
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """A requirement that failed on a profile, and all that explains it.

    ``same_as`` is the requirement above under which the excerpt is shown already, empty when it is not.
    """

    requirement: Requirement
    profile: str
    blocking: bool
    reason: str
    scenario: str
    link: str
    excerpt: Excerpt | None
    same_as: str
    advice: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceView:
    """``untested`` are requirements that no scenario decides."""

    columns: list[ProfileResult]
    headlines: tuple[HeadlineView, ...]
    sources: tuple[SourceView, ...]
    failures: tuple[FailureView, ...]
    untested: tuple[Requirement, ...]
    several: bool


def conformance_view(found: Conformance, reports: Mapping[str, str] | None = None) -> ConformanceView:
    """``reports`` is where the page of each run is; without it the scenarios are on this very page."""
    pages = reports or {}
    profiles = [column.profile for column in found.profiles]
    failed = [
        (row.requirement, profile, row.results[profile])
        for profile in profiles
        for row in found.rows
        if row.results[profile].standing is Standing.FAIL and not row.results[profile].declared
    ]
    failed.sort(key=lambda one: one[0].level is not Level.MUST)
    return ConformanceView(
        columns=found.profiles,
        headlines=tuple(HeadlineView(mark=_colour(c.headline), text=c.headline) for c in found.profiles),
        sources=tuple(_source(source, profiles, pages) for source in found.sources),
        failures=_failures(failed, pages),
        untested=tuple(row.requirement for row in found.rows if row.requirement.untested),
        several=len(profiles) > 1,
    )


def _colour(headline: str) -> str:
    return next((colour for beginning, colour in _COLOURS.items() if headline.startswith(beginning)), "pass")


def _source(source: SourceRows, profiles: list[str], pages: Mapping[str, str]) -> SourceView:
    figures = [source.met(profile) for profile in profiles]
    return SourceView(
        source=source.source,
        rows=tuple(
            RowView(
                requirement=row.requirement,
                cells=tuple(_cell(row.requirement, row.results[p], pages) for p in profiles),
            )
            for row in source.rows
        ),
        met=tuple(f"{f.met} of {f.counted} met" if f.counted else "none counts" for f in figures),
        failed=any(f.blocking or f.failed for f in figures),
    )


def _cell(requirement: Requirement, result: Result, pages: Mapping[str, str]) -> CellView:
    word = STANDING_WORDS[result.standing]
    if result.declared:
        word = "known deviation"
    elif result.standing is Standing.NOT_RUN and requirement.untested:
        word = "no scenario"
    return CellView(
        mark="inconclusive" if result.declared else _MARKS.get(result.standing, result.standing.value),
        word=word,
        title=result.reason,
        link=_link(result, pages)[1],
    )


def _link(result: Result, pages: Mapping[str, str]) -> tuple[str, str]:
    """The scenario that counts, and where it is."""
    counts = next((d for d in result.decisions if d.standing is result.standing), None)
    if counts is None:
        return "", ""
    return counts.scenario, f"{pages.get(counts.run_id, '')}#{counts.anchor}"


def _failures(failed: Iterable[tuple[Requirement, str, Result]], pages: Mapping[str, str]) -> tuple[FailureView, ...]:
    views: list[FailureView] = []
    for requirement, profile, result in failed:
        scenario, link = _link(result, pages)
        excerpt = next((d.excerpt for d in result.decisions if d.excerpt), None)
        same = next((view.requirement.id for view in views if excerpt and view.excerpt == excerpt), "")
        views.append(
            FailureView(
                requirement=requirement,
                profile=profile,
                blocking=requirement.level is Level.MUST,
                reason=result.reason,
                scenario=scenario,
                link=link,
                excerpt=None if same else excerpt,
                same_as=same,
                advice=tuple((PRODUCTS[product], text) for product, text in requirement.advice.items()),
            )
        )
    return tuple(views)
