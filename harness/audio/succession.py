"""Which prompts of a set were heard, in which order, each as often as it was played: digits that are read back.

Such prompts are words, too short for ``prompt`` to judge how whole they are. The set must be known byte for byte,
and what lies between its members does not matter. Of two that would overlap in time the better match counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.audio.blocks import ANALYSIS_HZ, BLOCK, BlockSearch, Hit, StreamResampler
from harness.audio.levels import Samples
from harness.audio.prompt import OFFSET_TOLERANCE_S, PromptReference

WORD_SCORE = 0.5
"""Mean correlation of a word's blocks from which it counts as heard."""

_STEP = round(0.2 * ANALYSIS_HZ)
"""The search tells one place for each step: no word comes twice in so short a time."""
_OVERLAP_S = 0.1
"""By how much two words may overlap: blocks reach into the silence around a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """One prompt of the set, by its name. Times in s from the first sample."""

    name: str
    start_s: float
    end_s: float
    score: float


class WordListener:
    """Listens for the words, of which there must be one at least, in sound that arrives piece by piece."""

    def __init__(self, prompts: Mapping[str, PromptReference], rate_hz: int) -> None:
        self._prompts = prompts
        self._resampler = StreamResampler(rate_hz)
        self._search = BlockSearch([reference.spectra for reference in prompts.values()])
        self._waiting = np.empty(0, dtype=np.float32)
        self._hits: list[Hit] = []

    def feed(self, samples: Samples) -> tuple[HeardWord, ...]:
        """Take the next samples; the words so far, in the order they were heard."""
        return self._take(self._resampler.feed(samples), _STEP)

    def finish(self) -> tuple[HeardWord, ...]:
        """The recording is over: all words."""
        return self._take(self._resampler.finish(), 1)

    def _take(self, samples: Samples, at_least: int) -> tuple[HeardWord, ...]:
        self._waiting = np.concatenate((self._waiting, samples))
        while self._waiting.size >= at_least:
            self._hits += self._search.feed(self._waiting[:_STEP])
            self._waiting = self._waiting[_STEP:]
        candidates: list[HeardWord] = []
        first = 0
        for name, reference in self._prompts.items():
            count = len(reference.starts)
            own = [hit for hit in self._hits if first <= hit.block < first + count]
            candidates += _candidates(name, reference, [Hit(h.block - first, h.position, h.correlation) for h in own])
            first += count
        return _best(candidates)


def words_heard(received: Samples, rate_hz: int, prompts: Mapping[str, PromptReference]) -> tuple[HeardWord, ...]:
    """The words in a whole recording."""
    listener = WordListener(prompts, rate_hz)
    listener.feed(received)
    return listener.finish()


def _candidates(name: str, reference: PromptReference, hits: list[Hit]) -> list[HeardWord]:
    tolerance = OFFSET_TOLERANCE_S * ANALYSIS_HZ
    starts = reference.starts
    found = []
    for offset in {hit.position - starts[hit.block] for hit in hits}:
        best = np.zeros(len(starts))
        for hit in hits:
            if abs(hit.position - starts[hit.block] - offset) <= tolerance:
                best[hit.block] = max(best[hit.block], hit.correlation)
        begin, end = offset + starts[0], offset + starts[-1] + BLOCK
        score = float(best.mean())
        found.append(HeardWord(name=name, start_s=begin / ANALYSIS_HZ, end_s=end / ANALYSIS_HZ, score=score))
    return [word for word in found if word.score >= WORD_SCORE]


def _best(candidates: list[HeardWord]) -> tuple[HeardWord, ...]:
    chosen: list[HeardWord] = []
    for word in sorted(candidates, key=lambda one: one.score, reverse=True):
        if all(min(word.end_s, other.end_s) - max(word.start_s, other.start_s) <= _OVERLAP_S for other in chosen):
            chosen.append(word)
    return tuple(sorted(chosen, key=lambda one: one.start_s))
