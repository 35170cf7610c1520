import numpy as np
import pytest

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.beacon import beacon_samples
from harness.audio.levels import Samples
from harness.audio.parties import RecordedParties, find_parties
from harness.audio.presence import Party
from harness.audio.wav import Sound
from harness.errors import HarnessMisuse

RATE = 16_000
TONES = [Party("customer", beacon_hz=803), Party("agent", beacon_hz=2143)]
DAMAGE = [Channel(codec=codec) for codec in available_codecs()] + [
    Channel(loss=0.1),
    Channel(loss=0.05, drift=0.02),
    Channel(codec="gsm", loss=0.05),
    Channel(gain_db=-20),
]


def in_turns(voices: dict[str, Samples], times: int = 2) -> tuple[Samples, Samples]:
    """Customer and agent take turns; each has a channel."""
    customer, agent = voices["customer"], voices["agent"]
    first = np.tile(np.concatenate([customer, np.zeros_like(agent)]), times)
    second = np.tile(np.concatenate([np.zeros_like(customer), agent]), times)
    return first, second


def recorded(channel: Channel, *channels: Samples) -> Sound:
    heard = [channel.carry(samples, RATE, seed=n) for n, samples in enumerate(channels)]
    length = min(samples.size for samples in heard)
    return Sound(np.stack([samples[:length] for samples in heard]), RATE)


def ends(found: RecordedParties, name: str) -> list[float]:
    return [at for span in found.of(name).spans for at in (span.start_s, span.end_s)]


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_stereo_each_on_its_channel(voices, speakers, channel: Channel):
    found = find_parties(recorded(channel, *in_turns(voices)), speakers)
    for name, place, times in (("customer", 0, [0, 5.66, 10.94, 16.6]), ("agent", 1, [5.66, 10.94, 16.6, 21.88])):
        party = found.of(name)
        assert {stretch.channel for stretch in party.stretches} == {place}
        assert ends(found, name) == pytest.approx(times, abs=0.6)
        assert party.leaks == ()
        assert party.swaps == ()
        assert party.leak_floor_db <= -30


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_mono_has_both_or_one(voices, speakers, channel: Channel):
    customer, agent = in_turns(voices, 1)
    both = find_parties(recorded(channel, customer + agent), speakers)
    assert both.absent == ()
    assert ends(both, "agent") == pytest.approx([5.66, 10.94], abs=0.6)
    assert find_parties(recorded(channel, customer), speakers).absent == ("agent",)


def test_who_is_muted_in_the_middle_has_a_gap(voices, speakers):
    customer = np.tile(voices["customer"], 3)
    customer[8 * RATE : 11 * RATE] = 0
    (first, second) = find_parties(recorded(Channel(), customer), speakers).of("customer").spans
    assert first.end_s == pytest.approx(8, abs=0.6)
    assert second.start_s == pytest.approx(11, abs=0.6)


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_swapped_channels_are_seen_and_when(voices, speakers, channel: Channel):
    sound = recorded(channel, *in_turns(voices))
    half = sound.channels.shape[1] // 2
    sound.channels[:, half:] = sound.channels[::-1, half:].copy()
    found = find_parties(sound, speakers)
    (swap,) = found.of("customer").swaps
    assert (swap.from_channel, swap.to_channel) == (0, 1)
    assert swap.at_s == pytest.approx(10.94, abs=0.6)
    assert [one.to_channel for one in found.of("agent").swaps] == [0]


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_leak_of_a_voice(voices, speakers, channel: Channel):
    sound = recorded(channel, *in_turns(voices))
    sound.channels[0] += sound.channels[1] * np.float32(10 ** (-26 / 20))
    found = find_parties(sound, speakers)
    (leak,) = found.of("agent").leaks
    assert (leak.channel, leak.into) == (1, 0)
    assert leak.level_db == pytest.approx(-26, abs=1.5)
    assert found.of("customer").leaks == ()


def test_both_channels_alike_is_no_channel_of_ones_own(voices, speakers):
    customer, _ = in_turns(voices, 1)
    party = find_parties(recorded(Channel(), customer, customer), speakers).of("customer")
    assert {stretch.channel for stretch in party.stretches} == {None}
    assert party.loudest_leak is not None
    assert party.loudest_leak.level_db == pytest.approx(0, abs=1)


@pytest.mark.parametrize("channel", DAMAGE, ids=str)
def test_beacons_stay_leak_and_swap(channel: Channel):
    sound = recorded(channel, beacon_samples(803, 12), beacon_samples(2143, 12))
    clean = find_parties(sound, TONES)
    for name, place in (("customer", 0), ("agent", 1)):
        assert {stretch.channel for stretch in clean.of(name).stretches} == {place}
        assert clean.of(name).leaks == ()
        assert ends(clean, name)[0] == pytest.approx(0, abs=0.5)
        assert ends(clean, name)[-1] == pytest.approx(sound.seconds, abs=0.5)
    sound.channels[0] += sound.channels[1] * np.float32(10 ** (-25 / 20))
    half = sound.channels.shape[1] // 2
    sound.channels[:, half:] = sound.channels[::-1, half:].copy()
    found = find_parties(sound, TONES)
    for name, place in (("customer", 1), ("agent", 0)):
        (swap,) = found.of(name).swaps
        assert swap.to_channel == place
        assert swap.at_s == pytest.approx(half / RATE, abs=0.3)
    assert {round(leak.level_db) for leak in found.of("agent").leaks} <= {-24, -25, -26}
    # What is too faint to be found is not said to be absent.
    assert bool(found.of("agent").leaks) == (found.of("agent").leak_floor_db <= -25)
    assert found.of("customer").leaks == ()


def test_prompts_are_nobodys_voice(prompts, speakers):
    for reference in prompts.values():
        found = find_parties(Sound(reference.samples[None], 8000), [*speakers, *TONES])
        assert len(found.absent) == 4


@pytest.mark.parametrize("samples", [0, 1, 5000])
def test_silence_holds_nobody(speakers, samples: int):
    found = find_parties(Sound(np.zeros((2, samples), dtype=np.float32), RATE), [*speakers, *TONES])
    assert len(found.absent) == 4
    assert all(party.first_s is None and party.last_s is None for party in found.parties)


def test_a_party_must_be_known_by_something():
    with pytest.raises(HarnessMisuse, match="party customer cannot be recognised"):
        Party("customer")


def test_only_parties_that_were_looked_for_can_be_asked_for(speakers):
    with pytest.raises(KeyError):
        find_parties(Sound(np.zeros((1, 100), dtype=np.float32), RATE), speakers).of("supervisor")
