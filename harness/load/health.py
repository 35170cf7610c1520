"""Whether the generator was the bottleneck: then nothing of what was measured can be held against the PBX.

Each limit is looked at for each worker by itself. A second is one sample of a worker; a run may have one bad second in
twenty, as any machine has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.load.confidence import quantile
from harness.load.records import CallRecord, Cause, HealthSample
from harness.load.table import Table
from harness.verdict import Verdict

SLIP_SHARE = 0.10
"""Pacing slip may be this share of the session request delay (p99 of one, p95 of the other): calls that come late come
in clumps, which is another load than the one that was asked for."""
SLIP_MS = 20.0
"""So little does not matter however fast the PBX is: calls are further apart than that, or come in clumps anyway."""
LOOP_LAG_MS = 100.0
"""An event loop that is later than this answers the PBX late; the delays measured are its own."""
SEND_LATE_SHARE = 0.01
"""Share of RTP packets sent more than 5 ms late: they are jitter, and further on loss, that the PBX did not make."""
SEND_LATE_MS = 40.0
"""A packet that is two packets' time late is lost to a short jitter buffer."""
DROPS_SHARE = 0.001
"""Share of received packets that the kernel threw away because we did not fetch them."""
CPU = 0.9
"""Of one core, which is all that a Python process has."""
NOT_STARTED_SHARE = 0.005
"""Share of due calls that the generator did not place, or could not judge."""
BAD_SECONDS = 0.05
"""Share of seconds that may be beyond a limit."""

PACKETS_PER_CALL_S = 100
"""Received at both ends of a call, 20 ms each."""
BUSY_MACHINE = 0.95
"""Share of the whole machine from which on more workers on it are of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """PASS: the generator was not the bottleneck; INCONCLUSIVE: it was, or was not watched. ``why`` is one line that
    says what to add, empty when nothing was wrong."""

    verdict: Verdict
    why: str


def judge_health(
    samples: Table[HealthSample], calls: Table[CallRecord], *, srd_p95_s: float | None, workers: int
) -> Health:
    """The verdict on all workers of a run, or of a stretch of it. ``srd_p95_s`` is the PBX's session request delay;
    None: not measured."""
    if len(samples) == 0:
        return Health(
            verdict=Verdict.INCONCLUSIVE, why="nothing is known of the generator: no worker reported its health"
        )
    for worker in dict.fromkeys(samples["worker"]):
        seconds = samples.where(samples["worker"] == worker)
        its_calls = calls.where(calls["worker"] == worker)
        whose = f"{worker}: " if workers > 1 else ""
        spoilt = _spoilt(seconds, its_calls, workers)
        if spoilt:
            return Health(verdict=Verdict.INCONCLUSIVE, why=f"{whose}{spoilt}")
        for wrong in (_slip(its_calls, srd_p95_s), *(watched(seconds) for watched in WATCHED)):
            if wrong:
                return Health(verdict=Verdict.INCONCLUSIVE, why=f"{whose}{wrong}: {_advice(seconds, workers)}")
    return Health(verdict=Verdict.PASS, why="")


def _spoilt(seconds: Table[HealthSample], calls: Table[CallRecord], workers: int) -> str:
    """Due calls that did not come about, by the generator's doing; with its own reason, if it has one."""
    due = float(seconds["due"].sum())
    # A call that is due at the end of one second may begin in the next.
    missing = due - float(seconds["started"].sum() + seconds["due"][-1])
    spoilt = calls["cause"] == Cause.GENERATOR
    due, missing = max(due, len(calls)), max(missing, int(spoilt.sum()))
    if missing <= due * NOT_STARTED_SHARE:
        return ""
    reasons = Counter(str(why) for why in calls["why"][spoilt] if why)
    why = reasons.most_common(1)[0][0] if reasons else _advice(seconds, workers)
    return f"{missing:.0f} of {due:.0f} calls could not be placed or judged: {why}"


def _slip(calls: Table[CallRecord], srd_p95_s: float | None) -> str:
    slips = 1000 * (calls["started_at"] - calls["due_at"])
    late = quantile(np.sort(slips[~np.isnan(slips)]), 0.99).value
    limit = max(SLIP_MS, SLIP_SHARE * 1000 * (srd_p95_s or 0.0))
    if late is None or late <= limit:
        return ""
    return f"calls began {late:.0f} ms after they were due (p99), {limit:.0f} ms are the limit"


def _too_often(seconds: Table[HealthSample], column: str, limit: float) -> float | None:
    """The largest value but for those seconds that may be bad, if it is beyond the limit."""
    worst_first = np.sort(seconds[column])[::-1]
    value = float(worst_first[floor(len(worst_first) * BAD_SECONDS)])
    return value if value > limit else None


def _loop(seconds: Table[HealthSample]) -> str:
    late = _too_often(seconds, "loop_lag_ms", LOOP_LAG_MS)
    return "" if late is None else f"the event loop was {late:.0f} ms late"


def _sending(seconds: Table[HealthSample]) -> str:
    late = _too_often(seconds, "send_late_ms", SEND_LATE_MS)
    if late is not None:
        return f"RTP was sent {late:.0f} ms late"
    share = _mean_by_calls(seconds, seconds["send_late_share"])
    return "" if share <= SEND_LATE_SHARE else f"{100 * share:.1f} % of RTP was sent more than 5 ms late"


def _drops(seconds: Table[HealthSample]) -> str:
    dropped = float(seconds["receive_drops"].sum())
    received = float(seconds["up"].sum()) * PACKETS_PER_CALL_S
    if dropped <= received * DROPS_SHARE:
        return ""
    return f"{dropped:.0f} RTP packets were dropped because a receive buffer was full"


def _signalling(seconds: Table[HealthSample]) -> str:
    busy = _too_often(seconds, "signalling_cpu", CPU)
    return "" if busy is None else f"the generator's process was at {100 * busy:.0f} % of a core"


def _trunk(seconds: Table[HealthSample]) -> str:
    busy = _too_often(seconds, "trunk_cpu", CPU)
    return "" if busy is None else f"the trunk's process was at {100 * busy:.0f} % of a core"


WATCHED: tuple[Callable[[Table[HealthSample]], str], ...] = (_signalling, _trunk, _loop, _sending, _drops)
"""The cause before what comes of it."""


def _advice(seconds: Table[HealthSample], workers: int) -> str:
    if _too_often(seconds, "machine_cpu", BUSY_MACHINE) is not None:
        return "the whole machine was busy, add another one (--master, --worker)"
    return f"run with --workers {2 * workers}"


def _mean_by_calls(seconds: Table[HealthSample], values: NDArray[Any]) -> float:
    """Seconds with more calls up count for more."""
    weights = seconds["up"]
    return float(np.average(values, weights=weights)) if weights.sum() > 0 else 0.0
