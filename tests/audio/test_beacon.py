from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.beacon import (
    BEACON_RATE_HZ,
    BEACONS_HZ,
    BeaconListener,
    beacon_samples,
    find_beacons,
    write_beacon,
)
from harness.audio.levels import level_dbov
from harness.audio.prompt import PromptReference
from harness.audio.wav import read_reference

RATE = BEACON_RATE_HZ
DTMF_HZ = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
NETWORK_TONES_HZ = (
    350, 400, 425, 440, 450, 480, 500, 620, 914, 950, 985, 1000, 1100, 1371, 1400, 1429, 1777, 2100, 2600,
)  # fmt: skip
"""Call progress (ITU-T E.180), special information tones, fax, the usual voicemail beeps."""


def folded(frequency: float) -> float:
    """Where a product of 8 kHz codecs ends up."""
    return min(frequency % 8000, 8000 - frequency % 8000)


def test_beacons_are_apart_from_everything_that_sounds_on_a_line():
    assert len(BEACONS_HZ) >= 24
    assert all(400 <= f <= 3300 for f in BEACONS_HZ)
    assert min(b - a for a, b in pairwise(BEACONS_HZ)) >= 70
    assert min(abs(f - tone) for f in BEACONS_HZ for tone in DTMF_HZ) >= 30
    assert min(abs(f - tone) for f in BEACONS_HZ for tone in NETWORK_TONES_HZ) >= 20


def test_no_beacon_is_anothers_harmonic():
    for one, other in permutations(BEACONS_HZ, 2):
        assert min(abs(folded(n * one) - other) for n in (2, 3)) >= 20
        assert min(abs(folded(n * one) - other) for n in (4, 5)) >= 12


def test_file_loops_without_a_click_at_its_level(tmp_path: Path):
    write_beacon(tmp_path / "a.wav", 1049)
    sound = read_reference(tmp_path / "a.wav")
    once = sound.mono
    assert level_dbov(once) == pytest.approx(-15, abs=0.05)
    assert np.abs(once).max() < 0.7
    looped = np.tile(once, 3)
    assert np.allclose(looped, beacon_samples(1049, 3), atol=1e-4)


@pytest.mark.parametrize("codec", available_codecs())
@pytest.mark.parametrize("frequency", BEACONS_HZ[::7])
def test_own_beacon_alone_is_heard_through_every_codec(codec: str, frequency: int):
    report = find_beacons(Channel(codec=codec).carry(beacon_samples(frequency, 4), RATE), RATE)
    own = report.of(frequency)
    assert own is not None
    assert own.share >= 0.99
    assert own.level_dbov == pytest.approx(-15, abs=5)
    assert report.continuity(frequency, 0.1, 3.9).unbroken(0)
    assert report.strangers(frequency) == ()


# GSM 06.10 itself adds products 25 dB below a tone, and Opus at 12 kbit/s saves what lies above 3 kHz and 30 dB down.
@pytest.mark.parametrize("codec", [codec for codec in available_codecs() if codec not in ("gsm", "opus-12k")])
def test_cross_talk_is_found_30_db_down_also_from_the_nearest_beacon(codec: str):
    for own, other in ((1753, 1831), (547, 3269), (3189, 3107)):
        mixed = beacon_samples(own, 4) + beacon_samples(other, 4, level_dbov=-43)
        report = find_beacons(Channel(codec=codec).carry(mixed, RATE), RATE)
        assert [b.frequency_hz for b in report.strangers(own)] == [other]
        assert report.strangers(own, below_db=20) == ()


def test_gap_is_found_where_it_is():
    tone = beacon_samples(2143, 5)
    tone[2 * RATE : round(2.5 * RATE)] = 0
    report = find_beacons(tone, RATE)
    held = report.continuity(2143, 0, 5)
    assert held.longest_gap is not None
    assert held.longest_gap.start_s == pytest.approx(2.0, abs=0.05)
    assert held.longest_gap.seconds == pytest.approx(0.5, abs=0.08)
    assert held.share == pytest.approx(0.9, abs=0.03)
    assert not held.unbroken(0.2)
    assert report.continuity(2143, 2.7, 4.9).unbroken(0)


def test_what_lies_beyond_the_recording_is_a_gap():
    report = find_beacons(beacon_samples(2143, 2), RATE)
    gap = report.continuity(2143, 1, 4).longest_gap
    assert gap is not None
    assert gap.seconds == pytest.approx(2, abs=0.05)


def test_beginning_and_end_are_known():
    silence = np.zeros(RATE, dtype=np.float32)
    own = find_beacons(np.concatenate([silence, beacon_samples(889, 2), silence]), RATE).of(889)
    assert own is not None
    assert own.first_s == pytest.approx(1, abs=0.05)
    assert own.last_s == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("level", [-15, -21])
def test_beacon_is_heard_under_speech(prompts: dict[str, PromptReference], level: int):
    speech = prompts["es/greeting"].samples
    mixed = beacon_samples(1537, 6, 8000, level_dbov=level)[: speech.size] + speech
    own = find_beacons(mixed, 8000).of(1537)
    assert own is not None
    assert own.share > 0.9


def test_prompts_music_noise_and_line_tones_are_no_beacons(long_prompts: dict[str, PromptReference]):
    t = np.arange(4 * 8000) / 8000
    others = {name: reference.samples for name, reference in long_prompts.items()}
    others["noise"] = (0.1 * np.random.default_rng(7).standard_normal(t.size)).astype(np.float32)
    for first, second in ((440, 480), (480, 620), (425, 425), (697, 1209), (941, 1633), (1000, 1000)):
        tones = 0.1 * np.sin(2 * np.pi * first * t) + 0.1 * np.sin(2 * np.pi * second * t)
        others[f"{first}+{second}"] = tones.astype(np.float32)
    found = {name: find_beacons(samples, 8000).strangers(None) for name, samples in others.items()}
    assert found == dict.fromkeys(others, ())


def test_no_prompt_is_a_beacon_for_as_long_as_counts(prompts: dict[str, PromptReference]):
    """A vowel may lie on a beacon's frequency; a party counts as heard from 0.8 s on."""
    for name, reference in prompts.items():
        strangers = find_beacons(reference.samples, 8000).strangers(None)
        assert all(one.heard_s < 0.5 for one in strangers), name


@settings(deadline=None, max_examples=60)
@given(
    frequency=st.sampled_from(BEACONS_HZ),
    rate=st.sampled_from([8000, 16_000, 48_000]),
    level=st.floats(-40, -6),
    noise_below_db=st.floats(3, 60),
    seed=st.integers(0, 1000),
)
def test_beacon_in_noise(frequency: int, rate: int, level: float, noise_below_db: float, seed: int):
    tone = beacon_samples(frequency, 2, rate, level_dbov=level)
    noise = np.random.default_rng(seed).standard_normal(tone.size) * 10 ** ((level - noise_below_db) / 20)
    report = find_beacons((tone + noise).astype(np.float32), rate)
    own = report.of(frequency)
    assert own is not None
    assert own.share > 0.9
    assert report.strangers(frequency) == ()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=12))
def test_pieces_make_the_same_report_as_the_whole(sizes: list[int]):
    heard = np.concatenate([beacon_samples(1259, 1, 8000), np.zeros(4000, dtype=np.float32)])
    listener = BeaconListener(8000)
    at = 0
    for size in [*sizes, heard.size]:
        listener.feed(heard[at : at + size])
        at = min(at + size, heard.size)
    piecewise, whole = listener.report(), find_beacons(heard, 8000)
    assert piecewise.seconds == whole.seconds
    assert np.array_equal(piecewise.heard, whole.heard)


@pytest.mark.parametrize("samples", [0, 1, 639, 640])
def test_too_little_sound_holds_no_beacon(samples: int):
    report = find_beacons(np.zeros(samples, dtype=np.float32), 8000)
    assert report.beacons == ()
    assert report.continuity(547, 0, 1).share == 0
