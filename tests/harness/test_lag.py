from __future__ import annotations

import pytest

from harness.lag import PERIOD_S, STALL_S, LagWatch, Stalled


class Clock:
    """A clock that moves only by pauses, each longer than asked for by what is next in ``late``."""

    def __init__(self, late: list[float]) -> None:
        self.now = 0.0
        self.late = late

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds + self.late.pop(0)


@pytest.mark.parametrize("late", [0.0, STALL_S * 0.9])
def test_ordinary_delays_are_not_reported(late: float) -> None:
    clock, seen = Clock([late]), list[Stalled]()
    LagWatch(seen.append, clock=clock, pause=clock.pause).look()
    assert seen == []


def test_a_stall_is_reported_with_its_length() -> None:
    clock, seen = Clock([0.0, 0.25]), list[Stalled]()
    watch = LagWatch(seen.append, clock=clock, pause=clock.pause)
    watch.look()
    watch.look()
    assert [round(event.for_s, 6) for event in seen] == [0.25]
    assert clock.now == pytest.approx(2 * PERIOD_S + 0.25)


def test_it_ends_when_nobody_listens() -> None:
    clock = Clock([1.0])

    def closed(_event: Stalled) -> None:
        raise OSError("closed")

    assert LagWatch(closed, clock=clock, pause=clock.pause).look() is False
