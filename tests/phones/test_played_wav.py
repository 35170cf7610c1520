import wave

import numpy as np
import pytest

from harness.errors import HarnessMisuse
from simulators.phones.audio import check_wav


def write(path, rate=16000, channels=1, width=2, samples=1600):
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate)
        wav.writeframes(np.zeros(samples * channels * width, dtype=np.uint8).tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_usual_wavs_pass(tmp_path, rate):
    check_wav(str(write(tmp_path / "a.wav", rate=rate)))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"channels": 2}, "2 channels"),
        ({"rate": 11025}, "11025 Hz"),
        ({"width": 1}, "8-bit"),
        ({"samples": 10}, "shorter"),
    ],
)
def test_others_are_refused_in_one_line(tmp_path, shape, reason):
    path = write(tmp_path / "a.wav", **shape)
    with pytest.raises(HarnessMisuse, match=reason) as refusal:
        check_wav(str(path))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_truncated_missing_and_foreign_files(tmp_path):
    path = write(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(HarnessMisuse, match="truncated"):
        check_wav(str(path))
    with pytest.raises(HarnessMisuse, match="no such file"):
        check_wav(str(tmp_path / "absent.wav"))
    for content in (b"", b"RIFF", b"not audio at all" * 20):
        path.write_bytes(content)
        with pytest.raises(HarnessMisuse, match="not a PCM WAV"):
            check_wav(str(path))
