"""What is drawn has the mean that was asked for."""

from __future__ import annotations

from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.spread import Spread

SPREADS = {
    "constant": Spread(mean_s=12.0),
    "uniform": Spread(distribution="uniform", least_s=4.0, most_s=20.0),
    "exponential": Spread(distribution="exponential", mean_s=12.0),
    "lognormal": Spread(distribution="lognormal", mean_s=12.0, deviation_s=6.0),
}


@pytest.mark.parametrize("name", SPREADS)
def test_the_mean_is_as_asked_for(name):
    spread, random = SPREADS[name], Random(3)
    assert fmean(spread.draw(random) for _ in range(20_000)) == pytest.approx(12.0, rel=0.03)
    assert spread.mean() == pytest.approx(12.0, rel=0.01)


def test_the_deviation_too():
    random = Random(3)
    assert stdev(SPREADS["lognormal"].draw(random) for _ in range(20_000)) == pytest.approx(6.0, rel=0.05)


def test_cuts_are_in_the_mean():
    cut = Spread(distribution="exponential", mean_s=12.0, least_s=10.0, most_s=11.0)
    assert 10.0 < cut.mean() < 11.0


@given(st.sampled_from(sorted(SPREADS)), st.floats(0, 1))
def test_never_beyond_its_ends(name, q):
    spread = SPREADS[name]
    assert spread.least_s <= spread.quantile(q) <= spread.most_s


def test_the_same_seed_draws_the_same():
    one, other = ([SPREADS["lognormal"].draw(random) for _ in range(5)] for random in (Random(1), Random(1)))
    assert one == other
