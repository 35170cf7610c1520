"""The trunk beside a generator, with WhatsApp's platform where a flow needs it, and what they tell of calls."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessMisuse, Inconclusive
from harness.load.profile import MediaSection
from harness.messages import Event
from harness.process import Simulator
from scenarios.load.facts import Signalling
from scenarios.recipes import platform_config, trunk_config
from scenarios.system import System
from simulators.phones.customers import Customer
from simulators.trunk.protocol import (
    CallStarted,
    CallTimed,
    CustomerOnline,
    Direction,
    KeepTrace,
    MediaRule,
    MediaWay,
    PacketsDelayed,
    PacketsLost,
    Probe,
    Refused,
    TracedCalls,
    WhereCustomersCall,
)
from simulators.whatsapp.entry_points import DeepLink, deep_link
from simulators.whatsapp.ledger import Event as Granted
from simulators.whatsapp.ledger import EventKind
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import History, MoveClock, PutBusiness, PutUser, WhatRules
from simulators.whatsapp.rules import Rules

PROBE_S = 5.0
EVENTS_AT_ONCE = 1000
DONE_S = 30.0

T = TypeVar("T")
Heard = CallStarted | CallTimed | Refused


class TrunkSide:
    """See the module. ``tell`` gets what concerns calls, on ``loop``. Its methods block: not for the loop's thread."""

    def __init__(
        self,
        system: System,
        *,
        name: str,
        address: str,
        directory: Path,
        with_platform: bool,
        pbx_delay_ms: float,
        tell: Callable[[Heard], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._system = system
        self._loop = loop
        self._tell = tell
        # A socket's path may have 107 octets, a run's directory may have more.
        self._sockets = Path(tempfile.mkdtemp(prefix="trunkproof-"))
        socket = str(self._sockets / "policy") if with_platform else ""
        self._platform: Simulator | None = None
        self._rules: Rules | None = None
        if with_platform:
            self._platform = Simulator(
                "the platform simulator",
                "simulators.whatsapp.process:run",
                platform_config(
                    system.running.target,
                    name=f"platform {name}",
                    policy_socket=socket,
                    access_token=secrets.token_urlsafe(24),
                    app_secret=secrets.token_hex(16),
                ),
                log=directory / "platform.log",
                keep_events=False,
            )
            self._platform.ready()
            self._rules = self._platform.call(WhatRules())
        config = trunk_config(
            system, name=f"trunk {name}", address=address, trace=directory / "trunk.jsonl", policy_socket=socket
        )
        self._trunk = Simulator(
            "the trunk simulator",
            "simulators.trunk.process:run",
            replace(config, trace_calls=TracedCalls.KEPT, tells_legs=False, pbx_delay_ms=pbx_delay_ms),
            log=directory / "trunk.log",
            keep_events=False,
        )
        self._trunk.listen(self._listen)
        self._trunk.ready()
        self.pid = self._trunk.pid
        self.customers_call = str(self._trunk.call(WhereCustomersCall()))

    @property
    def alive(self) -> bool:
        return self._trunk.alive

    def require_reachable(self) -> None:
        """Raises Inconclusive when the PBX does not answer the trunk."""
        answer = self._trunk.call(Probe(timeout_s=PROBE_S), timeout_s=PROBE_S + 3)
        if not answer.code:
            pbx = self._system.running.target.pbx
            raise Inconclusive(
                f"the PBX at {pbx.host}:{pbx.port}/{pbx.transport} did not answer OPTIONS from the trunk"
            )

    def introduce(self, customers: Iterable[Customer], contact: str, media: MediaSection) -> None:
        """Make customers known to the trunk; their phones are at ``contact``. On the platform all have allowed calls
        of every business number for good."""
        people = list(customers)
        if self._platform is not None:
            self._join(self._platform, people)
        _all(
            self._trunk.send(
                CustomerOnline(
                    number=customer.number,
                    profile_name=customer.profile_name,
                    country=customer.country,
                    contact=contact,
                    media_rules=_on_the_way(media, place) or None,
                )
            )
            for place, customer in enumerate(people)
        )

    def link(self, number: str, payload: str) -> str:
        """A ``wa.me/call`` link that carries where a call belongs. Raises HarnessMisuse for a payload unfit for it."""
        assert self._rules is not None, "there is no platform"
        link = deep_link(number, payload, self._rules)
        if not isinstance(link, DeepLink):
            raise HarnessMisuse(f"[escalation]: the payload is not fit for a link: {link.name} {link.says}")
        return str(link)

    def keep_trace(self, trunk_call: str) -> None:
        """The messages of a call that is over are wanted."""
        self._trunk.send(KeepTrace(call=trunk_call))

    def stop(self) -> None:
        """End both. Safe after a crash."""
        with contextlib.suppress(OSError):
            self._trunk.stop()
            if self._platform is not None:
                self._platform.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _join(self, platform: Simulator, people: list[Customer]) -> None:
        target = self._system.running.target
        numbers = target.business_numbers()
        businesses = [PutBusiness(business=BusinessNumber(number=number, name=target.name)) for number in numbers]
        users = [
            PutUser(
                user=WhatsAppUser(
                    number=person.number,
                    profile_name=person.profile_name,
                    country=person.country,
                    language=person.language,
                    online=True,
                )
            )
            for person in people
        ]
        _all(platform.send(command) for command in (*businesses, *users))
        now = float(platform.call(MoveClock(by_s=0.0)))
        granted = (
            Granted(EventKind.PROFILE_GRANTED, now, number, person.number) for person in people for number in numbers
        )
        _all(platform.send(History(events=events)) for events in batched(granted, EVENTS_AT_ONCE))

    def _listen(self, event: Event) -> None:
        """On the reader's thread."""
        if isinstance(event, Heard):
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
                self._loop.call_soon_threadsafe(self._tell, event)


def _on_the_way(media: MediaSection, seed: int) -> tuple[MediaRule, ...]:
    """What becomes of a customer's media; nothing at all, and the trunk stays out of their way."""
    lost = {MediaWay.TO_CUSTOMER: media.loss_to_customer, MediaWay.TO_PBX: media.loss_to_pbx}
    slow = {
        MediaWay.TO_CUSTOMER: (media.delay_to_customer_ms, media.jitter_to_customer_ms),
        MediaWay.TO_PBX: (media.delay_to_pbx_ms, media.jitter_to_pbx_ms),
    }
    return (
        *(PacketsLost(way=way, percent=percent, seed=seed) for way, percent in lost.items() if percent),
        *(
            PacketsDelayed(way=way, delay_ms=delay_ms, jitter_ms=jitter_ms, seed=seed)
            for way, (delay_ms, jitter_ms) in slow.items()
            if delay_ms or jitter_ms
        ),
    )


def _all(promised: Iterable[Future[Any]]) -> None:
    """Wait until all is done. Raises SimulatorRefused, SimulatorDied."""
    for one in list(promised):
        one.result(DONE_S)


def batched(items: Iterator[T], size: int) -> Iterator[tuple[T, ...]]:
    """Tuples of ``size`` items each, the last one shorter."""
    while part := tuple(islice(items, size)):
        yield part


def signalling_of(timed: CallTimed) -> Signalling:
    """How the trunk's leg with the PBX went."""
    return Signalling(
        invite_at=timed.invite_at,
        first_response_at=timed.first_response_at,
        provisional_at=timed.provisional_at,
        final_at=timed.final_at,
        code=timed.code,
        reason=timed.reason,
        challenges=timed.challenges,
        bye_at=timed.bye_at,
        bye_answered_at=timed.bye_answered_at,
        call_id=timed.pbx_call_id,
    )


def is_callback(event: CallStarted) -> bool:
    """Whether the PBX called the customer."""
    return event.direction is Direction.BUSINESS_INITIATED
