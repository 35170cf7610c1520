"""The parts of the checks that need no call."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.errors import PbxFault
from scenarios import checks
from scenarios.checks import channels_of, eventually, pairs_talking, pbx_is_clean, queue_is_empty, same_number
from simulators.pbx.adapter import PbxChannel, QueueState
from tests.scenarios.stand_ins import FakeClock


def customer(number: str, label: str = "the customer") -> SimpleNamespace:
    return SimpleNamespace(identity=SimpleNamespace(number=number), label=label)


def agent(extension: str, rung_by: str | None = None) -> SimpleNamespace:
    incoming = None if rung_by is None else SimpleNamespace(from_user=rung_by)
    return SimpleNamespace(extension=extension, name=f"agent {extension}", incoming=incoming)


def scene(customers: list[SimpleNamespace], agents: list[SimpleNamespace]) -> SimpleNamespace:
    return SimpleNamespace(everybody_calling=customers, agents=agents, staff=agents, fault=PbxFault)


def channel(peer: str, caller: str) -> PbxChannel:
    return PbxChannel(name=f"PJSIP/{peer}", peer=peer, caller_number=caller, called_number="", state="Up")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(checks, "monotonic", clock.monotonic)
    monkeypatch.setattr(checks, "sleep", clock.sleep)
    return clock


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ("+34600111222", True),
        ("34600111222", True),
        ("+34600111223", False),
        ("0034600111222", False),
        ("600111222", False),
        ("", False),
    ],
)
def test_a_pbx_may_drop_the_plus_and_nothing_else(shown: str, same: bool) -> None:
    assert same_number(shown, customer("+34600111222")) is same


def test_channels_of_a_scenario_are_those_of_its_customers_and_agents() -> None:
    ana, other = customer("+34600111222"), customer("+447700900123")
    channels = [
        channel("trunk", "34600111222"),
        channel("trunk", "+447700900123"),
        channel("1001", ""),
        channel("1002", "+15550001111"),
    ]
    here = scene([ana, other], [agent("1001")])
    assert channels_of(here, channels, None) == channels[:3]
    assert channels_of(here, channels, ana) == channels[:1]


def test_who_talks_with_whom_is_told_by_the_number_shown() -> None:
    first, second = customer("+34600111222"), customer("+447700900123", "customer 2")
    ana, bilal = agent("1001", "447700900123"), agent("1002", "+34600111222")
    assert pairs_talking(scene([], [ana, bilal, agent("1003")]), [first, second]) == [(first, bilal), (second, ana)]


def test_a_customer_at_two_agents_or_at_none_is_a_fault() -> None:
    caller = customer("+34600111222")
    both = [agent("1001", "+34600111222"), agent("1002", "+34600111222")]
    with pytest.raises(PbxFault, match="reached 2 agents' phones, not one: agent 1001, agent 1002"):
        pairs_talking(scene([], both), [caller])
    with pytest.raises(PbxFault, match=r"reached 0 agents' phones, not one$"):
        pairs_talking(scene([], [agent("1001", "unknown")]), [caller])


def test_what_holds_at_once_is_not_waited_for(clock: FakeClock) -> None:
    assert eventually(lambda: 7, lambda value: value == 7, 0.0) == 7
    assert clock.sleeps == []


def test_what_comes_about_in_time_ends_the_wait(clock: FakeClock) -> None:
    values = iter([3, 2, 1, 0, 99])
    assert eventually(lambda: next(values), lambda value: value == 0, 60.0) == 0
    assert len(clock.sleeps) == 3


def test_what_never_comes_about_gives_the_last_value_at_the_deadline(clock: FakeClock) -> None:
    began = clock.now
    assert eventually(lambda: clock.now, lambda _value: False, 2.0) == clock.now
    assert clock.now == pytest.approx(began + 2.0, abs=checks.POLL_S)


class Pbx:
    """A PBX's own view; None: it cannot be asked."""

    def __init__(self, channels: list[PbxChannel] | None = None, queue: QueueState | None = None) -> None:
        self.channels = lambda: channels
        self.queue = lambda _name: queue


class Scene:
    """The part of a scene that checks of the PBX's state use. ``rings`` is the agent whose phone rings, if any."""

    def __init__(
        self, pbx: Pbx, customers: list[SimpleNamespace], agents: list[SimpleNamespace], rings: SimpleNamespace | None
    ) -> None:
        target = SimpleNamespace(deadlines=SimpleNamespace(release_s=3.0, ring_agent_s=12.0))
        self.testbed = SimpleNamespace(pbx=pbx, target=target)
        self.line = SimpleNamespace(queue=SimpleNamespace(name="support"))
        self.everybody_calling, self.agents, self.staff = customers, agents, agents
        self.ring_within = lambda _within_s: rings
        self.fault = PbxFault


def in_call(person: SimpleNamespace, *, up: bool) -> SimpleNamespace:
    person.in_call = up
    return person


def test_a_leg_that_the_pbx_still_has_is_a_fault(clock: FakeClock) -> None:
    caller = customer("+34600111222")
    here = Scene(Pbx([channel("trunk", "34600111222"), channel("1009", "5")]), [caller], [], None)
    with pytest.raises(
        PbxFault, match=r"3 s after the call the PBX still has 1 channel\(s\) of it: PJSIP/trunk \(Up\)"
    ):
        pbx_is_clean(here)
    pbx_is_clean(Scene(Pbx([channel("1009", "5")]), [caller], [], None))


def test_a_pbx_that_cannot_be_asked_is_judged_by_its_legs_to_us(clock: FakeClock) -> None:
    caller, ana = in_call(customer("+34600111222"), up=False), in_call(agent("1001"), up=True)
    with pytest.raises(PbxFault, match="agent 1001"):
        pbx_is_clean(Scene(Pbx(None), [caller], [ana], None))
    pbx_is_clean(Scene(Pbx(None), [caller], [ana], None), only=caller)
    pbx_is_clean(Scene(Pbx(None), [caller], [in_call(ana, up=False)], None))


def test_a_ghost_in_the_queue_is_a_fault(clock: FakeClock) -> None:
    ghost = QueueState(name="support", waiting=("34600111222",), available_agents=())
    with pytest.raises(PbxFault, match="a ghost call is left in the queue support: 34600111222"):
        queue_is_empty(Scene(Pbx(queue=ghost), [], [], None))
    queue_is_empty(Scene(Pbx(queue=QueueState(name="support", waiting=(), available_agents=())), [], [], None))


def test_a_ghost_of_a_pbx_that_cannot_be_asked_rings_an_agent(clock: FakeClock) -> None:
    queue_is_empty(Scene(Pbx(), [], [], None))
    with pytest.raises(PbxFault, match="agent 1001's phone rang, and nobody's should have"):
        queue_is_empty(Scene(Pbx(), [], [], agent("1001")))
