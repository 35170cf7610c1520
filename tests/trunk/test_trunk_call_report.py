"""What the platform is told of a call, as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.call_policy import CallMoved, CallStep, Direction
from simulators.trunk.call_report import CallReport, Happening
from simulators.trunk.call_state import CallState, Side, Signal
from simulators.trunk.protocol import Leg, LegChanged

FAR, TRUNK = Side.FAR_END, Side.TRUNK
CUSTOMER, PBX = Leg.CUSTOMER, Leg.PBX
USER, BUSINESS = Direction.USER_INITIATED, Direction.BUSINESS_INITIATED
CLOSING = {CallStep.DECLINED, CallStep.UNANSWERED, CallStep.CANCELLED, CallStep.ENDED}

Course = list[tuple[Leg, Signal, Side, int]]


def reported(direction: Direction, course: Course) -> list[CallMoved]:
    """Signals one second apart."""
    moved: list[CallMoved] = []
    report = CallReport("wacid.x", direction, "+44", "+34", moved.append)
    state = CallState("call", direction)
    for at, (leg, signal, side, code) in enumerate(course):
        for event in state.observe(leg, signal, side=side, at=float(at), code=code):
            if isinstance(event, LegChanged):
                report.leg_changed(event)
    return moved


def begin(caller: Leg) -> Course:
    called = PBX if caller is CUSTOMER else CUSTOMER
    return [(caller, Signal.INVITE, FAR, 0), (called, Signal.INVITE, TRUNK, 0), (called, Signal.RINGING, FAR, 180)]


def sides(direction: Direction) -> tuple[Leg, Leg]:
    return (CUSTOMER, PBX) if direction is USER else (PBX, CUSTOMER)


@pytest.mark.parametrize("direction", list(Direction))
class TestEitherDirection:
    def test_talk(self, direction: Direction) -> None:
        caller, called = sides(direction)
        course = [*begin(caller), (called, Signal.ANSWER, FAR, 200), (caller, Signal.ANSWER, TRUNK, 200)]
        for first, second in ((caller, called), (called, caller)):
            end = [(first, Signal.BYE, FAR, 0), (second, Signal.RELEASED, TRUNK, 200)]
            moved = reported(direction, course + end)
            assert [(m.step, m.duration_s) for m in moved] == [(CallStep.ANSWERED, 0.0), (CallStep.ENDED, 2.0)]
            assert {(m.call, m.direction, m.business, m.user) for m in moved} == {("wacid.x", direction, "+44", "+34")}

    @pytest.mark.parametrize(
        ("code", "step"),
        [
            (486, CallStep.DECLINED),
            (603, CallStep.DECLINED),
            (480, CallStep.UNANSWERED),
            (408, CallStep.UNANSWERED),
            (404, CallStep.UNANSWERED),
            (503, CallStep.UNANSWERED),
        ],
    )
    def test_refused_by_the_called_side(self, direction: Direction, code: int, step: CallStep) -> None:
        caller, called = sides(direction)
        end = [(called, Signal.REFUSAL, FAR, code), (caller, Signal.REFUSAL, TRUNK, code)]
        assert [m.step for m in reported(direction, begin(caller) + end)] == [step]

    def test_rung_out(self, direction: Direction) -> None:
        caller, called = sides(direction)
        end = [(caller, Signal.REFUSAL, TRUNK, 480), (called, Signal.REFUSAL, TRUNK, 487)]
        assert [m.step for m in reported(direction, begin(caller) + end)] == [CallStep.UNANSWERED]

    @pytest.mark.parametrize("crossing", [(Signal.REFUSAL, 487), (Signal.REFUSAL, 486), (Signal.ANSWER, 200)])
    def test_caller_gives_up(self, direction: Direction, crossing: tuple[Signal, int]) -> None:
        caller, called = sides(direction)
        end = [(caller, Signal.CANCEL, FAR, 0), (called, crossing[0], FAR, crossing[1])]
        end += [(called, Signal.RELEASED, TRUNK, 200)]
        assert [m.step for m in reported(direction, begin(caller) + end)] == [CallStep.CANCELLED]


def test_who_is_called_makes_the_difference() -> None:
    course = [
        (CUSTOMER, Signal.INVITE, FAR, 0),
        (PBX, Signal.INVITE, TRUNK, 0),
        (CUSTOMER, Signal.ANSWER, FAR, 200),
        (PBX, Signal.REFUSAL, FAR, 486),
        (CUSTOMER, Signal.RELEASED, TRUNK, 200),
    ]
    assert [m.step for m in reported(BUSINESS, course)] == [CallStep.ANSWERED, CallStep.ENDED]
    assert [m.step for m in reported(USER, course)] == [CallStep.DECLINED]


def test_pbx_that_forbids_declines_and_a_phone_that_does_is_not_reached() -> None:
    for direction, step in ((USER, CallStep.DECLINED), (BUSINESS, CallStep.UNANSWERED)):
        caller, called = sides(direction)
        assert [m.step for m in reported(direction, [*begin(caller), (called, Signal.REFUSAL, FAR, 403)])] == [step]


STEPS = st.tuples(
    st.sampled_from(list(Leg)),
    st.sampled_from(list(Signal)),
    st.sampled_from(list(Side)),
    st.sampled_from([0, 180, 200, 403, 480, 486, 487, 603]),
)


@given(st.sampled_from(list(Direction)), st.lists(STEPS, max_size=30))
def test_any_course_ends_with_exactly_one_closing_step(direction: Direction, course: Course) -> None:
    caller, _ = sides(direction)
    both_end = [(leg, Signal.RELEASED, TRUNK, 408) for leg in Leg]
    steps = [m.step for m in reported(direction, begin(caller)[:2] + course + both_end)]
    assert [step in CLOSING for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[:-1] in ([], [CallStep.ANSWERED])
    assert (steps[-1] is CallStep.ENDED) == (CallStep.ANSWERED in steps)


@given(st.lists(st.tuples(st.sampled_from(list(Happening)), st.floats(0, 1e6)), max_size=20))
def test_any_happenings_are_reported_in_order(happenings: list[tuple[Happening, float]]) -> None:
    moved: list[CallMoved] = []
    report = CallReport("wacid.x", USER, "+44", "+34", moved.append)
    for happening, at in happenings:
        report.happened(happening, at)
    steps = [m.step for m in moved]
    assert len(steps) <= 2
    assert all(step in CLOSING for step in steps[1:])
    assert all(m.duration_s >= 0 for m in moved)
