"""Locust's worker around one generator: orders in, call records out, and every call mirrored to Locust's statistics.

Arrivals are the generator's own (open loop): Locust's users, which wait for one another, pace nothing here.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from os import getpid
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
from gevent.socket import wait_read
from gevent.timeout import Timeout
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_RUNNING, WorkerRunner

from harness.child import Channel, ParentGone, is_stop
from harness.errors import Inconclusive
from harness.load.records import CallRecord, Cause
from harness.messages import Event
from scenarios.load import wire
from scenarios.load.protocol import (
    CallDone,
    Drain,
    GeneratorConfig,
    HealthSampled,
    Offer,
    OfferDone,
    ScoreSound,
    SoundScored,
)
from trunkproof.load.bridge import Bridge, GeneratorFailed
from trunkproof.load.protocol import MESSAGE, Done, Hello, MasterGone, Order, Report, WorkerConfig

CONNECT_S = 30.0
MASTER_SILENT_S = 15.0
"""After how long without the master's heartbeat (one a second) a worker ends."""
LOOK_S = 0.25
BATCH_S = 0.2
OFFER_S = 10.0
DRAIN_SLACK_S = 20.0
SCORE_S = 170.0
USERS = "calls"
"""What Locust's page counts as users: the calls that are up."""


class CallFailed(Exception):
    """A call that was not as it should be, as Locust's page lists it."""


def work(channel: Channel, config: WorkerConfig) -> None:
    """See ``worker.run``. Raises Inconclusive when there is no master."""
    worker = _Worker(config)
    try:
        worker.connect()
        channel.ready(carries_calls=False)
        worker.serve(channel)
    finally:
        worker.stop()


class _Worker:
    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._environment = Environment()
        self._runner: WorkerRunner | None = None
        self._bridge: Bridge | None = None
        self._records: list[tuple[int, CallRecord]] = []
        self._up = 0
        self._heard_at = monotonic()

    def connect(self) -> None:
        """Find the master and say hello."""
        config = self._config
        try:
            with Timeout(CONNECT_S):
                self._runner = self._environment.create_worker_runner(config.host, config.port)
        except (Timeout, ConnectionError):
            raise Inconclusive(
                f"there is no load master at {config.host}:{config.port} (waited {CONNECT_S:g} s)"
            ) from None
        self._heard_at = monotonic()
        self._environment.events.heartbeat_received.add_listener(self._hear)
        self._environment.events.report_to_master.add_listener(self._count_users)
        self._runner.register_message(MESSAGE, self._on_order, concurrent=True)
        self._say(Report.HELLO, Hello(config.name, socket.gethostname(), getpid()))

    def serve(self, channel: Channel) -> None:
        """Pass on what the generator says, until told to stop or the master is gone."""
        flusher = gevent.spawn(self._flush_regularly)
        try:
            while True:
                with suppress(TimeoutError):
                    wait_read(channel.fileno(), timeout=LOOK_S, timeout_exc=TimeoutError())
                    request = channel.receive()
                    if request is not None and is_stop(request.command):
                        return
                why = self._master_gone()
                if why:
                    channel.emit(MasterGone(why=why))
                    return
        except ParentGone:
            return
        finally:
            flusher.kill()

    def stop(self) -> None:
        """End the generator; what it said last is passed on."""
        if self._bridge is not None:
            self._bridge.stop()
        if self._runner is not None:
            with suppress(Exception):
                self._flush()
            self._runner.greenlet.kill(block=False)

    def _master_gone(self) -> str:
        runner = self._runner
        assert runner is not None
        if not runner.greenlet:
            return "the master has ended"
        silent_s = monotonic() - self._heard_at
        return f"the master has been silent for {silent_s:.0f} s" if silent_s > MASTER_SILENT_S else ""

    def _hear(self, client_id: str, timestamp: float) -> None:
        self._heard_at = monotonic()

    def _count_users(self, client_id: str, data: dict[str, Any]) -> None:
        data["user_classes_count"] = {USERS: self._up}
        data["user_count"] = self._up

    def _on_order(self, environment: Environment, msg: Any, **_: Any) -> None:
        number, order, body, clock = (msg.data[key] for key in ("number", "order", "body", "clock"))
        try:
            value = self._carry_out(Order(order), body, clock)
        except (GeneratorFailed, ValueError, OSError) as refused:
            self._say(Report.DONE, Done(number, str(refused) or type(refused).__name__))
        else:
            # Records of calls that have ended come before the word that they have.
            self._flush()
            self._say(Report.DONE, Done(number, value=value))

    def _carry_out(self, order: Order, body: str, clock: dict[str, Any]) -> int:
        if order is Order.START:
            self._start(wire.read(GeneratorConfig, body))
            return 0
        if order is Order.STOP:
            self._end_generator()
            return 0
        if self._bridge is None:
            raise GeneratorFailed("there is no generator")
        if order is Order.OFFER:
            self._state(STATE_RUNNING)
            self._bridge.call(wire.here(wire.read(Offer, body), clock), OFFER_S)
            return 0
        if order is Order.SCORE:
            return int(self._bridge.call(ScoreSound(), SCORE_S) or 0)
        drain = wire.read(Drain, body)
        return int(self._bridge.call(drain, drain.patience_s + DRAIN_SLACK_S) or 0)

    def _start(self, config: GeneratorConfig) -> None:
        self._end_generator()
        directory = Path(self._config.directory)
        directory.mkdir(parents=True, exist_ok=True)
        self._bridge = Bridge(
            self._config.generator,
            replace(config, directory=str(directory)),
            directory / "generator.log",
            self._on_event,
            self._on_end,
        )
        self._bridge.ready()

    def _end_generator(self) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            bridge.stop()
        self._up = 0
        self._state(STATE_INIT)

    def _state(self, state: str) -> None:
        assert self._runner is not None
        self._runner.worker_state = state

    def _on_event(self, event: Event) -> None:
        if isinstance(event, CallDone):
            self._records.append((event.offer, event.record))
            self._mirror(event.record)
        elif isinstance(event, HealthSampled):
            self._up = event.sample.up
            self._say(Report.HEALTH, event.sample)
        elif isinstance(event, SoundScored):
            self._say(Report.SOUND, event.heard)
        elif isinstance(event, OfferDone):
            self._flush()
            self._say(Report.OFFERED, event)

    def _mirror(self, record: CallRecord) -> None:
        failed = None if record.cause is Cause.NONE else CallFailed(f"{record.cause.value}: {record.why}")
        self._environment.events.request.fire(
            request_type=record.flow.value,
            name=record.name or record.flow.value,
            response_time=None if record.srd_s is None else record.srd_s * 1000,
            response_length=0,
            exception=failed,
            context={},
        )

    def _on_end(self, why: str) -> None:
        self._flush()
        self._say(Report.GONE, why)

    def _flush_regularly(self) -> None:
        while True:
            gevent.sleep(BATCH_S)
            self._flush()

    def _flush(self) -> None:
        records, self._records = self._records, []
        if records:
            self._say(Report.CALLS, records)

    def _say(self, report: Report, value: object) -> None:
        assert self._runner is not None
        self._runner.send_message(MESSAGE, {"report": report.value, "body": wire.write(value)})
