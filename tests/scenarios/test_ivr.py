"""What is judged at a front door, on sound made of the reference PBX's own prompts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.audio.levels import Samples
from harness.audio.wav import read_reference, resample
from harness.errors import HarnessMisuse, Inconclusive, NotRun, PbxFault
from harness.leases import LeaseBook
from harness.target import Target, load_target
from scenarios import front_door
from scenarios.ear import Ear
from scenarios.front_door import lease_front_door
from scenarios.ivr import counted_once, prompt_stops, written_way, wrong_key
from scenarios.ivr_hours import read_moment, read_staffing
from scenarios.prompts import hears_beginning
from tests.scenarios.stand_ins import RATE_HZ, ear_on, silence, small_target

STARTED_AT = 50.0


@pytest.fixture(scope="module")
def target() -> Target:
    return load_target("reference")


def sound(target: Target, name: str, language: str = "en") -> Samples:
    path = target.prompt(name, language)
    assert path is not None
    reference = read_reference(path)
    return resample(reference.mono, reference.rate_hz, RATE_HZ)


def customer(ear: Ear, *, pressed_s: float = 0.0) -> SimpleNamespace:
    pressed_at = STARTED_AT + pressed_s if pressed_s else 0.0
    return SimpleNamespace(
        label="the customer", ear=ear, language="en", pressed_at=pressed_at, connected_at=lambda: STARTED_AT
    )


class Scene:
    """The part of a scene that these checks use."""

    def __init__(self, target: Target) -> None:
        self.testbed = SimpleNamespace(target=target)
        self.front_door = SimpleNamespace(ivr=target.ivr)
        self.facts: dict[str, object] = {}
        self.notes: list[str] = []
        self.note = self.notes.append
        self.fault = PbxFault


def test_the_beginning_of_a_menu_is_enough(target: Target, tmp_path: Path) -> None:
    heard = np.concatenate([silence(0.5), sound(target, "ivr_main")[: round(1.6 * RATE_HZ)]])
    scene, ear = Scene(target), ear_on(tmp_path / "a.wav", heard, started_at=STARTED_AT)
    hears_beginning(scene, customer(ear), "ivr_main", "en")
    assert 500 <= scene.facts["first_audio_delay_ms"] <= 700
    assert 0.5 <= ear.cursor_s <= 0.7


def test_the_beginning_of_another_menu_is_not(target: Target, tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", np.concatenate([sound(target, "ivr_main", "es"), silence(0.5)]))
    with pytest.raises(PbxFault, match="did not hear the ivr main in English: heard the ivr main in Spanish instead"):
        hears_beginning(Scene(target), customer(ear), "ivr_main", "en")


def test_a_menu_that_begins_too_late(target: Target, tmp_path: Path) -> None:
    heard = np.concatenate([silence(2.0), sound(target, "ivr_main")])
    ear = ear_on(tmp_path / "a.wav", heard, started_at=STARTED_AT)
    with pytest.raises(PbxFault, match=r"the ivr main in English began 2\.\d s after the answer"):
        hears_beginning(Scene(target), customer(ear), "ivr_main", "en")


def interrupted(target: Target, tmp_path: Path, *, goes_on_s: float) -> Ear:
    """The first menu, which goes on for so long after a key that was pressed at 1.5 s; then a department."""
    menu = sound(target, "ivr_main")[: round((1.5 + goes_on_s) * RATE_HZ)]
    heard = np.concatenate([menu, silence(0.1), sound(target, "ivr_sales"), silence(1.5)])
    return ear_on(tmp_path / "a.wav", heard, started_at=STARTED_AT)


@pytest.mark.parametrize("goes_on_s", [0.2, 0.5])
def test_a_menu_that_stops_at_once(target: Target, tmp_path: Path, goes_on_s: float) -> None:
    scene = Scene(target)
    prompt_stops(scene, customer(interrupted(target, tmp_path, goes_on_s=goes_on_s), pressed_s=1.5))
    assert scene.facts["barge_in_ms"] == pytest.approx(goes_on_s * 1000, abs=150)


def test_a_menu_that_does_not_stop(target: Target, tmp_path: Path) -> None:
    ear = interrupted(target, tmp_path, goes_on_s=1.4)
    with pytest.raises(PbxFault, match=r"went on for 1\.[2-5] s after the key was pressed; the target allows 0\.8 s"):
        prompt_stops(Scene(target), customer(ear, pressed_s=1.5))


def test_a_key_pressed_at_a_menus_end_tells_nothing(target: Target, tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", np.concatenate([sound(target, "ivr_main"), silence(3.0)]), started_at=STARTED_AT)
    with pytest.raises(Inconclusive, match="all but over"):
        prompt_stops(Scene(target), customer(ear, pressed_s=3.0))
    with pytest.raises(HarnessMisuse, match="has pressed no key"):
        prompt_stops(Scene(target), customer(ear))


def test_a_key_that_counts_once(target: Target, tmp_path: Path) -> None:
    heard = np.concatenate([sound(target, "ivr_main")[:RATE_HZ], sound(target, "ivr_billing"), silence(0.5)])
    ear = ear_on(tmp_path / "a.wav", heard, started_at=STARTED_AT)
    counted_once(Scene(target), customer(ear, pressed_s=0.5), "billing", "en")


def test_a_key_that_counts_twice(target: Target, tmp_path: Path) -> None:
    parts = [sound(target, "ivr_invalid"), sound(target, "ivr_billing"), silence(0.5)]
    ear = ear_on(tmp_path / "a.wav", np.concatenate(parts), started_at=STARTED_AT)
    with pytest.raises(PbxFault, match=r"one press counted as two: before the ivr billing .* heard the ivr invalid"):
        counted_once(Scene(target), customer(ear, pressed_s=0.1), "billing", "en")


def test_a_line_is_leased_with_all_its_queues(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "LINE_LEASE_S", 0.0)
    book = LeaseBook(tmp_path)
    doors = [lease_front_door(target, book) for _ in target.ivr.lines]
    assert len({door.line.number for door in doors}) == 6
    agents = [extension for door in doors for queue in door.agents.values() for extension in queue]
    assert len(agents) == len(set(agents)) == 60
    with pytest.raises(Inconclusive, match="no front door came free"):
        lease_front_door(target, book)
    doors[0].lease.release()
    assert lease_front_door(target, book).line == doors[0].line
    assert doors[0].department_of(doors[0].agents["sales"][0]) == ["sales"]


def test_a_target_without_a_front_door(tmp_path: Path) -> None:
    with pytest.raises(NotRun, match=r"no front door \(\[ivr\]\)"):
        lease_front_door(small_target(), LeaseBook(tmp_path))


def test_ways_and_moments_that_are_not_understood(target: Target) -> None:
    ear = SimpleNamespace()
    with pytest.raises(HarnessMisuse, match="the menu 'main' has no key '7'"):
        written_way(Scene(target), customer(ear), "7")
    with pytest.raises(HarnessMisuse, match=r"'10\.3\.2026' is not a time such as '2026-03-10 17:59'"):
        read_moment("10.3.2026")
    with pytest.raises(HarnessMisuse, match=r"callers cannot hear 'open'.*known: the menu, after hours"):
        read_staffing("open")
    assert wrong_key(Scene(target)) not in target.ivr.menus[0].options
