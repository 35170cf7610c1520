"""Runs of the comparison as they are when all goes well."""

from __future__ import annotations

from typing import Any

from benchmarks.versus.processor import Spent
from benchmarks.versus.protocol import Placed, Talked
from benchmarks.versus.results import MediaRun, SignallingRun
from simulators.light_phones.media.facts import StreamReport


def signalling_run(
    generator: str = "trunkproof",
    calls: int = 1000,
    rate: float = 500.0,
    cpu_s: float = 0.5,
    answerer: str = "SIPp UAS",
) -> SignallingRun:
    took_s = calls / rate
    return SignallingRun(
        generator=generator,
        answerer=answerer,
        rate=rate,
        placed=Placed(calls=calls, completed=calls, failed=0, retransmissions=0, took_s=took_s),
        spent=Spent(cpu_s=cpu_s, lasted_s=took_s),
        answerer_cores=0.1,
    )


def media_run(
    generator: str = "trunkproof", calls: int = 100, cpu_s: float = 0.5, lasted_s: float = 5.0, **talked: Any
) -> MediaRun:
    packets = round(calls * 50 * lasted_s)
    heard = {"sent": packets, "returned": packets, "lost": 0, "late": 0, "verified": calls, "intact": True, **talked}
    return MediaRun(
        generator=generator,
        answerer="SIPp UAS",
        calls=calls,
        up=calls,
        spent=Spent(cpu_s=cpu_s, lasted_s=lasted_s),
        echoed=packets,
        echoed_s=lasted_s,
        dropped=0,
        talked=Talked(calls=calls, **heard),
        answerer_cores=None,
    )


def stream_report(**what: Any) -> StreamReport:
    """Of a light phone's stream; all that is left out is nothing."""
    nothing = dict.fromkeys(StreamReport.__dataclass_fields__, 0)
    return StreamReport(**nothing | {"stamps": (), "digits": (), "first_at": None, "last_at": None, "far": None} | what)
