"""Tells when a simulator process was kept from running: then what it measured cannot be held against the PBX."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep

from harness.messages import Event

PERIOD_S = 0.05
STALL_S = 0.1
"""A stall this long empties a phone's jitter buffer (80 ms), so gaps can be heard that nobody sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled(Event):
    """The process did not run for ``for_s`` (s), ending at ``at``: the machine was too busy."""

    for_s: float


class LagWatch(threading.Thread):
    """Wakes up regularly and reports when it woke up too late."""

    def __init__(
        self,
        report: Callable[[Stalled], None],
        *,
        stall_s: float = STALL_S,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        super().__init__(name="lag watch", daemon=True)
        self._report = report
        self._stall_s = stall_s
        self._clock = clock
        self._pause = pause
        self._seen_at = clock()

    def run(self) -> None:
        while self.look():
            pass

    def look(self) -> bool:
        """Sleep one period and report a stall; false when there is nobody to report to any more."""
        self._seen_at = self._clock()
        self._pause(PERIOD_S)
        late_s = self._clock() - self._seen_at - PERIOD_S
        if late_s >= self._stall_s:
            try:
                self._report(Stalled(for_s=late_s))
            except Exception:  # noqa: BLE001 - the pipe is closed: the process is about to end
                return False
        return True
