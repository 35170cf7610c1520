"""An ear on recordings made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.audio.beacon import beacon_samples
from scenarios import ear as ear_module
from tests.scenarios.stand_ins import RATE_HZ, FakeClock, ear_on, silence

VOICE_HZ, OTHER_HZ = 547, 1753
STARTED_AT = 50.0
TOLERANCE_S = 0.1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(now=STARTED_AT)
    monkeypatch.setattr(ear_module, "monotonic", clock.monotonic)
    monkeypatch.setattr(ear_module, "sleep", clock.sleep)
    return clock


def voice_after(quiet_s: float, frequency_hz: int = VOICE_HZ) -> np.ndarray:
    return np.concatenate([silence(quiet_s), beacon_samples(frequency_hz, 2, RATE_HZ)])


def test_a_voice_that_is_there_is_heard_at_once(tmp_path: Path, clock: FakeClock) -> None:
    ear = ear_on(tmp_path / "a.wav", voice_after(1.0), over=False)
    heard = ear.wait_for_beacon(VOICE_HZ, since=STARTED_AT, for_s=0.8, within_s=3.0)
    assert heard.seconds == pytest.approx(2.0, abs=TOLERANCE_S)
    assert heard.delay_s == pytest.approx(1.0, abs=TOLERANCE_S)
    assert heard.level_dbov == pytest.approx(-15.0, abs=1.5)
    assert ear.beacon_seconds(OTHER_HZ) == 0.0
    assert clock.sleeps == []


def test_only_what_came_since_the_moment_counts(tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", voice_after(1.0))
    assert ear.beacon_seconds(VOICE_HZ, since=STARTED_AT + 2.0) == pytest.approx(1.0, abs=TOLERANCE_S)
    assert ear.beacon_seconds(VOICE_HZ, since=STARTED_AT + 3.0) == pytest.approx(0.0, abs=TOLERANCE_S)


def test_a_moment_before_the_recording_is_its_beginning(tmp_path: Path) -> None:
    ear = ear_on(tmp_path / "a.wav", silence(1.0))
    assert ear.position(STARTED_AT - 5.0) == 0.0
    assert ear.position(STARTED_AT + 0.5) == 0.5


def test_a_voice_that_never_comes_is_waited_for_until_the_deadline(tmp_path: Path, clock: FakeClock) -> None:
    ear = ear_on(tmp_path / "a.wav", silence(1.0), over=False)
    assert ear.wait_for_beacon(VOICE_HZ, since=STARTED_AT, for_s=0.8, within_s=3.0).seconds == 0.0
    assert clock.now == pytest.approx(STARTED_AT + 3.0, abs=2 * ear_module.LISTEN_EVERY_S)


def test_when_the_call_is_over_nothing_is_waited_for(tmp_path: Path, clock: FakeClock) -> None:
    ear = ear_on(tmp_path / "a.wav", silence(1.0))
    assert ear.wait_for_beacon(VOICE_HZ, since=STARTED_AT, for_s=0.8, within_s=60.0).seconds == 0.0
    assert clock.sleeps == []


def test_a_voice_that_comes_while_listening(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    ear = ear_on(path, silence(1.0), over=False)

    def somebody_speaks(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.sleeps) == 5:
            ear_on(path, voice_after(1.0))

    monkeypatch.setattr(ear_module, "sleep", somebody_speaks)
    heard = ear.wait_for_beacon(VOICE_HZ, since=STARTED_AT, for_s=0.8, within_s=3.0)
    assert heard.seconds == pytest.approx(2.0, abs=TOLERANCE_S)
    assert clock.now - STARTED_AT < 10 * ear_module.LISTEN_EVERY_S


def test_quiet_at_the_end(tmp_path: Path) -> None:
    spoken = beacon_samples(VOICE_HZ, 1, RATE_HZ)
    assert ear_on(tmp_path / "a.wav", np.concatenate([spoken, silence(0.6)])).wait_for_quiet(for_s=0.5, within_s=1.0)
    assert not ear_on(tmp_path / "b.wav", spoken).wait_for_quiet(for_s=0.5, within_s=1.0)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (silence(0.0), "no audio arrived"),
        (silence(1.0), "only silence"),
        (beacon_samples(VOICE_HZ, 1, RATE_HZ), "other sound at -15 dBov"),
    ],
    ids=["nothing", "silence", "sound"],
)
def test_in_words(tmp_path: Path, samples: np.ndarray, words: str) -> None:
    assert ear_on(tmp_path / "a.wav", samples).describe() == words
