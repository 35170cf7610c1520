"""Which prompts of a set were heard, in which order, each as often as it was played: digits that are read back.

Such prompts are words, too short for ``prompt`` to judge how whole they are. The set must be known byte for byte,
and what lies between its members does not matter. Of two that would overlap in time the better match counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.audio.blocks import ANALYSIS_HZ, BLOCK, BlockSearch, Hit
from harness.audio.levels import Samples
from harness.audio.prompt import OFFSET_TOLERANCE_S, PromptReference
from harness.audio.wav import resample

WORD_SCORE = 0.5
"""Mean correlation of a word's blocks from which it counts as heard."""

_STEP_S = 0.2
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


def words_heard(received: Samples, rate_hz: int, prompts: Mapping[str, PromptReference]) -> tuple[HeardWord, ...]:
    """The words in a recording, in the order they were heard."""
    references = list(prompts.items())
    if not references or not received.size:
        return ()
    hits = _hits(resample(received, rate_hz, ANALYSIS_HZ), [reference for _, reference in references])
    candidates: list[HeardWord] = []
    first = 0
    for name, reference in references:
        count = len(reference.starts)
        own = [hit for hit in hits if first <= hit.block < first + count]
        candidates += _candidates(name, reference, [Hit(h.block - first, h.position, h.correlation) for h in own])
        first += count
    return _best(candidates)


def _hits(heard: Samples, references: list[PromptReference]) -> list[Hit]:
    search = BlockSearch([reference.spectra for reference in references])
    step = round(_STEP_S * ANALYSIS_HZ)
    return [hit for start in range(0, heard.size, step) for hit in search.feed(heard[start : start + step])]


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
