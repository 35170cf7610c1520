"""Trials of stereo recordings: whose channel is it, and what leaks?"""

from __future__ import annotations

import numpy as np

from benchmarks.audio_channels import Channel
from benchmarks.audio_trial import (
    RATE_HZ,
    Tally,
    louder,
    speakers,
    voices,
)
from harness.audio.parties import RecordedParties, find_parties
from harness.audio.wav import Sound


def stereo(channel: Channel, number: int) -> Sound:
    """Customer and agent taking turns, each on a channel."""
    customer, agent = voices().values()
    first = np.tile(np.concatenate([customer, np.zeros_like(agent)]), 2)
    second = np.tile(np.concatenate([np.zeros_like(customer), agent]), 2)
    heard = [channel.carry(one, RATE_HZ, 10 * number + n) for n, one in enumerate((first, second))]
    length = min(one.size for one in heard)
    return Sound(np.stack([one[:length] for one in heard]), RATE_HZ)


def try_channels(channel: Channel, tally: Tally) -> None:
    for number in range(3):
        sound = stereo(channel, number)
        with tally.cost(*sound.channels):
            clean = find_parties(sound, speakers())
        for place, party in enumerate(clean.parties):
            tally.spare({stretch.channel for stretch in party.stretches} != {place})
        half = sound.channels.shape[1] // 2
        sound.channels[:, half:] = sound.channels[::-1, half:].copy()
        for party in find_parties(sound, speakers()).parties:
            tally.expect(len(party.swaps) == 1)


def _leaking(found: RecordedParties) -> list[str]:
    return [party.name for party in found.parties if party.loudest_leak and party.loudest_leak.level_db >= -30]


def try_leaks(channel: Channel, tally: Tally) -> None:
    for number in range(3):
        sound = stereo(channel, number)
        with tally.cost(*sound.channels):
            clean = find_parties(sound, speakers())
        tally.spare(bool(_leaking(clean)))
        sound.channels[0] += louder(sound.channels[1], -26)
        tally.expect(_leaking(find_parties(sound, speakers())) == ["agent"])
