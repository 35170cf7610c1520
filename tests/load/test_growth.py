"""A trend is told from noise, from collections of garbage, from a step, and from a run that is too short."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.growth import BLOCK_S, LEAST_BLOCKS, growth

MB = 1e6
RUN_S = 1200.0
AT = np.arange(0.0, RUN_S, 5.0)


def noise(size_mb: float = 1.0, seed: int = 1):
    random = Random(seed)
    return np.array([abs(random.gauss(0, size_mb)) * MB for _ in AT])


def seen(values):
    found = growth(AT, values, begin=0.0, end=RUN_S)
    assert found is not None and found.per_s.value is not None
    return found


def test_flat_with_noise():
    found = seen(100 * MB + noise())
    assert abs(found.per_s.value) < 200
    assert found.per_s.low < 50 and found.per_s.high > -50


def test_a_sawtooth_of_garbage_collection_is_flat():
    """20 MB in 90 s, then all of it is given back."""
    found = seen(100 * MB + AT % 90 / 90 * 20 * MB)
    assert found.per_s.low <= 0 <= found.per_s.high or abs(found.per_s.value) < 500
    assert not found.lasts or abs(found.last - found.first) < MB


def test_a_slow_leak():
    found = seen(100 * MB + AT * 10_000 + noise())
    assert found.per_s.low > 9_000
    assert found.per_s.value == pytest.approx(10_000, rel=0.05)
    assert found.last - found.first == pytest.approx(10_000 * found.seconds, rel=0.05)
    assert found.lasts


def test_a_slow_leak_under_a_sawtooth():
    found = seen(100 * MB + AT * 10_000 + AT % 90 / 90 * 20 * MB)
    assert found.per_s.value == pytest.approx(10_000, rel=0.15)
    assert found.lasts


@pytest.mark.parametrize("step_at", [100.0, 300.0, 590.0])
def test_a_step_does_not_last(step_at):
    found = seen(100 * MB + np.where(step_at > AT, 0.0, 30 * MB) + noise(0.01))
    assert not found.lasts or found.per_s.value < 10


def test_what_comes_to_an_end_does_not_last():
    found = seen(100 * MB + 50 * MB * (1 - np.exp(-AT / 200)))
    assert found.per_s.low > 0
    assert not found.lasts


def test_calls_that_come_and_go_are_no_growth():
    random = Random(3)
    calls = np.array([max(0.0, random.gauss(20, 4.5)) for _ in AT])
    found = seen(100 * MB + calls * 0.2 * MB)
    assert found.per_s.low < 0 < found.per_s.high


def test_too_short():
    least = LEAST_BLOCKS * BLOCK_S
    values = 100 * MB + AT
    assert growth(AT, values, begin=0.0, end=least - 1) is None
    assert growth(AT, values, begin=0.0, end=least) is not None


def test_seen_too_seldom():
    seldom = AT % 120 == 0
    assert growth(AT[seldom], 100 * MB + AT[seldom], begin=0.0, end=RUN_S) is None


def test_nothing_seen():
    nothing = np.array([])
    assert growth(nothing, nothing, begin=0.0, end=RUN_S) is None
    assert growth(AT, np.full(len(AT), np.nan), begin=0.0, end=RUN_S) is None


@settings(max_examples=50, deadline=None)
@given(
    rate=st.floats(min_value=-50_000, max_value=50_000),
    start=st.floats(min_value=0, max_value=1e9),
    seed=st.integers(0, 1000),
)
def test_a_straight_line_is_found_whatever_its_slope(rate, start, seed):
    found = seen(start + rate * AT + noise(0.1, seed))
    assert found.per_s.value == pytest.approx(rate, abs=300)
    assert found.per_s.low <= found.per_s.value <= found.per_s.high
