"""A generator that speaks the protocol and calls nobody: records and health come out of the profile."""

from __future__ import annotations

import heapq
import itertools
import os
from random import Random
from time import monotonic

from harness.child import Channel, is_stop
from harness.load.records import CallRecord, Cause, EarFigures, Flow, HealthSample, Party
from scenarios.load.protocol import CallDone, Drain, GeneratorConfig, HealthSampled, Offer, OfferDone

REFUSE_EVERY = "TRUNKPROOF_STANDIN_REFUSES"
"""Every so many-th call is refused."""
CPU = "TRUNKPROOF_STANDIN_CPU"
"""Share of a core that it says it takes."""


def run(channel: Channel, config: GeneratorConfig) -> None:
    """Entry of the process."""
    _StandIn(channel, config).run()


class _StandIn:
    def __init__(self, channel: Channel, config: GeneratorConfig) -> None:
        self._channel = channel
        self._config = config
        self._random = Random(config.seed)
        self._offer: Offer | None = None
        self._due = iter(())
        self._next: float | None = None
        self._attempts = 0
        self._calls = itertools.count(config.index * 1_000_000 + 1)
        self._ending: list[tuple[float, int, CallRecord]] = []
        self._sampled_at = monotonic()
        self._started = 0
        self._refuse = int(os.environ.get(REFUSE_EVERY, "0"))

    def run(self) -> None:
        self._channel.ready(carries_calls=False)
        while True:
            request = self._channel.receive(0.01)
            if request is not None:
                command = request.command
                if is_stop(command):
                    return
                if isinstance(command, Offer):
                    self._begin(command)
                    self._channel.reply(request)
                elif isinstance(command, Drain):
                    self._end_offer()
                    forced = len(self._ending) if command.patience_s == 0 else 0
                    while self._ending:
                        # Those that are held are let go at once.
                        self._work(forced=command.patience_s == 0 or self._ending[0][0] > 1e8 + monotonic())
                    self._channel.reply(request, forced)
            self._work()

    def _begin(self, offer: Offer) -> None:
        self._offer = offer
        self._attempts = 0
        self._due = offer.arrivals.due(self._random)
        self._next = next(self._due, None)

    def _end_offer(self) -> None:
        if self._offer is not None:
            self._channel.emit(OfferDone(offer=self._offer.number, attempts=self._attempts))
        self._offer, self._next = None, None

    def _work(self, forced: bool = False) -> None:
        now = monotonic()
        offer = self._offer
        while offer is not None and self._next is not None and offer.begins_at + self._next <= now:
            if (offer.seconds and self._next >= offer.seconds) or (offer.attempts and self._attempts >= offer.attempts):
                self._end_offer()
                break
            if not (offer.at_once and len(self._ending) >= offer.at_once):
                self._start(offer, offer.begins_at + self._next)
            self._next = next(self._due, None)
        if offer is not None and self._offer is not None and offer.seconds and now >= offer.begins_at + offer.seconds:
            self._end_offer()
        while self._ending and (forced or self._ending[0][0] <= now):
            _, number, record = heapq.heappop(self._ending)
            self._channel.emit(CallDone(offer=number, record=record))
        if now - self._sampled_at >= 1.0:
            self._sample(now)

    def _start(self, offer: Offer, due: float) -> None:
        number = next(self._calls)
        self._attempts += 1
        self._started += 1
        refused = self._refuse and self._attempts % self._refuse == 0
        ear = EarFigures(received=50, own=50, mos=4.3, delay_ms=3.0, first_own_s=0.1)
        talks = 0.3
        record = CallRecord(
            call=number,
            worker=self._config.worker,
            flow=Flow.INBOUND,
            name="support",
            customer="+447700900123",
            country="GB",
            due_at=due - offer.zero_at,
            started_at=due - offer.zero_at + 0.0005,
            first_response_s=0.002,
            srd_s=0.01 + 0.01 * self._random.random(),
            answer_s=None if refused else 0.05,
            code=503 if refused else 200,
            reason="Service Unavailable" if refused else "OK",
            expected="load-a",
            agent="" if refused else "2001",
            reached="" if refused else "load-a",
            agent_rang_s=None if refused else 0.03,
            agent_answered_at=None if refused else due - offer.zero_at + 0.05,
            sdt_s=None if refused else talks,
            sdd_ms=None if refused else 2.0,
            ended_by=None if refused else Party.AGENT,
            ended_at=due - offer.zero_at + talks,
            cause=Cause.REFUSED if refused else Cause.NONE,
            why="503 Service Unavailable" if refused else "",
            customer_hears=None if refused else ear,
            agent_hears=None if refused else ear,
        )
        heapq.heappush(self._ending, (due + (1e9 if offer.hold else talks), offer.number, record))

    def _sample(self, now: float) -> None:
        zero = self._offer.zero_at if self._offer else now
        self._channel.emit(
            HealthSampled(
                sample=HealthSample(
                    at=now - zero,
                    worker=self._config.worker,
                    due=self._started,
                    started=self._started,
                    up=len(self._ending),
                    slip_ms=0.5,
                    loop_lag_ms=1.0,
                    send_late_ms=0.2,
                    send_late_share=0.0,
                    receive_drops=0,
                    signalling_cpu=float(os.environ.get(CPU, "0.1")),
                    trunk_cpu=0.05,
                    media_cpu=0.1,
                    machine_cpu=0.3,
                )
            )
        )
        self._started = 0
        self._sampled_at = now
