"""Searches against PBXs of a known capacity; figures to compare with are those of a simulation of RFC 7502's text."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessMisuse
from harness.load.concurrency_search import ConcurrencySearch
from harness.load.rate_search import RateSearch
from harness.load.result import StepResult
from harness.load.search import SHORT, STANDARD, from_json, resumed, to_json
from harness.load.search_step import SearchKind
from harness.verdict import Verdict


def came_of(step, verdict: Verdict, why="") -> StepResult:
    failures = 1 if verdict is Verdict.FAIL else 0
    return StepResult(
        number=step.number,
        offered=step.offered,
        began_at=0.0,
        ended_at=step.attempts / step.rate + step.seconds,
        attempts=step.attempts,
        failures=failures,
        verdict=verdict,
        why=why,
    )


def searched(search, carries, most_steps=300):
    """The search at its end, on a PBX for which ``carries`` says whether a load goes well."""
    while (step := search.next_step()) is not None:
        assert len(search.steps) < most_steps, "it does not end"
        search = search.noted(came_of(step, Verdict.PASS if carries(step.offered) else Verdict.FAIL))
    return search


def up_to(capacity):
    return lambda offered: offered <= capacity


def hours(search) -> float:
    return sum(step.ended_at for step in search.steps) / 3600


@pytest.mark.parametrize(
    ("capacity", "found", "steps", "lasts"),
    [(50, 49, 26, 6.8), (120, 118, 22, 2.6), (300, 297, 33, 2.0), (1000, 996, 46, 1.7)],
)
def test_rfc_7502(capacity, found, steps, lasts):
    search = searched(RateSearch(), up_to(capacity))
    result = search.result()
    assert (result.carried, len(result.steps), result.finished) == (found, steps, True)
    assert hours(search) == pytest.approx(lasts, abs=0.05)
    assert result.first_failed is not None and result.first_failed > capacity


def test_fewer_attempts_take_less_time_and_are_said():
    search = searched(RateSearch(attempts=5000), up_to(120))
    assert 60 * hours(search) == pytest.approx(16, abs=0.5)
    said = search.result().confidence
    assert "10,000 calls at 118 calls/s without a failure" in said
    assert "fewer than one in 3,333 fails there (rule of three)" in said
    assert "no step had more than 5,000 calls, RFC 7502 wants 50,000" in said


@pytest.mark.parametrize("capacity", [0.5, 3, 7, 20, 50, 120, 300, 1000])
def test_the_short_search_takes_minutes(capacity):
    search = searched(SHORT[SearchKind.RATE], up_to(capacity))
    assert 0.8 * capacity <= search.result().carried <= capacity
    assert hours(search) < 0.25


def test_a_pbx_that_carries_nothing():
    result = searched(SHORT[SearchKind.RATE], up_to(0)).result()
    assert (result.carried, result.finished) == (None, True)
    assert result.confidence == "no rate went well, down to 0.1 calls/s"


def test_no_more_is_offered_than_the_generator_carries():
    result = searched(replace(SHORT[SearchKind.RATE], most=30.0), up_to(1000)).result()
    assert (result.carried, result.first_failed) == (30.0, None)
    assert "the PBX may carry more" in result.confidence


@pytest.mark.parametrize("search", [RateSearch(), SHORT[SearchKind.RATE], ConcurrencySearch()])
def test_a_generator_at_its_limit_ends_the_search(search):
    for _ in range(2):
        search = search.noted(came_of(search.next_step(), Verdict.PASS))
    carried = search.result().carried
    search = search.noted(came_of(search.next_step(), Verdict.INCONCLUSIVE, "the event loop was 340 ms late"))
    result = search.result()
    assert search.next_step() is None
    assert (result.carried, result.finished) == (carried, False)
    assert "cannot be judged: the event loop was 340 ms late" in result.confidence
    again = resumed(search)
    assert again.next_step().offered == search.steps[-1].offered
    assert resumed(again) == again


@pytest.mark.parametrize("search", [*SHORT.values(), *STANDARD.values()])
def test_it_goes_on_from_a_file(search):
    while (step := search.next_step()) is not None and len(search.steps) < 300:
        search = search.noted(came_of(step, Verdict.PASS if step.offered <= 70 else Verdict.FAIL))
        read = from_json(to_json(search))
        assert read == search
        assert read.next_step() == search.next_step()


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "luck"}', '{"kind": "rate", "attempts": "many"}'])
def test_a_file_that_is_none_is_one_line(text):
    with pytest.raises(HarnessMisuse, match=r"capacity\.json: is no capacity search") as refused:
        from_json(text, where="capacity.json")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("capacity", [1, 5, 10, 35, 100, 333, 999])
def test_calls_at_once(capacity):
    search = searched(ConcurrencySearch(), up_to(capacity))
    result = search.result()
    assert 0.94 * capacity - 1 <= result.carried <= capacity < result.first_failed
    assert result.finished and len(result.steps) < 16
    votes = [step.offered for step in result.steps]
    assert votes.count(result.carried) == votes.count(result.first_failed) == 2
    assert "in 2 of 2 steps of 30 s" in result.confidence


def test_calls_at_once_up_to_the_most_and_down_to_none():
    most = searched(ConcurrencySearch(), up_to(2000)).result()
    assert (most.carried, most.first_failed) == (1000.0, None)
    assert "the PBX may carry more" in most.confidence
    none = searched(ConcurrencySearch(), up_to(0)).result()
    assert (none.carried, none.finished) == (None, True)
    assert none.confidence == "no number of calls met the criteria, down to 1 at once"


def test_a_chance_failure_is_repeated_and_voted_down():
    offered = []

    def fails_once(level):
        offered.append(level)
        return level <= 100 and not (level == 80 and offered.count(80) == 1)

    result = searched(ConcurrencySearch(), fails_once).result()
    assert 94 <= result.carried <= 100
    assert offered.count(80) == 3


@given(seed=st.integers(0, 10_000), capacity=st.integers(1, 1200), wobble=st.floats(0, 0.3))
def test_a_pbx_near_its_limit_ends_every_search(seed, capacity, wobble):
    random = Random(seed)

    def carries(offered):
        return offered <= capacity * (1 + random.uniform(-wobble, wobble))

    for search in (ConcurrencySearch(), SHORT[SearchKind.CONCURRENCY]):
        result = searched(search, carries).result()
        assert result.finished
        assert result.carried is None or result.first_failed is None or result.carried < result.first_failed


@given(capacity=st.floats(0.1, 500), start=st.floats(1, 300))
def test_a_rate_is_found_from_anywhere(capacity, start):
    result = searched(replace(SHORT[SearchKind.RATE], rate=start), up_to(capacity)).result()
    assert result.carried is not None and result.carried <= capacity
