"""From the files of a run to its result: criteria, the generator's health, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.audio.pesq_mos import pesq_available
from harness.load.criteria import RunVerdict, judge, verdict_of
from harness.load.health import Health, judge_health
from harness.load.leaks import LEAK_MEASURES, Observed, judge_leaks
from harness.load.listening import ListeningResult, listening_result
from harness.load.measures import measure
from harness.load.profile import CriteriaSection, LoadProfile
from harness.load.records import HealthSample, PbxSample
from harness.load.result import BaselineResult, CapacityResult, LoadResult, LostWorker, ProbeResult
from harness.load.search_step import SearchKind
from harness.load.store import read_calls, read_health, read_listening, read_pbx, read_processes
from harness.load.table import Table
from harness.target import Target
from harness.verdict import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_PBX_FAULT, Verdict
from simulators.trunk.profile import Profile
from trunkproof.load.company import others_in_the_way
from trunkproof.load.conditions import conditions
from trunkproof.load.plan import LoadRequest
from trunkproof.load.probes import said_of

NEVER_EXCUSED = frozenset({"cross_talk_calls", "leaked_channels"}) | LEAK_MEASURES
"""What no want of processors explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a run went, apart from its records."""

    request: LoadRequest
    target: Target
    profile: Profile
    pbx: str
    began: datetime
    lasted_s: float
    workers: tuple[str, ...]
    lost: tuple[LostWorker, ...]
    leaked_channels: int | None
    interrupted: str
    baseline: BaselineResult | None
    capacity: CapacityResult | None = None
    probes: tuple[ProbeResult, ...] = ()
    left_alive: tuple[str, ...] = ()
    """Processes of ours that have not ended with the run."""

    @property
    def shares_the_machine(self) -> bool:
        """Whether PBX and generators are all on this machine, as far as known."""
        return self.request.local and self.target.pbx.adapter != "external"


def _listening(directory: Path, load: LoadProfile) -> ListeningResult | None:
    """PESQ of the sampled calls, if there were to be any."""
    if not load.quality.pesq_sample:
        return None
    not_there = "" if pesq_available() else "PESQ is not installed here (pip install 'trunkproof[pesq]')"
    return listening_result(load.quality.pesq_sample, read_listening(directory), not_there)


def conclude(directory: Path, course: Course) -> LoadResult:
    """What came of a run whose records are in ``directory``."""
    load = course.request.load
    calls, samples = read_calls(directory), read_health(directory)
    measures = measure(calls)
    if course.capacity is None:
        demanded = load.criteria
        srd_p95_s = measures.srd_s.quantile(0.95).value
        health = judge_health(samples, calls, srd_p95_s=srd_p95_s, workers=len(course.workers))
    else:
        # A search goes on until calls fail: what must not be even then is judged, and each step by itself has been.
        demanded = CriteriaSection()
        health = _health_of_search(course.capacity)
    listening = _listening(directory, load) if course.capacity is None else None
    criteria = judge(demanded, measures, leaked_channels=course.leaked_channels, listening=listening)
    criteria += judge_leaks(
        demanded,
        Observed(
            processes=read_processes(directory),
            pbx=read_pbx(directory),
            calls=calls,
            offered_s=min(load.duration_s, course.lasted_s),
            drained_at=course.lasted_s,
            left_alive=course.left_alive,
            unseen=_unseen(course),
        ),
    )
    missed = {criterion.measure for criterion in criteria if criterion.verdict is Verdict.FAIL}
    if health.verdict is Verdict.PASS and missed and not missed & NEVER_EXCUSED and course.shares_the_machine:
        health = _in_company(samples, read_pbx(directory))
    said = verdict_of(
        offered(load), criteria, generator=health.verdict, generator_why=health.why, incomplete=_incomplete(course)
    )
    if course.capacity is not None and said.verdict is not Verdict.FAIL:
        said = _found(course.capacity, _incomplete(course))
    if (failed := said_of(course.probes)) and said.verdict is Verdict.PASS:
        headline = f"Not ready for {offered(load)}: {failed}"
        said = RunVerdict(verdict=Verdict.FAIL, exit_code=EXIT_PBX_FAULT, headline=headline)
    return LoadResult(
        name=load.name,
        target=course.target.name,
        pbx=course.pbx,
        trunk_profile=course.profile.name,
        began=course.began.isoformat(timespec="milliseconds"),
        planned_s=load.duration_s,
        lasted_s=course.lasted_s,
        seed=course.request.drawn_from,
        workers=course.workers,
        conditions=conditions(course.target, course.profile, load, len(course.workers)),
        criteria=criteria,
        generator=health.verdict,
        generator_why=health.why,
        verdict=said.verdict,
        headline=said.headline,
        baseline=course.baseline,
        capacity=course.capacity,
        lost_workers=course.lost,
        probes=course.probes,
        listening=listening,
        profile_text=course.request.profile_text,
    )


def offered(load: LoadProfile) -> str:
    """``4 calls/s``."""
    section = load.arrivals
    if section.process == "recorded":
        return "the recorded calls"
    if section.course:
        return f"the course of {load.name}"
    return f"{max(section.rate, section.spike_rate):g} calls/s"


def _in_company(samples: Table[HealthSample], pbx: Table[PbxSample]) -> Health:
    others = others_in_the_way(samples, pbx)
    return Health(verdict=Verdict.INCONCLUSIVE if others else Verdict.PASS, why=others)


def _health_of_search(capacity: CapacityResult) -> Health:
    last = capacity.steps[-1] if capacity.steps else None
    if last is not None and last.verdict is Verdict.INCONCLUSIVE:
        return Health(verdict=Verdict.INCONCLUSIVE, why=last.why)
    return Health(verdict=Verdict.PASS, why="")


def _found(capacity: CapacityResult, incomplete: str) -> RunVerdict:
    """What a search says: it fails when not even the least load was carried."""
    unit = "calls/s" if capacity.kind == SearchKind.RATE else "calls at once"
    carried = "" if capacity.carried is None else f"carries {capacity.carried:g} {unit}"
    failed = "" if capacity.first_failed is None else f"{capacity.first_failed:g} {unit} failed"
    known = ", ".join(filter(None, (carried, failed)))
    if not capacity.finished:
        why = incomplete or capacity.confidence
        return RunVerdict(
            verdict=Verdict.INCONCLUSIVE,
            exit_code=EXIT_INCONCLUSIVE,
            headline=f"The search is not at its end{f' ({known})' if known else ''}: {why}",
        )
    if not carried:
        return RunVerdict(verdict=Verdict.FAIL, exit_code=EXIT_PBX_FAULT, headline=f"Carries nothing: {known}")
    return RunVerdict(verdict=Verdict.PASS, exit_code=EXIT_PASS, headline=known[0].upper() + known[1:])


def _unseen(course: Course) -> str:
    """Why our own processes cannot be judged."""
    if course.lost:
        return f"{course.lost[0].worker} was lost"
    return "" if course.request.local else "load workers are on other machines"


def _incomplete(course: Course) -> str:
    lost = [f"{worker.worker} was lost ({worker.why})" for worker in course.lost]
    return "; ".join([*lost, *([course.interrupted] if course.interrupted else [])])
