import numpy as np
import pytest

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.dtmf import dtmf_samples, find_dtmf
from harness.audio.dtmf_residue import find_residue
from harness.audio.gap import examine_gap, silent_gaps
from harness.audio.levels import Samples, Span
from harness.audio.wav import Sound

RATE = 16_000
CARD = "4012887733"
DAMAGE = [Channel(codec=codec) for codec in available_codecs()] + [
    Channel(loss=0.1),
    Channel(codec="gsm", loss=0.05),
    Channel(noise_dbov=-60),
]
START, END = 5.7, 9.6


def call(voices: dict[str, Samples], inside: Samples) -> Sound:
    """Customer, a gap of four seconds that holds ``inside``, agent; both on both channels' own sides."""
    pause = np.zeros(4 * RATE, dtype=np.float32)
    pause[RATE // 2 : RATE // 2 + inside.size] = inside
    customer, agent = voices["customer"], voices["agent"]
    first = np.concatenate([customer, pause, np.zeros_like(agent)])
    second = np.concatenate([np.zeros_like(customer), np.zeros_like(pause), agent])
    return Sound(np.stack([first, second]), RATE)


def carried(channel: Channel, sound: Sound) -> Sound:
    return Sound(np.stack([channel.carry(one, RATE, seed=n) for n, one in enumerate(sound.channels)]), RATE)


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_clean_gap(voices, speakers, channel: Channel):
    gap = examine_gap(carried(channel, call(voices, np.empty(0, np.float32))), Span(START, END), speakers)
    assert gap.clean
    assert gap.silent
    assert "nothing recoverable" in str(gap)


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
@pytest.mark.parametrize("level", [-20, -50])
def test_digits_in_a_gap_are_found_however_faint(voices, speakers, channel: Channel, level: float):
    sound = carried(channel, call(voices, dtmf_samples(CARD, RATE, level_dbov=level)))
    gap = examine_gap(sound, Span(START, END), speakers)
    assert not gap.clean
    assert set(CARD) <= set(gap.digits + gap.traces)
    assert "DTMF" in str(gap)


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_voice_in_a_gap_is_named(voices, speakers, channel: Channel):
    faint = voices["agent"][RATE : 4 * RATE] * np.float32(10 ** (-15 / 20))
    gap = examine_gap(carried(channel, call(voices, faint)), Span(START, END), speakers)
    assert gap.voices == ("agent",)
    assert not gap.clean
    assert "the voice of agent" in str(gap)


def test_a_stranger_in_a_gap_is_no_silence(voices, speakers, prompts):
    stranger = np.repeat(prompts["es/busy"].samples, 2)[: 3 * RATE]
    gap = examine_gap(call(voices, stranger), Span(START, END), speakers)
    assert not gap.silent


def test_masked_digits_leave_traces():
    """A twist and a noise that no receiver takes for digits: still readable."""
    dialled = dtmf_samples(CARD, 8000, level_dbov=-50, twist_db=13)
    noise = np.random.default_rng(2).standard_normal(dialled.size) * 10 ** (-62 / 20)
    masked = (dialled + noise).astype(np.float32)
    assert find_dtmf(masked, 8000, faintest_dbov=-62) == ()
    assert "".join(one.digit for one in find_residue(masked, 8000)) == CARD


@pytest.mark.parametrize("codec", available_codecs())
@pytest.mark.parametrize("level", [-40, -55, -70])
def test_noise_leaves_no_traces(codec: str, level: float):
    noise = np.random.default_rng(5).standard_normal(20 * 8000) * 10 ** (level / 20)
    assert find_residue(Channel(codec=codec).carry(noise.astype(np.float32), 8000), 8000) == ()


def test_silent_gap_is_found_where_it_is(voices):
    (gap,) = silent_gaps(call(voices, np.empty(0, np.float32)), minimum_s=1.5)
    assert gap.start_s == pytest.approx(5.6, abs=0.2)
    assert gap.end_s == pytest.approx(9.7, abs=0.2)
    assert silent_gaps(call(voices, dtmf_samples(CARD[:8] * 2, RATE)), minimum_s=1.5) == ()


def test_gap_beyond_the_recording_is_empty(speakers):
    gap = examine_gap(Sound(np.zeros((1, 100), dtype=np.float32), RATE), Span(5, 6), speakers)
    assert gap.clean
    assert gap.silent
