import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.beacon import beacon_samples
from harness.audio.drift import Mark, beacon_onsets, marks_of, sync_of
from harness.audio.levels import Samples
from harness.errors import Inconclusive

RATE = 8000
HALF_HOUR_S = 30 * 60
MADE = tuple(float(at) for at in range(5, HALF_HOUR_S - 5, 120))


def half_hour(frequency_hz: int, *, late_s: float = 0.0, ppm: float = 0.0, jump_at_s: float = np.inf) -> Samples:
    """A channel of half an hour with a second of beacon every two minutes; from ``jump_at_s`` on, 0.2 s are missing."""
    channel = np.zeros(HALF_HOUR_S * RATE, dtype=np.float32)
    tone = beacon_samples(frequency_hz, 1, RATE)
    for made in MADE:
        at = round((made * (1 + ppm / 1e6) + late_s - (0.2 if made >= jump_at_s else 0.0)) * RATE)
        channel[at : at + tone.size] = tone
    return channel


def test_half_an_hour_in_sync_on_paper():
    first = marks_of(MADE, beacon_onsets(half_hour(803), RATE, 803))
    second = marks_of(MADE, beacon_onsets(half_hour(2143, late_s=0.04), RATE, 2143))
    sync = sync_of(first, second)
    assert sync.marks == 2 * len(MADE)
    assert sync.at_start_ms == pytest.approx(40, abs=3)
    assert sync.drift_ms == pytest.approx(0, abs=2)
    assert sync.worst_ms < 5


def test_a_clock_that_runs_away_is_seen():
    """50 ppm, an ordinary crystal's error, are 78 ms between the middles of the first and the last tenth."""
    first = marks_of(MADE, beacon_onsets(half_hour(803), RATE, 803))
    second = marks_of(MADE, beacon_onsets(half_hour(2143, ppm=50), RATE, 2143))
    sync = sync_of(first, second)
    assert sync.rate_ppm == pytest.approx(50, rel=0.05)
    assert sync.drift_ms == pytest.approx(78, abs=4)


def test_a_channel_that_lost_sound_is_seen():
    first = marks_of(MADE, beacon_onsets(half_hour(803), RATE, 803))
    second = marks_of(MADE, beacon_onsets(half_hour(2143, jump_at_s=900), RATE, 2143))
    sync = sync_of(first, second)
    assert sync.drift_ms == pytest.approx(-200, abs=3)
    assert sync.worst_ms == pytest.approx(200, abs=4)


@pytest.mark.parametrize(
    "channel",
    [*(Channel(codec=codec) for codec in available_codecs()), Channel(loss=0.1), Channel(gain_db=-20)],
    ids=str,
)
def test_onsets_through_every_codec(channel: Channel):
    silence = np.zeros(2 * RATE, dtype=np.float32)
    one = np.concatenate([silence, beacon_samples(1049, 1, RATE), silence])
    onsets = beacon_onsets(channel.carry(np.tile(one, 3), RATE, seed=6), RATE, 1049)
    # Opus is 6.5 ms late, always by the same.
    assert onsets == pytest.approx([2, 7, 12], abs=0.015)
    assert np.diff(onsets) == pytest.approx([5, 5], abs=0.006)


def test_another_beacon_sets_nothing_in():
    assert beacon_onsets(half_hour(803)[: 300 * RATE], RATE, 2143) == ()
    assert beacon_onsets(np.zeros(0, dtype=np.float32), RATE, 803) == ()


def test_lost_sounds_have_no_mark():
    assert marks_of([1, 2, 3], [1.1, 3.2]) == (Mark(1, 1.1), Mark(3, 3.2))
    assert marks_of([1.0, 50.0], []) == ()


def test_without_marks_at_both_ends_nothing_is_known():
    whole = [Mark(at, at) for at in MADE]
    for broken in ([], whole[:3], whole[-3:]):
        with pytest.raises(Inconclusive):
            sync_of(whole, broken)
        with pytest.raises(Inconclusive):
            sync_of(broken, whole)


@given(late=st.floats(-0.5, 0.5), ppm=st.floats(-200, 200), both=st.floats(-0.3, 0.3))
def test_only_the_distance_of_the_channels_counts(late: float, ppm: float, both: float):
    first = [Mark(at, at + both) for at in MADE]
    second = [Mark(at, at * (1 + ppm / 1e6) + both + late) for at in MADE]
    sync = sync_of(first, second)
    assert sync.rate_ppm == pytest.approx(ppm, rel=0.01, abs=0.01)
    # The first and last tenth of half an hour stand for its ends.
    assert sync.at_start_ms == pytest.approx(1000 * late, abs=40)
    assert sync_of(first, first).drift_ms == 0
