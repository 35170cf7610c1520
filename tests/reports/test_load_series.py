import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.load.distributions import ecdf, histogram
from reports.load.series import bins, most_at_once, per_second, quantile

TIMES = st.lists(st.floats(0, 599.9), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("until", "most", "records", "width", "count"),
    [
        (600, 360, 0, 2, 300),
        (60, 360, 0, 1, 60),
        (600, 150, 2400, 5, 120),
        (600, 150, 60, 60, 10),
        (60.5, 150, 0, 1, 61),
        (0, 150, 0, 1, 1),
        (90_000, 150, 10**6, 600, 150),
    ],
)
def test_bins_are_few_and_of_round_width(until, most, records, width, count):
    made = bins(until, most, records=records, each=12)
    assert (made.width, made.count) == (width, count)


def test_calls_that_came_early_are_not_in_one_bin():
    assert bins(600, 150, within=60, records=240, each=12).width == 5


@given(TIMES)
def test_no_event_is_lost_in_bins(times):
    over = bins(600, 150)
    assert (per_second(np.array(times), over) * over.lengths).sum() == pytest.approx(len(times))


def test_the_last_bin_is_as_long_as_the_run_lets_it():
    over = bins(60.5, 150)
    assert over.lengths[-1] == pytest.approx(0.5)
    assert per_second(np.array([60.2]), over)[-1] == pytest.approx(2.0)


@given(st.lists(st.tuples(st.floats(0, 599), st.floats(0, 200)), min_size=1, max_size=40))
def test_most_at_once_is_what_counting_says(calls):
    begun = np.array([begin for begin, _ in calls])
    ended = begun + [length for _, length in calls]
    real = max(sum(b <= moment < e for b, e in zip(begun, ended, strict=True)) for moment in begun)
    assert most_at_once(begun, ended, bins(600, 60)).max() == real


def test_calls_that_go_on_are_up_in_the_bins_between():
    over = bins(100, 10)
    up = most_at_once(np.array([5.0, 8.0, 95.0]), np.array([65.0, np.nan, 96.0]), over)
    assert up.tolist() == [2, 2, 2, 2, 2, 2, 2, 1, 1, 2]


def test_a_bin_without_a_value_has_no_quantile():
    found = quantile(np.array([1.0, 1.5, 95.0]), np.array([3.0, 5.0, np.nan]), bins(100, 10), 0.5)
    assert found[0] == 4.0
    assert np.isnan(found[1:]).all()


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=500))
def test_a_distribution_is_exact_where_it_is_drawn(values):
    given_values = np.array(values)
    grid, (shares,) = ecdf([given_values])
    for x, share in list(zip(grid, shares, strict=True))[::17]:
        assert share == pytest.approx(100 * (given_values <= x).mean())
    assert shares[-1] == 100.0
    assert len(grid) <= 185


def test_an_empty_group_has_no_distribution():
    _, (one, none) = ecdf([np.array([1.0]), np.array([np.nan])])
    assert one.tolist() == [100.0]
    assert np.isnan(none).all()


def test_a_histogram_has_all_values_in_it():
    assert sum(histogram(np.array([0.2, 1.0, 4.5, np.nan]), [1.0, 2.0, 4.5])) == pytest.approx(100.0)
