"""Trials of what goes by known speech and music: prompts, voices, echo, order."""

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
    speakers,
    spoken,
    voices,
)
from harness.audio.echo import find_cross_talk, find_echo
from harness.audio.excerpt import match_excerpt
from harness.audio.levels import to_level
from harness.audio.order import Order, announced_first
from harness.audio.parties import find_parties
from harness.audio.prompt import PASS_SCORE, identify, match_prompt
from harness.audio.wav import Sound, resample


def try_prompts(channel: Channel, tally: Tally) -> None:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    ringback = (0.05 * np.sin(2 * np.pi * 440 * t) + 0.05 * np.sin(2 * np.pi * 480 * t)).astype(np.float32)
    for name, samples in spoken().items():
        heard = channel.carry(np.concatenate([ringback, samples, silence(1)]), RATE_HZ, seed(name))
        with tally.cost(heard):
            match = match_prompt(heard, RATE_HZ, prompts()[name])
        tally.expect(match.score >= PASS_SCORE)
        others = {other: reference for other, reference in prompts().items() if other != name}
        imagined = identify(heard, RATE_HZ, others)
        for other in others:
            tally.spare(any(one.name == other for one in imagined))


def try_music(channel: Channel, tally: Tally) -> None:
    piece = prompts()[MUSIC]
    for start_s in (0, 5, 12):
        heard = channel.carry(
            resample(np.roll(piece.samples, -start_s * 8000)[:80_000], 8000, RATE_HZ), RATE_HZ, start_s
        )
        with tally.cost(heard):
            match = match_excerpt(heard, RATE_HZ, piece)
        tally.expect(match.share >= 0.8)
    for name, samples in spoken().items():
        tally.spare(match_excerpt(channel.carry(samples, RATE_HZ, seed(name)), RATE_HZ, piece).share > 0.2)


def try_voices(channel: Channel, tally: Tally) -> None:
    customer, agent = voices().values()
    both = channel.carry(np.concatenate([customer, silence(1), agent]), RATE_HZ, 1)
    with tally.cost(both):
        found = find_parties(Sound(both[None], RATE_HZ), speakers())
    for party in found.parties:
        tally.expect(party.present)
    for name, samples in [*voices().items(), *spoken().items()]:
        one = find_parties(Sound(channel.carry(samples, RATE_HZ, seed(name))[None], RATE_HZ), speakers())
        for party in one.parties:
            if party.name != name:
                tally.spare(party.present)


def try_order(channel: Channel, tally: Tally) -> None:
    customer = voices()["customer"]
    for name, notice in spoken().items():
        for gap_s in (0.5, -2.0):
            at = notice.size + round(gap_s * RATE_HZ)
            # The announcement on the line, the customer on the recording: two channels of one clock.
            line = channel.carry(notice, RATE_HZ, seed(name))
            voice = channel.carry(np.concatenate([silence(at / RATE_HZ), customer]), RATE_HZ, seed(name) + 1)
            with tally.cost(line, voice):
                match = match_prompt(line, RATE_HZ, prompts()[name])
                party = find_parties(Sound(voice[None], RATE_HZ), speakers()).of("customer")
                order = announced_first(match, party.first_s, tolerance_s=0.3).order
            if gap_s < 0:
                tally.expect(order is Order.TOO_EARLY)
            else:
                tally.spare(order is Order.TOO_EARLY)


def try_echo(channel: Channel, tally: Tally) -> None:
    for (name, own), other in zip(voices().items(), reversed(voices().values()), strict=True):
        back = np.concatenate([silence(0.24), louder(own, -15)])
        for talking in (silence(5), other):
            heard = channel.carry(mixed(back, talking), RATE_HZ, seed(name))
            with tally.cost(heard):
                echo = find_echo(own, heard, RATE_HZ)
            tally.expect(echo is not None and abs(echo.delay_s - 0.24) < 0.1)
        for elsewhere in (other, *spoken().values()):
            tally.spare(find_echo(own, channel.carry(elsewhere, RATE_HZ, seed(name)), RATE_HZ) is not None)


def try_voice_cross_talk(channel: Channel, tally: Tally) -> None:
    customer, agent = voices().values()
    for name, other in spoken().items():
        heard = channel.carry(mixed(customer, louder(to_level(other, -20, RATE_HZ), -12)), RATE_HZ, seed(name))
        with tally.cost(heard):
            found = find_cross_talk(heard, RATE_HZ, {name: other, "agent": agent})
        tally.expect([one.name for one in found if one.name == name] == [name])
        tally.spare(any(one.name == "agent" for one in found))
