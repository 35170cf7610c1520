"""Which requirements a run has shown to be met: requirement × profile × verdict, each with what decided it.

``conformance.json`` is a ``Conformance``, so that several runs can be put into one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain

from pydantic import Field

from harness.evidence import Fault, Record, RunRecord, ScenarioRecord
from harness.requirements import Catalogue, Level, Requirement
from harness.verdict import Verdict
from reports.visible import one_line

SCHEMA_VERSION = "1"


class Standing(StrEnum):
    """What is known of a requirement on a profile: a scenario's verdict, or that it does not matter there."""

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    PASS = "pass"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"


_DECIDED = (Standing.FAIL, Standing.INCONCLUSIVE, Standing.PASS)
"""The worst first."""


class Line(Record):
    """A line of a message; ``marked``: the fault stands in it."""

    text: str
    marked: bool = False


class Excerpt(Record):
    """A part of the message in which the PBX did it: who to whom, when (s since the scenario's start)."""

    between: str
    at_s: float
    lines: list[Line]


class Decision(Record):
    """What one scenario says of a requirement.

    ``declared``: the PBX deviates as its target says it does. ``anchor`` is where it is in the report of the run
    ``run_id``.
    """

    feature: str
    scenario: str
    verdict: Verdict
    standing: Standing
    declared: bool = False
    reason: str = ""
    run_id: str
    anchor: str
    excerpt: Excerpt | None = None


class Result(Record):
    """A requirement on a profile; ``reason`` is one line. ``declared``: it failed by declared deviations only."""

    standing: Standing
    declared: bool = False
    reason: str = ""
    decisions: list[Decision] = Field(default_factory=list)


class Row(Record):
    """A requirement with its results by profile."""

    requirement: Requirement
    results: dict[str, Result]


class SourceRows(Record):
    """The requirements of a source, and how many are met by profile: ``12 of 14``."""

    source: str
    rows: list[Row]

    def met(self, profile: str) -> Tally:
        """How the source's requirements stand on a profile."""
        return tally(self.rows, profile)


class Tally(Record):
    """Requirements of a profile: those that count are neither out of question nor without a scenario."""

    met: int = 0
    counted: int = 0
    blocking: int = 0
    """Failed, and a MUST."""
    failed: int = 0
    """Failed, and no MUST."""
    deviations: int = 0
    """Not met, as the target declares."""
    undecided: int = 0
    """Inconclusive."""
    not_run: int = 0
    open: int = 0
    """MUSTs among those that are inconclusive or not run."""
    not_applicable: int = 0
    untested: int = 0
    """Without a scenario that decides them."""


class ProfileResult(Record):
    """A profile's column: what it says in one line, the figures, and the runs behind it."""

    profile: str
    headline: str
    tally: Tally
    runs: list[RunFacts]


class RunFacts(Record):
    """A run; ``other_failures`` are failed scenarios of which no requirement tells."""

    run_id: str
    target: str
    pbx_version: str = ""
    twin: str = ""
    verdict: Verdict
    other_failures: int = 0


class Conformance(Record):
    """All of it; ``profiles`` are the matrix's columns."""

    schema_version: str = SCHEMA_VERSION
    profiles: list[ProfileResult]
    sources: list[SourceRows]

    @property
    def rows(self) -> Iterator[Row]:
        return chain.from_iterable(source.rows for source in self.sources)

    @property
    def anything_decided(self) -> bool:
        """Whether any scenario said anything of any requirement."""
        return any(result.decisions for row in self.rows for result in row.results.values())


class Scenario(Record):
    """A scenario as the matrix needs it: its record, where it is on the page, and excerpts by kind of fault."""

    record: ScenarioRecord
    anchor: str
    excerpts: dict[str, Excerpt] = Field(default_factory=dict)


def conformance(catalogue: Catalogue, run: RunRecord, verdict: Verdict, scenarios: Sequence[Scenario]) -> Conformance:
    """The matrix of one run; ``verdict`` is the run's."""
    profiles = list(dict.fromkeys(s.record.profile or run.profile for s in scenarios)) or [run.profile]
    kinds = frozenset(kind for requirement in catalogue for kind in requirement.breaks)
    sources = [
        SourceRows(
            source=source.source,
            rows=[
                Row(
                    requirement=requirement,
                    results={p: _result(requirement, p, run, _on(p, run, scenarios), kinds) for p in profiles},
                )
                for requirement in source.requirements
            ],
        )
        for source in catalogue.sources
    ]
    facts = {
        profile: RunFacts(
            run_id=run.run_id,
            target=run.target,
            pbx_version=run.pbx_version,
            twin=run.twin,
            verdict=verdict,
            other_failures=_other_failures(_on(profile, run, scenarios), profile, sources),
        )
        for profile in profiles
    }
    return Conformance(profiles=[_column(p, [facts[p]], sources) for p in profiles], sources=sources)


def merged(parts: Sequence[Conformance]) -> Conformance:
    """Several runs as one matrix; what one profile's runs say of a requirement is put together."""
    profiles = list(dict.fromkeys(column.profile for part in parts for column in part.profiles))
    rows: dict[str, dict[str, list[Row]]] = {}
    for source in chain.from_iterable(part.sources for part in parts):
        of_source = rows.setdefault(source.source, {})
        for row in source.rows:
            of_source.setdefault(row.requirement.id, []).append(row)
    sources = [
        SourceRows(source=name, rows=[_merged_row(same, profiles) for same in of_source.values()])
        for name, of_source in rows.items()
    ]
    runs = {
        profile: [run for part in parts for column in part.profiles if column.profile == profile for run in column.runs]
        for profile in profiles
    }
    return Conformance(profiles=[_column(p, runs[p], sources) for p in profiles], sources=sources)


def tally(rows: Iterable[Row], profile: str) -> Tally:
    """The figures of some requirements on a profile."""
    seen: Counter[str] = Counter()
    for row in rows:
        result, requirement = row.results[profile], row.requirement
        kind = _kind_of(result, requirement)
        seen[kind] += 1
        seen["open"] += kind in ("undecided", "not_run") and requirement.level is Level.MUST
    decided = ("met", "blocking", "failed", "deviations", "undecided", "not_run")
    return Tally(counted=sum(seen[name] for name in decided), **seen)


def _kind_of(result: Result, requirement: Requirement) -> str:
    standing = result.standing
    if result.declared:
        return "deviations"
    if standing is Standing.FAIL:
        return "blocking" if requirement.level is Level.MUST else "failed"
    if standing is Standing.NOT_RUN and requirement.untested:
        return "untested"
    return {Standing.PASS: "met", Standing.INCONCLUSIVE: "undecided"}.get(standing, standing.value)


def headline(profile: str, figures: Tally, runs: Sequence[RunFacts]) -> str:
    """One line for somebody who reads nothing else."""
    where = f"for WhatsApp calls on {one_line(profile, limit=60)}"
    met = f"{figures.met} of {figures.counted} requirements met"
    further = [
        _counted(figures.blocking, "blocking failure"),
        _counted(figures.failed, "failure that does not block", "failures that do not block"),
        _counted(figures.deviations, "known deviation"),
        _counted(sum(run.other_failures for run in runs), "other failed scenario"),
        _counted(figures.undecided, "inconclusive", "inconclusive"),
        _counted(figures.not_run, "not run", "not run"),
    ]
    said = ", ".join([met, *filter(None, further)])
    if figures.blocking or any(run.verdict is Verdict.FAIL for run in runs):
        return f"Not ready {where}: {said}"
    if figures.open or not figures.met or any(run.verdict is not Verdict.PASS for run in runs):
        return f"Not proven ready {where}: {said}"
    return f"Ready {where}: {said}"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}" if number else ""


def _column(profile: str, runs: Sequence[RunFacts], sources: Sequence[SourceRows]) -> ProfileResult:
    figures = tally(chain.from_iterable(source.rows for source in sources), profile)
    return ProfileResult(profile=profile, headline=headline(profile, figures, runs), tally=figures, runs=list(runs))


def _on(profile: str, run: RunRecord, scenarios: Sequence[Scenario]) -> list[Scenario]:
    return [s for s in scenarios if (s.record.profile or run.profile) == profile]


def _result(
    requirement: Requirement, profile: str, run: RunRecord, scenarios: Sequence[Scenario], kinds: frozenset[str]
) -> Result:
    if not requirement.matters_on(run.requirements_of.get(profile, profile)):
        return Result(standing=Standing.NOT_APPLICABLE, reason=f"matters on {', '.join(requirement.profiles)} only")
    decisions = [d for s in scenarios if (d := _decision(requirement, s, kinds, run.run_id)) is not None]
    if requirement.claim and requirement.claim not in run.claims and not _worst(decisions):
        return Result(
            standing=Standing.NOT_APPLICABLE,
            reason=f"the target does not claim '{requirement.claim}'",
            decisions=decisions,
        )
    return _put_together(decisions, requirement)


def _decision(requirement: Requirement, scenario: Scenario, kinds: frozenset[str], run_id: str) -> Decision | None:
    """What a scenario says of a requirement; None when it says nothing.

    A fault whose kind requirements name decides these and no others: what else the scenario would have decided stays
    open.
    """
    record = scenario.record
    mine = [fault for fault in record.faults if _is_one(fault, requirement.breaks)]
    if not mine and requirement.id not in record.requirements:
        return None
    standing, reason = Standing(record.verdict.value), record.reason
    if record.deviates:
        standing = Standing.FAIL
    if standing is Standing.FAIL and not mine and any(_is_one(fault, kinds) for fault in record.faults):
        standing, reason = Standing.INCONCLUSIVE, f"not reached, since the scenario failed: {record.reason}"
    return Decision(
        feature=record.feature,
        scenario=record.name,
        verdict=record.verdict,
        standing=standing,
        declared=record.deviates,
        reason=mine[0].text if mine else reason,
        run_id=run_id,
        anchor=scenario.anchor,
        excerpt=next((scenario.excerpts[f.kind] for f in mine or record.faults if f.kind in scenario.excerpts), None)
        if standing is Standing.FAIL
        else None,
    )


def _is_one(fault: Fault, kinds: Iterable[str]) -> bool:
    """Whether a fault is of one of the kinds; ``answer`` has ``answer-crypto`` in it."""
    return any(fault.kind == kind or fault.kind.startswith(f"{kind}-") for kind in kinds)


def _worst(decisions: Iterable[Decision]) -> Decision | None:
    """The decision that counts; None when nothing was decided."""
    decided = [decision for decision in decisions if decision.standing in _DECIDED]
    return min(decided, key=lambda d: (_DECIDED.index(d.standing), d.declared), default=None)


def _put_together(decisions: list[Decision], requirement: Requirement) -> Result:
    worst = _worst(decisions)
    if worst is not None:
        return Result(standing=worst.standing, declared=worst.declared, reason=worst.reason, decisions=decisions)
    reason = decisions[0].reason if decisions else requirement.untested or "no scenario of this run decides it"
    return Result(standing=Standing.NOT_RUN, reason=reason, decisions=decisions)


def _merged_row(same: Sequence[Row], profiles: Iterable[str]) -> Row:
    results = {}
    for profile in profiles:
        found = [row.results[profile] for row in same if profile in row.results]
        together = _put_together([d for result in found for d in result.decisions], same[0].requirement)
        aside = [result for result in found if result.standing is Standing.NOT_APPLICABLE]
        undecided = together.standing is Standing.NOT_RUN
        results[profile] = aside[0] if aside and undecided else together
    return Row(requirement=same[0].requirement, results=results)


def _other_failures(scenarios: Sequence[Scenario], profile: str, sources: Sequence[SourceRows]) -> int:
    """Scenarios that failed without any requirement's failing by them."""
    told = {
        (decision.feature, decision.scenario)
        for source in sources
        for row in source.rows
        for decision in row.results[profile].decisions
        if decision.standing is Standing.FAIL
    }
    failed = [s.record for s in scenarios if s.record.verdict is Verdict.FAIL]
    return sum((record.feature, record.name) not in told for record in failed)
