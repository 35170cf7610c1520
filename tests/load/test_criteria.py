"""Each criterion passes on a good run, fails on one that breaks just it, and says when too little was measured."""

from __future__ import annotations

import pytest

from harness.load.criteria import CRITERIA, judge, verdict_of
from harness.load.measures import measure
from harness.load.profile import CriteriaSection
from harness.load.records import CallRecord, Cause
from harness.load.table import Table
from harness.verdict import Verdict
from tests.load.samples import a_call, a_refused_call, an_ear


def a_late_call(number):
    late = an_ear(mouth_to_ear_ms=260.0)
    return a_call(number, customer_hears=late, agent_hears=late)


GOOD = [a_call(n) for n in range(1000)]
BAD = range(1000, 1060)
LIMITS = {
    "session_establishment_ratio": 99.5,
    "session_effectiveness_ratio": 99.5,
    "session_completion_ratio": 99.5,
    "ineffective_session_attempts": 0.5,
    "verified_calls": 99.5,
    "srd_p95_s": 0.5,
    "sdd_p95_ms": 100.0,
    "answer_to_agent_p95_s": 1.0,
    "mouth_to_ear_p95_ms": 150.0,
    "mos_p5": 3.6,
    "loss_p95": 2.0,
    "cross_talk_calls": 0,
}
BREAKING = {
    "session_establishment_ratio": [a_refused_call(n, 404) for n in BAD],
    "session_effectiveness_ratio": [a_refused_call(n, 404) for n in BAD],
    "session_completion_ratio": [a_call(n, cause=Cause.NOT_ENDED, sdd_ms=None) for n in BAD],
    "ineffective_session_attempts": [a_refused_call(n, 503) for n in BAD],
    "verified_calls": [a_call(n, cause=Cause.AGENT_HEARS_NOTHING) for n in BAD],
    "srd_p95_s": [a_call(n, srd_s=0.9) for n in BAD],
    "sdd_p95_ms": [a_call(n, sdd_ms=450.0) for n in BAD],
    "answer_to_agent_p95_s": [a_call(n, agent_rang_s=6.0) for n in BAD],
    "mouth_to_ear_p95_ms": [a_late_call(n) for n in BAD],
    "mos_p5": [a_call(n, customer_hears=an_ear(mos=2.1), agent_hears=an_ear(mos=2.1)) for n in BAD],
    "loss_p95": [a_call(n, customer_hears=an_ear(lost=90), agent_hears=an_ear(lost=90)) for n in BAD],
    "cross_talk_calls": [a_call(1000, cause=Cause.CROSS_TALK)],
}
ALSO = {
    "session_establishment_ratio": {"session_effectiveness_ratio", "session_completion_ratio", "verified_calls"},
    "session_effectiveness_ratio": {"session_establishment_ratio", "session_completion_ratio", "verified_calls"},
    "session_completion_ratio": {"verified_calls"},
    "ineffective_session_attempts": {
        "session_establishment_ratio",
        "session_effectiveness_ratio",
        "session_completion_ratio",
        "verified_calls",
    },
}
"""What breaks with it, by the formulas."""


def judged(calls, leaked=0, **limits):
    criteria = CriteriaSection.model_validate(limits)
    return {c.measure: c for c in judge(criteria, measure(Table.of(CallRecord, calls)), leaked_channels=leaked)}


def test_every_key_of_the_section_is_judged():
    """What leaks is not measured on calls (``test_leaks.py``), and PESQ on a sample of them (``test_listening.py``)."""
    leaks = {"leaked_channels", "leaked_descriptors", "leaked_ports", "leaked_processes", "memory_growth"}
    assert {*CRITERIA, *leaks, "pesq_p5"} == set(CriteriaSection.model_fields)
    assert set(LIMITS) == set(CRITERIA)


def test_a_good_run_meets_all():
    results = judged(GOOD, **LIMITS)
    assert {result.verdict for result in results.values()} == {Verdict.PASS}
    assert len(results) == len(LIMITS) + 1


@pytest.mark.parametrize("broken", LIMITS)
def test_each_is_broken_by_what_breaks_it_and_by_nothing_else(broken):
    results = judged([*GOOD, *BREAKING[broken]], **LIMITS)
    failed = {measure for measure, result in results.items() if result.verdict is Verdict.FAIL}
    assert failed - ALSO.get(broken, set()) == {broken}
    assert results[broken].value is not None


@pytest.mark.parametrize("measure", LIMITS)
def test_each_says_that_nothing_was_measured(measure):
    result = judged([], **{measure: LIMITS[measure]})[measure]
    assert (result.verdict, result.value) == (Verdict.INCONCLUSIVE, None)
    assert result.why.startswith("no ")


@pytest.mark.parametrize(
    ("measure", "needed"),
    [("session_establishment_ratio", 765), ("ineffective_session_attempts", 765), ("srd_p95_s", 72)],
)
def test_so_many_calls_tell_and_one_less_does_not(measure, needed):
    limit = {measure: LIMITS[measure]}
    assert judged(GOOD[:needed], **limit)[measure].verdict is Verdict.PASS
    result = judged(GOOD[: needed - 1], **limit)[measure]
    assert result.verdict is Verdict.INCONCLUSIVE
    assert f"it takes {needed}" in result.why


def test_beyond_the_limit_is_a_failure_however_few_they_were():
    result = judged([*GOOD[:9], a_refused_call(9)], session_establishment_ratio=95)["session_establishment_ratio"]
    assert result.verdict is Verdict.FAIL
    assert "90 %" in result.why and "may be chance" in result.why


def test_a_pass_whose_interval_reaches_over_the_limit_says_so():
    calls = [*GOOD[:996], *BREAKING["session_establishment_ratio"][:4]]
    result = judged(calls, session_establishment_ratio=99.5)["session_establishment_ratio"]
    assert result.verdict is Verdict.PASS
    assert "98.98 % to 99.84 %" in result.why
    assert judged(calls, session_establishment_ratio=98)["session_establishment_ratio"].why == "99.6 %"


def test_leaked_channels():
    assert judged(GOOD, leaked=1)["leaked_channels"].verdict is Verdict.FAIL
    assert judged(GOOD, leaked=1, leaked_channels=1)["leaked_channels"].verdict is Verdict.PASS
    assert judged(GOOD, leaked=None)["leaked_channels"].verdict is Verdict.NOT_RUN
    assert judged(GOOD, leaked=None, leaked_channels=0)["leaked_channels"].verdict is Verdict.INCONCLUSIVE


def verdict(calls, *, generator=Verdict.PASS, leaked=0, **more):
    limits = {"session_establishment_ratio": 99.5, "srd_p95_s": 0.5}
    return verdict_of("4 calls/s", tuple(judged(calls, leaked, **limits).values()), generator=generator, **more)


def test_ready():
    said = verdict(GOOD)
    assert (said.verdict, said.exit_code) == (Verdict.PASS, 0)
    assert said.headline == "Ready for 4 calls/s: all 4 criteria met"


def test_not_ready():
    said = verdict([*GOOD, *BREAKING["session_establishment_ratio"], a_call(9, cause=Cause.CROSS_TALK)])
    assert (said.verdict, said.exit_code) == (Verdict.FAIL, 1)
    assert said.headline == (
        "Not ready for 4 calls/s: session establishment ratio 94.34 %, at least 99.5 % demanded, and 1 more criterion"
    )


def test_too_few_calls():
    said = verdict(GOOD[:100])
    assert (said.verdict, said.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "100 attempts are too few to tell" in said.headline


def test_a_generator_that_was_the_bottleneck_outweighs_all():
    for calls in (GOOD, BREAKING["session_establishment_ratio"]):
        said = verdict(calls, generator=Verdict.INCONCLUSIVE, generator_why="the event loop was 340 ms late")
        assert (said.verdict, said.exit_code) == (Verdict.INCONCLUSIVE, 3)
        assert "the event loop was 340 ms late" in said.headline


def test_a_run_that_was_cut_short_can_fail_but_not_pass():
    assert verdict(GOOD, incomplete="w1 was lost").headline == "Cannot say whether it carries 4 calls/s: w1 was lost"
    assert verdict(BREAKING["session_establishment_ratio"], incomplete="w1 was lost").exit_code == 1


def test_without_a_criterion_nothing_is_proved():
    assert verdict_of("4 calls/s", (), generator=Verdict.PASS).exit_code == 3
    not_asked = verdict_of(
        "4 calls/s", tuple(judged(GOOD, None, cross_talk_calls=None).values()), generator=Verdict.PASS
    )
    assert not_asked.verdict is Verdict.INCONCLUSIVE
