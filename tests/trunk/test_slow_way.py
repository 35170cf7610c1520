"""The delay line, by a clock of the test's own."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from simulators.trunk.slow_way import SlowWay


class Timer:
    def __init__(self, at: float, function: Callable[[], None]) -> None:
        self.at, self.function, self.cancelled = at, function, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop's clock and timers, and no more."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, function: Callable[[], None]) -> Timer:
        self.timers.append(Timer(at, function))
        return self.timers[-1]

    def run(self, until: float) -> None:
        while due := [timer for timer in self.timers if not timer.cancelled and timer.at <= until]:
            first = min(due, key=lambda timer: timer.at)
            self.timers.remove(first)
            self.now = max(self.now, first.at)
            first.function()


@given(st.lists(st.floats(0, 10), max_size=20))
def test_all_arrive_in_their_order_and_none_too_soon(times: list[float]) -> None:
    loop, arrived = Loop(), []
    way = SlowWay(loop)  # type: ignore[arg-type]
    for number, at in enumerate(times):
        way.put(at, lambda number=number: arrived.append((number, loop.now)))  # type: ignore[misc]
    loop.run(10)
    assert [number for number, _ in arrived] == list(range(len(times)))
    # What came before it may hold it up, nothing else does.
    assert [at for _, at in arrived] == [max(times[: number + 1]) for number in range(len(times))]


def test_what_is_put_on_it_meanwhile_comes_last() -> None:
    loop, arrived = Loop(), []
    way = SlowWay(loop)  # type: ignore[arg-type]
    way.put(1.0, lambda: (arrived.append("a"), way.put(1.0, lambda: arrived.append("c"))))  # type: ignore[func-returns-value]
    way.put(1.0, lambda: arrived.append("b"))
    loop.run(1.0)
    assert arrived == ["a", "b", "c"]


def test_what_is_under_way_is_lost_when_it_is_closed() -> None:
    loop, arrived = Loop(), []
    way = SlowWay(loop)  # type: ignore[arg-type]
    way.put(1.0, lambda: arrived.append("a"))
    way.close()
    way.close()
    loop.run(2.0)
    assert arrived == []


def test_on_a_real_loop() -> None:
    async def live() -> list[int]:
        arrived: list[int] = []
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        way = SlowWay(loop)
        for number in range(50):
            way.put(loop.time(), lambda number=number: arrived.append(number))  # type: ignore[misc]
        way.put(loop.time(), over.set)
        await over.wait()
        return arrived

    assert asyncio.run(live()) == list(range(50))
