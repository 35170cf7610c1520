"""A call of a load run that is going on: who is in it, and what has been seen of it so far."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic

from harness.load.records import EarFigures, Party
from scenarios.load.ears import HeardAtEar
from scenarios.load.facts import AgentFacts, CallFacts, LegFacts, Plan, Signalling
from scenarios.load.leg import Leg
from simulators.phones.customers import Customer


class LiveCall:
    """See the module. ``unheld`` ends the talk of a call that is held, ``release`` any call at once."""

    def __init__(self, plan: Plan, customer: Customer, *, offer: int, worker: str, due_at: float, hold: bool) -> None:
        loop = asyncio.get_running_loop()
        self.plan = plan
        self.identity = customer
        self.offer = offer
        self.worker = worker
        self.due_at = due_at
        self.hold = hold
        self.sampled = False
        """What its ears hear is kept for a while, to be compared with what was said."""
        self.started_at: float | None = None
        self.release: asyncio.Future[None] = loop.create_future()
        self.unheld: asyncio.Future[None] = loop.create_future()
        self.customer: Leg | None = None
        self.customer_rang: asyncio.Future[None] = loop.create_future()
        self.agent: Leg | None = None
        """Whose phone was rung last; once one has answered, that one."""
        self.agent_rang: asyncio.Future[None] = loop.create_future()
        self.agent_answered: asyncio.Future[None] = loop.create_future()
        self.extension = ""
        self.reached = ""
        self.hear_each_other: asyncio.Future[None] = loop.create_future()
        self.heard: dict[Party, float] = {}
        """When each ear heard the other party first (CLOCK_MONOTONIC, s)."""
        self.own_fault = ""
        self.gave_up = False
        self.no_agent = ""
        self.no_callback = ""
        self.hung_up_by: Party | None = None
        self.hung_up_at: float | None = None
        self.unfinished = ""
        self.signalling: Signalling | None = None
        self.signalled: asyncio.Future[None] = loop.create_future()
        self.trunk_call = ""

    @property
    def number(self) -> int:
        return self.plan.call

    def widen(self, agents: frozenset[str]) -> None:
        """Any of these agents is the right one."""
        self.plan = replace(self.plan, agents=agents)

    def hears(self, ear: Party, at: float) -> None:
        """The other party came to somebody's ear."""
        self.heard.setdefault(ear, at)
        if len(self.heard) == len(Party):
            _done(self.hear_each_other)

    def rings_customer(self, leg: Leg) -> None:
        """The PBX calls the customer."""
        self.customer = leg
        _done(self.customer_rang)

    def rings_agent(self, leg: Leg, extension: str, queue: str) -> None:
        """The PBX calls an agent. One who has answered is not forgotten for it."""
        if self.agent is not None and self.agent.answered.done():
            return
        self.agent, self.extension, self.reached = leg, extension, queue
        _done(self.agent_rang)

    def agent_takes(self, leg: Leg, extension: str, queue: str) -> None:
        """An agent has answered."""
        if not self.agent_answered.done():
            self.agent, self.extension, self.reached = leg, extension, queue
            _done(self.agent_answered)

    def legs(self) -> tuple[tuple[Party, Leg | None], tuple[Party, Leg | None]]:
        """Both parties' legs, the customer's first."""
        return (Party.CUSTOMER, self.customer), (Party.AGENT, self.agent)

    def hold_no_more(self) -> None:
        """A held call ends once they have heard each other."""
        _done(self.unheld)

    def let_go(self) -> None:
        """End it now, however far it is."""
        _done(self.release)

    def hangs_up(self, party: Party) -> None:
        """One of both ends the call."""
        leg = self.customer if party is Party.CUSTOMER else self.agent
        if leg is None or leg.ended.done():
            return
        self.hung_up_by, self.hung_up_at = party, monotonic()
        leg.end()

    def told(self, signalling: Signalling) -> None:
        """How the leg with the PBX went."""
        self.signalling = signalling
        _done(self.signalled)

    def facts(self, customer_ear: HeardAtEar | None, agent_ear: HeardAtEar | None) -> CallFacts:
        """What is known now that it is over."""
        agent = (
            AgentFacts(extension=self.extension, queue=self.reached, leg=self.agent.facts())
            if self.agent is not None
            else None
        )
        ears = [ear for ear in (customer_ear, agent_ear) if ear is not None]
        return CallFacts(
            plan=self.plan,
            worker=self.worker,
            due_at=self.due_at,
            started_at=self.started_at,
            own_fault=self.own_fault,
            gave_up=self.gave_up,
            no_agent=self.no_agent,
            no_callback=self.no_callback,
            signalling=self.signalling or Signalling(),
            customer=_facts(self.customer),
            agent=agent,
            hung_up_by=self.hung_up_by,
            hung_up_at=self.hung_up_at,
            unfinished=self.unfinished,
            customer_hears=_figures(customer_ear),
            agent_hears=_figures(agent_ear),
            foreign=tuple(foreign for ear in ears for foreign in ear.foreign),
        )


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _facts(leg: Leg | None) -> LegFacts | None:
    return None if leg is None else leg.facts()


def _figures(ear: HeardAtEar | None) -> EarFigures | None:
    return None if ear is None else ear.figures
