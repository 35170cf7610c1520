"""sippy's timers driven by asyncio, so that one thread and no ticking does for both.

sippy's own loop wakes 100 times a second and would smear set-up times by up to 10 ms for each message;
here its timers run when they are due and its messages when they arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heapify
from typing import Any

from sippy.Core.EventDispatcher import ED2
from sippy.Time.MonoTime import MonoTime


class SippyClock:
    """Runs everything that enters sippy, and afterwards arms one asyncio timer for sippy's next one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")

    def enter(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call into sippy; exceptions pass."""
        try:
            return function(*arguments)
        finally:
            self._arm()

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._armed_for = float("inf")
        ED2.last_ts = MonoTime()
        ED2.dispatchTimers()
        self._arm()

    def _arm(self) -> None:
        self._forget_cancelled()
        if not ED2.tlisteners:
            return
        # sippy reads CLOCK_MONOTONIC_RAW, Python CLOCK_MONOTONIC: only differences mean anything.
        due = ED2.tlisteners[0].etime.monot
        if due >= self._armed_for:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed_for = due
        self._handle = self._loop.call_later(max(0.0, due - MonoTime().monot), self._run)

    @staticmethod
    def _forget_cancelled() -> None:
        # sippy's own loop, which never runs here, does this: cancelled timers stay in the heap until due.
        if ED2.twasted > 64 and ED2.twasted * 2 > len(ED2.tlisteners):
            ED2.tlisteners = [timer for timer in ED2.tlisteners if timer.cb_func is not None]
            heapify(ED2.tlisteners)
            ED2.twasted = 0
