"""Estimated MOS of an ear's counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.quality import burst_ratio, loss_percent, quality
from harness.load.records import EarFigures


def heard(**figures) -> EarFigures:
    return EarFigures(**({"received": 1000} | figures))


def mos(figures: EarFigures, codec: str = "pcmu", jitter_buffer_ms: float = 60) -> float:
    estimated = quality(figures, codec, jitter_buffer_ms=jitter_buffer_ms)
    assert estimated is not None
    return estimated.mos


def test_loss_is_what_never_came_or_too_late():
    assert loss_percent(received=98, lost=2, late=3, duplicated=0) == 5.0
    assert loss_percent(received=100, lost=2, late=0, duplicated=2) == 2.0
    of_many = loss_percent(received=np.array([90.0, 0.0]), lost=np.array([10.0, 0.0]), late=0, duplicated=0)
    assert of_many[0] == 10.0 and np.isnan(of_many[1])


def test_published_values_of_random_loss():
    """G.711 with concealment: 4.41 without loss, 3.92 at 5 %."""
    assert mos(heard()) == pytest.approx(4.41, abs=0.01)
    assert mos(heard(received=950, lost=50, longest_burst=1)) == pytest.approx(3.92, abs=0.01)


def test_opus_is_said_to_be_assumed():
    assert "assumed" in quality(heard(), "opus", jitter_buffer_ms=60).label
    assert "assumed" not in quality(heard(), "pcma", jitter_buffer_ms=60).label


def test_nothing_heard_has_no_quality():
    assert quality(EarFigures(), "pcmu", jitter_buffer_ms=60) is None


def test_loss_in_a_row_is_worse():
    scattered, torn = (heard(received=900, lost=100, longest_burst=n) for n in (1, 90))
    assert burst_ratio(scattered) == 1.0
    assert burst_ratio(torn) == pytest.approx(100 / 11 * 0.9)
    assert mos(torn) < mos(scattered) - 0.4


def test_a_long_way_is_worse():
    assert mos(heard(delay_ms=400.0)) < mos(heard(delay_ms=10.0)) - 0.3
    assert mos(heard(delay_ms=10.0), jitter_buffer_ms=400) < mos(heard(delay_ms=10.0)) - 0.3


def test_an_unknown_codec_is_no_guess():
    with pytest.raises(KeyError):
        quality(heard(), "g729", jitter_buffer_ms=60)


@given(
    received=st.integers(1, 5000),
    lost=st.integers(0, 5000),
    longest=st.integers(0, 5000),
    delay=st.none() | st.floats(0, 5000),
)
def test_always_a_mos(received, lost, longest, delay):
    figures = EarFigures(received=received, lost=lost, longest_burst=min(longest, lost), delay_ms=delay)
    assert burst_ratio(figures) >= 1.0
    assert 1.0 <= mos(figures, "opus") <= 4.5
