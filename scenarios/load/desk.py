"""Who a call at a light phone belongs to: agents' and customers' phones ring here, and ears are matched with calls."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from harness.load.records import Flow, Party
from scenarios.load.flows import CUSTOMER_ANSWERS_S
from scenarios.load.lease import Lease
from scenarios.load.leg import Leg
from scenarios.load.live import LiveCall
from simulators.light_phones.call_media import NO_CALL
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.sdp import Codec

BUSY = 486
NOT_HERE = 404
REMEMBERED_S = 60.0
"""How long it is known when a call ended, for packets of it that come later."""
EARLY_EARS = 1000
"""Streams that are heard before anybody listens; most of them nobody ever will."""
NATIONAL_DIGITS = 9
"""Of a number whose beginning a PBX writes in its own way (00, 0 …), so many last digits tell who it is."""


@dataclass(slots=True)
class _Ear:
    live: LiveCall | None
    ear: Party
    leg: Leg
    extension: str


class Desk:
    """See the module. ``queues_of`` an extension, ``declines`` draws whether the agent who rings declines."""

    def __init__(self, lease: Lease | None, agent_codecs: tuple[Codec, ...], declines: Callable[[], bool]) -> None:
        self._lease = lease
        self._agent_codecs = agent_codecs
        self._declines = declines
        self._loop = asyncio.get_running_loop()
        self._by_number: dict[str, LiveCall] = {}
        self._by_stamp: dict[int, LiveCall] = {}
        self._clicked: dict[str, LiveCall] = {}
        """Agents who have clicked on a customer's number, until their phone rings for it."""
        self._meant: dict[str, LiveCall] = {}
        """Agents whose link a customer has tapped, until the call has come to somebody."""
        self._talking: dict[str, Leg] = {}
        self._idle_since: dict[str, float] = {}
        self._ears: dict[int, _Ear] = {}
        self._early: OrderedDict[int, list[tuple[int, Party, float]]] = OrderedDict()
        self._over: OrderedDict[int, float] = OrderedDict()
        self.strays = 0
        """Agents' legs that no call of ours could be found for when they rang."""

    # Calls come and go

    def add(self, live: LiveCall) -> None:
        """A call begins."""
        self._by_stamp[live.number] = live
        self._by_number[_key(live.plan.customer)] = live

    def remove(self, live: LiveCall) -> None:
        """A call is over."""
        now = monotonic()
        self._by_stamp.pop(live.number, None)
        self._by_number.pop(_key(live.plan.customer), None)
        for wanted in (self._clicked, self._meant):
            for extension in [agent for agent, call in wanted.items() if call is live]:
                del wanted[extension]
        self._over[live.number] = now
        while self._over and next(iter(self._over.values())) < now - REMEMBERED_S:
            self._over.popitem(last=False)

    def over_at(self, call: int) -> float | None:
        """When a call ended; None: it is up, or not ours, or long forgotten."""
        return self._over.get(call)

    def of_customer(self, number: str) -> LiveCall | None:
        """The call that a customer is in."""
        return self._by_number.get(_key(number))

    def free(self, extension: str) -> bool:
        """Whether an agent is in no call."""
        leg = self._talking.get(extension)
        return leg is None or leg.ended.done()

    def choose(self, extensions: Iterable[str]) -> str | None:
        """The free agent who has had no call for longest, and whom no other call is about to want."""
        free = [one for one in extensions if self.free(one) and one not in self._clicked and one not in self._meant]
        return min(
            free, key=lambda one: (self._idle_since.get(one, 0.0), -int(one) if one.isdigit() else 0), default=None
        )

    def clicks(self, extension: str, live: LiveCall) -> None:
        """An agent clicks on a customer's number: who clicks takes no other call."""
        self._clicked[extension] = live

    def means(self, extension: str, live: LiveCall) -> None:
        """A customer has tapped an agent's link."""
        self._meant[extension] = live

    def send_home(self) -> None:
        """Calls of agents that are nobody's end."""
        for leg in list(self._talking.values()):
            leg.end()

    # Phones ring

    def customer_rings(self, call: IncomingCall) -> None:
        """The PBX calls a customer back."""
        live = self.of_customer(call.to_user)
        if live is None or live.customer is not None:
            call.decline(NOT_HERE if live is None else BUSY)
            return
        leg = Leg(call)
        call.ring()
        live.rings_customer(leg)

        def answers() -> None:
            if not leg.ended.done():
                call.answer(call_number=live.number, party=Party.CUSTOMER)
                self.listens(live, Party.CUSTOMER, leg)

        self._loop.call_later(CUSTOMER_ANSWERS_S, answers)

    def agent_rings(self, call: IncomingCall) -> None:
        """The PBX, or without one the customer, calls an agent."""
        extension = call.to_user
        clicked = self._clicked.get(extension)
        live = self.of_customer(call.from_user) or clicked
        if not self.free(extension) or (clicked is not None and clicked is not live):
            call.decline(BUSY)
            return
        self._clicked.pop(extension, None)
        if live is None:
            self.strays += 1
        elif live.plan.flow is Flow.ESCALATION and self._busy_meanwhile(live):
            live.widen(self._agents_of(live.plan.queue))
        leg = Leg(call)
        self._talking[extension] = leg
        leg.ended.add_done_callback(lambda _: self._idle(extension, leg))
        call.ring()
        queue = self._queue(extension, live)
        if live is not None:
            live.rings_agent(leg, extension, queue)
        after_s = live.plan.answer_after_s if live is not None else CUSTOMER_ANSWERS_S
        # Who clicked wants the call.
        declines = clicked is None and self._declines()
        self._loop.call_later(after_s, self._agent_acts, call, leg, extension, live, declines)

    def _agent_acts(self, call: IncomingCall, leg: Leg, extension: str, live: LiveCall | None, declines: bool) -> None:
        if leg.ended.done():
            return
        if declines:
            call.decline(BUSY)
            return
        call.answer(call_number=live.number if live else NO_CALL, party=Party.AGENT, codecs=self._agent_codecs)
        self.listens(live, Party.AGENT, leg, extension)
        if live is not None:
            live.agent_takes(leg, extension, self._queue(extension, live))

    def _idle(self, extension: str, leg: Leg) -> None:
        if self._talking.get(extension) is leg:
            del self._talking[extension]
        if self._lease is not None:
            # Without a PBX each call has an agent of its own, who never comes again.
            self._idle_since[extension] = monotonic()

    def _busy_meanwhile(self, live: LiveCall) -> bool:
        """Whether the agent who was meant got another call, so that any other of the queue is right."""
        began = live.started_at or 0.0
        return any(not self.free(one) or self._idle_since.get(one, 0.0) > began for one in live.plan.agents)

    def _agents_of(self, queue: str) -> frozenset[str]:
        queues = self._lease.queues if self._lease else ()
        return frozenset(extension for one in queues if one.name == queue for extension in one.agents)

    def _queue(self, extension: str, live: LiveCall | None) -> str:
        if live is not None and extension in live.plan.agents:
            return live.plan.queue
        queues = self._lease.queues_of(extension) if self._lease else ()
        return queues[0] if queues else ""

    # Ears

    def listens(self, live: LiveCall | None, ear: Party, leg: Leg, extension: str = "") -> None:
        """What comes to a leg's stream is heard by a party of a call; None: it is not known whose it is."""
        stream = leg.call.stream
        if stream is None:
            return
        leg.ear = id(stream)
        self._ears[leg.ear] = _Ear(live, ear, leg, extension)
        leg.ended.add_done_callback(lambda _: self._ears.pop(id(stream), None))
        for call, party, at in self._early.pop(leg.ear, ()):
            self.heard(leg.ear, call, party, at)

    def heard(self, stream: int, call: int, party: Party, at: float) -> None:
        """A party of a call came to a stream."""
        known = self._ears.get(stream)
        if known is None:
            # Media may come before the answer that tells who listens.
            self._early.setdefault(stream, []).append((call, party, at))
            if len(self._early) > EARLY_EARS:
                self._early.popitem(last=False)
            return
        if known.live is None:
            self._adopt(known, call)
        if known.live is not None and known.live.number == call and party is not known.ear:
            known.live.hears(known.ear, at)

    def _adopt(self, ear: _Ear, call: int) -> None:
        """A leg that nobody expected is that of the call that is heard in it."""
        live = self._by_stamp.get(call)
        if live is None or live.agent_answered.done():
            return
        ear.leg.call.stamp(call, Party.AGENT)
        ear.live = live
        queue = self._queue(ear.extension, live)
        live.rings_agent(ear.leg, ear.extension, queue)
        live.agent_takes(ear.leg, ear.extension, queue)


def _key(number: str) -> str:
    return "".join(c for c in number if c.isdigit())[-NATIONAL_DIGITS:]
