"""Calls of a plausible shape for the tests of load runs."""

from random import Random

from harness.load.records import CallRecord, Cause, EarFigures, Flow, HealthSample, Party


def an_ear(**changes) -> EarFigures:
    plain = dict(received=1500, lost=0, jitter_ms=1.5, delay_ms=12.25, own=1400, unstamped=100, first_own_s=0.04, mos=4.41)
    return EarFigures(**(plain | changes))


def a_call(number: int = 0, **changes) -> CallRecord:
    """One that went well."""
    plain = dict(
        call=number,
        worker="w0",
        flow=Flow.INBOUND,
        name="inbound",
        customer="+447700900123",
        country="GB",
        due_at=number * 0.25,
        started_at=number * 0.25 + 0.001,
        first_response_s=0.004,
        srd_s=0.05,
        answer_s=0.06,
        code=200,
        reason="OK",
        expected="load-a",
        agent="3001",
        reached="load-a",
        agent_rang_s=0.2,
        agent_answered_at=number * 0.25 + 1.2,
        sdt_s=30.5,
        sdd_ms=8.0,
        ended_by=Party.CUSTOMER,
        ended_at=number * 0.25 + 31.0,
        call_id=f"{number}@127.0.0.20",
        customer_hears=an_ear(),
        agent_hears=an_ear(delay_ms=14.0),
    )
    return CallRecord(**(plain | changes))


def a_refused_call(number: int = 0, code: int = 503, **changes) -> CallRecord:
    nothing = dict.fromkeys(
        ("answer_s", "agent_rang_s", "agent_answered_at", "sdt_s", "sdd_ms", "ended_by", "customer_hears", "agent_hears")
    )
    plain = dict(code=code, reason="Refused", agent="", reached="", cause=Cause.REFUSED, why=f"{code} Refused", srd_s=0.02)
    return a_call(number, **(nothing | plain | changes))


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
    plain = dict(
        at=at,
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
    return HealthSample(**(plain | changes))
