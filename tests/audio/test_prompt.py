from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.beacon import beacon_samples
from harness.audio.blocks import StreamResampler
from harness.audio.excerpt import match_excerpt
from harness.audio.prompt import (
    FAIL_SCORE,
    Hearing,
    PromptListener,
    PromptReference,
    identify,
    match_prompt,
)
from harness.audio.wav import resample, write_wav
from harness.errors import HarnessMisuse

RATE = 16_000
Prompts = dict[str, PromptReference]


def silence(seconds: float, rate: int = 8000):
    return np.zeros(round(seconds * rate), dtype=np.float32)


def received(reference: PromptReference, channel: Channel | None = None, *, cut_start: float = 0, cut_end: float = 0):
    """A prompt as a phone records it at 16 kHz: 2 s of ringback before, 1 s of silence after."""
    t = np.arange(2 * 8000) / 8000
    ringback = (0.05 * np.sin(2 * np.pi * 440 * t) + 0.05 * np.sin(2 * np.pi * 480 * t)).astype(np.float32)
    first, last = reference.audible
    body = reference.samples[first + round(cut_start * 8000) : last - round(cut_end * 8000)]
    whole = resample(np.concatenate([ringback, body, silence(1)]), 8000, RATE)
    return (channel or Channel()).carry(whole, RATE, seed=3)


@pytest.mark.parametrize("codec", available_codecs())
@pytest.mark.parametrize("gain_db", [0, -20])
def test_right_prompt_is_heard_whole_through_every_codec(prompts: Prompts, codec: str, gain_db: float):
    reference = prompts["es/greeting"]
    match = match_prompt(received(reference, Channel(codec=codec, gain_db=gain_db)), RATE, reference)
    assert match.hearing is Hearing.HEARD
    assert match.whole()
    assert match.first_sound_s == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize("channel", [Channel(loss=0.05, drift=0.02), Channel(loss=0.1, drift=0.02)], ids=str)
def test_right_prompt_is_heard_in_spite_of_loss_and_drift(prompts: Prompts, channel: Channel):
    for name in ("en/greeting", "fr/after_hours", "es/busy"):
        assert match_prompt(received(prompts[name], channel), RATE, prompts[name]).hearing is Hearing.HEARD


@pytest.mark.parametrize("carried", [False, True], ids=["as is", "after PCMU"])
def test_no_prompt_is_taken_for_another(prompts: Prompts, carried: bool):
    for heard in prompts.values():
        samples = Channel().carry(heard.samples, 8000) if carried else heard.samples
        matches = identify(samples, 8000, prompts)
        assert [match.name for match in matches] == [heard.name]
        for other in prompts.values():
            if other is not heard:
                assert match_prompt(samples, 8000, other).score <= FAIL_SCORE


def test_other_sounds_are_no_prompt(prompts: Prompts):
    noise = (0.1 * np.random.default_rng(5).standard_normal(10 * RATE)).astype(np.float32)
    for sound in (noise, beacon_samples(1049, 10), silence(10, RATE), silence(0), silence(0.3, RATE)):
        assert identify(sound, RATE, prompts) == ()
    assert match_prompt(noise, RATE, prompts["en/greeting"]).offset_s is None


@pytest.mark.parametrize("cut", [0.5, 1.0, 1.5, 2.5])
@pytest.mark.parametrize("codec", ["pcmu", *(c for c in available_codecs() if c == "opus-20k")])
def test_clipped_beginning_is_measured(prompts: Prompts, cut: float, codec: str):
    reference = prompts["en/greeting"]
    match = match_prompt(received(reference, Channel(codec=codec), cut_start=cut), RATE, reference)
    assert match.clipped_start_s == pytest.approx(cut, abs=0.2)
    assert match.clipped_end_s == 0
    assert not match.whole()
    assert match.first_sound_s == pytest.approx(2.0, abs=0.2)
    assert "missing at the beginning" in str(match)


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.5])
def test_clipped_end_is_measured(prompts: Prompts, cut: float):
    reference = prompts["fr/greeting"]
    match = match_prompt(received(reference, cut_end=cut), RATE, reference)
    assert match.clipped_end_s == pytest.approx(cut, abs=0.25)
    assert match.clipped_start_s == 0
    assert not match.whole()


def test_half_a_prompt_is_partial(prompts: Prompts):
    reference = prompts["en/no_agent"]
    assert match_prompt(received(reference, cut_end=2.5), RATE, reference).hearing is Hearing.PARTIAL


def test_recording_that_starts_within_the_prompt(prompts: Prompts):
    reference = prompts["en/busy"]
    match = match_prompt(reference.samples[round(1.5 * 8000) :], 8000, reference)
    assert match.hearing is Hearing.PARTIAL
    assert match.offset_s == pytest.approx(-1.5, abs=0.02)
    assert match.clipped_start_s == pytest.approx(1.4, abs=0.2)


@pytest.mark.parametrize("piece_s", [0.02, 0.1, 0.5])
def test_listener_decides_at_the_end_of_the_prompt_and_not_before(prompts: Prompts, piece_s: float):
    reference = prompts["es/after_hours"]
    heard = np.concatenate([received(reference), silence(2, RATE)])
    end = 2 + (reference.audible[1] - reference.audible[0]) / 8000
    listener = PromptListener(reference, RATE)
    step = round(piece_s * RATE)
    for at in range(0, heard.size, step):
        if listener.feed(heard[at : at + step]):
            break
    assert listener.decided is not None
    assert listener.decided.whole()
    assert at / RATE == pytest.approx(end, abs=0.3 + piece_s)


def test_listener_does_not_wait_for_an_end_that_never_comes(prompts: Prompts):
    reference = prompts["es/after_hours"]
    listener = PromptListener(reference, RATE)
    heard = np.concatenate([received(reference, cut_end=2), silence(4, RATE)])
    decided = [listener.feed(heard[at : at + 1600]) for at in range(0, heard.size, 1600)]
    assert decided[-1] is not None
    assert decided[-1].hearing is Hearing.PARTIAL
    assert decided[-1].clipped_end_s == pytest.approx(2, abs=0.25)


def test_listener_never_decides_on_another_prompt(prompts: Prompts):
    listener = PromptListener(prompts["en/greeting"], RATE)
    assert listener.feed(received(prompts["es/greeting"])) is None
    assert listener.finish().hearing is Hearing.ABSENT


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 9000), min_size=1, max_size=10),
    st.sampled_from([8000, 11_025, 16_000, 44_100, 48_000]),
)
def test_resampled_pieces_have_no_seams(sizes: list[int], rate: int):
    tone = np.sin(2 * np.pi * 800 * np.arange(rate) / rate).astype(np.float32)
    resampler = StreamResampler(rate)
    pieces = []
    at = 0
    for size in [*sizes, rate]:
        pieces.append(resampler.feed(tone[at : at + size]))
        at += size
    whole = np.concatenate([*pieces, resampler.finish()])
    assert whole.size == pytest.approx(8000, abs=2)
    expected = np.sin(2 * np.pi * 800 * np.arange(whole.size) / 8000)
    assert np.abs(whole - expected)[200:-200].max() < 0.02


def test_prompt_file_without_enough_sound_is_misuse(tmp_path: Path):
    write_wav(tmp_path / "silent.wav", silence(3), 8000)
    with pytest.raises(HarnessMisuse, match=r"silent holds 0\.0 s of sound"):
        PromptReference.load(tmp_path / "silent.wav")


def test_blocks_of_silence_are_not_looked_for(prompts: Prompts):
    reference = prompts["en/busy"]
    gap = np.concatenate([reference.samples, silence(5), reference.samples])
    assert len(PromptReference("twice", gap).starts) <= 2 * len(reference.starts) + 2


@pytest.mark.parametrize("start_s", [0.0, 7.3, 18.0])
def test_hold_music_is_recognised_wherever_it_starts(prompts: Prompts, start_s: float):
    music = prompts["music"]
    heard = np.roll(music.samples, -round(start_s * 8000))[: 8 * 8000]
    match = match_excerpt(Channel().carry(resample(heard, 8000, RATE), RATE), RATE, music)
    assert match.share >= 0.9
    assert match.found_s >= 7


def test_speech_and_silence_are_no_hold_music(prompts: Prompts):
    for sound in (prompts["en/busy"].samples, silence(5), silence(0)):
        assert match_excerpt(sound, 8000, prompts["music"]).share <= 0.2


def test_of_repetitions_that_are_as_like_the_first_counts(prompts: Prompts):
    reference = prompts["es/greeting"]
    once = received(reference, Channel(codec="pcmu"))
    noise = np.random.default_rng(1).normal(0, 0.003, once.size).astype(np.float32)
    sound = np.concatenate([once + noise, once])
    assert match_prompt(once, RATE, reference).score == match_prompt(once + noise, RATE, reference).score == 1.0
    (found,) = (match for match in identify(sound, RATE, prompts) if match.name == "es/greeting")
    assert found.first_sound_s == pytest.approx(2.0, abs=0.03)


def test_a_whole_repetition_counts_more_than_a_part(prompts: Prompts):
    reference = prompts["es/greeting"]
    part, whole = received(reference, cut_end=1.0), received(reference)
    match = match_prompt(np.concatenate([part, whole]), RATE, reference)
    assert match.whole()
    assert match.first_sound_s == pytest.approx(part.size / RATE + 2.0, abs=0.03)
