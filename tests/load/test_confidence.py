"""Intervals against published values, and against what they promise."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.confidence import (
    UNDEFINED,
    mean,
    quantile,
    rule_of_three,
    samples_for_quantile,
    samples_for_share,
    share,
)


def test_a_ratio_has_wilsons_interval():
    """Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662, 0 of 20 is 0 to 0.1611."""
    measured = share(81, 263)
    assert measured.value == pytest.approx(30.798, abs=1e-3)
    assert (measured.low, measured.high) == pytest.approx((25.53, 36.62), abs=0.01)
    assert (share(0, 20).low, share(0, 20).high) == pytest.approx((0.0, 16.11), abs=0.01)


def test_nothing_is_undefined_never_0():
    assert share(0, 0) == UNDEFINED
    assert quantile(np.array([]), 0.95) == UNDEFINED
    assert mean(np.array([])) == UNDEFINED
    assert UNDEFINED.value is None


def test_a_percentile_is_one_of_the_values_between_two_others():
    """Of 100 values the median lies between the 40th and the 61st (binomial, 0.5)."""
    ordered = np.arange(1.0, 101.0)
    median = quantile(ordered, 0.5)
    assert (median.value, median.low, median.high) == (50.0, 40.0, 61.0)
    assert quantile(ordered, 0.95).value == 95.0


def test_few_values_set_no_bound():
    few = quantile(np.arange(1.0, 21.0), 0.95)
    assert (few.value, few.high) == (19.0, None)
    assert quantile(np.array([3.0]), 0.05).low is None
    assert mean(np.array([3.0])).low is None


@pytest.mark.parametrize("q", [0.05, 0.5, 0.95, 0.99])
def test_so_many_values_set_both_bounds_and_one_less_does_not(q):
    needed = samples_for_quantile(q)
    assert {0.5: 6, 0.05: 72, 0.95: 72, 0.99: 368}[q] == needed
    enough, less = (quantile(np.arange(float(n)), q) for n in (needed, needed - 1))
    assert enough.low is not None and enough.high is not None
    assert less.low is None or less.high is None


@pytest.mark.parametrize(("percent", "needed"), [(99.5, 765), (99.0, 381), (95.0, 73), (50.0, 4)])
def test_so_many_good_ones_show_a_share_and_one_less_does_not(percent, needed):
    assert samples_for_share(percent) == needed
    assert share(needed, needed).low >= percent > share(needed - 1, needed - 1).low


def test_the_interval_holds_the_true_percentile_as_often_as_it_says():
    random = Random(6)
    runs = 400
    held = 0
    for _ in range(runs):
        measured = quantile(np.sort([random.random() for _ in range(150)]), 0.9)
        held += measured.low <= 0.9 <= measured.high
    assert held / runs > 0.93


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=80), st.sampled_from([0.05, 0.5, 0.95, 0.99]))
def test_a_percentile_lies_in_its_interval(values, q):
    measured = quantile(np.sort(values), q)
    assert measured.value in values
    assert measured.low is None or measured.low <= measured.value
    assert measured.high is None or measured.value <= measured.high


def test_rule_of_three():
    assert rule_of_three(300) == 0.01
    assert rule_of_three(1) == rule_of_three(0) == 1.0
