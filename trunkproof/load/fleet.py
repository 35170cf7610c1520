"""Locust's master and the load workers, as the controller of a run sees them: orders out, happenings in.

One thread (the one that calls) sees everything: processes' reports wait in a queue until it looks.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from harness.errors import Inconclusive
from harness.load.listening import ListenedEar
from harness.load.records import CallRecord, HealthSample
from harness.messages import Event
from harness.process import AwaitExpired, Simulator, SimulatorDied
from scenarios.load import wire
from scenarios.load.protocol import Drain, GeneratorConfig, Offer, OfferDone
from trunkproof.load.protocol import (
    GENERATOR,
    Done,
    Hello,
    MasterConfig,
    MasterUp,
    Order,
    Report,
    StopAsked,
    TellWorker,
    WorkerConfig,
    WorkerSaid,
    WorkerVanished,
)

UP_S = 5.0
JOIN_S = 45.0
JOIN_FROM_ELSEWHERE_S = 600.0
"""People start those workers."""
START_S = 75.0
"""A generator's start: its trunk, and its agents' registrations."""
STOP_S = 30.0
OFFER_S = 15.0
DRAIN_SLACK_S = 30.0
SCORE_S = 180.0
LOOK_S = 0.2


@dataclass(slots=True)
class Worker:
    """One load worker. ``index`` is its number among those that were there at the start."""

    client: str
    name: str
    host: str
    pid: int
    index: int = 0
    lost: str = ""
    """Why it is no longer there."""
    offering: bool = False
    started: int = 0
    """Calls that it says it has begun, by its health."""
    done: int = 0
    """Calls that it has told of."""
    up: int = 0
    answers: dict[int, Done] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Where the master listens (port 0: any free one) and its page (port 0: none)."""

    host: str = "127.0.0.1"
    port: int = 0
    ui_port: int = 0


class Listener:
    """What the controller wants to be told; the methods do nothing here."""

    def calls(self, worker: Worker, records: list[tuple[int, CallRecord]]) -> None:
        """Calls have ended, each with the number of its offer."""

    def health(self, worker: Worker, sample: HealthSample) -> None:
        """A second of a generator has passed."""

    def listened(self, heard: ListenedEar) -> None:
        """An ear of a sampled call was scored."""

    def lost(self, worker: Worker) -> None:
        """A worker is no more; its ``lost`` says why."""

    def tick(self) -> None:
        """Some time has passed."""


class Fleet:
    """Up from ``start`` to ``stop``."""

    def __init__(
        self, directory: Path, count: int, *, bind: Bind | None = None, local: bool = True, generator: str = GENERATOR
    ) -> None:
        self._directory = directory
        self._count = count
        self._bind = bind or Bind()
        self._local = local
        self._generator = generator
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._master: Simulator | None = None
        self._processes: dict[str, Simulator] = {}
        self._workers: dict[str, Worker] = {}
        self._number = 0
        self._stop_asked = False
        self._port = 0
        self.listener = Listener()
        self.url = ""

    @property
    def workers(self) -> list[Worker]:
        """All that ever joined, in their order."""
        return sorted(self._workers.values(), key=lambda worker: worker.index)

    @property
    def alive(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.lost]

    @property
    def stop_asked(self) -> bool:
        """Whether somebody pressed *Stop* in the browser."""
        return self._stop_asked

    @property
    def up(self) -> int:
        """Calls that are up, as far as told."""
        return sum(worker.up for worker in self.alive)

    def start(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Bring up the master and have all workers join. Raises Inconclusive."""
        logs = self._directory / "logs"
        self._master = Simulator(
            "the load master",
            "trunkproof.load.master:run",
            MasterConfig(host=self._bind.host, port=self._bind.port, ui_port=self._bind.ui_port),
            log=logs / "load-master.log",
            keep_events=False,
        )
        self._master.listen(self._inbox.put)
        self._master.ready()
        if not self.until(lambda: self._port > 0, UP_S):
            raise Inconclusive("the load master did not tell its port", detail=self._master.log_tail())
        if self._local:
            for number in range(1, self._count + 1):
                self._start_worker(f"worker-{number}", self._port)
        else:
            say(f"waiting for {self._count} worker(s): trunkproof load --worker {self._bind.host}:{self._port}")
        joined = self.until(lambda: len(self._workers) >= self._count, JOIN_S if self._local else JOIN_FROM_ELSEWHERE_S)
        if not joined:
            self._explain_dead()
            raise Inconclusive(f"only {len(self._workers)} of {self._count} load workers came")
        for index, worker in enumerate(sorted(self._workers.values(), key=lambda worker: worker.name)):
            worker.index = index

    def start_generators(self, config: GeneratorConfig) -> None:
        """Have each worker start a generator like ``config``; name, number and directory are its own.

        Raises Inconclusive when one of them cannot.
        """
        workers = self.alive
        configs = {
            worker.client: wire.write(replace(config, worker=worker.name, index=index, workers=len(workers)))
            for index, worker in enumerate(workers)
        }
        answers = self._ask(Order.START, configs, START_S)
        for worker in workers:
            answer = answers.get(worker.client)
            error = worker.lost or (answer.error if answer else f"no answer within {START_S:g} s")
            if error:
                raise Inconclusive(f"{worker.name}: {error}", detail=self.log_tail(worker))

    def offer(self, offer: Offer) -> None:
        """Have the workers offer calls together: each its share of the arrivals, ends and limits.

        Raises Inconclusive when one refuses.
        """
        workers = self.alive
        bodies = {}
        for index, worker in enumerate(workers):
            part = replace(
                offer,
                arrivals=offer.arrivals.share(index, len(workers)),
                attempts=_share(offer.attempts, index, len(workers)),
                at_once=_share(offer.at_once, index, len(workers)),
            )
            worker.offering = True
            bodies[worker.client] = wire.write(part)
        for client, answer in self._ask(Order.OFFER, bodies, OFFER_S).items():
            if answer.error:
                raise Inconclusive(f"{self._workers[client].name}: {answer.error}")

    def drain(self, patience_s: float) -> int:
        """Let calls end; how many had to be ended. A worker that does not answer in time is lost."""
        body = wire.write(Drain(patience_s=patience_s))
        deadline_s = patience_s + DRAIN_SLACK_S
        workers = self.alive
        answers = self._ask(Order.DRAIN, {worker.client: body for worker in workers}, deadline_s)
        for worker in workers:
            answer = answers.get(worker.client)
            if not worker.lost and (answer is None or answer.error):
                self._lose(worker, answer.error if answer else f"it had not drained after {deadline_s:g} s")
        return sum(answer.value for answer in answers.values())

    def score_sound(self) -> None:
        """Have what was kept of sampled calls scored; who cannot has nothing to tell."""
        self._ask(Order.SCORE, {worker.client: "null" for worker in self.alive}, SCORE_S)

    def stop_generators(self) -> None:
        """End all generators; the workers stay."""
        self._ask(Order.STOP, {worker.client: "null" for worker in self.alive}, STOP_S)

    def offering(self) -> bool:
        """Whether any worker has calls of its offer before it."""
        return any(worker.offering for worker in self.alive)

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Take in what happens until ``condition`` holds (true) or the time is over (false)."""
        deadline = monotonic() + timeout_s
        while not condition():
            if monotonic() >= deadline:
                return False
            self.take_in(min(LOOK_S, max(0.0, deadline - monotonic())))
        return True

    def take_in(self, timeout_s: float) -> None:
        """Take in what has happened, waiting up to ``timeout_s`` for the first of it."""
        try:
            event = self._inbox.get(timeout=timeout_s)
            while True:
                self._take(event)
                event = self._inbox.get_nowait()
        except queue.Empty:
            pass
        self._look_after_processes()
        self.listener.tick()

    def log_tail(self, worker: Worker) -> str:
        """The last lines of a local worker's generator, else of the worker."""
        process = self._processes.get(worker.name)
        log = self._worker_directory(worker.name) / "generator.log"
        with suppress(OSError):
            text = log.read_text(encoding="utf-8", errors="replace").strip()
            if text:
                return "\n".join(text.splitlines()[-15:])
        return process.log_tail() if process else ""

    def stop(self) -> None:
        """End everything. Safe to call twice and after crashes."""
        for process in self._processes.values():
            process.stop()
        if self._master is not None:
            self._master.stop()

    def _start_worker(self, name: str, port: int) -> None:
        config = WorkerConfig(
            name=name,
            directory=str(self._worker_directory(name)),
            host=self._bind.host,
            port=port,
            generator=self._generator,
        )
        self._processes[name] = start_worker(config, self._directory / "logs" / f"load-{name}.log")

    def _worker_directory(self, name: str) -> Path:
        return self._directory / "work" / f"load-{name}"

    def _ask(self, order: Order, bodies: dict[str, str], timeout_s: float) -> dict[str, Done]:
        """The answers to an order, of those that gave one in time."""
        assert self._master is not None
        numbers = {}
        for client, body in bodies.items():
            self._number += 1
            numbers[client] = self._number
            self._master.call(TellWorker(client=client, number=self._number, order=order, body=body))
        asked = [self._workers[client] for client in bodies]
        self.until(lambda: all(worker.lost or numbers[worker.client] in worker.answers for worker in asked), timeout_s)
        return {
            worker.client: worker.answers.pop(numbers[worker.client])
            for worker in asked
            if numbers[worker.client] in worker.answers
        }

    def _take(self, event: Event) -> None:
        if isinstance(event, WorkerSaid):
            self._hear(event)
        elif isinstance(event, WorkerVanished) and event.client in self._workers:
            self._lose(self._workers[event.client], "no sign of life for 3 s")
        elif isinstance(event, StopAsked):
            self._stop_asked = True
        elif isinstance(event, MasterUp):
            self._port, self.url = event.port, event.url

    def _hear(self, said: WorkerSaid) -> None:
        if said.report is Report.HELLO:
            self._welcome(said.client, wire.read(Hello, said.body))
            return
        worker = self._workers.get(said.client)
        if worker is None:
            return
        if said.report is Report.DONE:
            done = wire.read(Done, said.body)
            worker.answers[done.number] = done
        elif said.report is Report.CALLS:
            records = wire.read(list[tuple[int, CallRecord]], said.body)
            worker.done += len(records)
            self.listener.calls(worker, records)
        elif said.report is Report.HEALTH:
            sample = wire.read(HealthSample, said.body)
            worker.up = sample.up
            worker.started += sample.started
            self.listener.health(worker, sample)
        elif said.report is Report.SOUND:
            self.listener.listened(wire.read(ListenedEar, said.body))
        elif said.report is Report.OFFERED:
            wire.read(OfferDone, said.body)
            worker.offering = False
        elif said.report is Report.GONE:
            self._lose(worker, wire.read(str, said.body))

    def _welcome(self, client: str, hello: Hello) -> None:
        if client in self._workers or len(self._workers) >= self._count:
            return
        taken = {worker.name for worker in self._workers.values()}
        name = hello.name if hello.name not in taken else f"{hello.name}-{hello.pid}"
        self._workers[client] = Worker(client=client, name=name, host=hello.host, pid=hello.pid)

    def _look_after_processes(self) -> None:
        if self._master is not None and not self._master.alive:
            raise Inconclusive("the load master died", detail=self._master.log_tail())
        for worker in self._workers.values():
            process = self._processes.get(worker.name)
            if not worker.lost and process is not None and not process.alive:
                # Reports that were under way when it died have been passed on by now, or never will be.
                self._lose(worker, _how_it_ended(process))

    def _lose(self, worker: Worker, why: str) -> None:
        if worker.lost:
            return
        worker.lost = why
        worker.offering = False
        worker.up = 0
        self.listener.lost(worker)

    def _explain_dead(self) -> None:
        for name, process in self._processes.items():
            if not process.alive:
                raise Inconclusive(f"load {name} could not start", detail=process.log_tail())


def start_worker(config: WorkerConfig, log: Path) -> Simulator:
    """The process of a load worker that will join the master of ``config``."""
    return Simulator(f"load {config.name}", "trunkproof.load.worker:run", config, log=log)


def _how_it_ended(process: Simulator) -> str:
    try:
        process.wait_for(Event, lambda _event: False, timeout_s=0.0)
    except (SimulatorDied, AwaitExpired) as ended:
        return str(ended)
    return "it ended"


def _share(total: int, index: int, of: int) -> int:
    """One of ``of`` nearly equal parts of a limit; 0 stays: no limit."""
    return max(1, (total + of - 1 - index) // of) if total else 0
