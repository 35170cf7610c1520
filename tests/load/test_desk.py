"""Which call a phone that rings belongs to, and what agents do."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

from harness.load.records import Flow, Party
from harness.target import load_target
from scenarios.load.desk import BUSY, NOT_HERE, Desk
from scenarios.load.facts import Plan
from scenarios.load.lease import lease
from scenarios.load.live import LiveCall
from simulators.light_phones.sdp import Codec
from simulators.light_phones.times import CallTimes, Ending
from simulators.phones.customers import Customer

TARGET = load_target("reference-load")


@dataclass
class PhoneCall:
    """A light phone's call without a phone: what was done to it."""

    from_user: str
    to_user: str
    did: list = field(default_factory=list)
    stamped: int = -1
    stream: object = None
    on_answered = None
    on_ended = None
    times: CallTimes = field(default_factory=lambda: CallTimes(0.0))

    def ring(self):
        self.did.append("ring")

    def answer(self, *, call_number, party, codecs=()):
        self.did.append("answer")
        self.stamped, self.stream = call_number, SimpleNamespace()

    def decline(self, code=486):
        self.did.append(code)
        self.on_ended and self.on_ended(Ending(code, "", by_us=True))

    def stamp(self, call, party):
        self.stamped = call

    def hang_up(self):
        self.did.append("hang up")


def a_call(number: int = 7, customer: str = "+447700900001", flow: Flow = Flow.INBOUND, **plan) -> LiveCall:
    told = {"agents": frozenset({"3000", "3001"}), "queue": "load-a", "answer_after_s": 0.0} | plan
    return LiveCall(
        Plan(
            call=number,
            name=flow.value,
            flow=flow,
            customer=customer,
            country="GB",
            holding_s=1.0,
            hangs_up=Party.AGENT,
            **told,
        ),
        Customer(customer, "", "GB", "en"),
        offer=1,
        worker="w",
        due_at=0.0,
        hold=False,
    )


def at_desk(test, *, declines: bool = False):
    async def run():
        await test(Desk(lease(TARGET, 0, 4), (Codec.OPUS,), lambda: declines))

    asyncio.run(run())


def test_the_callers_number_tells_whose_call_an_agent_gets_however_it_is_written():
    async def test(desk):
        first, second = a_call(), a_call(8, "+447700900002")
        desk.add(first)
        desk.add(second)
        call = PhoneCall("00447700900002", "3000")
        desk.agent_rings(call)
        await second.agent_answered
        assert (call.did, call.stamped) == (["ring", "answer"], 8)
        assert (second.extension, second.reached) == ("3000", "load-a")
        assert not first.agent_rang.done()

    at_desk(test)


def test_an_agent_of_another_queue_is_told_as_such():
    async def test(desk):
        live = a_call()
        desk.add(live)
        desk.agent_rings(PhoneCall("+447700900001", "7000"))
        await live.agent_answered
        assert live.reached == "load-sales-a"

    at_desk(test)


def test_an_agent_in_a_call_is_busy_for_another():
    async def test(desk):
        for number in (1, 2):
            desk.add(a_call(number, f"+44770090000{number}"))
        desk.agent_rings(PhoneCall("+447700900001", "3000"))
        second = PhoneCall("+447700900002", "3000")
        desk.agent_rings(second)
        assert second.did == [BUSY]
        assert not desk.free("3000")

    at_desk(test)


def test_an_agent_who_declines_is_free_again_and_another_is_found():
    async def test(desk):
        live = a_call()
        desk.add(live)
        call = PhoneCall("+447700900001", "3000")
        desk.agent_rings(call)
        await asyncio.sleep(0.01)
        assert call.did == ["ring", BUSY]
        assert desk.free("3000")
        assert live.agent_rang.done() and not live.agent_answered.done()

    at_desk(test, declines=True)


def test_who_has_clicked_takes_no_other_call():
    async def test(desk):
        back, other = a_call(7, flow=Flow.CALLBACK), a_call(8, "+447700900002")
        desk.add(back)
        desk.add(other)
        desk.clicks("3000", back)
        queued, clicked = PhoneCall("+447700900002", "3000"), PhoneCall("anonymous", "3000")
        desk.agent_rings(queued)
        desk.agent_rings(clicked)
        await back.agent_answered
        assert queued.did == [BUSY]
        assert clicked.stamped == 7

    at_desk(test)


def test_who_has_clicked_does_not_decline_the_call():
    async def test(desk):
        back = a_call(flow=Flow.CALLBACK)
        desk.add(back)
        desk.clicks("3000", back)
        desk.agent_rings(PhoneCall("anonymous", "3000"))
        await back.agent_answered

    at_desk(test, declines=True)


def test_nobody_is_chosen_twice_and_the_longest_idle_comes_first():
    async def test(desk):
        live = a_call()
        desk.add(live)
        desk.agent_rings(PhoneCall("+447700900001", "3001"))
        live.agent.call.decline()
        await asyncio.sleep(0)
        assert desk.choose(["3000", "3001"]) == "3000"
        desk.clicks("3000", live)
        assert desk.choose(["3000", "3001"]) == "3001"
        desk.means("3001", live)
        assert desk.choose(["3000", "3001"]) is None
        desk.remove(live)
        assert desk.choose(["3000"]) == "3000"

    at_desk(test)


def test_when_the_agent_who_was_meant_got_another_call_anybody_of_the_queue_is_right():
    async def test(desk):
        asks, other = a_call(7, flow=Flow.ESCALATION, agents=frozenset({"3000"})), a_call(8, "+447700900002")
        desk.add(asks)
        desk.add(other)
        desk.agent_rings(PhoneCall("+447700900002", "3000"))
        desk.agent_rings(PhoneCall("+447700900001", "3005"))
        await asks.agent_answered
        assert "3005" in asks.plan.agents

    at_desk(test)


def test_when_the_agent_who_was_meant_is_free_nobody_else_is_right():
    async def test(desk):
        asks = a_call(7, flow=Flow.ESCALATION, agents=frozenset({"3000"}))
        desk.add(asks)
        desk.agent_rings(PhoneCall("+447700900001", "3005"))
        await asks.agent_answered
        assert asks.plan.agents == {"3000"}

    at_desk(test)


def test_a_call_without_a_number_is_known_by_whom_the_agent_hears(monkeypatch):
    monkeypatch.setattr("scenarios.load.desk.CUSTOMER_ANSWERS_S", 0.0)

    async def test(desk):
        live = a_call()
        desk.add(live)
        call = PhoneCall("anonymous", "3000")
        desk.agent_rings(call)
        await asyncio.sleep(0.01)
        assert (call.stamped, desk.strays) == (0, 1)
        desk.heard(id(call.stream), 7, Party.CUSTOMER, 12.0)
        assert call.stamped == 7
        assert live.extension == "3000"
        assert live.heard == {Party.AGENT: 12.0}

    at_desk(test)


def test_what_is_heard_before_it_is_known_who_listens_is_not_lost():
    async def test(desk):
        live = a_call()
        desk.add(live)
        stream = SimpleNamespace()
        leg = SimpleNamespace(call=SimpleNamespace(stream=stream), ear=0, ended=asyncio.Future())
        desk.heard(id(stream), 7, Party.AGENT, 12.0)
        desk.listens(live, Party.CUSTOMER, leg)
        assert live.heard == {Party.CUSTOMER: 12.0}

    at_desk(test)


def test_a_customer_who_is_in_no_call_is_not_there():
    async def test(desk):
        call = PhoneCall("+442079460300", "+447700900009")
        desk.customer_rings(call)
        assert call.did == [NOT_HERE]

    at_desk(test)
