"""Prompts by ear on recordings made of the reference PBX's own files: verdict, and how it is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.audio.levels import Samples
from harness.audio.wav import read_reference, resample
from harness.errors import Inconclusive, PbxFault
from harness.target import Target, load_target
from scenarios.ear import Ear
from scenarios.prompts import LANGUAGE_NAMES, hears_music, hears_prompt, prompts_in, spoken
from steps.words import LANGUAGES
from tests.scenarios.stand_ins import RATE_HZ, ear_on, silence, small_target

ANSWERED_AT = 50.0


@pytest.fixture(scope="module")
def target() -> Target:
    return load_target("reference")


def sound(target: Target, name: str, language: str) -> Samples:
    path = target.prompt(name, language)
    assert path is not None
    reference = read_reference(path)
    return resample(reference.mono, reference.rate_hz, RATE_HZ)


def customer(ear: Ear) -> SimpleNamespace:
    return SimpleNamespace(
        label="the customer", ear=ear, language="en", in_call=False, connected_at=lambda: ANSWERED_AT
    )


class Scene:
    """The part of a scene that these checks use."""

    def __init__(self, target: Target) -> None:
        self.testbed = SimpleNamespace(target=target)
        self.facts: dict[str, object] = {}
        self.notes: list[str] = []
        self.note = self.notes.append
        self.fault = PbxFault


def test_languages_have_the_same_names_in_steps_and_reports() -> None:
    assert {code: name for name, code in LANGUAGES.items()} == LANGUAGE_NAMES


@pytest.mark.parametrize(
    ("name", "language", "words"),
    [
        ("greeting", "es", "greeting in Spanish"),
        ("after_hours", "fr", "after hours in French"),
        ("greeting", "nl", "greeting in nl"),
        ("language_menu", "any", "language menu"),
    ],
)
def test_a_prompt_in_words(name: str, language: str, words: str) -> None:
    assert spoken(name, language) == words


def test_a_whole_greeting_is_heard_and_its_delay_measured(target: Target, tmp_path: Path) -> None:
    heard = np.concatenate([silence(0.5), sound(target, "greeting", "en"), silence(0.5)])
    scene, ear = Scene(target), ear_on(tmp_path / "a.wav", heard, started_at=ANSWERED_AT)
    hears_prompt(scene, customer(ear), "greeting", "en")
    assert [mark.label for mark in ear.marks] == ["greeting in English"]
    assert 500 <= scene.facts["first_audio_delay_ms"] <= 700
    assert ear.cursor_s > 2.0


def test_another_language_is_named(target: Target, tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", np.concatenate([sound(target, "greeting", "es"), silence(0.5)]))
    with pytest.raises(PbxFault) as fault:
        hears_prompt(Scene(target), customer(ear), "greeting", "en")
    assert str(fault.value) == (
        "the customer did not hear the greeting in English: heard the greeting in Spanish instead and the call is over"
    )
    assert [mark.label for mark in ear.marks] == ["greeting in Spanish"]


def test_silence_is_called_silence(target: Target, tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", silence(2.0))
    with pytest.raises(PbxFault, match="did not hear the busy in French: only silence and the call is over"):
        hears_prompt(Scene(target), customer(ear), "busy", "fr")


def test_a_clipped_greeting_says_where_and_how_much(target: Target, tmp_path: Path) -> None:
    clipped = sound(target, "greeting", "en")[RATE_HZ:]
    ear = ear_on(tmp_path / "a.wav", np.concatenate([clipped, silence(0.5)]))
    reason = r"did not hear the whole prompt: the greeting in English: (0\.9|1\.0) s are missing at its beginning$"
    with pytest.raises(PbxFault, match=reason):
        hears_prompt(Scene(target), customer(ear), "greeting", "en")


def test_a_greeting_that_comes_too_late(target: Target, tmp_path: Path) -> None:
    late = np.concatenate([silence(2.0), sound(target, "greeting", "en")])
    ear = ear_on(tmp_path / "a.wav", np.concatenate([late, silence(0.5)]), started_at=ANSWERED_AT)
    with pytest.raises(
        PbxFault, match=r"the greeting in English began 2\.\d s after the answer; the target allows 1\.5 s"
    ):
        hears_prompt(Scene(target), customer(ear), "greeting", "en")


def test_a_prompt_that_the_target_does_not_declare(tmp_path: Path) -> None:
    scene, ear = Scene(small_target()), ear_on(tmp_path / "a.wav", silence(0.1))
    with pytest.raises(Inconclusive, match=r"no file for the greeting in English.*\[prompts\.greeting\]"):
        hears_prompt(scene, customer(ear), "greeting", "en")
    with pytest.raises(Inconclusive, match=r"no file under \[prompts\.music\]"):
        hears_music(scene, customer(ear))


def test_music_from_anywhere_in_its_file(target: Target, tmp_path: Path) -> None:
    music = sound(target, "music", "en")[3 * RATE_HZ : 6 * RATE_HZ]
    ear = ear_on(tmp_path / "a.wav", music)
    hears_music(Scene(target), customer(ear))
    assert [mark.label for mark in ear.marks] == ["queue music"]


def test_no_music(target: Target, tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", silence(3.0))
    with pytest.raises(PbxFault, match=r"hears no queue music while waiting: 0\.0 s of it \(only silence\)"):
        hears_music(Scene(target), customer(ear))


def test_all_prompts_in_a_recording_are_found(target: Target) -> None:
    heard = np.concatenate([sound(target, "greeting", "fr"), silence(0.3), sound(target, "busy", "fr")])
    assert {mark.label for mark in prompts_in(target, heard, RATE_HZ)} == {"greeting in French", "busy in French"}
