import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from harness.audio import waveform
from harness.audio.beacon import beacon_samples
from harness.audio.wav import write_wav
from harness.audio.waveform import Clip, compress, compress_samples, peaks
from harness.errors import Inconclusive


@given(st.lists(st.floats(-1, 1, width=32), max_size=200), st.integers(-1, 50))
def test_outline_contains_the_extremes(values: list[float], buckets: int):
    samples = np.array(values, dtype=np.float32)
    outline = peaks(samples, buckets)
    assert outline.lowest.size == outline.highest.size == max(0, min(buckets, samples.size))
    if outline.lowest.size:
        assert outline.lowest.min() == samples.min()
        assert outline.highest.max() == samples.max()


def test_clip_is_small_and_playable(tmp_path: Path):
    write_wav(tmp_path / "a.wav", beacon_samples(1049, 10), 16_000)
    clip = compress(tmp_path / "a.wav")
    assert len(clip.octets) < 40_000
    samples, rate = soundfile.read(io.BytesIO(clip.octets))
    assert len(samples) / rate == pytest.approx(10, abs=0.2)


def test_clip_is_wav_where_nothing_else_can_be_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waveform, "_FORMS", ())
    clip = compress_samples(beacon_samples(1049, 1, 8000), 8000)
    assert isinstance(clip, Clip)
    assert clip.mime_type == "audio/wav"
    assert soundfile.info(io.BytesIO(clip.octets)).duration == pytest.approx(1)


def test_empty_recording_makes_a_clip():
    assert compress_samples(np.empty(0, dtype=np.float32), 16_000).octets


def test_missing_recording(tmp_path: Path):
    with pytest.raises(Inconclusive):
        compress(tmp_path / "none.wav")
