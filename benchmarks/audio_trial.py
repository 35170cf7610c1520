"""A trial of a detector: what it counts, and the sounds that trials share.

Seeds are fixed, so a figure that changes has a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from time import process_time
from zlib import crc32

import numpy as np

from benchmarks.audio_channels import Channel
from harness.audio.levels import Samples, to_level
from harness.audio.presence import Party
from harness.audio.prompt import PromptReference
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference, resample
from simulators.pbx.asterisk.make_prompts import PROMPTS

RATE_HZ = 16_000
MUSIC = "music"


@dataclass
class Tally:
    """Counts of one detector: ``hits`` of ``tries``, ``false_alarms`` of ``clean`` sounds; processor time spent on so
    much sound, both in s."""

    hits: int = 0
    tries: int = 0
    false_alarms: int = 0
    clean: int = 0
    spent_s: float = 0.0
    sound_s: float = 0.0

    def expect(self, found: bool) -> None:
        """Something was there."""
        self.tries += 1
        self.hits += found

    def spare(self, found: bool) -> None:
        """Nothing was there."""
        self.clean += 1
        self.false_alarms += found

    @contextmanager
    def cost(self, *heard: Samples) -> Iterator[None]:
        """Count what is done inside as work on these sounds."""
        started = process_time()
        yield
        self.spent_s += process_time() - started
        self.sound_s += sum(samples.size for samples in heard) / RATE_HZ


@dataclass(frozen=True)
class Trial:
    """A detector as its column is headed, what it is tried on, and how."""

    name: str
    group: str
    of: str
    run: Callable[[Channel, Tally], None] = field(repr=False)


NOT_MEASURED = ("digit_", "ivr_", "order_", "recording_", "site_")
"""Prompts of other lines than the support line's, by how their names begin: the figures are of that line's, which are
4 to 6 s long."""


@cache
def prompts() -> dict[str, PromptReference]:
    paths = sorted(path for path in PROMPTS.rglob("*.wav") if not path.name.startswith(NOT_MEASURED))
    return {p.relative_to(PROMPTS).with_suffix("").as_posix(): PromptReference.load(p) for p in paths}


@cache
def spoken() -> dict[str, Samples]:
    """The prompts that are speech, at RATE_HZ."""
    return {name: resample(one.samples, 8000, RATE_HZ) for name, one in prompts().items() if name != MUSIC}


@cache
def voices() -> dict[str, Samples]:
    return {name: to_level(read_reference(path).mono, -20, RATE_HZ) for name, path in SPEECH.items()}


@cache
def speakers() -> tuple[Party, ...]:
    return tuple(Party(name, speech=PromptReference.load(path, name)) for name, path in SPEECH.items())


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.float32)


def seed(name: str) -> int:
    return crc32(name.encode()) % 1000


def louder(samples: Samples, gain_db: float) -> Samples:
    return np.asarray(samples * 10 ** (gain_db / 20), dtype=np.float32)


def mixed(*sounds: Samples) -> Samples:
    whole = silence(max(sound.size for sound in sounds) / RATE_HZ)
    for sound in sounds:
        whole[: sound.size] += sound
    return whole
