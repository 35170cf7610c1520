"""Each limit of the generator, on both sides."""

from __future__ import annotations

import pytest

from harness.load.health import judge_health
from harness.load.records import CallRecord, Cause, HealthSample
from harness.load.table import Table
from harness.verdict import Verdict
from tests.load.samples import a_call, a_second

CALLS = [a_call(n) for n in range(400)]


def health(seconds, calls=CALLS, *, srd_p95_s=0.05, workers=1):
    samples, table = Table.of(HealthSample, seconds), Table.of(CallRecord, calls)
    return judge_health(samples, table, srd_p95_s=srd_p95_s, workers=workers)


def seconds(bad=0, of=100, **figures):
    return [a_second(at, **(figures if at < bad else {})) for at in range(of)]


def test_at_ease():
    said = health(seconds())
    assert (said.verdict, said.why) == (Verdict.PASS, "")


def test_nothing_known():
    assert health([]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("figure", "good", "bad", "said"),
    [
        ("signalling_cpu", 0.9, 0.94, "the generator's process was at 94 % of a core"),
        ("trunk_cpu", 0.9, 0.97, "the trunk's process was at 97 % of a core"),
        ("loop_lag_ms", 100.0, 340.0, "the event loop was 340 ms late"),
        ("send_late_ms", 40.0, 62.0, "RTP was sent 62 ms late"),
        ("send_late_share", 0.16, 0.17, "1.0 % of RTP was sent more than 5 ms late"),
        ("receive_drops", 166, 167, "1002 RTP packets were dropped because a receive buffer was full"),
    ],
)
def test_a_limit(figure, good, bad, said):
    assert health(seconds(6, **{figure: good})).verdict is Verdict.PASS
    beyond = health(seconds(6, **{figure: bad}))
    assert beyond.verdict is Verdict.INCONCLUSIVE
    assert beyond.why == f"{said}: run with --workers 2"


@pytest.mark.parametrize("figure", ["signalling_cpu", "trunk_cpu", "loop_lag_ms", "send_late_ms"])
def test_one_bad_second_in_twenty_is_none(figure):
    assert health(seconds(5, **{figure: 500.0})).verdict is Verdict.PASS
    assert health(seconds(6, **{figure: 500.0})).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("slip_s", "srd_p95_s", "verdict"),
    [
        (0.02, 0.01, Verdict.PASS),
        (0.021, 0.01, Verdict.INCONCLUSIVE),
        (0.1, 1.0, Verdict.PASS),
        (0.11, 1.0, Verdict.INCONCLUSIVE),
        (0.021, None, Verdict.INCONCLUSIVE),
    ],
)
def test_pacing_slip_against_the_session_request_delay(slip_s, srd_p95_s, verdict):
    late = [a_call(n, due_at=0.0, started_at=slip_s if n < 5 else 0.0) for n in range(400)]
    assert health(seconds(), late, srd_p95_s=srd_p95_s).verdict is verdict


def test_slip_says_how_late():
    late = [a_call(n, due_at=0.0, started_at=0.05) for n in range(400)]
    assert health(seconds(), late).why.startswith("calls began 50 ms after they were due (p99), 20 ms are the limit")


def test_calls_that_were_never_begun():
    """Those due in the last second may begin after it."""
    assert health(seconds(6, started=3)).verdict is Verdict.PASS
    assert health(seconds(7, started=3)).why == "3 of 400 calls could not be placed or judged: run with --workers 2"


def test_calls_that_the_generator_spoilt():
    spoilt = [a_call(n, cause=Cause.GENERATOR, why="no customer was free") for n in range(3)]
    assert health(seconds(), [*CALLS[3:], *spoilt[:2]]).verdict is Verdict.PASS
    said = health(seconds(), [*CALLS[3:], *spoilt])
    assert said.why == "3 of 400 calls could not be placed or judged: no customer was free"


def test_the_worker_is_named_and_more_are_advised():
    bad = [a_second(at, worker="w1", loop_lag_ms=200.0) for at in range(10)]
    assert health([*seconds(), *bad], workers=2).why == "w1: the event loop was 200 ms late: run with --workers 4"


def test_on_a_full_machine_more_workers_are_of_no_use():
    assert "add another one" in health(seconds(10, loop_lag_ms=200.0, machine_cpu=0.99)).why
