"""When calls come: as many as the course says, spread as the process says, none twice among generators."""

from __future__ import annotations

from itertools import pairwise, takewhile
from random import Random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.arrivals import Arrivals, Process, Stretch
from harness.load.arrivals_section import ArrivalsSection

STRETCHES = st.builds(Stretch, seconds=st.floats(0.5, 60), from_rate=st.floats(0, 20), to_rate=st.floats(0, 20))
COURSES = st.lists(STRETCHES, min_size=1, max_size=4).map(tuple)


def within(arrivals: Arrivals, seconds: float, seed: int = 1) -> list[float]:
    return list(takewhile(lambda at: at < seconds, arrivals.due(Random(seed))))


def section(**keys) -> Arrivals:
    return ArrivalsSection.model_validate(keys).arrivals(100.0)


@pytest.mark.parametrize(
    ("keys", "rates", "calls"),
    [
        ({"rate": 4}, {0: 4, 99: 4, 1000: 4}, 400),
        ({"process": "ramp", "rate": 4, "ramp_s": 50}, {0: 0, 25: 2, 50: 4, 90: 4}, 300),
        ({"process": "steps", "rate": 5, "steps": 5}, {1: 1, 21: 2, 99: 5}, 300),
        ({"process": "spike", "rate": 1, "spike_at_s": 20, "spike_s": 10, "spike_rate": 9}, {19: 1, 21: 9, 31: 1}, 180),
        ({"process": "spike", "rate": 1, "spike_s": 10, "spike_rate": 9}, {0: 9, 11: 1}, 180),
        (
            {"course": [{"seconds": 10, "from_rate": 2}, {"seconds": 10, "from_rate": 2, "to_rate": 6}]},
            {5: 2, 15: 4, 50: 6},
            20 + 40 + 480,
        ),
    ],
)
def test_rates_and_totals(keys, rates, calls):
    arrivals = section(**keys)
    assert {at: arrivals.rate(at) for at in rates} == rates
    assert arrivals.expected(100.0) == pytest.approx(calls)
    assert len(within(arrivals, 100.0)) == pytest.approx(calls, rel=0.15)


@given(COURSES, st.integers(1, 4))
def test_constant_calls_are_as_many_as_the_course_says(course, generators):
    arrivals = Arrivals(process=Process.CONSTANT, course=course)
    lasts = sum(stretch.seconds for stretch in course)
    parts = [within(arrivals.share(index, generators), lasts) for index in range(generators)]
    assert abs(sum(map(len, parts)) - arrivals.expected(lasts)) <= 1.5
    for part in parts:
        assert all(earlier <= later for earlier, later in pairwise(part))
    assert sorted(at for part in parts for at in part) == pytest.approx(within(arrivals, lasts))


@given(COURSES, st.floats(0, 200))
def test_the_total_is_the_sum_of_the_rates(course, seconds):
    arrivals = Arrivals(process=Process.POISSON, course=course)
    slices = 4000
    summed = fmean(arrivals.rate((n + 0.5) * seconds / slices) for n in range(slices)) * seconds
    assert arrivals.expected(seconds) == pytest.approx(summed, rel=0.02, abs=0.5)


def test_poisson_gaps_are_exponential():
    gaps = [later - earlier for earlier, later in pairwise(within(section(rate=10), 2000.0))]
    assert fmean(gaps) == pytest.approx(0.1, rel=0.03)
    assert pvariance(gaps) == pytest.approx(0.01, rel=0.06)


def test_generators_have_the_whole_between_them():
    arrivals = section(rate=10)
    parts = [within(arrivals.share(index, 4), 500.0, seed=index) for index in range(4)]
    assert sum(map(len, parts)) == pytest.approx(5000, rel=0.05)
    assert all(len(part) == pytest.approx(1250, rel=0.1) for part in parts)


def test_recorded_times_are_shared_out():
    arrivals = Arrivals(process=Process.RECORDED, times=(5.0, 1.0, 2.0, 9.0))
    assert [list(arrivals.share(index, 2).due(Random())) for index in range(2)] == [[1.0, 5.0], [2.0, 9.0]]
    assert arrivals.expected(5.0) == 2


def test_a_course_that_ends_at_0_ends():
    fading = Arrivals(process=Process.CONSTANT, course=(Stretch(seconds=10, from_rate=2, to_rate=0),))
    assert len(list(fading.due(Random()))) == 10


@given(COURSES, st.floats(0.5, 200))
def test_the_peak_is_the_largest_rate_that_there_is(course: tuple[Stretch, ...], seconds: float):
    arrivals = Arrivals(process=Process.POISSON, course=course)
    rates = [arrivals.rate(seconds * n / 1000) for n in range(1000)]
    assert max(rates) <= arrivals.peak(seconds) + 1e-9
    assert arrivals.peak(seconds) <= max(max(one.from_rate, one.to_rate) for one in course) + 1e-9
    assert arrivals.expected(seconds) <= arrivals.peak(seconds) * seconds + 1e-6


def test_the_peak_is_of_the_time_asked_for_only():
    spike = section(process="spike", rate=1, spike_at_s=20, spike_s=10, spike_rate=9)
    assert (spike.peak(20.0), spike.peak(21.0), spike.peak(100.0)) == (1, 9, 9)
    assert Arrivals(process=Process.RECORDED, times=(0.0, 1.0, 2.0, 3.0)).peak(8.0) == 0.5
