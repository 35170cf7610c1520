"""The generator against itself: its customers call its agents without a PBX (RFC 7502 section 6.1).

What it cannot do then, it cannot do with a PBX; what it costs, it costs with a PBX as well.
"""

from __future__ import annotations

from time import monotonic

import numpy as np

from harness.load.arrivals import Arrivals, Process, Stretch
from harness.load.arrivals_section import ArrivalsSection
from harness.load.profile import LoadProfile
from harness.load.records import CallRecord, Cause, HealthSample
from harness.load.result import BaselineResult
from harness.load.spread import Spread
from harness.verdict import Verdict
from scenarios.load.protocol import GeneratorConfig, Offer
from trunkproof.load.fleet import Fleet, Listener, Worker
from trunkproof.load.plan import expected_up

OFFERED_S = 8.0
HOLDING_S = 6.0
DRAIN_S = 10.0
SLACK_S = 15.0
LEAD_S = 0.5
MOST_PER_S = 50.0
"""Calls/s for each worker: enough to load its media within the holding time, and no test of its signalling."""


class Baseline(Listener):
    """One baseline; ``measure`` it once."""

    def __init__(self, fleet: Fleet, load: LoadProfile, seed: int) -> None:
        self._fleet = fleet
        self._seed = seed
        arrivals = load.arrivals.arrivals(load.duration_s)
        up = min(expected_up(load, arrivals), float(load.limits.at_once), float(load.customers.count))
        self.rate = min(max(arrivals.peak(load.duration_s), up / HOLDING_S), MOST_PER_S * len(fleet.alive))
        self._load = load.model_copy(
            update={
                "holding": Spread(mean_s=HOLDING_S),
                "arrivals": ArrivalsSection(process="constant", rate=self.rate),
                "duration_s": OFFERED_S,
            }
        )
        self._records: list[CallRecord] = []
        self._samples: list[HealthSample] = []
        self._begins_at = 0.0

    def calls(self, worker: Worker, records: list[tuple[int, CallRecord]]) -> None:
        self._records += [record for _, record in records]

    def health(self, worker: Worker, sample: HealthSample) -> None:
        self._samples.append(sample)

    def measure(self) -> BaselineResult:
        """Start generators without a PBX, have them call, and end them. Raises Inconclusive."""
        fleet = self._fleet
        fleet.listener = self
        try:
            fleet.start_generators(
                GeneratorConfig(
                    worker="", index=0, workers=0, directory="", system=None, load=self._load, seed=self._seed
                )
            )
            self._begins_at = monotonic() + LEAD_S
            level = Stretch(seconds=OFFERED_S, from_rate=self.rate, to_rate=self.rate)
            fleet.offer(
                Offer(
                    number=0,
                    zero_at=self._begins_at,
                    begins_at=self._begins_at,
                    arrivals=Arrivals(process=Process.CONSTANT, course=(level,)),
                    seconds=OFFERED_S,
                )
            )
            fleet.until(lambda: not fleet.offering(), OFFERED_S + SLACK_S)
            fleet.drain(DRAIN_S)
            fleet.stop_generators()
        finally:
            fleet.listener = Listener()
        return result(self._records, self._samples, self.rate)


def result(records: list[CallRecord], samples: list[HealthSample], rate: float) -> BaselineResult:
    """What the records and seconds of a baseline come to."""
    failures = sum(record.cause is not Cause.NONE for record in records)
    delays = [1000 * record.srd_s for record in records if record.srd_s is not None and record.code == 200]
    workers = {sample.worker for sample in samples}
    up = sum(max(sample.up for sample in samples if sample.worker == worker) for worker in workers)
    busy = [sample for sample in samples if sample.up]
    carried = sum(sample.up for sample in busy)
    if not records:
        verdict, why = Verdict.INCONCLUSIVE, "no call came about"
    elif failures:
        first = next(record for record in records if record.cause is not Cause.NONE)
        verdict, why = Verdict.INCONCLUSIVE, f"{failures} of {len(records)} calls failed, the first: {first.why}"
    else:
        verdict, why = Verdict.PASS, ""
    return BaselineResult(
        calls=len(records),
        rate=rate,
        up=up,
        failures=failures,
        srd_p95_ms=float(np.percentile(delays, 95)) if delays else None,
        send_late_p99_ms=float(np.percentile([sample.send_late_ms for sample in busy], 99)) if busy else None,
        media_cpu_per_100=100 * sum(sample.media_cpu for sample in busy) / carried if carried else None,
        signalling_cpu_ms=1000 * sum(sample.signalling_cpu for sample in samples) / len(records) if records else None,
        verdict=verdict,
        why=why,
    )
