"""How the generator itself fares: one sample a second, from the start to the stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

import psutil

from harness.load.records import HealthSample
from simulators.light_phones.media.engine import MediaEngine

SECOND = 1.0
TICK_S = 0.02


@dataclass(slots=True)
class Counts:
    """Of the second that goes on."""

    due: int = 0
    started: int = 0
    slip_ms: float = 0.0
    loop_lag_ms: float = 0.0


class HealthWatch:
    """Samples the generator. ``up`` says how many calls are up."""

    def __init__(
        self,
        worker: str,
        *,
        engines: Iterable[MediaEngine],
        trunk_pid: int | None,
        up: Callable[[], int],
    ) -> None:
        self._worker = worker
        self._engines = tuple(engines)
        self._up = up
        self._own = psutil.Process()
        self._trunk = psutil.Process(trunk_pid) if trunk_pid else None
        self.zero_at = monotonic()
        """Moment from which samples count; a run sets it to its own."""
        self.counts = Counts()
        self._own_s, self._trunk_s = _cpu_s(self._own), _cpu_s(self._trunk)
        self._at = monotonic()
        psutil.cpu_percent()

    def due(self, calls: int) -> None:
        """So many calls were due now."""
        self.counts.due += calls

    def began(self, slip_s: float) -> None:
        """A call has begun so long after it was due."""
        self.counts.started += 1
        self.counts.slip_ms = max(self.counts.slip_ms, slip_s * 1000)

    async def watch(self, tell: Callable[[HealthSample], None], tick: Callable[[], None]) -> None:
        """Goes on until it is cancelled: ``tell`` gets a sample each second, ``tick`` is called 50 times a second, and
        how late it is, is the loop's lag."""
        planned = monotonic()
        while True:
            planned = max(planned + TICK_S, monotonic() - SECOND)
            await asyncio.sleep(max(planned - monotonic(), 0.0))
            self.counts.loop_lag_ms = max(self.counts.loop_lag_ms, (monotonic() - planned) * 1000)
            tick()
            if monotonic() - self._at >= SECOND:
                tell(self.sample())

    def sample(self) -> HealthSample:
        """The time since the last sample."""
        now = monotonic()
        passed, self._at = max(now - self._at, 1e-3), now
        counts, self.counts = self.counts, Counts()
        media = [engine.health() for engine in self._engines]
        own_s, trunk_s = _cpu_s(self._own), _cpu_s(self._trunk)
        media_cpu = sum(one.cpu_s for one in media) / passed
        sample = HealthSample(
            at=now - self.zero_at,
            worker=self._worker,
            due=counts.due,
            started=counts.started,
            up=self._up(),
            slip_ms=counts.slip_ms,
            loop_lag_ms=counts.loop_lag_ms,
            send_late_ms=max((one.send_late_ms for one in media), default=0.0),
            send_late_share=max((one.late_share for one in media), default=0.0),
            receive_drops=sum(one.receive_drops for one in media),
            # The media threads are of this process, and counted apart.
            signalling_cpu=max((own_s - self._own_s) / passed - media_cpu, 0.0),
            trunk_cpu=(trunk_s - self._trunk_s) / passed,
            media_cpu=media_cpu,
            machine_cpu=psutil.cpu_percent() / 100,
        )
        self._own_s, self._trunk_s = own_s, trunk_s
        return sample


def _cpu_s(process: psutil.Process | None) -> float:
    """Processor time of a process, in s; 0 for one that is gone."""
    if process is None:
        return 0.0
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
