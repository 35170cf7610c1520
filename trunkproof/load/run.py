"""A load run from its start to its reports: the PBX, the fleet, the baseline, the offer, the drain, the judgement."""

from __future__ import annotations

import platform
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import reports
from harness.audio.pesq_mos import pesq_available
from harness.errors import Inconclusive, TrunkproofError
from harness.evidence import RunRecord
from harness.load.listening import ListenedEar
from harness.load.records import CallRecord, HealthSample, PbxSample
from harness.load.result import BaselineResult, CapacityResult, LoadResult, LostWorker
from harness.load.store import LoadStore, write_result
from harness.target import Target
from harness.verdict import Blame, Verdict, of_error, of_run
from scenarios.load.attached import read_system
from scenarios.load.playable import require_playable
from scenarios.load.protocol import GeneratorConfig, Offer
from scenarios.system import RunTarget, System
from simulators.pbx.adapter import PbxAdapter
from simulators.pbx.adapters import adapter_for
from simulators.trunk.profile import Profile, load_profile
from trunkproof.live_pbx import LivePbxs, prepared, said_of_pstn
from trunkproof.load.baseline import Baseline
from trunkproof.load.conclusion import Course, conclude
from trunkproof.load.figures import Figures
from trunkproof.load.fleet import Fleet, Listener, Worker
from trunkproof.load.pbx_watch import PbxWatch, channels_left
from trunkproof.load.plan import LoadRequest, require_allowed, require_within_limits
from trunkproof.load.probes import Probes, require_room
from trunkproof.load.process_watch import ProcessWatch
from trunkproof.load.view import View
from trunkproof.plugin.progress import Progress
from trunkproof.plugin.work_files import mask_work_files, secrets_of
from trunkproof.run_directory import RUN_NAME, make_directory, point_latest

LEAD_S = 1.0
"""From the order to t = 0, so that each worker has it in time."""
OFFER_SLACK_S = 20.0
"""How long after its end an offer may take to be said to be over."""
REST_LOOK_S = 0.2
HURRIED_S = 5.0
"""Patience of the drain after an interrupt."""
INTERRUPTED = "it was interrupted"
LETTING_END = "interrupted: letting calls end, and reporting what was measured"
BLAME = {Verdict.PASS: Blame.NOBODY, Verdict.FAIL: Blame.PBX}
PACKAGES = ("locust", "gevent", "pyzmq", "sippy")


class LoadRun(Listener):
    """One run. ``run`` does it all and returns the exit code; its course may be another one (see ``capacity``)."""

    def __init__(self, request: LoadRequest, progress: Progress | None = None) -> None:
        self.request = request
        self.load = request.load
        self.directory = request.directory
        self.progress = progress or Progress()
        self.view = View(self.progress.console)
        self.figures = Figures()
        self.zero_at = monotonic()
        self.interrupted = ""
        """Why the run ended before its time; empty when it did not."""
        self._zero_wall = datetime.now(UTC)
        self._started_wall = time.time()
        self._live = LivePbxs(self.directory, self.progress.task)
        self._system: System | None = None
        """A PBX that another program has brought up."""
        self._ends_at = 0.0
        self._probed_until = 0.0
        self._lost: list[LostWorker] = []
        self._watch: PbxWatch | None = None
        self._processes = ProcessWatch()
        self._errors: list[str] = []
        self._blame: tuple[Verdict, Blame] | None = None
        self._result: LoadResult | None = None
        self._note = ""
        self._probes: Probes | None = None

    # What the fleet tells.

    def calls(self, worker: Worker, records: list[tuple[int, CallRecord]]) -> None:
        for _, record in records:
            self.figures.add(record)
            self.store.add(record)

    def health(self, worker: Worker, sample: HealthSample) -> None:
        self.figures.sample(sample)
        self.store.add(sample)
        if self._probes is not None:
            self._probes.note_up(self.figures.up)

    def listened(self, heard: ListenedEar) -> None:
        self.store.add(heard)

    def lost(self, worker: Worker) -> None:
        gone = max(0, worker.started - worker.done)
        self._lost.append(LostWorker(worker=worker.name, at=monotonic() - self.zero_at, calls=gone, why=worker.lost))
        self.figures.forget(worker.name)
        self.progress.say(f"{worker.name} is lost, and {gone} call(s) with it: {worker.lost}")

    def tick(self) -> None:
        if self._watch is not None:
            for sample in self._watch.samples():
                self.pbx_seen(sample)
        for seen in self._processes.samples():
            self.store.add(seen)
        self.view.show(self.figures, self._ends_at - monotonic(), self._note)

    def pbx_seen(self, sample: PbxSample) -> None:
        """The PBX's resources at a moment."""
        self.store.add(sample)

    # The course of the run.

    def run(self) -> int:
        """Do it. Raises HarnessMisuse for what can be known to be wrong before anything is started."""
        target, profile = self._target()
        require_allowed(target, self.request)
        require_playable(target, self.load, self.request.workers, target.trunk.profile)
        if self.request.probes:
            require_room(target, self.request.workers, self.request.probes)
        self.require_possible()
        make_directory(self.directory)
        secrets = secrets_of([target])
        self.store = LoadStore(self.directory)
        try:
            with ExitStack() as ends:
                ends.callback(self.store.close)
                ends.callback(self._stop_pbxs)
                try:
                    self._do(target, profile, ends)
                except KeyboardInterrupt:
                    self._give_up(Inconclusive("interrupted before any load was offered"))
                except TrunkproofError as error:
                    self._give_up(error)
                except OSError as refused:
                    self._give_up(Inconclusive(f"the run could not go on: {refused}"))
        finally:
            exit_code = self._report(target, profile, secrets)
        return exit_code

    def _target(self) -> tuple[Target, Profile]:
        request = self.request
        if request.attach:
            self._system = read_system(Path(request.attach))
            return self._system.running.target, load_profile(self._system.profile)
        return prepared(request.target, request.trunk_profile, request.twin)

    def require_possible(self) -> None:
        """Raises HarnessMisuse for a profile that cannot be offered."""
        require_within_limits(self.load, self.request.where)

    def offer_all(self, fleet: Fleet) -> CapacityResult | None:
        """Offer what the profile says, and have the calls end."""
        load = self.load
        fleet.offer(
            Offer(
                number=1,
                zero_at=self.zero_at,
                begins_at=self.zero_at,
                arrivals=load.arrivals.arrivals(load.duration_s),
                seconds=load.duration_s,
                attempts=load.limits.calls,
                at_once=load.limits.at_once,
            )
        )
        self.expect(self.zero_at + load.duration_s)
        with self.view.showing(f"{load.name}: {load.duration_s:g} s of calls to {self.request.target}"):
            self.wait(fleet, load.duration_s + LEAD_S + OFFER_SLACK_S)
            self.drain(fleet, load.limits.drain_s)
        if load.quality.pesq_sample and pesq_available():
            with self.progress.task("PESQ of the sampled calls"):
                fleet.score_sound()
        return None

    def expect(self, ends_at: float, note: str = "") -> None:
        """Show the time left until ``ends_at`` (CLOCK_MONOTONIC), and ``note`` beside it."""
        self._ends_at, self._note = ends_at, note

    def stay(self, fleet: Fleet, seconds: float) -> None:
        """Leave calls up for so long, unless somebody wants an end."""
        try:
            fleet.until(lambda: fleet.stop_asked or not fleet.alive, seconds)
        except KeyboardInterrupt:
            self.interrupted = INTERRUPTED
            self.progress.say(LETTING_END)

    def wait(self, fleet: Fleet, timeout_s: float) -> None:
        """Until the offer is over, or somebody wants it to be."""
        try:
            over = fleet.until(lambda: not fleet.offering() or fleet.stop_asked, timeout_s)
        except KeyboardInterrupt:
            self.interrupted = INTERRUPTED
            self.progress.say(LETTING_END)
            return
        if fleet.stop_asked:
            self.interrupted = "it was stopped in Locust's page"
        elif not over:
            self.interrupted = f"a generator had not come to the end of its offer after {timeout_s:.0f} s"
        elif not fleet.alive:
            self.interrupted = "all load workers are lost"

    def drain(self, fleet: Fleet, patience_s: float) -> None:
        """Let the calls end; a second interrupt ends them."""
        patience_s = min(patience_s, HURRIED_S) if self.interrupted else patience_s
        self._probed_until = monotonic()
        if self._probes is not None:
            self._probes.stop()
        self.expect(monotonic() + patience_s, "calls are ending")
        try:
            fleet.drain(patience_s)
        except KeyboardInterrupt:
            self.interrupted = self.interrupted or INTERRUPTED
            fleet.drain(0.0)
        self.expect(self._ends_at)

    def _do(self, target: Target, profile: Profile, ends: ExitStack) -> None:
        system = self._bring_up(target)
        fleet = Fleet(
            self.directory,
            self.request.workers,
            bind=self.request.bind,
            local=self.request.local,
            generator=self.request.generator,
        )
        ends.callback(fleet.stop)
        fleet.start(self.progress.say)
        if fleet.url:
            self.progress.say(f"live charts: {fleet.url}")
        baseline = self._baseline(fleet)
        with self.progress.task(f"{len(fleet.alive)} generator(s)"):
            fleet.start_generators(
                GeneratorConfig(
                    worker="",
                    index=0,
                    workers=0,
                    directory="",
                    system=system,
                    load=self.load,
                    seed=self.request.drawn_from,
                )
            )
        adapter = adapter_for(system.running)
        before = len(adapter.channels() or ())
        self.zero_at = monotonic() + LEAD_S
        self._zero_wall = datetime.fromtimestamp(time.time() + LEAD_S, UTC)
        fleet.listener = self
        self._watch = PbxWatch(adapter, self.zero_at)
        self._watch.start()
        ends.callback(self._watch.stop)
        ends.callback(self._processes.stop)
        self._processes.start(self.zero_at, {worker.pid: worker.name for worker in fleet.workers})
        self._start_probes(system, ends)
        capacity = self.offer_all(fleet)
        lasted_s = monotonic() - self.zero_at
        leaked = self._leaked(adapter, before, target)
        self._come_to_rest(target.deadlines.release_s)
        # What a process gives back because it ends does not count.
        self._watch.stop()
        self._processes.stop()
        workers = tuple(worker.name for worker in fleet.workers)
        fleet.stop_generators()
        fleet.listener = Listener()
        self.tick()
        fleet.stop()
        if self._watch.problem:
            self._live.notes.append(f"the PBX could not always be asked for its resources: {self._watch.problem}")
        self.store.flush()
        probes = self._probes.results(self.zero_at, self._probed_until) if self._probes else ()
        if self._probes is not None and not probes:
            self._live.notes.append("no probe came to its end while calls were offered: see probes/probes.log")
        self._result = conclude(
            self.directory,
            Course(
                request=self.request,
                target=system.running.target,
                profile=profile,
                pbx=system.running.version,
                began=self._zero_wall,
                lasted_s=lasted_s,
                workers=workers,
                lost=tuple(self._lost),
                leaked_channels=leaked,
                interrupted=self.interrupted,
                baseline=baseline,
                capacity=capacity,
                probes=probes,
                left_alive=self._processes.left_alive(),
            ),
        )

    def _start_probes(self, system: System, ends: ExitStack) -> None:
        if self.request.probes:
            self._probes = Probes(self.directory, system, self.request)
            ends.callback(self._probes.stop)
            self._probes.start()

    def _bring_up(self, target: Target) -> System:
        if self._system is not None:
            return self._system
        planned = RunTarget(target=target, shared=None, provider=self.request.provider, twin=self.request.twin)
        shared = self._live.bring_up(planned).shared
        if shared is None:
            raise Inconclusive(f"the target {target.name!r} has no PBX that a load run could share")
        return shared

    def _baseline(self, fleet: Fleet) -> BaselineResult | None:
        if not self.request.baseline:
            return None
        baseline = Baseline(fleet, self.load, self.request.drawn_from)
        with self.progress.task(f"baseline without a PBX, {baseline.rate:.1f} calls/s"):
            return baseline.measure()

    def _leaked(self, adapter: PbxAdapter, before: int, target: Target) -> int | None:
        if self._lost:
            self._live.notes.append("channels left at the PBX were not counted: a lost worker's calls may have some")
            return None
        try:
            return channels_left(adapter, before, target.deadlines.release_s)
        except TrunkproofError as error:
            self._live.notes.append(f"the PBX could not be asked for the channels that are left: {error}")
            return None

    def _come_to_rest(self, patience_s: float) -> None:
        """Until all descriptors of calls are given back, as seen by both watches, or patience is at its end."""
        assert self._watch is not None
        over, deadline = threading.Event(), monotonic() + patience_s
        while True:
            at_rest = self._watch.look_once() & self._processes.look()
            if at_rest or monotonic() >= deadline:
                return
            over.wait(REST_LOOK_S)

    # Its end.

    def _give_up(self, error: TrunkproofError) -> None:
        self._errors.append(str(error))
        if error.detail:
            self.progress.say(error.detail)
        self._blame = of_error(error)

    def _stop_pbxs(self) -> None:
        for trap in self._live.dead_traps():
            self._errors.append(f"{trap} died: calls to the PSTN may have gone unnoticed")
            self._blame = self._blame or (Verdict.INCONCLUSIVE, Blame.HARNESS)
        problems = self._live.stop()
        problems += (f"still alive after the run: {one}" for one in self._processes.left_alive(with_the_pbx=True))
        for problem in problems:
            self._errors.append(problem)
            self._blame = self._blame or (Verdict.INCONCLUSIVE, Blame.HARNESS)

    def _report(self, target: Target, profile: Profile, secrets: list[str]) -> int:
        if said := said_of_pstn(self._live.pstn_calls()):
            self._errors.append(said)
            self._blame = (Verdict.FAIL, Blame.PBX)
        result = self._result
        if result is not None:
            write_result(self.directory, result)
        verdict, blame = self._verdict(result)
        record = RunRecord(
            run_id=self.directory.name,
            target=target.name,
            target_description=target.description,
            profile=profile.name,
            claims=sorted(claim.value for claim in target.claims),
            twin=self.request.twin,
            provider=self.request.provider or target.pbx.provider,
            pbx_version=result.pbx if result else "",
            started_wall=self._started_wall,
            finished_wall=time.time(),
            workers=self.request.workers,
            command=self.request.command,
            versions={"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            notes=self._live.notes,
            errors=self._errors,
            run_verdict=verdict,
            run_blame=blame,
        )
        (self.directory / RUN_NAME).write_text(record.model_dump_json(indent=1), encoding="utf-8")
        for worker in self.directory.glob("work/*/"):
            mask_work_files(worker, secrets)
        reports.write(self.directory, secrets=secrets)
        point_latest(self.directory)
        self.progress.report(self.directory, secrets)
        return of_run([(verdict, blame)])[1]

    def _verdict(self, result: LoadResult | None) -> tuple[Verdict, Blame]:
        """The worst of what befell the run and of what was measured."""
        told = [self._blame] if self._blame else []
        if result is not None:
            told.append((result.verdict, BLAME.get(result.verdict, Blame.HARNESS)))
        worst, code = of_run(told)
        return next(((v, b) for v, b in told if of_run([(v, b)])[1] == code), (worst, Blame.HARNESS))
