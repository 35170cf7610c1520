"""Digits that are read back: each is heard as often as it is spoken, in order, and nothing else is a digit."""

import random
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.levels import Samples
from harness.audio.prompt import PromptReference
from harness.audio.speech import SPEECH
from harness.audio.succession import HeardWord, WordListener, words_heard
from harness.audio.wav import read_reference, resample
from simulators.pbx.asterisk.make_prompts import PROMPTS

RATE = 16_000
CHANNELS = [
    Channel(codec="pcmu"),
    Channel(codec="g722"),
    Channel(codec="opus-20k"),
    Channel(codec="opus-12k"),
    Channel(codec="opus-16k", loss=0.05),
    Channel(codec="pcmu", loss=0.05, drift=0.02),
    Channel(codec="pcmu", gain_db=-20.0),
]


@cache
def digits() -> dict[str, PromptReference]:
    return {digit: PromptReference.load(PROMPTS / f"en/digit_{digit}.wav", digit) for digit in "0123456789"}


def spoken(text: str, channel: Channel, seed: int = 0) -> Samples:
    """Digits one after the other, as a PBX plays their files, at RATE after the channel."""
    files = [read_reference(PROMPTS / f"en/digit_{digit}.wav").mono for digit in text]
    silence = np.zeros(4000, dtype=np.float32)
    return channel.carry(resample(np.concatenate([silence, *files, silence]), 8000, RATE), RATE, seed=seed)


def names(words: tuple[HeardWord, ...]) -> str:
    return "".join(word.name for word in words)


@pytest.mark.parametrize("channel", [c for c in CHANNELS if c.codec in available_codecs()], ids=str)
def test_digits_are_heard_in_order_through_every_channel(channel: Channel):
    chosen = random.Random(7)
    for trial in range(6):
        first = "".join(chosen.choice("0123456789") for _ in range(3))
        text = first + first[-1] + chosen.choice("0123456789")
        assert names(words_heard(spoken(text, channel, trial), RATE, digits())) == text


def test_every_digit_twice_in_a_row():
    text = "".join(digit * 2 for digit in "0123456789")
    words = words_heard(spoken(text, Channel()), RATE, digits())
    assert names(words) == text
    assert min(word.score for word in words) > 0.9
    assert all(a.end_s <= b.start_s + 0.1 for a, b in pairwise(words))


def test_no_prompt_no_music_and_nobody_is_taken_for_a_digit():
    elsewhere = ("digit_", "ivr_", "recording_", "site_")  # digits, and what is never heard on the order line
    others = [path for path in PROMPTS.rglob("*.wav") if not path.name.startswith(elsewhere)]
    for path in [*others, *SPEECH.values()]:
        sound = read_reference(path)
        assert words_heard(sound.mono, sound.rate_hz, digits()) == (), path


def test_piece_by_piece_is_as_at_once():
    heard = spoken("9055", Channel())
    listener = WordListener(digits(), RATE)
    for start in range(0, heard.size, 700):
        listener.feed(heard[start : start + 700])
    assert listener.finish() == words_heard(heard, RATE, digits())


def test_silence_holds_nothing():
    assert words_heard(np.zeros(RATE, dtype=np.float32), RATE, digits()) == ()
    assert words_heard(np.zeros(0, dtype=np.float32), RATE, digits()) == ()
