"""The flows of a load run's calls, from the first INVITE to the end of both legs.

Each part returns whether the call goes on. What it found wrong it leaves at the call; the judge words the verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from harness.load.records import Flow, Party
from scenarios.load.facts import Plan
from scenarios.load.judge import Limits
from scenarios.load.leg import Leg, first_of
from scenarios.load.live import LiveCall

KEY_AFTER_S = 1.0
"""How long a caller listens to a menu before they press a key: they know the way."""
FIRST_SOUND_S = 5.0
"""Answer to the first packet of the front door."""
CUSTOMER_ANSWERS_S = 1.0
"""How long a customer lets the phone ring who is called back."""
GIVEN_UP_S = 3.0
"""CANCEL to the end of the call."""
CLEANED_UP_S = 3.0
"""What did not end is ended by us, and given this long."""


class Stage(Protocol):
    """What the flows need around them."""

    limits: Limits
    ring_agent_s: float
    """Answer to an agent's phone ringing, with an agent free all the while."""
    customer_rings_s: float
    """Agent's answer to the phone of a customer who is called back."""

    def dial(self, live: LiveCall) -> Leg:
        """The customer calls."""

    async def click(self, live: LiveCall) -> str:
        """A free agent clicks on the customer's number; the reason why that cannot be done, else empty."""

    def an_agent_is_free(self, plan: Plan) -> bool:
        """Whether a phone of the queue that the call is for could be rung."""

    async def first_packet(self, leg: Leg, within_s: float) -> bool:
        """Whether something came to a leg's ear in time."""


async def play(live: LiveCall, stage: Stage) -> None:
    """A call from its beginning to its end."""
    if await _BEGIN[live.plan.flow](live, stage):
        await _talk(live, stage)
    if live.release.done() and not live.hear_each_other.done():
        live.own_fault = live.own_fault or "the run ended before the call could be judged"
    await _end(live, stage)


async def _inbound(live: LiveCall, stage: Stage) -> bool:
    return await _customer_calls(live, stage) and await _presses(live, stage) and await _agent_answers(live, stage)


async def _callback(live: LiveCall, stage: Stage) -> bool:
    live.own_fault = await stage.click(live)
    if live.own_fault:
        return False
    if not await first_of(stage.ring_agent_s, live.agent_rang, live.release):
        live.no_agent = f"no agent's phone rang within {stage.ring_agent_s:g} s of the click"
        return False
    agent = live.agent
    if agent is None or not await _agent_answers(live, stage):
        return False
    if not await first_of(stage.customer_rings_s, live.customer_rang, agent.ended, live.release):
        live.no_callback = (
            f"the PBX did not call the customer within {stage.customer_rings_s:g} s of the agent's answer"
        )
        return False
    customer = live.customer
    if customer is None:
        return False
    await first_of(stage.limits.establishment_threshold_s, customer.answered, customer.ended)
    return customer.up and agent.up


async def _customer_calls(live: LiveCall, stage: Stage) -> bool:
    live.customer = leg = stage.dial(live)
    if not await first_of(stage.limits.establishment_threshold_s, leg.answered, leg.ended):
        live.gave_up = True
        leg.end()
        await first_of(GIVEN_UP_S, leg.ended)
    return leg.up


async def _presses(live: LiveCall, stage: Stage) -> bool:
    leg = live.customer
    if leg is None or not live.plan.keys:
        return True
    await stage.first_packet(leg, FIRST_SOUND_S)
    for key in live.plan.keys:
        if await first_of(KEY_AFTER_S, leg.ended, live.release):
            return False
        leg.call.send_digits(key)
    return True


async def _agent_answers(live: LiveCall, stage: Stage) -> bool:
    """Wait for an agent to ring and answer. Whoever waits while all agents talk does not wait for the PBX."""
    waits_for = [live.agent_answered, live.release]
    if live.customer is not None:
        waits_for.append(live.customer.ended)
    patience_s = stage.ring_agent_s
    waited_s = 0.0
    while not await first_of(patience_s, live.agent_rang, *waits_for):
        waited_s += patience_s
        if stage.an_agent_is_free(live.plan):
            live.no_agent = f"no agent's phone rang within {waited_s:g} s"
            return False
        if waited_s > stage.limits.establishment_threshold_s:
            live.own_fault = f"all agents of {live.plan.queue} were in calls: the target has too few for this load"
            return False
    # It rings; the PBX may try one agent after the other.
    if not await first_of(live.plan.answer_after_s + 2 * stage.limits.establishment_threshold_s, *waits_for):
        live.no_agent = "an agent's phone rang, and none could answer"
        return False
    return live.agent_answered.done() and not live.release.done()


async def _talk(live: LiveCall, stage: Stage) -> None:
    customer, agent = live.customer, live.agent
    if customer is None or agent is None:
        return
    over = (customer.ended, agent.ended)
    await first_of(stage.limits.hears_within_s, live.hear_each_other, live.release, *over)
    if not any(end.done() for end in over):
        await first_of(None if live.hold else live.plan.holding_s, live.unheld, live.release, *over)
    if not any(end.done() for end in over):
        live.hangs_up(live.plan.hangs_up)


async def _end(live: LiveCall, stage: Stage) -> None:
    """Both legs must end now; who is still there hangs up first."""
    legs = {Party.CUSTOMER: live.customer, Party.AGENT: live.agent}
    there = {party: leg for party, leg in legs.items() if leg is not None and not leg.ended.done()}
    if there and live.hung_up_by is None and len(there) == sum(leg is not None for leg in legs.values()):
        live.hangs_up(Party.CUSTOMER if Party.CUSTOMER in there else Party.AGENT)
    if there and not await _all_ended(there.values(), stage.limits.release_s):
        stays = [party for party, leg in there.items() if not leg.ended.done()]
        if stays and not live.unfinished:
            live.unfinished = _told(live, stays, stage.limits.release_s)
        for leg in there.values():
            leg.end()
        await _all_ended(there.values(), CLEANED_UP_S)


def _told(live: LiveCall, stays: list[Party], within_s: float) -> str:
    who = f"the {live.hung_up_by} hung up" if live.hung_up_by else "the PBX ended the other one"
    if live.hung_up_by in stays:
        return f"the {live.hung_up_by}'s BYE was not answered within {within_s:g} s"
    return f"the {stays[0]}'s leg was still up {within_s:g} s after {who}"


async def _all_ended(legs: Iterable[Leg], within_s: float) -> bool:
    waiting = [leg.ended for leg in legs if not leg.ended.done()]
    if not waiting:
        return True
    _, pending = await asyncio.wait(waiting, timeout=within_s)
    return not pending


_BEGIN: dict[Flow, Callable[[LiveCall, Stage], Awaitable[bool]]] = {
    Flow.INBOUND: _inbound,
    Flow.IVR: _inbound,
    Flow.CALLBACK: _callback,
    Flow.ESCALATION: _inbound,
}
