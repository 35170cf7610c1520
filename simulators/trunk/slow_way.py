"""A way on which everything takes its time and nothing overtakes: the delay line of the media relay and of the edge."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class SlowWay:
    """What is put on it is done later, in the order in which it came. For the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, arrives_at: float, arrive: Callable[[], None]) -> None:
        """Call ``arrive`` at a time of the loop, or with what came before it, if that arrives later."""
        self._waiting.append((arrives_at, arrive))
        if self._timer is None:
            self._timer = self._loop.call_at(arrives_at, self._arrived)

    def close(self) -> None:
        """What is under way is lost. May be called twice."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arrived(self) -> None:
        self._timer = None
        now = self._loop.time()
        # The first of them is due: that is what the timer was for, however its time was rounded.
        due = True
        while self._waiting and (due or self._waiting[0][0] <= now):
            due = False
            self._waiting.popleft()[1]()
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self._arrived)
