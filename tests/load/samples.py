"""Calls of a plausible shape for the tests of load runs."""

from dataclasses import replace
from random import Random

from harness.load.records import CallRecord, Cause, EarFigures, Flow, HealthSample, Party

AN_EAR = EarFigures(
    received=1500,
    jitter_ms=1.5,
    delay_ms=12.25,
    mouth_to_ear_ms=92.25,
    own=1400,
    unstamped=100,
    first_own_s=0.04,
    mos=4.41,
)
A_SECOND = HealthSample(
    at=0.0,
    worker="w0",
    due=4,
    started=4,
    up=100,
    slip_ms=1.5,
    loop_lag_ms=4.0,
    send_late_ms=2.0,
    send_late_share=0.0,
    receive_drops=0,
    signalling_cpu=0.2,
    trunk_cpu=0.15,
    media_cpu=0.1,
    machine_cpu=0.4,
)
A_CALL = CallRecord(
    call=0,
    worker="w0",
    flow=Flow.INBOUND,
    name="inbound",
    customer="+447700900123",
    country="GB",
    due_at=0.0,
    first_response_s=0.004,
    srd_s=0.05,
    answer_s=0.06,
    code=200,
    reason="OK",
    expected="load-a",
    agent="3001",
    reached="load-a",
    agent_rang_s=0.2,
    sdt_s=30.5,
    sdd_ms=8.0,
    ended_by=Party.CUSTOMER,
    customer_hears=AN_EAR,
    agent_hears=replace(AN_EAR, delay_ms=14.0, mouth_to_ear_ms=94.0),
)
A_REFUSED_CALL = CallRecord(
    call=0,
    worker="w0",
    flow=Flow.INBOUND,
    name="inbound",
    customer="+447700900123",
    country="GB",
    due_at=0.0,
    first_response_s=0.004,
    srd_s=0.02,
    code=503,
    reason="Service Unavailable",
    expected="load-a",
    cause=Cause.REFUSED,
    why="503 Service Unavailable",
)


def an_ear(**changes) -> EarFigures:
    return replace(AN_EAR, **changes)


def a_call(number: int = 0, **changes) -> CallRecord:
    """One that went well."""
    due = number * 0.25
    timed = replace(
        A_CALL,
        call=number,
        call_id=f"{number}@127.0.0.20",
        due_at=due,
        started_at=due + 0.001,
        agent_answered_at=due + 1.2,
        ended_at=due + 31.0,
    )
    return replace(timed, **changes)


def a_refused_call(number: int = 0, code: int = 503, **changes) -> CallRecord:
    due = number * 0.25
    return replace(A_REFUSED_CALL, call=number, code=code, due_at=due, started_at=due + 0.001, **changes)


def many_calls(count: int, seed: int = 1) -> list[CallRecord]:
    """Each hundredth of them refused."""
    random = Random(seed)
    return [
        a_refused_call(n)
        if n % 100 == 99
        else a_call(n, srd_s=random.lognormvariate(-3, 0.4), sdd_ms=random.expovariate(0.1))
        for n in range(count)
    ]


def a_second(at: float = 0.0, **changes) -> HealthSample:
    """Of a generator that is at ease."""
    return replace(A_SECOND, at=at, **changes)
