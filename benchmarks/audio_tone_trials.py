"""Trials of what goes by tones: beacons and DTMF."""

from __future__ import annotations

import numpy as np

from benchmarks.audio_channels import Channel
from benchmarks.audio_trial import (
    MUSIC,
    RATE_HZ,
    Tally,
    louder,
    mixed,
    prompts,
    seed,
    silence,
    spoken,
    voices,
)
from harness.audio.beacon import BEACONS_HZ, beacon_samples, find_beacons
from harness.audio.drift import beacon_onsets
from harness.audio.dtmf import DIGITS, dtmf_samples, find_dtmf
from harness.audio.dtmf_residue import find_residue
from harness.audio.levels import Span
from harness.audio.one_way import flow_over_time, one_way_spans
from harness.audio.wav import resample

KEYS = "".join(DIGITS)
CARD = "4012887733"


def try_beacons(channel: Channel, tally: Tally) -> None:
    for own in BEACONS_HZ[::3]:
        heard = channel.carry(beacon_samples(own, 5), RATE_HZ, own)
        with tally.cost(heard):
            report = find_beacons(heard, RATE_HZ)
        tally.expect(report.continuity(own, 0.1, heard.size / RATE_HZ - 0.1).unbroken(0.2))
        tally.spare(bool(report.strangers(own)))


def try_beacon_cross_talk(channel: Channel, tally: Tally) -> None:
    for number in range(0, len(BEACONS_HZ) - 1, 3):
        own, neighbour = BEACONS_HZ[number : number + 2]
        talk = mixed(beacon_samples(own, 5), louder(beacon_samples(neighbour, 5), -28))
        heard = channel.carry(talk, RATE_HZ, own)
        with tally.cost(heard):
            strangers = find_beacons(heard, RATE_HZ).strangers(own)
        tally.expect([one.frequency_hz for one in strangers] == [neighbour])
        tally.spare(bool(find_beacons(channel.carry(beacon_samples(own, 5), RATE_HZ, own), RATE_HZ).strangers(own)))


def try_one_way(channel: Channel, tally: Tally) -> None:
    for first_hz, second_hz in ((803, 2143), (1537, 2783), (547, 3029)):
        tones = [beacon_samples(hz, 10) for hz in (first_hz, second_hz)]
        for muted in (False, True):
            if muted:
                tones[1][4 * RATE_HZ : 7 * RATE_HZ] = 0
            heard = [channel.carry(tone, RATE_HZ, first_hz + n) for n, tone in enumerate(tones)]
            with tally.cost(*heard):
                first, second = (
                    find_beacons(one, RATE_HZ).spans(hz) for one, hz in zip(heard, (first_hz, second_hz), strict=True)
                )
                one_way = one_way_spans(flow_over_time(first, second, Span(0.5, 9.5)))
            if muted:
                tally.expect(len(one_way) == 1 and abs(one_way[0].span.seconds - 3) < 0.5)
            else:
                tally.spare(bool(one_way))


def try_onsets(channel: Channel, tally: Tally) -> None:
    for number, frequency in enumerate(BEACONS_HZ[::4]):
        sent = np.concatenate(
            [silence(2), beacon_samples(frequency, 1), silence(2.06), beacon_samples(frequency, 1), silence(1)]
        )
        heard = channel.carry(sent, RATE_HZ, number)
        with tally.cost(heard):
            onsets = beacon_onsets(heard, RATE_HZ, frequency)
        apart = onsets[1] - onsets[0] if len(onsets) == 2 else 0.0
        # Sixty milliseconds more than three seconds must be told from three seconds.
        tally.expect(abs(apart - 3.06) < 0.02)
        tally.spare(abs(apart - 3.0) < 0.02)


def try_dtmf(channel: Channel, tally: Tally) -> None:
    dialled = dtmf_samples(KEYS * 2, RATE_HZ)
    heard = channel.carry(dialled, RATE_HZ, 3)
    with tally.cost(heard):
        found = find_dtmf(heard, RATE_HZ)
    for key in KEYS:
        times = sum(one.digit == key for one in found)
        # A digit heard twice is as wrong as one that was not heard.
        tally.expect(times == 2)
    for name, samples in [
        *spoken().items(),
        *voices().items(),
        (MUSIC, resample(prompts()[MUSIC].samples, 8000, RATE_HZ)),
    ]:
        tally.spare(bool(find_dtmf(channel.carry(samples, RATE_HZ, seed(name)), RATE_HZ)))


def try_residue(channel: Channel, tally: Tally) -> None:
    for number, level in enumerate((-30, -50)):
        # Levels are those in the recording: attenuation on the way to it is not the question.
        dialled = dtmf_samples(CARD, RATE_HZ, level_dbov=level - channel.gain_db)
        heard = channel.carry(dialled, RATE_HZ, number)
        with tally.cost(heard):
            traces = {one.digit for one in find_residue(heard, RATE_HZ)}
        for key in sorted(set(CARD)):
            tally.expect(key in traces)
    for number, level in enumerate((-40, -50, -60, -70)):
        noise = np.random.default_rng(number).standard_normal(10 * RATE_HZ) * 10 ** (level / 20)
        tally.spare(bool(find_residue(channel.carry(noise.astype(np.float32), RATE_HZ, number), RATE_HZ)))
