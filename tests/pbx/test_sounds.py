"""Prompts are installed byte for byte, and bad ones are told before a call is made with them."""

import wave
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from harness.target import Target, load_target
from simulators.pbx.asterisk.sounds import install_sounds


def with_greeting(target: Target, file: Path) -> Target:
    return target.model_copy(update={"prompts": target.prompts | {"greeting": {"en": file}}})


def test_prompts_are_copied_byte_for_byte(tmp_path: Path):
    target = load_target("reference")
    install_sounds(target, tmp_path / "sounds", tmp_path / "music")
    assert (tmp_path / "sounds/es/greeting.wav").read_bytes() == target.prompts["greeting"]["es"].read_bytes()
    assert (tmp_path / "sounds/language_menu.wav").is_file()
    assert (tmp_path / "music/music.wav").read_bytes() == target.prompts["music"]["any"].read_bytes()
    with wave.open(str(tmp_path / "sounds/beep.wav")) as tone:
        assert tone.getframerate() == 8000


def test_bad_prompts(tmp_path: Path):
    target = load_target("reference")
    whole = target.prompts["greeting"]["en"].read_bytes()
    truncated = tmp_path / "truncated.wav"
    truncated.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HarnessMisuse, match="truncated"):
        install_sounds(with_greeting(target, truncated), tmp_path, tmp_path)
    wideband = tmp_path / "wideband.wav"
    with wave.open(str(wideband), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\1\0" * 160)
    with pytest.raises(HarnessMisuse, match="16000 Hz"):
        install_sounds(with_greeting(target, wideband), tmp_path, tmp_path)
    with pytest.raises(HarnessMisuse, match=r"needs \[prompts\.greeting\]"):
        install_sounds(target.model_copy(update={"prompts": {}}), tmp_path, tmp_path)
