from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.beacon import BEACONS_HZ, beacon_samples
from harness.audio.dtmf import DIGITS, HeardDigit, dtmf_samples, find_dtmf
from harness.audio.prompt import PromptReference
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference

RATE = 16_000
ALL = "".join(DIGITS)


def heard(digits: tuple[HeardDigit, ...]) -> str:
    return "".join(digit.digit for digit in digits)


@pytest.mark.parametrize("codec", available_codecs())
@pytest.mark.parametrize(("gain_db", "tone_s"), [(0.0, 0.1), (0.0, 0.05), (-20.0, 0.1)])
def test_digits_are_heard_through_every_codec(codec: str, gain_db: float, tone_s: float):
    received = Channel(codec=codec, gain_db=gain_db).carry(dtmf_samples(ALL, RATE, tone_s=tone_s), RATE)
    assert heard(find_dtmf(received, RATE)) == ALL


@pytest.mark.parametrize("codec", ["pcmu", "gsm"])
@pytest.mark.parametrize("loss", [0.02, 0.05, 0.1])
def test_concealed_loss_splits_no_digit(codec: str, loss: float):
    received = Channel(codec=codec, loss=loss, drift=0.02).carry(dtmf_samples(ALL * 2, RATE), RATE, seed=5)
    assert heard(find_dtmf(received, RATE)) == ALL * 2


def test_shortest_digits_and_pauses_of_q24():
    assert heard(find_dtmf(dtmf_samples(ALL + "00", RATE, tone_s=0.04, pause_s=0.04), RATE)) == ALL + "00"
    assert heard(find_dtmf(dtmf_samples(ALL, RATE, tone_s=0.02), RATE)) == ""


def test_interruption_of_10_ms_makes_no_second_digit():
    tone = dtmf_samples("5", RATE, tone_s=0.2)
    tone[round(0.1 * RATE) : round(0.11 * RATE)] = 0
    assert heard(find_dtmf(tone, RATE)) == "5"
    tone[round(0.1 * RATE) : round(0.14 * RATE)] = 0
    assert heard(find_dtmf(tone, RATE)) == "55"


@pytest.mark.parametrize(("off", "there"), [(0.018, True), (-0.018, True), (0.035, False), (-0.035, False)])
def test_frequencies_of_q23(off: float, there: bool):
    assert heard(find_dtmf(dtmf_samples(ALL, RATE, off=off), RATE)) == (ALL if there else "")


@pytest.mark.parametrize(("twist_db", "there"), [(-8, True), (4, True), (-11, False), (11, False)])
def test_twist_of_q24(twist_db: float, there: bool):
    found = find_dtmf(dtmf_samples(ALL, RATE, twist_db=twist_db), RATE)
    assert heard(found) == (ALL if there else "")
    assert all(digit.twist_db == pytest.approx(twist_db, abs=0.5) for digit in found)


def test_when_and_how_loud():
    (digit,) = find_dtmf(np.concatenate([np.zeros(RATE, np.float32), dtmf_samples("#", RATE, level_dbov=-23)]), RATE)
    assert digit.start_s == pytest.approx(1, abs=0.006)
    assert digit.seconds == pytest.approx(0.1, abs=0.011)
    assert digit.level_dbov == pytest.approx(-23, abs=0.5)


def test_one_tone_of_two_is_no_digit():
    t = np.arange(RATE // 2) / RATE
    for frequency in (697, 941, 1209, 1633):
        assert find_dtmf((0.3 * np.sin(2 * np.pi * frequency * t)).astype(np.float32), RATE) == ()


def test_voices_music_beacons_and_noise_are_no_digits(prompts: dict[str, PromptReference]):
    others = {name: (reference.samples, 8000) for name, reference in prompts.items()}
    others |= {name: ((sound := read_reference(path)).mono, sound.rate_hz) for name, path in SPEECH.items()}
    others |= {
        f"{one}+{other}": (beacon_samples(one) + beacon_samples(other), RATE) for one, other in pairwise(BEACONS_HZ)
    }
    noise = np.random.default_rng(3).standard_normal(20 * 8000).astype(np.float32)
    others["noise"] = (noise * np.float32(0.1), 8000)
    found = {name: heard(find_dtmf(samples, rate)) for name, (samples, rate) in others.items()}
    assert found == dict.fromkeys(others, "")


def test_digits_over_a_quiet_prompt(prompts: dict[str, PromptReference]):
    speech = prompts["es/greeting"].samples * np.float32(10 ** (-12 / 20))
    dialled = dtmf_samples("1234", 8000)
    speech[8000 : 8000 + dialled.size] += dialled
    assert heard(find_dtmf(speech, 8000)) == "1234"


@settings(deadline=None, max_examples=40)
@given(
    digits=st.text(alphabet=ALL, min_size=1, max_size=6),
    rate=st.sampled_from([8000, 16_000, 48_000]),
    tone_s=st.floats(0.045, 0.3),
    pause_s=st.floats(0.045, 0.2),
    level=st.floats(-35, -8),
    twist_db=st.floats(-6, 4),
    off=st.floats(-0.015, 0.015),
    below_db=st.floats(12, 60),
    seed=st.integers(0, 1000),
)
def test_digits_within_the_limits_are_heard(digits, rate, tone_s, pause_s, level, twist_db, off, below_db, seed):
    dialled = dtmf_samples(digits, rate, tone_s=tone_s, pause_s=pause_s, level_dbov=level, twist_db=twist_db, off=off)
    noise = np.random.default_rng(seed).standard_normal(dialled.size) * 10 ** ((level - below_db) / 20)
    found = find_dtmf((dialled + noise).astype(np.float32), rate)
    assert heard(found) == digits
    assert all(digit.seconds == pytest.approx(tone_s, abs=0.015) for digit in found)


@pytest.mark.parametrize("samples", [0, 1, 100, 8000])
def test_silence_holds_no_digit(samples: int):
    assert find_dtmf(np.zeros(samples, dtype=np.float32), 8000) == ()


def test_only_digits_can_be_dialled():
    with pytest.raises(ValueError, match="'X' is no DTMF digit"):
        dtmf_samples("12X", 8000)
