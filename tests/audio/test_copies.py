from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.copies import find_copy
from harness.audio.echo import find_cross_talk, find_echo
from harness.audio.levels import Samples, to_level
from harness.audio.prompt import PromptReference
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference

RATE = 16_000


def later(samples: Samples, delay_s: float, gain_db: float) -> Samples:
    copy = samples * np.float32(10 ** (gain_db / 20))
    return np.concatenate([np.zeros(round(delay_s * RATE), dtype=np.float32), copy])


def mixed(*sounds: Samples) -> Samples:
    whole = np.zeros(max(sound.size for sound in sounds), dtype=np.float32)
    for sound in sounds:
        whole[: sound.size] += sound
    return whole


@pytest.mark.parametrize("codec", available_codecs())
@pytest.mark.parametrize(("loss", "gain_db"), [(0.0, 0.0), (0.1, 0.0), (0.0, -20.0)])
def test_echo_through_every_codec(voices: dict[str, Samples], codec: str, loss: float, gain_db: float):
    said = voices["customer"]
    channel = Channel(codec=codec, loss=loss, gain_db=gain_db)
    echo = find_echo(said, channel.carry(later(said, 0.24, -20), RATE, seed=4), RATE)
    assert echo is not None
    assert echo.delay_s == pytest.approx(0.24, abs=0.012)
    # GSM is no waveform codec: it returns a voice some 5 dB less like itself.
    assert echo.level_db == pytest.approx(-20 + gain_db, abs=6)


@pytest.mark.parametrize("codec", ["pcmu", "opus-16k", "opus-12k"])
def test_echo_under_a_voice_as_loud_as_the_own_one(voices: dict[str, Samples], codec: str):
    if codec not in available_codecs():
        pytest.skip(f"{codec} is not on this machine")
    own, other = (to_level(voices[name], -20, RATE) for name in ("customer", "agent"))
    heard = Channel(codec=codec).carry(mixed(other, later(own, 0.24, -16)), RATE)
    echo = find_echo(own, heard, RATE)
    assert echo is not None
    assert echo.level_db == pytest.approx(-16, abs=4)
    assert find_echo(own, Channel(codec=codec).carry(other, RATE), RATE) is None


def test_torn_echo_keeps_its_level(voices: dict[str, Samples]):
    said = voices["agent"]
    heard = Channel(loss=0.05, drift=0.02).carry(later(said, 0.24, -12), RATE, seed=3)
    echo = find_echo(said, heard, RATE)
    assert echo is not None
    assert echo.level_db == pytest.approx(-12, abs=5)


def test_unrelated_voices_are_no_copies(long_prompts: dict[str, PromptReference]):
    """One speech synthesiser says them all, which is the hardest case."""
    found = [
        (one, other)
        for one, other in permutations(long_prompts, 2)
        if find_copy(long_prompts[one].samples, long_prompts[other].samples, 8000, earliest_s=-1).copy is not None
    ]
    assert found == []


def test_nothing_is_said_of_too_little_sound(voices: dict[str, Samples]):
    said = voices["customer"]
    for original, heard in ((said[: RATE // 2], said), (np.zeros(RATE * 5, np.float32), said), (said, said[:0])):
        search = find_copy(original, heard, RATE)
        assert search.copy is None
        assert search.quieter_than(-30) is None


def test_a_search_says_what_it_could_have_found(voices: dict[str, Samples]):
    own, other = (to_level(voices[name], -20, RATE) for name in ("customer", "agent"))
    quiet = find_copy(own, Channel().carry(np.zeros_like(own), RATE), RATE)
    assert quiet.quieter_than(-40) is True
    assert find_copy(own, other, RATE).quieter_than(-40) is None
    assert find_copy(own, later(own, 0.1, -20), RATE).quieter_than(-30) is False


def test_voices_of_other_calls_are_named_with_their_level(voices: dict[str, Samples], prompts):
    elsewhere = {name: np.repeat(prompts[name].samples, 2) for name in ("es/greeting", "fr/busy")} | {
        "agent": voices["agent"]
    }
    own = to_level(voices["customer"], -20, RATE)
    heard = mixed(own, later(to_level(voices["agent"], -20, RATE), 0.3, -15))
    (talk,) = find_cross_talk(Channel().carry(heard, RATE), RATE, elsewhere)
    assert talk.name == "agent"
    assert talk.delay_s == pytest.approx(0.3, abs=0.01)
    assert talk.level_dbov == pytest.approx(-35, abs=3)
    assert find_cross_talk(Channel().carry(own, RATE), RATE, elsewhere) == ()


@settings(deadline=None, max_examples=25)
@given(delay_s=st.floats(-0.5, 0.99), gain_db=st.floats(-40, 10), seed=st.integers(0, 99))
def test_any_delay_and_level(delay_s: float, gain_db: float, seed: int):
    said = read_reference(SPEECH["customer"]).mono
    shifted = later(said, max(0.0, delay_s), gain_db)[max(0, round(-delay_s * RATE)) :]
    noise = np.random.default_rng(seed).standard_normal(shifted.size) * 10 ** (-75 / 20)
    copy = find_copy(said, (shifted + noise).astype(np.float32), RATE, earliest_s=-0.5).copy
    assert copy is not None
    assert copy.delay_s == pytest.approx(delay_s, abs=0.001)
    assert copy.gain_db == pytest.approx(gain_db, abs=2.5)
