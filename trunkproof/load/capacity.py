"""The search for what a PBX carries: each step of ``harness.load.search`` is an offer to the same fleet.

Between steps all calls end. The search's state is written after each step, so that it can be gone on with.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

from harness.errors import HarnessMisuse
from harness.load.arrivals import Arrivals, Process, Stretch
from harness.load.criteria import judge
from harness.load.health import judge_health
from harness.load.measures import measure, session_failures
from harness.load.rate_search import RateSearch
from harness.load.records import CallRecord, HealthSample, PbxSample
from harness.load.result import CapacityResult, StepResult
from harness.load.search import SHORT, STANDARD, Search, from_json, resumed, to_json
from harness.load.search_step import SearchKind, Step
from harness.load.store import DIRECTORY
from harness.load.table import Table
from harness.verdict import Verdict
from scenarios.load.protocol import Offer
from trunkproof.load.company import others_in_the_way
from trunkproof.load.fleet import Fleet, Worker
from trunkproof.load.plan import LoadRequest, stay_s
from trunkproof.load.run import OFFER_SLACK_S, LoadRun
from trunkproof.plugin.progress import Progress

STATE = "search.json"
LEAD_S = 0.5


class CapacityRun(LoadRun):
    """A run whose course is a search. What the profile says of arrivals and length does not count here."""

    def __init__(
        self,
        request: LoadRequest,
        kind: SearchKind,
        *,
        short: bool = False,
        resume: str = "",
        progress: Progress | None = None,
    ) -> None:
        super().__init__(request, progress)
        self._search = _resumed(Path(resume)) if resume else _begun(request, kind, short=short)
        self._placed = 0
        self._of_step: list[CallRecord] = []
        self._seconds: list[HealthSample] = []
        self._pbx_samples: list[PbxSample] = []

    def calls(self, worker: Worker, records: list[tuple[int, CallRecord]]) -> None:
        super().calls(worker, records)
        self._of_step += [record for _, record in records]

    def health(self, worker: Worker, sample: HealthSample) -> None:
        super().health(worker, sample)
        self._seconds.append(sample)

    def pbx_seen(self, sample: PbxSample) -> None:
        super().pbx_seen(sample)
        self._pbx_samples.append(sample)

    def require_possible(self) -> None:
        """Raises HarnessMisuse when the profile's limits do not let even one step be done."""
        step = self._search.next_step()
        limit = self.load.limits.calls
        if step is not None and step.attempts > limit:
            raise HarnessMisuse(
                f"a step of the search is {step.attempts} calls, [limits] calls is {limit}",
                where=self.request.where,
                suggestion="search with --short, or raise the limit (Meta: 10,000 new calls per number and day)",
            )

    def offer_all(self, fleet: Fleet) -> CapacityResult | None:
        """Do the steps that are left."""
        title = f"{self.load.name}: the largest {_of_what(self._search)} that {self.request.target} carries"
        with self.view.showing(title):
            while not self.interrupted and (step := self._search.next_step()) is not None:
                if self._placed + step.attempts > self.load.limits.calls:
                    self.interrupted = f"[limits] calls ({self.load.limits.calls}) does not let it go on"
                    break
                done = self._do_step(fleet, step)
                if done is None:
                    break
                self._search = self._search.noted(done)
                self._keep()
        return self._search.result()

    def _do_step(self, fleet: Fleet, step: Step) -> StepResult | None:
        """One step and what came of it; None when it was interrupted."""
        self._of_step, self._seconds, self._pbx_samples = [], [], []
        lost_before = len(fleet.alive)
        begins_at = max(self.zero_at, monotonic() + LEAD_S)
        level = Stretch(seconds=3600.0, from_rate=step.rate, to_rate=step.rate)
        fleet.offer(
            Offer(
                number=step.number,
                zero_at=self.zero_at,
                begins_at=begins_at,
                arrivals=Arrivals(process=Process.CONSTANT, course=(level,)),
                attempts=step.attempts,
                hold=step.hold,
            )
        )
        offered_s = step.attempts / step.rate
        self.expect(begins_at + offered_s + step.seconds, f"step {step.number}: {_said(self._search, step)}")
        self.wait(fleet, offered_s + LEAD_S + OFFER_SLACK_S)
        if step.seconds and not self.interrupted:
            self.stay(fleet, step.seconds)
        self.drain(fleet, self.load.limits.drain_s)
        self._placed += len(self._of_step)
        if self.interrupted:
            return None
        verdict, why, failures = self._judged(workers=len(fleet.workers))
        if verdict is Verdict.FAIL and (others := self._others()):
            verdict, why = Verdict.INCONCLUSIVE, others
        if len(fleet.alive) < lost_before:
            verdict, why = Verdict.INCONCLUSIVE, "a load worker was lost"
        self.progress.say(
            f"step {step.number}: {_said(self._search, step)}: {_WORDS[verdict]}{f' ({why})' if why else ''}"
        )
        return StepResult(
            number=step.number,
            offered=step.offered,
            began_at=begins_at - self.zero_at,
            ended_at=monotonic() - self.zero_at,
            attempts=len(self._of_step),
            failures=failures,
            verdict=verdict,
            why=why,
        )

    def _judged(self, workers: int) -> tuple[Verdict, str, int]:
        """What came of the step's calls, why, and how many failed."""
        calls = Table.of(CallRecord, self._of_step)
        measures = measure(calls)
        failures = session_failures(calls)
        health = judge_health(
            Table.of(HealthSample, self._seconds),
            calls,
            srd_p95_s=measures.srd_s.quantile(0.95).value,
            workers=workers,
        )
        if health.verdict is not Verdict.PASS:
            return Verdict.INCONCLUSIVE, health.why, failures
        if not self._of_step:
            return Verdict.INCONCLUSIVE, "no call was told of", failures
        if isinstance(self._search, RateSearch):
            if not failures:
                return Verdict.PASS, "", 0
            why = next(record.why for record in self._of_step if record.why)
            return Verdict.FAIL, f"{failures} of {len(calls)} calls failed, the first: {why}", failures
        failed = [c for c in judge(self.load.criteria, measures, leaked_channels=0) if c.verdict is Verdict.FAIL]
        # Too few calls to be sure is no failure here: the search itself repeats what decides.
        return (
            (Verdict.FAIL, f"{failed[0].words}: {failed[0].why}", failures) if failed else (Verdict.PASS, "", failures)
        )

    def _others(self) -> str:
        """Which other programs may have made the step fail; empty: none, or the PBX is elsewhere."""
        if not self.request.local or not self._pbx_samples:
            return ""
        return others_in_the_way(Table.of(HealthSample, self._seconds), Table.of(PbxSample, self._pbx_samples))

    def _keep(self) -> None:
        path = self.directory / DIRECTORY / STATE
        unfinished = path.with_name(f".{path.name}")
        unfinished.write_text(to_json(self._search), encoding="utf-8")
        unfinished.rename(path)


_WORDS = {Verdict.PASS: "carried", Verdict.FAIL: "not carried", Verdict.INCONCLUSIVE: "cannot be judged"}


def _begun(request: LoadRequest, kind: SearchKind, *, short: bool) -> Search:
    """A new search within the profile's limits."""
    search = (SHORT if short else STANDARD)[kind]
    load = request.load
    at_once = min(load.limits.at_once, load.customers.count)
    if isinstance(search, RateSearch):
        return replace(search, most=at_once / max(stay_s(load), 0.1))
    return replace(search, most=at_once, start=min(search.start, at_once))


def _resumed(directory: Path) -> Search:
    """The search of an earlier run. Raises HarnessMisuse."""
    path = directory / DIRECTORY / STATE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise HarnessMisuse(
            "there is no search to go on with", where=path, suggestion="--resume takes the directory of a capacity run"
        ) from None
    return resumed(from_json(text, where=str(path)))


def _of_what(search: Search) -> str:
    return "rate of calls" if isinstance(search, RateSearch) else "number of calls at once"


def _said(search: Search, step: Step) -> str:
    if isinstance(search, RateSearch):
        return f"{step.attempts} calls at {step.offered:g} calls/s"
    return f"{step.offered:g} calls at once"
