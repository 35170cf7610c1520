"""Was this prompt heard, whole, and when? By block-wise normalised cross-correlation with the prompt's file.

The prompt must be known byte for byte: the same words synthesised anew do not match. The prompt is cut into
half-second blocks; its score is the share of its audible blocks that are found where they belong relative
to each other. The right prompt scores 0.8 or more through every telephone codec and 10 % packet loss, another
one 0.3 or less; what lies between is a clipped or torn prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.audio.blocks import (
    ANALYSIS_HZ,
    BLOCK,
    BLOCK_S,
    BlockSearch,
    BlockSpectra,
    Hit,
    StreamResampler,
    emphasised,
)
from harness.audio.levels import SOUND_DBOV, Samples, frame_levels, level_dbov
from harness.audio.wav import read_reference, resample
from harness.errors import HarnessMisuse

PASS_SCORE = 0.8
FAIL_SCORE = 0.3

OFFSET_TOLERANCE_S = 0.08
"""How far blocks may lie from their common offset: four packets that a jitter buffer added or dropped."""

SETTLE_S = 0.3
"""How long after a prompt's expected end its last block may still turn up."""

_ALIKE = 0.1
"""Mean correlations that differ by less tell nothing: each repetition is coded anew."""

LISTEN_STEP_S = 0.2
"""Growing sound is searched in steps of this: shorter ones cost more and tell no more."""

_QUIET_BELOW_DB = 25.0
_PIECE_S = 0.1
_PIECE_HIT = 0.55
_PIECE_REACH_S = 0.045
_PIECES_BESIDE = 3


class Hearing(StrEnum):
    """What became of a prompt. ``PARTIAL``: clipped, torn or a re-recorded version."""

    HEARD = "heard"
    PARTIAL = "partial"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptMatch:
    """Where and how whole a prompt was heard. Times in s.

    ``offset_s`` is where the prompt's file would begin in the recording (negative when its beginning was
    never heard), ``first_sound_s`` and ``last_sound_s`` are the times in the recording between which it
    was found. ``clipped_start_s`` and ``clipped_end_s`` tell how much of the prompt's sound is missing at
    its ends, to 0.1 s. All of these are None when it was not found at all.
    """

    name: str
    score: float
    blocks: int
    blocks_found: int
    offset_s: float | None = None
    first_sound_s: float | None = None
    last_sound_s: float | None = None
    clipped_start_s: float | None = None
    clipped_end_s: float | None = None

    @property
    def hearing(self) -> Hearing:
        if self.score >= PASS_SCORE:
            return Hearing.HEARD
        return Hearing.ABSENT if self.score <= FAIL_SCORE else Hearing.PARTIAL

    def whole(self, clipped_s: float = 0.25) -> bool:
        """Whether the prompt was heard and neither end lacks more than ``clipped_s``."""
        return (
            self.hearing is Hearing.HEARD
            and self.clipped_start_s is not None
            and self.clipped_end_s is not None
            and max(self.clipped_start_s, self.clipped_end_s) <= clipped_s
        )

    def __str__(self) -> str:
        """One line for a person."""
        text = f"{self.name}: {self.hearing}, {self.blocks_found} of {self.blocks} blocks"
        if self.first_sound_s is None or self.last_sound_s is None:
            return text
        text += f", from {self.first_sound_s:.2f} s to {self.last_sound_s:.2f} s"
        for clipped, end in ((self.clipped_start_s, "beginning"), (self.clipped_end_s, "end")):
            if clipped:
                text += f", {clipped:.1f} s missing at the {end}"
        return text


@dataclass(frozen=True)
class PromptReference:
    """A prompt as the PBX has it: ``samples`` at ANALYSIS_HZ."""

    name: str
    samples: Samples

    @classmethod
    def of(cls, name: str, samples: Samples, rate_hz: int) -> PromptReference:
        """A prompt from samples at any rate.

        Raises HarnessMisuse when it holds less sound than one block: it could not be told from others.
        """
        reference = cls(name, resample(samples, rate_hz, ANALYSIS_HZ))
        start, end = reference.audible
        if end - start < BLOCK:
            raise HarnessMisuse(
                f"prompt {name} holds {(end - start) / ANALYSIS_HZ:.1f} s of sound, too little to be recognised",
                suggestion=f"use one of at least {BLOCK_S:.1f} s",
            )
        return reference

    @classmethod
    def load(cls, path: Path, name: str = "") -> PromptReference:
        """A prompt from its file. Raises HarnessMisuse when the file is missing, truncated or too short."""
        sound = read_reference(path)
        return cls.of(name or path.stem, sound.mono, sound.rate_hz)

    @cached_property
    def audible(self) -> tuple[int, int]:
        """First and last (exclusive) sample with sound."""
        loud = np.flatnonzero(frame_levels(self.samples, ANALYSIS_HZ) > SOUND_DBOV)
        if not loud.size:
            return 0, 0
        frame = ANALYSIS_HZ // 50
        return int(loud[0]) * frame, min((int(loud[-1]) + 1) * frame, self.samples.size)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where the blocks begin: end to end over the audible part, the last one flush with its end.

        Blocks much quieter than the loudest are left out: pauses match anything or nothing.
        """
        start, end = self.audible
        positions = [*range(start, end - BLOCK, BLOCK), end - BLOCK]
        # Half a block or more of new sound, or the last block would mostly repeat the one before.
        if len(positions) > 1 and positions[-1] - positions[-2] < BLOCK // 2:
            del positions[-2]
        levels = np.array([level_dbov(self.samples[p : p + BLOCK]) for p in positions])
        loud = levels > levels.max() - _QUIET_BELOW_DB
        return tuple(p for p, keep in zip(positions, loud, strict=True) if keep)

    @cached_property
    def spectra(self) -> BlockSpectra:
        emphasis = emphasised(self.samples)
        return BlockSpectra([emphasis[p : p + BLOCK] for p in self.starts])


class PromptListener:
    """Waits for a prompt in sound that arrives piece by piece, and says as soon as it is decided.

    Decided means: it was complete, or it began and its end has passed (then it may be clipped). A prompt
    that never begins is never decided; ``match`` tells what there is so far.
    """

    def __init__(self, reference: PromptReference, rate_hz: int) -> None:
        self.reference = reference
        self.decided: PromptMatch | None = None
        self._resampler = StreamResampler(rate_hz)
        self._search = BlockSearch([reference.spectra])
        self._heard: list[Samples] = []
        self._heard_count = 0
        self._waiting: list[Samples] = []
        self._waiting_count = 0
        self._hits: list[Hit] = []

    def feed(self, samples: Samples) -> PromptMatch | None:
        """Take the next samples; the match once it is decided."""
        settled = self._resampler.feed(samples)
        self._waiting.append(settled)
        self._waiting_count += settled.size
        if self._waiting_count >= LISTEN_STEP_S * ANALYSIS_HZ:
            self._look()
        return self.decided

    def finish(self) -> PromptMatch:
        """The recording is over: the match, whatever it is."""
        self._waiting.append(self._resampler.finish())
        self._look()
        return self.decided or self.match()

    def match(self) -> PromptMatch:
        """What has been found so far."""
        return _match(self.reference, self._hits, self._heard)

    def _look(self) -> None:
        piece = np.concatenate([np.empty(0, dtype=np.float32), *self._waiting])
        self._waiting, self._waiting_count = [], 0
        self._heard.append(piece)
        self._heard_count += piece.size
        self._hits += self._search.feed(piece)
        if self.decided is None and self._is_decided():
            self.decided = self.match()

    def _is_decided(self) -> bool:
        found = _consistent(self._hits, self.reference.starts)
        count = len(self.reference.starts)
        if len(found) <= FAIL_SCORE * count:
            return False
        if count - 1 in found and len(found) >= PASS_SCORE * count:
            return True
        # A recording cut before the prompt's end is undecided: its last blocks may still come.
        last = max(found)
        end = found[last].position + self.reference.starts[-1] - self.reference.starts[last] + BLOCK
        return self._heard_count >= end + SETTLE_S * ANALYSIS_HZ


def match_prompt(received: Samples, rate_hz: int, reference: PromptReference) -> PromptMatch:
    """Look for a prompt in a whole recording."""
    heard = resample(received, rate_hz, ANALYSIS_HZ)
    return _match(reference, BlockSearch([reference.spectra]).feed(heard), [heard])


def identify(received: Samples, rate_hz: int, prompts: Mapping[str, PromptReference]) -> tuple[PromptMatch, ...]:
    """Which prompts of a catalogue are in a recording, best first; those absent are left out.

    Matches carry the catalogue's names.
    """
    heard = resample(received, rate_hz, ANALYSIS_HZ)
    references = list(prompts.items())
    if not references:
        return ()
    hits = BlockSearch([reference.spectra for _, reference in references]).feed(heard)
    matches = []
    first = 0
    for name, reference in references:
        count = len(reference.starts)
        own = [
            Hit(hit.block - first, hit.position, hit.correlation) for hit in hits if first <= hit.block < first + count
        ]
        first += count
        matches.append(_match(reference, own, [heard], name))
    present = [match for match in matches if match.hearing is not Hearing.ABSENT]
    return tuple(sorted(present, key=lambda match: match.score, reverse=True))


class _Set(NamedTuple):
    """Blocks of a prompt at about one offset (samples), and the sum of their correlations."""

    size: int
    correlation: float
    offset: float
    hits: dict[int, Hit]


def _consistent(hits: Sequence[Hit], starts: Sequence[int]) -> dict[int, Hit]:
    """The largest set of blocks found at one offset, each block once.

    Of equally large sets the one that correlates best. A prompt that is whole more than once, all about as like, is
    the first.
    """
    if not hits:
        return {}
    offsets = np.array([hit.position - starts[hit.block] for hit in hits])
    tolerance = OFFSET_TOLERANCE_S * ANALYSIS_HZ
    sets: list[_Set] = []
    for centre in np.unique(offsets):
        chosen: dict[int, Hit] = {}
        for index in np.flatnonzero(np.abs(offsets - centre) <= tolerance):
            hit = hits[int(index)]
            if hit.block not in chosen or hit.correlation > chosen[hit.block].correlation:
                chosen[hit.block] = hit
        sets.append(_Set(len(chosen), sum(hit.correlation for hit in chosen.values()), float(centre), chosen))
    best = max(sets, key=lambda each: (each.size, each.correlation))
    if best.size == len(starts):
        least = best.correlation - _ALIKE * best.size
        alike = [each for each in sets if each.size == best.size and each.correlation >= least]
        until = alike[0].offset + tolerance
        best = max((each for each in alike if each.offset <= until), key=lambda each: each.correlation)
    return best.hits


def _match(reference: PromptReference, hits: Sequence[Hit], heard: Sequence[Samples], name: str = "") -> PromptMatch:
    starts = reference.starts
    found = _consistent(hits, starts)
    score = len(found) / len(starts)
    name = name or reference.name
    # A single stray block among several says nothing about where the prompt would be.
    if not found or score <= FAIL_SCORE:
        return PromptMatch(name=name, score=score, blocks=len(starts), blocks_found=len(found))
    first, last = found[min(found)], found[max(found)]
    recording = np.concatenate(list(heard))
    offset = first.position - starts[first.block]
    offset_at_end = last.position - starts[last.block]
    start = _edge(reference, recording, offset, backwards=False)
    end = _edge(reference, recording, offset_at_end, backwards=True)
    if start is None:
        start = _Edge(starts[first.block], starts[first.block])
    if end is None:
        end = _Edge(starts[last.block] + BLOCK, starts[last.block] + BLOCK)
    audible_start, audible_end = reference.audible
    return PromptMatch(
        name=name,
        score=score,
        blocks=len(starts),
        blocks_found=len(found),
        offset_s=offset / ANALYSIS_HZ,
        first_sound_s=(offset + start.found) / ANALYSIS_HZ,
        last_sound_s=(offset_at_end + end.found) / ANALYSIS_HZ,
        clipped_start_s=(start.missing - audible_start) / ANALYSIS_HZ,
        clipped_end_s=(audible_end - end.missing) / ANALYSIS_HZ,
    )


@dataclass(frozen=True, slots=True)
class _Edge:
    """An end of the heard part, as samples of the reference.

    What is missing goes up to ``missing``, what was found begins at ``found``; between the two lies a pause
    of the prompt, if anything.
    """

    missing: int
    found: int


def _edge(reference: PromptReference, recording: Samples, offset: int, *, backwards: bool) -> _Edge | None:
    """Where in the reference the heard part begins, or ends when ``backwards``; None: no piece was found.

    Tenths of a second are compared at their known places, two packets of slip allowed: a block that is half
    missing is still found, so blocks alone would tell the edge to half a second only. Of the pieces beside
    one that matches another must match: one alone may do so by chance, and a packet that a jitter buffer put
    in or took out spoils the piece it falls into.
    """
    length, reach = round(_PIECE_S * ANALYSIS_HZ), round(_PIECE_REACH_S * ANALYSIS_HZ)
    start, end = reference.audible
    wanted = emphasised(reference.samples)
    positions = list(range(start, end - length + 1, length))
    levels = [level_dbov(wanted[p : p + length]) for p in positions]
    loud = [p for p, level in zip(positions, levels, strict=True) if level > max(levels) - _QUIET_BELOW_DB]
    if backwards:
        loud.reverse()
    matched = [_piece_found(wanted[p : p + length], recording, offset + p, reach) for p in loud]
    index = next((n for n, here in enumerate(matched) if here and any(matched[n + 1 : n + 1 + _PIECES_BESIDE])), None)
    if index is None:
        return None
    if index == 0:
        # The outermost audible piece is there: what lies outside it is too quiet to be judged.
        return _Edge(end, end) if backwards else _Edge(start, start)
    if backwards:
        return _Edge(loud[index - 1], loud[index] + length)
    return _Edge(loud[index - 1] + length, loud[index])


def _piece_found(piece: Samples, recording: Samples, position: int, reach: int) -> bool:
    """Whether ``piece`` is in the recording within ``reach`` samples of ``position``."""
    first = max(0, position - reach)
    window = recording[first : max(0, position + piece.size + reach)]
    if window.size < piece.size:
        return False
    heard = emphasised(window, float(recording[first - 1]) if first else 0.0).astype(np.float64)
    product = np.correlate(heard, piece.astype(np.float64), mode="valid")
    energy = np.convolve(np.square(heard), np.ones(piece.size), mode="valid")
    scale = np.sqrt(np.maximum(energy, 1e-9) * float(np.sum(np.square(piece, dtype=np.float64))))
    return bool((product / np.maximum(scale, 1e-9)).max() >= _PIECE_HIT)
