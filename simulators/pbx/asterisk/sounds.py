"""The sounds of an instance: the target's prompts where Asterisk looks for them, the tone of the voicemail."""

from __future__ import annotations

import math
import shutil
import struct
import wave
from pathlib import Path

from harness.audio.wav import read_reference
from harness.errors import HarnessMisuse
from harness.target import Purpose, Target

MUSIC = "music"
NEEDED = (
    "greeting",
    "after_hours",
    "no_agent",
    "busy",
    "not_in_service",
    "voicemail_thanks",
    "language_menu",
    MUSIC,
)
"""Prompts that the dialplan plays; a target that leaves one out cannot be the reference PBX."""

ANY_LANGUAGE = "any"
RATE_HZ = 8000
TONE_HZ = 1000
TONE_S = 0.3
TONE_LEVEL = 8000


def install_sounds(target: Target, sounds: Path, music: Path) -> None:
    """Copy the prompts to ``sounds`` (a directory per language), the queue's music to ``music``.

    Raises HarnessMisuse for a prompt that is missing, truncated or not 8000 Hz mono, which is what
    Asterisk reads from ``.wav``.
    """
    recorded = any(number.purpose is Purpose.RECORDED for number in target.numbers)
    notice = [target.recordings.notice] if recorded else []
    for name in (*NEEDED, *notice, *(prompt for prompt, _ in target.ivr.prompts())):
        if not target.prompts.get(name):
            raise HarnessMisuse(f"the reference PBX needs [prompts.{name}]", where=target.name)
    for name, files in target.prompts.items():
        for language, file in files.items():
            _check(file)
            if name == MUSIC:
                destination = music / file.name
            else:
                destination = (sounds if language == ANY_LANGUAGE else sounds / language) / f"{name}.wav"
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, destination)
    _write_tone(sounds / "beep.wav")


def _check(file: Path) -> None:
    sound = read_reference(file)
    if sound.rate_hz != RATE_HZ or len(sound.channels) != 1:
        raise HarnessMisuse(
            f"the reference PBX plays WAV files of {RATE_HZ} Hz, mono; this one has {sound.rate_hz} Hz and "
            f"{len(sound.channels)} channel(s)",
            where=file,
        )


def _write_tone(path: Path) -> None:
    """The tone after which a caller speaks."""
    samples = (round(TONE_LEVEL * math.sin(2 * math.pi * TONE_HZ * n / RATE_HZ)) for n in range(int(TONE_S * RATE_HZ)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
