"""Where the calls of a generator take place: its phones, its trunk, its people, and the calls that are up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from time import monotonic

from harness.errors import Inconclusive, TrunkproofError
from harness.load.profile import MixLine
from harness.load.records import Cause, Flow, Party
from harness.messages import Event
from harness.target import Queue
from scenarios.load.customers import CustomerPool
from scenarios.load.desk import Desk
from scenarios.load.drawing import Draw, call_number
from scenarios.load.ears import HeardAtEar, heard_at
from scenarios.load.facts import Plan, Signalling
from scenarios.load.flows import play
from scenarios.load.health import HealthWatch
from scenarios.load.judge import Limits, judge
from scenarios.load.lease import Destination, Lease, lease
from scenarios.load.leg import Leg
from scenarios.load.listening import KEPT_S, UNDER_WAY_S, KeptEar, Sampling, listened
from scenarios.load.live import LiveCall
from scenarios.load.pacer import Pacer
from scenarios.load.phones import LightPhones
from scenarios.load.protocol import CallDone, GeneratorConfig, Offer, OfferDone, SoundScored
from scenarios.load.trunk_side import Heard, TrunkSide, is_callback, signalling_of
from scenarios.payload import fill
from simulators.light_phones.media.facts import StreamReport
from simulators.light_phones.sdp import Codec
from simulators.pbx.adapter import PbxAdapter
from simulators.pbx.adapters import adapter_for
from simulators.phones.customers import Customer
from simulators.trunk.protocol import CallStarted, CallTimed

TOLD_S = 3.0
"""How long the trunk may take to tell of a call after both of its legs have ended."""
CUSTOMER_RINGS_S = 10.0
HANG_UPS_PER_S = 50.0
"""Held calls do not all end in the same moment: that would be a load of its own."""
DIRECT_RELEASE_S = 3.0
LONG_GAP = 50
"""Packets; a second of sound."""
TRUNK_DIED = "the trunk simulator died"
DIRECT = "agents"
"""What the queue is called when there is no PBX."""

log = logging.getLogger(__name__)


class LoadStage:
    """See the module."""

    def __init__(self, config: GeneratorConfig, emit: Callable[[Event], None]) -> None:
        self._config = config
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        profile = self._profile = config.load
        target = config.system.running.target if config.system else None
        self._lease: Lease | None = lease(target, config.index, config.workers) if target else None
        ways = _ways(self._lease, profile.mix)
        seed = f"{config.seed} {config.index}"
        self._draw = Draw(profile, ways, Random(f"{seed} plans"))
        self._declining = Random(f"{seed} declines")
        self._lending = Random(f"{seed} customers")
        self._pacing = Random(f"{seed} arrivals")
        self._customers = CustomerPool(profile.customers, config.seed, config.index, config.workers)
        queues = {place.queue.name: place.queue for _, places in ways for place in places}
        self._staff = list(dict.fromkeys(extension for queue in queues.values() for extension in queue.agents))
        self._flows = {line.flow for line, _ in ways}
        deadlines = target.deadlines if target else None
        self.limits = Limits(
            hears_within_s=profile.media.hears_within_s,
            establishment_threshold_s=profile.establishment_threshold_s,
            release_s=deadlines.release_s if deadlines else DIRECT_RELEASE_S,
            mos=profile.criteria.mos_p5,
        )
        self.ring_agent_s = deadlines.ring_agent_s if deadlines else profile.establishment_threshold_s
        self.customer_rings_s = CUSTOMER_RINGS_S
        self._limit_at_once = max(1, profile.limits.at_once // config.workers)
        self._limit_calls = max(1, profile.limits.calls // config.workers)
        self._count = 0
        self._live: dict[int, LiveCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_trunk_call: dict[str, LiveCall] = {}
        self._nothing_up = asyncio.Event()
        self._nothing_up.set()
        self._pacers: dict[int, Pacer] = {}
        self._samplings: dict[int, Sampling] = {}
        self._kept: list[KeptEar] = []
        self.at_rest = False
        """No call is up, and what is done meanwhile says nothing about how load is carried."""
        self._zero_at = monotonic()
        self._trunk: TrunkSide | None = None
        self._pbx: PbxAdapter | None = None
        # One connection to the manager interface, so one thread.
        self._clicks = ThreadPoolExecutor(1, "clicks")

    # Start and end

    async def open(self) -> None:
        """Start all. Raises HarnessMisuse, Inconclusive."""
        config = self._config
        self._desk = Desk(
            self._lease,
            tuple(map(Codec, self._profile.media.agent_codecs)),
            lambda: self._declining.random() < self._profile.agents.decline_share,
        )
        self._phones = LightPhones(self._profile, self._lease, config.system, self._desk)
        await self._phones.open()
        pid = None
        if config.system is not None and self._lease is not None:
            self._trunk = await asyncio.to_thread(self._start_trunk, config, self._lease)
            pid = self._trunk.pid
            await self._phones.register_agents(self._staff)
            if Flow.CALLBACK in self._flows:
                self._pbx = adapter_for(config.system.running)
                # Its connection is there before the first call, and is not taken for one that a call has left.
                await self._loop.run_in_executor(self._clicks, self._pbx.channels)
            if Flow.ESCALATION in self._flows:
                # A payload that is not fit for a link is told now, not with the first call.
                template, somebody = self._lease.target.escalation.agent_payload, self._staff[0]
                self._trunk.link("+10", fill(template, agent=somebody, queue=self._lease.queues[0].name, case="1"))
        self.health = HealthWatch(
            config.worker, engines=self._phones.engines, trunk_pid=pid, up=lambda: len(self._live)
        )

    def _start_trunk(self, config: GeneratorConfig, share: Lease) -> TrunkSide:
        assert config.system is not None
        trunk = TrunkSide(
            config.system,
            name=config.worker,
            address=share.trunk_address,
            directory=Path(config.directory),
            with_platform=bool(self._flows & {Flow.CALLBACK, Flow.ESCALATION}),
            pbx_delay_ms=self._profile.signalling.delay_ms,
            tell=self._trunk_tells,
            loop=self._loop,
        )
        try:
            trunk.require_reachable()
            trunk.introduce(self._customers, self._phones.customers_contact, self._profile.media)
        except TrunkproofError:
            trunk.stop()
            raise
        return trunk

    async def close(self) -> None:
        """End all. Safe at any time."""
        for task in list(self._tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "_phones"):
            await self._phones.close()
        if self._trunk is not None:
            await asyncio.to_thread(self._trunk.stop)
        self._clicks.shutdown(wait=False, cancel_futures=True)

    @property
    def healthy(self) -> bool:
        """Whether the trunk still runs."""
        return self._trunk is None or self._trunk.alive

    # Offers

    def offer(self, offer: Offer) -> None:
        """Begin an offer beside those that go on."""
        self.at_rest = False
        self._zero_at = self.health.zero_at = offer.zero_at
        pacer = Pacer(offer, self._pacing)
        self._pacers[offer.number] = pacer
        if (sample := self._sample(offer)) is not None:
            self._samplings[offer.number] = sample
        self._pace(offer, pacer)

    def _pace(self, offer: Offer, pacer: Pacer) -> None:
        if self._pacers.get(offer.number) is not pacer:
            return
        for due_at in pacer.due(monotonic(), len(self._live)):
            self._begin(offer, due_at)
        if pacer.wakes_at is None:
            self._offered(offer.number)
        else:
            self._loop.call_at(pacer.wakes_at, self._pace, offer, pacer)

    def _sample(self, offer: Offer) -> Sampling | None:
        """Of a run whose calls last as the profile says, this generator's part of the sample."""
        index, workers = self._config.index, self._config.workers
        calls = self._profile.quality.pesq_sample
        calls = (calls + workers - 1 - index) // max(1, workers)
        if self._lease is None or offer.hold or not offer.seconds or not calls:
            return None
        return Sampling(calls, offer.seconds)

    def _offered(self, number: int) -> None:
        pacer = self._pacers.pop(number)
        self._emit(OfferDone(offer=number, attempts=pacer.attempts))

    def _begin(self, offer: Offer, due_at: float) -> None:
        self._count += 1
        self.health.due(1)
        customer = self._customers.lend(self._lending)
        number = call_number(self._config.index, self._count)
        plan = self._draw.plan(number, customer or NOBODY)
        if self._lease is None:
            plan = replace(plan, agents=frozenset({f"agent-{number}"}))
        elif plan.flow is Flow.ESCALATION:
            plan = self._escalated(plan)
        live = LiveCall(
            plan,
            customer or NOBODY,
            offer=offer.number,
            worker=self._config.worker,
            due_at=due_at,
            hold=offer.hold,
        )
        live.own_fault = self._cannot_begin(customer)
        if live.own_fault:
            self._over(live, None, None)
            if customer is not None:
                self._customers.give_back(customer)
            return
        self._live[live.number] = live
        self._nothing_up.clear()
        self._desk.add(live)
        if plan.entry:
            (meant,) = plan.agents
            self._desk.means(meant, live)
        sampling = self._samplings.get(offer.number)
        if sampling is not None and sampling.takes(due_at - offer.begins_at, plan.holding_s):
            live.sampled = True
            live.hear_each_other.add_done_callback(lambda _: self._let_speak(live))
        live.started_at = monotonic()
        self.health.began(live.started_at - due_at)
        self._spawn(self._play(live))

    def _escalated(self, plan: Plan) -> Plan:
        """The customer taps a link that an agent sent, one who is free now."""
        assert self._lease is not None and self._trunk is not None
        agent = self._desk.choose(plan.agents) or min(plan.agents)
        template = self._lease.target.escalation.agent_payload
        payload = fill(template, agent=agent, queue=plan.queue, case=str(plan.call))
        return replace(plan, agents=frozenset({agent}), entry=self._trunk.link(plan.dialled, payload))

    def _cannot_begin(self, customer: Customer | None) -> str:
        if customer is None:
            return "all customers were in calls: the profile has too few ([customers] count)"
        if len(self._live) >= self._limit_at_once:
            return f"{self._limit_at_once} calls were up: no more may be ([limits] at_once)"
        if self._count > self._limit_calls:
            return f"{self._limit_calls} calls were placed: no more may be ([limits] calls)"
        return "" if self.healthy else TRUNK_DIED

    async def _play(self, live: LiveCall) -> None:
        try:
            await play(live, self)
            if self._trunk is not None and live.trunk_call and not live.signalled.done():
                await asyncio.wait([live.signalled], timeout=TOLD_S)
        except asyncio.CancelledError:
            raise
        except Exception as broken:
            log.exception("call %d", live.number)
            live.own_fault = f"the generator failed: {type(broken).__name__}: {broken}"
        finally:
            self._finish(live)

    def _finish(self, live: LiveCall) -> None:
        for leg in (live.customer, live.agent):
            if leg is not None:
                leg.end()
        if self._trunk is None and live.customer is not None:
            live.told(direct_signalling(live.customer))
        live.own_fault = live.own_fault or self._trunk_fault(live)
        talk_began_at = live.facts(None, None).talk_began_at
        ears = [self._ear(live, party, leg, talk_began_at) for party, leg in live.legs()]
        self._desk.remove(live)
        self._live.pop(live.number, None)
        self._by_trunk_call.pop(live.trunk_call, None)
        self._customers.give_back(live.identity)
        self._over(live, *ears)
        if not self._live:
            self._nothing_up.set()

    def _trunk_fault(self, live: LiveCall) -> str:
        """Why the PBX cannot be blamed for whatever became of a call; empty: it can."""
        if self._trunk is None:
            return ""
        if not self._trunk.alive:
            return TRUNK_DIED
        if live.plan.flow is Flow.CALLBACK:
            return ""
        if not live.trunk_call and live.customer is not None:
            ending = live.customer.ending
            return f"the trunk itself refused the customer's call: {ending.code} {ending.reason}"
        if live.signalling is None:
            return "the trunk did not tell what became of the call"
        return "" if live.signalling.call_id else "the trunk did not bring the call to the PBX"

    def _ear(self, live: LiveCall, party: Party, leg: Leg | None, talk_began_at: float | None) -> HeardAtEar | None:
        if leg is None:
            return None
        report = self._phones.report(leg)
        if report is not None and report.longest_burst > LONG_GAP:
            # Whatever else the stream counted may tell why.
            log.warning("call %d, gap at the ear of the %s: %s", live.number, party, report)
        if report is None or leg.call.times.answered_at is None:
            return None
        if live.sampled and report.kept:
            self._was_kept(live, party, report)
        return heard_at(
            party,
            live.number,
            report,
            opened_at=leg.call.times.answered_at,
            talk_began_at=talk_began_at,
            over_at=self._desk.over_at,
            mos=lambda figures: self._phones.mos(leg, figures),
            jitter_buffer_ms=self._profile.media.jitter_buffer_ms,
        )

    def _let_speak(self, live: LiveCall) -> None:
        """Who is told by now, by stamps or by tones; PESQ is for speech."""
        for _, leg in live.legs():
            if leg is not None:
                self._phones.speak(leg)
        self._loop.call_later(UNDER_WAY_S, self._keep, live)

    def _keep(self, live: LiveCall) -> None:
        for _, leg in live.legs():
            if leg is not None:
                self._phones.keep(leg, KEPT_S)

    def _was_kept(self, live: LiveCall, party: Party, report: StreamReport) -> None:
        legs = dict(live.legs())
        codecs = {one: leg.facts().codec if leg is not None else "" for one, leg in legs.items()}
        self._kept.append(
            KeptEar(
                call=live.number,
                worker=live.worker,
                ear=party,
                codecs=(codecs[party], codecs[party.other]),
                kept=report.kept,
            )
        )

    async def score_sound(self) -> int:
        """Compare what was kept of sampled calls with what was said."""
        self.at_rest = True
        kept, self._kept = self._kept, []
        for ear in kept:
            self._emit(SoundScored(heard=await asyncio.to_thread(listened, ear)))
        return len(kept)

    def _over(self, live: LiveCall, customer_ear: HeardAtEar | None, agent_ear: HeardAtEar | None) -> None:
        record = judge(live.facts(customer_ear, agent_ear), self.limits, self._zero_at)
        if record.cause not in (Cause.NONE, Cause.GENERATOR) and self._trunk is not None and live.trunk_call:
            self._trunk.keep_trace(live.trunk_call)
        self._emit(CallDone(offer=live.offer, record=record))

    async def drain(self, patience_s: float, last_s: float = 10.0) -> int:
        """No call begins any more; those that are up end. How many had to be made to."""
        for number in list(self._pacers):
            self._offered(number)
        held = [live for live in self._live.values() if live.hold]
        pause_s = min(patience_s / 2 / len(held), 1 / HANG_UPS_PER_S) if held else 0.0
        for live in held:
            live.hold_no_more()
            await asyncio.sleep(pause_s)
        if await self._emptied(patience_s - pause_s * len(held)):
            return 0
        left = list(self._live.values())
        for live in left:
            live.let_go()
        await self._emptied(last_s)
        self._desk.send_home()
        return len(left)

    async def _emptied(self, within_s: float) -> bool:
        try:
            await asyncio.wait_for(self._nothing_up.wait(), max(within_s, 0.0))
        except TimeoutError:
            return not self._live
        return True

    # What the flows need

    def dial(self, live: LiveCall) -> Leg:
        """The customer calls the business number, by the trunk; without a PBX the agent directly."""
        leg = self._phones.dial(live, self._trunk.customers_call if self._trunk else "")
        leg.answered.add_done_callback(lambda _: self._desk.listens(live, Party.CUSTOMER, leg))
        return leg

    async def click(self, live: LiveCall) -> str:
        """A free agent of the queue has the PBX call the customer."""
        extension = self._desk.choose(live.plan.agents)
        if extension is None:
            return f"all agents of {live.plan.queue} were in calls: the target has too few for this load"
        if self._pbx is None:
            return "there is no PBX"
        self._desk.clicks(extension, live)
        clicked = self._loop.run_in_executor(self._clicks, self._pbx.click_to_call, extension, live.plan.customer)
        try:
            told = await clicked
        except Inconclusive as refused:
            return f"the PBX could not be told to call: {refused}"
        return "" if told else "this PBX cannot be told to call a customer (click to call)"

    def an_agent_is_free(self, plan: Plan) -> bool:
        """Whether a phone of the queue that the call is for could be rung."""
        return any(self._desk.free(extension) for extension in plan.agents)

    async def first_packet(self, leg: Leg, within_s: float) -> bool:
        """Whether something came to a leg's ear in time."""
        return await self._phones.first_packet(leg, within_s)

    def tick(self) -> None:
        """Hand on what was heard."""
        self._phones.hand_on()

    # What the trunk tells

    def _trunk_tells(self, event: Heard) -> None:
        if isinstance(event, CallStarted):
            live = self._desk.of_customer(event.customer)
            callback = live is not None and live.plan.flow is Flow.CALLBACK
            if live is not None and is_callback(event) == callback:
                live.trunk_call = event.call
                self._by_trunk_call[event.call] = live
        elif isinstance(event, CallTimed):
            live = self._by_trunk_call.get(event.call)
            if live is not None:
                live.told(signalling_of(event))
        elif (live := self._desk.of_customer(event.called)) is not None and live.plan.flow is Flow.CALLBACK:
            if event.rule:
                live.told(Signalling(code=event.code, reason=event.text or event.reason))
            else:
                live.own_fault = f"the platform did not let the PBX's call through: {event.code} {event.reason}"

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


NOBODY = Customer("", "", "", "")
"""Who would have called, had anybody been free."""


def direct_signalling(leg: Leg) -> Signalling:
    """Without a trunk the customer's own leg is the only one."""
    times = leg.call.times
    return Signalling(
        invite_at=times.invite_at,
        first_response_at=times.first_response_at,
        provisional_at=times.provisional_at,
        final_at=times.answered_at if times.answered_at is not None else times.ended_at,
        code=200 if times.answered_at is not None else leg.ending.code,
        reason="OK" if times.answered_at is not None else leg.ending.reason,
        bye_at=times.bye_at,
        bye_answered_at=times.bye_answered_at,
        call_id=leg.call.call_id,
    )


def _ways(share: Lease | None, mix: list[MixLine]) -> list[tuple[MixLine, tuple[Destination, ...]]]:
    """Where the calls of each line may go. Raises HarnessMisuse."""
    if share is None:
        anyone = Destination("", Queue(name=DIRECT, agents=[]))
        return [(MixLine(flow=Flow.INBOUND, share=1.0, name="baseline"), (anyone,))]
    return [(line, share.destinations(line)) for line in mix]
