import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.levels import (
    SILENCE_DBOV,
    Span,
    frame_levels,
    level_dbov,
    measure,
    runs,
    silence_spans,
    to_level,
)

RATE = 8000


def sine(amplitude: float, seconds: float):
    return (amplitude * np.sin(np.arange(round(seconds * RATE)) * 0.7)).astype(np.float32)


def silence(seconds: float):
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def test_full_scale_sine_is_3_db_below_overload():
    assert level_dbov(sine(1.0, 1)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbov(np.ones(100, dtype=np.float32)) == pytest.approx(0.0)


def test_nothing_at_all():
    empty = measure(np.empty(0, dtype=np.float32), RATE)
    assert not empty.has_sound
    assert empty.level_dbov == empty.peak_dbov == SILENCE_DBOV
    assert silence_spans(np.empty(0, dtype=np.float32), RATE) == ()


def test_sound_between_silences():
    heard = np.concatenate([silence(0.5), sine(0.1, 1), silence(0.5)])
    figures = measure(heard, RATE)
    assert figures.first_sound_s == pytest.approx(0.5)
    assert figures.sound_s == pytest.approx(1.0)
    assert figures.active_dbov == pytest.approx(-23.0, abs=0.1)
    assert silence_spans(heard, RATE) == (Span(0.0, 0.5), Span(1.5, 2.0))


def test_idle_noise_of_a_codec_is_no_sound():
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 10 ** (-62 / 20)
    assert not measure(noise, RATE).has_sound


def test_clipping_is_seen():
    overdriven = np.clip(sine(4.0, 1), -1, 1)
    assert measure(overdriven, RATE).clipped_share > 0.5
    assert measure(sine(0.9, 1), RATE).clipped_share == 0


def test_last_short_frame_counts():
    assert len(frame_levels(sine(0.1, 0.03), RATE)) == 2


@given(st.lists(st.booleans()))
def test_runs_cover_exactly_the_true_flags(flags: list[bool]):
    covered = [False] * len(flags)
    for start, end in runs(np.array(flags, dtype=np.bool_)):
        assert start < end
        covered[start:end] = [True] * (end - start)
    assert covered == flags


@given(st.floats(0.001, 1.0), st.floats(-60, 0))
def test_levelled_sound_is_at_its_level_or_held_back_below_overload(amplitude: float, target: float):
    levelled = to_level(sine(amplitude, 0.2), target, RATE)
    assert np.abs(levelled).max() <= 0.981
    if amplitude > 0.01:
        assert measure(levelled, RATE, -70).active_dbov <= target + 0.1
