"""The pacer with a clock that the test moves."""

from random import Random

from harness.load.arrivals import Arrivals, Process, Stretch
from scenarios.load.pacer import Pacer
from scenarios.load.protocol import Offer


def offered(rate: float = 10.0, **what) -> Pacer:
    arrivals = Arrivals(process=Process.CONSTANT, course=(Stretch(seconds=1, from_rate=rate, to_rate=rate),))
    return Pacer(Offer(number=1, zero_at=100.0, begins_at=100.0, arrivals=arrivals, **what), Random(1))


def test_calls_are_due_at_their_time_and_once():
    pacer = offered()
    assert pacer.wakes_at == 100.05
    assert pacer.due(100.0, up=0) == []
    assert pacer.due(100.05, up=0) == [100.05]
    assert pacer.due(100.05, up=0) == []


def test_who_comes_late_gets_all_that_was_due_with_the_time_at_which_it_was():
    due = offered().due(100.5, up=1000)
    assert [round(at, 2) for at in due] == [100.05, 100.15, 100.25, 100.35, 100.45]


def test_it_ends_after_its_attempts():
    pacer = offered(attempts=3)
    assert len(pacer.due(200.0, up=0)) == 3
    assert pacer.done
    assert pacer.wakes_at is None
    assert pacer.attempts == 3


def test_it_ends_after_its_seconds():
    pacer = offered(seconds=1.0)
    assert len(pacer.due(200.0, up=0)) == 10
    assert pacer.done


def test_no_more_at_once_than_told_and_the_others_are_not_due():
    pacer = offered(at_once=4)
    assert len(pacer.due(101.0, up=2)) == 2
    assert pacer.attempts == 2
    assert pacer.due(101.06, up=3) == [101.05]
