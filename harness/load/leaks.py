"""Whether something leaks: descriptors, ports and processes that are left when all calls are over, memory that grows.

What is left is told at rest: as it was before the first call, and after the last one has ended. Memory is told along
the run, after a warm-up (``warm_up_s``), per 1,000 calls, so that the limit does not depend on the rate.

A leak of the PBX is a failure. One of our own (generator, trunk, platform, their controller) is nobody's fault at the
PBX: its criterion is inconclusive, and with it the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.load.confidence import UNDEFINED, Estimate
from harness.load.criteria import written
from harness.load.growth import BLOCK_S, LEAST_BLOCKS, Growth, growth
from harness.load.profile import CriteriaSection
from harness.load.records import CallRecord, PbxSample, ProcessSample
from harness.load.result import CriterionResult
from harness.load.table import Table
from harness.verdict import Verdict

WARM_UP_SHARE = 1 / 3
LEAST_WARM_UP_S = 180.0
MB = 1e6
LEAK_MEASURES = frozenset(
    {"leaked_descriptors", "memory_growth", "own_leaked_descriptors", "own_leaked_ports", "own_leaked_processes",
     "own_memory_growth"}
)  # fmt: skip

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of a run whose calls were offered from 0 to ``offered_s`` and were all over at ``drained_at``.

    ``left_alive`` are processes of ours that had not ended when they were to. ``unseen`` says why our processes cannot
    be judged (a worker was lost, or is on another machine); empty: they can.
    """

    processes: Table[ProcessSample]
    pbx: Table[PbxSample]
    calls: Table[CallRecord]
    offered_s: float
    drained_at: float
    left_alive: tuple[str, ...] = ()
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class _Watched:
    """One process: its name as a sentence has it (``the trunk``), and what was seen of it."""

    name: str
    at: Numbers
    memory: Numbers
    descriptors: Numbers
    ports: Numbers


@dataclass(frozen=True, slots=True)
class _Finding:
    """What was found of one thing: ``value`` is what is held against the limit."""

    verdict: Verdict
    why: str
    value: Estimate = UNDEFINED


def warm_up_s(offered_s: float) -> float:
    """How much of a run's beginning is not judged: caches fill, pools of threads reach their size."""
    return max(LEAST_WARM_UP_S, WARM_UP_SHARE * offered_s)


def judge_leaks(criteria: CriteriaSection, seen: Observed) -> tuple[CriterionResult, ...]:
    """What the profile's criteria on leaks say, of the PBX and of our own processes."""
    pbx, own = _pbx(seen), list(_own(seen))
    found = []
    if (most := criteria.leaked_descriptors) is not None:
        demanded = "leaked_descriptors" in criteria.model_fields_set
        left = _left_by([pbx], "descriptors", seen, most, Verdict.FAIL, _unknown(demanded, "the PBX's descriptors"))
        found.append(_result("leaked_descriptors", "descriptors left open by the PBX", most, "", left))
        left = _left_by(own, "descriptors", seen, most, Verdict.INCONCLUSIVE, _unseen(seen))
        found.append(_result("own_leaked_descriptors", "descriptors left open by the generator", most, "", left))
    if (most := criteria.leaked_ports) is not None:
        left = _left_by(own, "ports", seen, most, Verdict.INCONCLUSIVE, _unseen(seen))
        found.append(_result("own_leaked_ports", "ports left bound by the generator", most, "", left))
    if (most := criteria.leaked_processes) is not None:
        found.append(
            _result("own_leaked_processes", "processes left behind by the generator", most, "", _alive(seen, most))
        )
    if (limit := criteria.memory_growth) is not None:
        grown = _grown_most([pbx], seen, limit, Verdict.FAIL, _unknown(True, "the PBX's memory"))
        found.append(_result("memory_growth", "growth of the PBX's memory per 1,000 calls", limit, "MB", grown))
        grown = _grown_most(own, seen, limit, Verdict.INCONCLUSIVE, _unseen(seen))
        words = "growth of the generator's memory per 1,000 calls"
        found.append(_result("own_memory_growth", words, limit, "MB", grown))
    return tuple(found)


# What was seen.


def _pbx(seen: Observed) -> _Watched:
    pbx = seen.pbx
    none = np.full(len(pbx), np.nan)
    return _Watched("the PBX", pbx["at"], pbx["memory_bytes"], pbx["descriptors"], none)


def _own(seen: Observed) -> Iterator[_Watched]:
    """Our processes that were there all along."""
    table = seen.processes
    workers = {worker for worker in table["worker"] if worker}
    for pid in dict.fromkeys(table["pid"]):
        its = table.where(table["pid"] == pid)
        if not np.any(its["at"] <= 0.0) or not np.any(its["at"] >= seen.drained_at):
            continue
        whose = f" of {its['worker'][0]}" if len(workers) > 1 and its["worker"][0] else ""
        name = f"the {its['process'][0]}{whose}"
        yield _Watched(name, its["at"], its["memory_bytes"], its["descriptors"], its["ports"])


def _unknown(demanded: bool, what: str) -> _Finding:
    return _Finding(Verdict.INCONCLUSIVE if demanded else Verdict.NOT_RUN, f"{what}: not known")


def _unseen(seen: Observed) -> _Finding:
    return _Finding(Verdict.NOT_RUN, f"not judged: {seen.unseen or 'the processes were not watched'}")


# What is left at rest.


def _at_rest(watched: _Watched, what: str, drained_at: float) -> tuple[float, float] | None:
    """Before the first call and after the last one; None: not both were seen."""
    values: Numbers = getattr(watched, what)
    known = np.isfinite(values)
    before, after = values[known & (watched.at <= 0.0)], values[known & (watched.at >= drained_at)]
    # Some are given back a moment later: the least counts.
    return (float(before[0]), float(after.min())) if len(before) and len(after) else None


def _left_by(
    processes: Sequence[_Watched], what: str, seen: Observed, most: int, beyond: Verdict, unknown: _Finding
) -> _Finding:
    """Of the process that has most left."""
    rests = [(each.name, rest) for each in processes if (rest := _at_rest(each, what, seen.drained_at)) is not None]
    if not rests or (beyond is not Verdict.FAIL and seen.unseen):
        return unknown
    name, (before, after) = max(rests, key=lambda rest: rest[1][1] - rest[1][0])
    left = max(0.0, after - before)
    value = Estimate(value=left, low=left, high=left, samples=len(rests))
    told = f"{name} had {before:.0f} {what} before the first call and has {after:.0f} after the last"
    return _Finding(beyond if left > most else Verdict.PASS, told, value)


def _alive(seen: Observed, most: int) -> _Finding:
    if seen.unseen or not len(seen.processes):
        return _unseen(seen)
    left, started = len(seen.left_alive), len(set(seen.processes["pid"]))
    value = Estimate(value=left, low=left, high=left, samples=started)
    if left > most:
        return _Finding(Verdict.INCONCLUSIVE, f"still alive after their end: {', '.join(seen.left_alive)}", value)
    return _Finding(Verdict.PASS, f"{left} of {started} still alive after their end", value)


# Memory along the run.


def _grown_most(
    processes: Sequence[_Watched], seen: Observed, limit: float, beyond: Verdict, unknown: _Finding
) -> _Finding:
    """The worst of what was found: a leak before what is open, what is open before none."""
    if beyond is not Verdict.FAIL and seen.unseen:
        return unknown
    if not any(np.isfinite(each.memory).any() for each in processes):
        return unknown
    begin = warm_up_s(seen.offered_s)
    judged_s, needed_s = seen.offered_s - begin, LEAST_BLOCKS * BLOCK_S
    if judged_s < needed_s:
        why = f"not judged: it takes {minutes(needed_s)} after a warm-up of {minutes(begin)}"
        return _Finding(Verdict.NOT_RUN, why)
    began = seen.calls["started_at"]
    thousands = float(np.sum((began >= begin) & (began < seen.offered_s))) / 1000
    found = [
        _grown(each, growth(each.at, each.memory, begin=begin, end=seen.offered_s), thousands, judged_s, limit, beyond)
        for each in processes
    ]
    return max(found, key=lambda finding: (_WORSE[finding.verdict], finding.value.value or 0.0))


_WORSE = {Verdict.NOT_RUN: 0, Verdict.PASS: 1, Verdict.INCONCLUSIVE: 2, Verdict.FAIL: 3}


def _grown(
    watched: _Watched, grew: Growth | None, thousands: float, judged_s: float, limit: float, beyond: Verdict
) -> _Finding:
    if grew is None:
        return _Finding(Verdict.INCONCLUSIVE, f"{watched.name}'s memory was seen too seldom to tell")
    if not thousands:
        return _Finding(Verdict.INCONCLUSIVE, "no calls to measure it on")
    per = judged_s / thousands / MB
    slope = grew.per_s
    assert slope.value is not None and slope.low is not None and slope.high is not None
    rate, low, high = slope.value * per, slope.low * per, slope.high * per
    value = Estimate(value=rate, low=low, high=high, samples=slope.samples)
    told = said_of_growth(watched.name, grew)
    if rate <= limit:
        wide = "; the 95 % confidence interval reaches beyond the limit" if high > limit else ""
        return _Finding(Verdict.PASS, told + wide, value)
    if low <= limit:
        return _Finding(Verdict.INCONCLUSIVE, f"{told}: a longer run would tell whether that is chance", value)
    if not grew.lasts:
        why = f"{told}, and less and less: a longer run would tell whether it comes to an end"
        return _Finding(Verdict.INCONCLUSIVE, why, value)
    ours = "" if beyond is Verdict.FAIL else ": our own leak, none of the PBX"
    return _Finding(beyond, told + ours, value)


def said_of_growth(name: str, grew: Growth) -> str:
    """``the trunk's memory grew by 38 MB in 24 min (1.6 MB/min, 95 % 1.4 to 1.8)``."""
    by = (grew.last - grew.first) / MB
    slope, low, high = (
        written((end or 0.0) * 60 / MB, "") for end in (grew.per_s.value, grew.per_s.low, grew.per_s.high)
    )
    how = "grew" if by >= 0 else "shrank"
    return f"{name}'s memory {how} by {written(abs(by), 'MB')} in {minutes(grew.seconds)} ({slope} MB/min, " \
        f"95 % {low} to {high})"  # fmt: skip


def minutes(seconds: float) -> str:
    """``24 min``."""
    return f"{seconds / 60:.0f} min"


def _result(measure: str, words: str, limit: float, unit: str, found: _Finding) -> CriterionResult:
    return CriterionResult(
        measure=measure,
        words=f"{words} at most {written(limit, unit)}",
        limit=float(limit),
        unit=unit,
        value=found.value.value,
        low=found.value.low,
        high=found.value.high,
        samples=found.value.samples,
        verdict=found.verdict,
        why=found.why,
    )
