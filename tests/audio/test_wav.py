from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.audio.wav import (
    HEADER_BYTES,
    GrowingWav,
    from_pcm16,
    read_recording,
    read_reference,
    resample,
    to_pcm16,
    wav_header,
    write_wav,
)
from harness.errors import HarnessMisuse, Inconclusive, TrunkproofError

RAMP = np.linspace(-1, 0.999, 800, dtype=np.float32)


def test_what_is_written_is_read_back(tmp_path: Path):
    write_wav(tmp_path / "deep" / "a.wav", RAMP, 8000)
    sound = read_reference(tmp_path / "deep" / "a.wav")
    assert sound.rate_hz == 8000
    assert sound.seconds == pytest.approx(0.1)
    assert np.abs(sound.mono - RAMP).max() < 1 / 32_000


def test_stereo_keeps_its_channels_apart(tmp_path: Path):
    write_wav(tmp_path / "a.wav", np.stack([RAMP, -RAMP]), 8000)
    sound = read_recording(tmp_path / "a.wav")
    assert sound.channels.shape == (2, 800)
    assert np.allclose(sound.channels[0], RAMP, atol=1e-4)
    assert np.abs(sound.mono).max() < 1e-3


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "GSM610", "PCM_24", "FLOAT"])
def test_other_codings_of_a_pbx_are_read(tmp_path: Path, subtype: str):
    tone = 0.3 * np.sin(np.arange(8000) * 0.3)
    soundfile.write(tmp_path / "a.wav", tone, 8000, subtype=subtype)
    assert read_recording(tmp_path / "a.wav").seconds == pytest.approx(1, abs=0.05)


def test_other_chunks_are_skipped(tmp_path: Path):
    whole = wav_header(1600, 8000) + to_pcm16(RAMP)
    (tmp_path / "a.wav").write_bytes(whole[:36] + b"LIST\x03\x00\x00\x00abc\x00" + whole[36:])
    assert np.allclose(read_reference(tmp_path / "a.wav").mono, RAMP, atol=1e-4)


def test_overload_is_clipped():
    assert list(from_pcm16(to_pcm16(np.array([2.0, -2.0], dtype=np.float32)))) == [32767 / 32768, -1.0]


def test_truncated_prompt_is_the_users_and_the_message_says_what_to_do(tmp_path: Path):
    path = tmp_path / "greeting.wav"
    path.write_bytes((wav_header(1600, 8000) + to_pcm16(RAMP))[:900])
    with pytest.raises(HarnessMisuse, match="truncated, 856 of 1600 bytes") as caught:
        read_reference(path)
    assert "greeting.wav" in str(caught.value)
    assert "restore the file" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("octets", [b"", b"RIFF", b"not a wav file at all", wav_header(0, 8000)])
def test_useless_prompt_is_misuse(tmp_path: Path, octets: bytes):
    (tmp_path / "a.wav").write_bytes(octets)
    with pytest.raises(HarnessMisuse):
        read_reference(tmp_path / "a.wav")


def test_missing_files(tmp_path: Path):
    with pytest.raises(HarnessMisuse, match="No such file"):
        read_reference(tmp_path / "none.wav")
    with pytest.raises(Inconclusive, match="No such file"):
        read_recording(tmp_path / "none.wav")
    assert GrowingWav(tmp_path / "none.wav", 8000).read_new().size == 0


@pytest.mark.parametrize("declared", [0, 400, 2**31])
def test_recording_that_was_never_closed(tmp_path: Path, declared: int):
    (tmp_path / "a.wav").write_bytes(wav_header(declared, 8000) + to_pcm16(RAMP))
    heard = read_recording(tmp_path / "a.wav").mono
    assert heard.size == (200 if declared == 400 else 800)


@given(
    octets=st.binary(max_size=400),
    cut=st.integers(0, 300),
    flip=st.integers(0, 43),
    value=st.integers(0, 255),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damaged_files_raise_nothing_but_our_errors(tmp_path: Path, octets: bytes, cut: int, flip: int, value: int):
    damaged = bytearray(wav_header(len(octets), 8000) + octets)
    damaged[flip] = value
    path = tmp_path / "a.wav"
    for content in (octets, bytes(damaged[:cut]), bytes(damaged)):
        path.write_bytes(content)
        for read in (read_recording, read_reference):
            try:
                sound = read(path)
            except TrunkproofError as error:
                assert "\n" not in str(error)
            else:
                assert np.isfinite(sound.channels).all()
        try:
            assert GrowingWav(path, 8000).read_new().size == max(0, len(content) - HEADER_BYTES) // 2
        except Inconclusive:
            assert not content.startswith(b"RIFF")


@given(st.lists(st.integers(0, 70), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_growing_file_loses_and_repeats_nothing(tmp_path: Path, steps: list[int]):
    path = tmp_path / "growing.wav"
    whole = wav_header(0, 8000) + to_pcm16(RAMP)
    path.write_bytes(b"")
    growing, heard, end = GrowingWav(path, 8000), [], 0
    for step in [*steps, len(whole)]:
        with path.open("ab") as file:
            file.write(whole[end : end + step])
        end = min(end + step, len(whole))
        heard.append(growing.read_new())
    assert np.concatenate(heard).size == 800
    assert np.array_equal(np.concatenate(heard), from_pcm16(whole[HEADER_BYTES:]))
    assert growing.read_s == pytest.approx(0.1)


def test_growing_file_that_shrinks_is_not_believed(tmp_path: Path):
    path = tmp_path / "a.wav"
    write_wav(path, RAMP, 8000)
    growing = GrowingWav(path, 8000)
    assert growing.read_new().size == 800
    path.write_bytes(wav_header(0, 8000))
    with pytest.raises(Inconclusive, match="is 44 now"):
        growing.read_new()


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_resampled_tone_keeps_level_and_length(rate: int):
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    there = resample(tone, 8000, rate)
    assert there.size == rate
    assert np.sqrt(np.mean(there**2)) == pytest.approx(np.sqrt(0.5), rel=0.02)
