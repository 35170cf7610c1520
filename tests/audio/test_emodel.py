import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.emodel import (
    CODECS,
    G729A,
    UNCONCEALED_G711,
    CodecImpairment,
    delay_impairment,
    estimate,
    mos_of_rating,
)

LOSS = (0, 1, 2, 3, 5, 10, 20)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (UNCONCEALED_G711, (4.41, 3.83, 3.26, 2.79, 2.17, 1.48, 1.12)),
        (CODECS["pcmu"], (4.41, 4.33, 4.23, 4.13, 3.92, 3.41, 2.63)),
        (G729A, (4.10, 3.95, 3.79, 3.63, 3.34, 2.75, 2.02)),
    ],
)
def test_published_values(codec: CodecImpairment, expected: tuple[float, ...]):
    assert [round(estimate(codec, loss_percent=loss).mos, 2) for loss in LOSS] == list(expected)


def test_delay_costs_nothing_up_to_100_ms_and_then_ever_more():
    assert delay_impairment(100) == 0
    assert 0 < delay_impairment(150) < delay_impairment(400)
    assert estimate("pcma", loss_percent=0, one_way_delay_ms=400).mos < 4.0


def test_only_constants_from_a_recommendation_are_called_plain_e_model():
    assert "assumed" not in estimate("PCMU", loss_percent=0).label
    assert "assumed" in estimate("opus", loss_percent=0).label


def test_bursts_hurt_more_than_random_loss():
    assert estimate("pcmu", loss_percent=5, burst_ratio=3).mos < estimate("pcmu", loss_percent=5).mos


@given(st.floats(-200, 200))
def test_mos_stays_on_its_scale(rating: float):
    assert 1.0 <= mos_of_rating(rating) <= 4.5
