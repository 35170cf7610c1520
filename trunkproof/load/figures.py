"""What a load run looks like while it goes on: figures that are cheap to keep. The report's are ``measures``'s."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from harness.load.health import CPU, LOOP_LAG_MS
from harness.load.records import CallRecord, Cause, HealthSample

RECENT = 2000
"""Calls that percentiles are of."""
SLIP_NOTICED_MS = 50.0


@dataclass(slots=True)
class Figures:
    """Add what comes; read at any time. None: nothing to say yet."""

    calls: int = 0
    established: int = 0
    causes: Counter[Cause] = field(default_factory=Counter)
    most_up: int = 0
    _srd: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _mos: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _health: dict[str, HealthSample] = field(default_factory=dict)

    def add(self, record: CallRecord) -> None:
        """A call has ended."""
        self.causes[record.cause] += 1
        if record.cause is Cause.GENERATOR:
            return
        self.calls += 1
        if 200 <= record.code < 300:
            self.established += 1
            if record.srd_s is not None:
                self._srd.append(record.srd_s)
        for ear in (record.customer_hears, record.agent_hears):
            if ear is not None and ear.mos is not None:
                self._mos.append(ear.mos)

    def sample(self, sample: HealthSample) -> None:
        """A second of a worker."""
        self._health[sample.worker] = sample
        self.most_up = max(self.most_up, self.up)

    def forget(self, worker: str) -> None:
        """A worker is no more."""
        self._health.pop(worker, None)

    @property
    def up(self) -> int:
        """Calls that are up."""
        return sum(sample.up for sample in self._health.values())

    @property
    def offered_rate(self) -> float:
        """Calls/s that were due in the last second."""
        return float(sum(sample.due for sample in self._health.values()))

    @property
    def carried_rate(self) -> float:
        """Calls/s that were begun in the last second."""
        return float(sum(sample.started for sample in self._health.values()))

    @property
    def ser(self) -> float | None:
        """Share of calls with a 200, in %."""
        return 100.0 * self.established / self.calls if self.calls else None

    @property
    def srd_p95_ms(self) -> float | None:
        return float(np.percentile(self._srd, 95)) * 1000 if self._srd else None

    @property
    def mos_p5(self) -> float | None:
        return float(np.percentile(self._mos, 5)) if self._mos else None

    @property
    def failed(self) -> int:
        """Calls that were not as they should be."""
        return self.calls - self.causes[Cause.NONE]

    @property
    def health(self) -> str:
        """How the generators are, in a few words; what decides is judged at the end."""
        samples = self._health.values()
        if not samples:
            return "–"
        late = max(sample.slip_ms for sample in samples)
        lag = max(sample.loop_lag_ms for sample in samples)
        busy = max(max(sample.signalling_cpu, sample.trunk_cpu, sample.media_cpu) for sample in samples)
        drops = sum(sample.receive_drops for sample in samples)
        troubles = [
            *([f"calls begin {late:.0f} ms late"] if late > SLIP_NOTICED_MS else []),
            *([f"its loop lags {lag:.0f} ms"] if lag > LOOP_LAG_MS else []),
            *([f"a core is {busy:.0%} busy"] if busy > CPU else []),
            *([f"{drops} packets dropped on arrival"] if drops else []),
        ]
        return "; ".join(troubles) or "well"
