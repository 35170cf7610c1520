"""Makes the run directory of a load run, as a real one leaves it, with faults put in that are known.

``python -m tests.reports.sample_load DIRECTORY [CALLS]`` writes one to look at.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from harness.evidence import RunRecord
from harness.load import store
from harness.load.criteria import judge
from harness.load.measures import measure
from harness.load.profile import CriteriaSection
from harness.load.records import CallRecord, Cause, EarFigures, Flow, HealthSample, Party, PbxSample, ProcessSample
from harness.load.result import (
    BaselineResult,
    CapacityResult,
    CriterionResult,
    LoadResult,
    LostWorker,
    ProbeResult,
    StepResult,
)
from harness.load.table import Table
from harness.trace import SipTraceEntry
from harness.verdict import Verdict
from tests.reports.sample_run import PASSWORD, TRUNK, WALL, Trace

PBX_FULL_AT = 150
"""So many calls the PBX of the sample can carry; beyond it refuses."""
MIX = (
    (Flow.INBOUND, "support", 0.60, "support"),
    (Flow.IVR, "front door, 1", 0.15, "sales"),
    (Flow.IVR, "front door, 2", 0.10, "billing"),
    (Flow.CALLBACK, "callback", 0.15, "support"),
)
COUNTRIES = ("GB", "BR", "IN", "EG", "JP")


def ear(random: np.random.Generator, seconds: float, loss: float, *, heard: bool = True) -> EarFigures:
    """What was received in ``seconds`` with a share of packets lost."""
    packets = int(seconds * 50)
    lost = int(random.binomial(packets, loss))
    return EarFigures(
        received=packets - lost,
        lost=lost,
        late=int(random.binomial(packets, 0.0004)),
        longest_burst=int(lost > 0) + int(lost > 8),
        jitter_ms=float(random.gamma(2, 0.6)),
        delay_ms=float(random.normal(42, 4)),
        own=packets - lost if heard else 0,
        unstamped=0 if heard else packets - lost,
        first_own_s=0.06 if heard else None,
        mos=float(np.clip(4.38 - 14 * loss - abs(random.normal(0, 0.03)), 1.0, 4.5)),
    )


def calls(number: int = 2400, rate: float = 4.0, seed: int = 1) -> list[CallRecord]:
    """Poisson arrivals at a PBX that is full at times, drops each 200th call and loses media at last."""
    random = np.random.default_rng(seed)
    due = np.cumsum(random.exponential(1 / rate, number))
    lines = random.choice(len(MIX), number, p=[share for _, _, share, _ in MIX])
    hold = np.clip(random.exponential(38, number), 2, 600)
    ends: list[float] = []
    made = []
    for index in range(number):
        at = float(due[index])
        ends = [end for end in ends if end > at] if index % 8 == 0 else ends
        line, through = MIX[int(lines[index])], at / float(due[-1])
        made.append(_call(random, index, at, line, float(hold[index]), len(ends), through))
        if made[-1].answer_s is not None and made[-1].ended_at is not None:
            ends.append(made[-1].ended_at)
    return made


def _call(
    random: np.random.Generator, index: int, at: float, line: tuple[Flow, str, float, str], hold: float, up: int,
    through: float,
) -> CallRecord:  # fmt: skip
    flow, name, _, queue = line
    started = at + float(random.exponential(0.002))
    srd = float(random.lognormal(np.log(0.05 + 0.0006 * up), 0.35))
    call = CallRecord(
        call=index + 1,
        worker=f"worker-{index % 2 + 1}",
        flow=flow,
        name=name,
        customer=f"+4479{index:08d}",
        country=COUNTRIES[index % len(COUNTRIES)],
        due_at=at,
        started_at=started,
        first_response_s=srd / 3,
        expected=queue,
        call_id=f"load-{index + 1}@127.0.0.20",
    )
    if up >= PBX_FULL_AT:
        return replace(
            call, code=503, reason="Service Unavailable", srd_s=srd * 2, ended_at=started + srd * 2,
            cause=Cause.REFUSED, why=f"503 Service Unavailable after {srd * 2000:.0f} ms",
        )  # fmt: skip
    if index % 500 == 321:
        return replace(
            call, first_response_s=None, ended_at=started + 32.0, cause=Cause.NO_RESPONSE,
            why="no final response within 32 s",
        )  # fmt: skip
    answer = srd + float(random.exponential(0.05))
    rang = answer + float(random.lognormal(-1.6, 0.5))
    if index % 200 == 199:
        hold = hold / 4
    ended = started + rang + 1 + hold
    loss = float(random.beta(1, 400)) + (0.03 if through > 0.85 and index % 3 == 0 else 0.0)
    customer, agent = ear(random, hold, loss), ear(random, hold, loss / 2)
    call = replace(
        call,
        code=200,
        reason="OK",
        srd_s=srd,
        answer_s=answer,
        agent=f"{2000 + index % 200}",
        reached=queue,
        agent_rang_s=rang,
        agent_answered_at=started + rang + 1,
        sdt_s=ended - started - answer,
        sdd_ms=float(random.lognormal(2.2, 0.5)),
        ended_by=Party.AGENT if index % 2 else Party.CUSTOMER,
        ended_at=ended,
        customer_hears=customer,
        agent_hears=agent,
    )
    if index % 200 == 199:
        return replace(
            call, ended_by=None, sdd_ms=3.0, cause=Cause.DROPPED, why=f"the PBX sent BYE {hold:.0f} s after the answer"
        )
    if index % 700 == 450:
        return replace(
            call, agent_hears=ear(random, hold, 0.0, heard=False), cause=Cause.AGENT_HEARS_NOTHING,
            why="no packet of the customer reached the agent's phone within 3 s",
        )  # fmt: skip
    if customer.mos is not None and customer.mos < 3.9:
        return replace(call, cause=Cause.POOR_QUALITY, why=f"MOS {customer.mos:.2f} at the customer's ear")
    return call


def health(lasted_s: float, seed: int = 2) -> list[HealthSample]:
    random = np.random.default_rng(seed)
    return [
        HealthSample(
            at=float(second),
            worker=worker,
            due=2,
            started=2,
            up=60,
            slip_ms=float(random.gamma(2, 1.1)),
            loop_lag_ms=float(random.gamma(2, 1.6)),
            send_late_ms=float(random.gamma(2, 0.9)),
            send_late_share=0.0004,
            receive_drops=0,
            signalling_cpu=float(0.22 + random.normal(0, 0.015)),
            trunk_cpu=float(0.31 + random.normal(0, 0.02)),
            media_cpu=float(0.12 + random.normal(0, 0.01)),
            machine_cpu=float(0.58 + random.normal(0, 0.03)),
        )
        for second in range(int(lasted_s))
        for worker in ("worker-1", "worker-2")
    ]


def pbx(records: list[CallRecord], lasted_s: float) -> list[PbxSample]:
    """A PBX with two channels for each call that is up."""
    starts = np.sort([c.started_at for c in records if c.answer_s is not None and c.started_at is not None])
    ends = np.sort([c.ended_at for c in records if c.answer_s is not None and c.ended_at is not None])
    samples = []
    for second in range(int(lasted_s)):
        up = int(np.searchsorted(starts, second) - np.searchsorted(ends, second))
        samples.append(
            PbxSample(
                at=float(second),
                cpu=0.08 + 0.0062 * up,
                memory_bytes=96_000_000 + 260_000 * up + 9_000 * second,
                channels=2 * up,
                descriptors=140 + 5 * up,
                waiting=max(0, up - 140) // 3,
            )
        )
    return samples


OWN = (("controller", "", 126.0, 0.002), ("generator", "worker-1", 105.0, 0.006), ("trunk", "worker-1", 32.0, 0.01))
"""Processes: what they are, whose, MB, and MB that they grow by each second."""


def processes(lasted_s: float) -> list[ProcessSample]:
    """Own processes, each five seconds and at rest."""
    return [
        ProcessSample(
            at=float(at),
            process=process,
            worker=worker,
            pid=1000 + number,
            memory_bytes=int((size + grows * max(at, 0)) * 1e6),
            descriptors=12 if at in (-1, int(lasted_s) + 1) else 90,
            ports=3,
        )
        for at in (-1, *range(0, int(lasted_s), 5), int(lasted_s) + 1)
        for number, (process, worker, size, grows) in enumerate(OWN)
    ]


CRITERIA = CriteriaSection(
    session_establishment_ratio=99.5, verified_calls=99.0, srd_p95_s=2.0, sdd_p95_ms=50.0, answer_to_agent_p95_s=3.0,
    mos_p5=3.9, loss_p95=1.0,
)  # fmt: skip


def criteria(records: list[CallRecord]) -> tuple[CriterionResult, ...]:
    return judge(CRITERIA, measure(Table.of(CallRecord, records)), leaked_channels=2)


def result(records: list[CallRecord], lasted_s: float, **changes: object) -> LoadResult:
    values: dict[str, object] = {
        "name": "go_live",
        "target": "reference-load",
        "pbx": "Asterisk 22.10.1+dfsg+~cs6.15.60671435-1",
        "trunk_profile": "8x8",
        "began": "2026-11-28T20:00:00+00:00",
        "planned_s": 600.0,
        "lasted_s": lasted_s,
        "seed": 1,
        "workers": ("worker-1", "worker-2"),
        "conditions": (
            ("Transport towards the trunk", "UDP"),
            ("Session attempt rate", "4 calls/s, Poisson"),
            ("Session duration", "exponential, mean 38 s"),
            ("Total sessions attempted", "2,400"),
            ("Media streams per session", "1, through the PBX"),
            ("Media protocol", "RTP/AVP"),
            ("Codec", "opus/48000/2, 20 ms"),
            ("Establishment threshold time", "32 s"),
        ),
        "criteria": criteria(records),
        "generator": Verdict.PASS,
        "generator_why": "pacing slip p99 9 ms, event loop at most 14 ms late, no packet dropped",
        "verdict": Verdict.FAIL,
        "headline": "Not ready for 4 calls/s: session establishment ratio 87.6 %, at least 99.5 % demanded",
        "baseline": BaselineResult(
            calls=400, rate=8.0, up=200, failures=0, srd_p95_ms=4.1, send_late_p99_ms=1.9, media_cpu_per_100=0.11,
            signalling_cpu_ms=3.4, verdict=Verdict.PASS,
        ),
        "probes": (
            ProbeResult(
                scenario="A caller presses 1 in the menu and reaches sales", began_at=240.0, ended_at=252.0,
                verdict=Verdict.PASS, why="", up=118,
            ),
            ProbeResult(
                scenario="A customer reaches an agent and they hear each other", began_at=420.0, ended_at=433.0,
                verdict=Verdict.FAIL, why="The PBX refused the call with 503 Service Unavailable", up=150,
            ),
        ),
        "profile_text": 'name = "go_live"\nduration_s = 600\n\n[arrivals]\nprocess = "poisson"\nrate = 4.0\n',
    }  # fmt: skip
    return LoadResult(**(values | changes))  # type: ignore[arg-type]


def capacity() -> CapacityResult:
    course = ((2.0, 0), (4.0, 0), (6.0, 0), (9.0, 41), (7.5, 12), (6.7, 0), (7.1, 3), (6.9, 0))
    return CapacityResult(
        kind="rate",
        carried=6.9,
        first_failed=7.1,
        finished=True,
        confidence="300 calls without a failure at 6.9 calls/s: with 95 % confidence less than 1 % of calls fail there",
        steps=tuple(
            StepResult(
                number=n + 1, offered=offered, began_at=70.0 * n, ended_at=70.0 * n + 60, attempts=300,
                failures=failures, verdict=Verdict.FAIL if failures else Verdict.PASS,
                why=f"{failures} of 300 calls failed" if failures else "",
            )
            for n, (offered, failures) in enumerate(course)
        ),
    )  # fmt: skip


def kept_trace(record: CallRecord) -> list[SipTraceEntry]:
    """Messages of a refused call on the trunk's leg with the PBX, with a password in one."""
    trace = Trace()
    trace.leg_up(TRUNK, "127.0.0.10:5060", record.call_id, "z1", "111 0 101", 0.05)
    trace.message(
        0.04, "127.0.0.10:5060", TRUNK, "SIP/2.0 503 Service Unavailable", record.call_id, cseq="1 INVITE",
        branch="z1", to_tag="b1", headers=f"Warning: 399 pbx {PASSWORD}\r\n",
    )  # fmt: skip
    return trace.entries


def write_load(directory: Path, records: list[CallRecord] | None = None, **changes: object) -> Path:
    """A pure load run; ``changes`` are of its LoadResult."""
    records = calls() if records is None else records
    lasted = max((c.ended_at or c.due_at for c in records), default=60.0)
    written = store.LoadStore(directory)
    for record in records:
        written.add(record)
    for sample in health(min(lasted, 900)):
        written.add(sample)
    for state in pbx(records, min(lasted, 900)):
        written.add(state)
    for seen in processes(min(lasted, 900)):
        written.add(seen)
    written.close()
    store.write_result(directory, result(records, lasted, **changes))
    refused = next((c for c in records if c.cause is Cause.REFUSED), None)
    if refused is not None:
        kept = directory / "load" / "kept"
        kept.mkdir(parents=True)
        lines = (json.dumps(asdict(entry)) + "\n" for entry in kept_trace(refused))
        (kept / "trace.jsonl").write_text("".join(lines), encoding="ascii")
    run = RunRecord(
        run_id=directory.name,
        target="reference-load",
        profile="8x8",
        pbx_version="Asterisk 22.10.1+dfsg",
        started_wall=WALL,
        finished_wall=WALL + lasted,
        workers=2,
        command="trunkproof load --target reference-load go_live",
    )
    (directory / "run.json").write_text(run.model_dump_json(), encoding="utf-8")
    return directory


def lost_worker() -> tuple[LostWorker, ...]:
    return (LostWorker(worker="worker-2", at=310.0, calls=61, why="its process ended by itself (signal 9)"),)


if __name__ == "__main__":
    import reports

    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2400
    where = write_load(
        Path(sys.argv[1]), calls(count, rate=count / 600), capacity=capacity(), lost_workers=lost_worker()
    )
    print(reports.write(where, secrets=[PASSWORD]).headline)
