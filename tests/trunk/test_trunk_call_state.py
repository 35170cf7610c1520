"""The table of a call's course."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.trunk.call_state import TRANSITIONS, CallState, Side, Signal
from simulators.trunk.protocol import CallFinished, Direction, Leg, LegChanged, LegPhase

FAR, TRUNK = Side.FAR_END, Side.TRUNK
CUSTOMER, PBX = Leg.CUSTOMER, Leg.PBX


def play(*signals: tuple[Leg, Signal, Side, int]) -> list[LegChanged | CallFinished]:
    """Signals one second apart."""
    state = CallState("call", Direction.USER_INITIATED)
    events: list[LegChanged | CallFinished] = []
    for n, (leg, signal, side, code) in enumerate(signals):
        events += state.observe(leg, signal, side=side, at=float(n), code=code, reason=f"{code}")
    return events


BEGIN = ((CUSTOMER, Signal.INVITE, FAR, 0), (PBX, Signal.INVITE, TRUNK, 0))
ANSWERED = (*BEGIN, (PBX, Signal.ANSWER, FAR, 200), (CUSTOMER, Signal.ANSWER, TRUNK, 200))


def finish(*signals: tuple[Leg, Signal, Side, int]) -> CallFinished:
    last = play(*signals)[-1]
    assert isinstance(last, CallFinished)
    return last


def test_normal_call_lasts_from_the_second_answer_to_the_first_bye() -> None:
    end = finish(*ANSWERED, (CUSTOMER, Signal.BYE, FAR, 0), (PBX, Signal.RELEASED, TRUNK, 200))
    assert (end.ended_by, end.code, end.reason, end.connected_s) == (CUSTOMER, 200, "OK", 1.0)


def test_bye_that_is_never_answered_still_ends_normally() -> None:
    end = finish(*ANSWERED, (PBX, Signal.BYE, FAR, 0), (CUSTOMER, Signal.RELEASED, TRUNK, 408))
    assert (end.ended_by, end.code) == (PBX, 200)


def test_refusal_that_crosses_cancel_is_the_customers() -> None:
    end = finish(*BEGIN, (CUSTOMER, Signal.CANCEL, FAR, 0), (PBX, Signal.REFUSAL, FAR, 486))
    assert (end.ended_by, end.code) == (CUSTOMER, 486)


def test_ringing_after_early_media_changes_nothing() -> None:
    events = play(*BEGIN, (PBX, Signal.EARLY_MEDIA, FAR, 183), (PBX, Signal.RINGING, FAR, 180))
    assert [e.phase for e in events if isinstance(e, LegChanged)][-1] is LegPhase.EARLY_MEDIA


def test_blame_stays_with_the_first() -> None:
    state = CallState("call", Direction.USER_INITIATED)
    for leg, signal, side, code in BEGIN:
        state.observe(leg, signal, side=side, at=0.0, code=code)
    state.blame(PBX, "no answer")
    state.observe(CUSTOMER, Signal.CANCEL, side=FAR, at=1.0)
    end = state.observe(PBX, Signal.REFUSAL, side=TRUNK, at=2.0, code=487)[-1]
    assert isinstance(end, CallFinished)
    assert (end.ended_by, end.reason, end.code) == (PBX, "no answer", 487)


STEPS = st.tuples(st.sampled_from(list(Leg)), st.sampled_from(list(Signal)), st.sampled_from(list(Side)), st.just(200))


@given(st.lists(STEPS, max_size=30))
def test_any_course_is_orderly(steps: list[tuple[Leg, Signal, Side, int]]) -> None:
    events = play(*steps)
    order = list(LegPhase)
    for leg in Leg:
        phases = [order.index(e.phase) for e in events if isinstance(e, LegChanged) and e.leg is leg]
        assert phases == sorted(set(phases))
        assert not phases or phases[0] == 0
    ends = [e for e in events if isinstance(e, CallFinished)]
    assert len(ends) <= 1
    assert not ends or (events[-1] is ends[0] and ends[0].connected_s >= 0)


def test_every_phase_can_end() -> None:
    assert {phase for (phase, _), after in TRANSITIONS.items() if after is LegPhase.ENDED} == {
        LegPhase.TRYING,
        LegPhase.RINGING,
        LegPhase.EARLY_MEDIA,
        LegPhase.CONNECTED,
    }
