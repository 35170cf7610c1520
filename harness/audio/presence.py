"""Where in a recording is a party that is known by its beacon or by what it says, and how loud?

Not a guess at voice activity: what is found is this party's own sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.audio.beacon import HOP_S, STRANGER_MINIMUM_S, BeaconListener
from harness.audio.blocks import ANALYSIS_HZ, BLOCK, BlockSearch, Hit, emphasised
from harness.audio.levels import Samples, runs
from harness.audio.prompt import OFFSET_TOLERANCE_S, PromptReference
from harness.audio.wav import resample
from harness.errors import HarnessMisuse

LevelFrames = npt.NDArray[np.float32]
"""Level in dBov every HOP_S, minus infinity where the party is not heard."""

ALONE = 0.7
"""A block that correlates this well is the party's, even if none beside it is found."""

TOGETHER = 1.1
"""Two blocks in their places must correlate this well together: in two voices of one synthesiser, chance puts two of
0.45 each there."""

_FEED_S = 10
_BESIDE_S = 3.0
_LARGEST_HOLE = 1
"""A block that loss has torn may be missing between two of a sentence; two missing ones are a gap."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who may be in a recording, known by a beacon, by a sentence, or by both.

    Raises HarnessMisuse when it is known by nothing.
    """

    name: str
    beacon_hz: int | None = None
    speech: PromptReference | None = None

    def __post_init__(self) -> None:
        if self.beacon_hz is None and self.speech is None:
            raise HarnessMisuse(
                f"party {self.name} cannot be recognised", suggestion="give it a beacon or a sentence to say"
            )


def presence(samples: Samples, rate_hz: int, parties: Sequence[Party]) -> list[LevelFrames]:
    """For each party, its level over time in one channel. A beacon is told to 0.02 s, a sentence to half a second."""
    frames = -(-samples.size // round(rate_hz * HOP_S))
    levels = [np.full(frames, -np.inf, dtype=np.float32) for _ in parties]
    _add_beacons(samples, rate_hz, parties, levels)
    _add_speech(samples, rate_hz, parties, levels)
    return levels


def _add_beacons(samples: Samples, rate_hz: int, parties: Sequence[Party], levels: list[LevelFrames]) -> None:
    bank = tuple(dict.fromkeys(party.beacon_hz for party in parties if party.beacon_hz is not None))
    if not bank:
        return
    listener = BeaconListener(rate_hz, bank)
    step = rate_hz * _FEED_S
    for first in range(0, samples.size, step):
        listener.feed(samples[first : first + step])
    report = listener.report()
    for party, level in zip(parties, levels, strict=True):
        if party.beacon_hz is None:
            continue
        column = bank.index(party.beacon_hz)
        for span in report.spans(party.beacon_hz, STRANGER_MINIMUM_S):
            start, end = round(span.start_s / HOP_S), round(span.end_s / HOP_S)
            power = np.maximum(report.power[start:end, column], 1e-12)
            # Frame n is centred on the slot n + 1.5; a run's first and last frame reach half a frame further.
            there = 10 * np.log10(np.concatenate((power[:1], power, power[-1:])))
            place = level[start + 1 : end + 3]
            np.maximum(place, there[: place.size], out=place)


def _add_speech(samples: Samples, rate_hz: int, parties: Sequence[Party], levels: list[LevelFrames]) -> None:
    spoken = [(n, party.speech) for n, party in enumerate(parties) if party.speech is not None]
    if not spoken:
        return
    heard = resample(samples, rate_hz, ANALYSIS_HZ)
    hits = BlockSearch([speech.spectra for _, speech in spoken]).feed(heard)
    emphasis = emphasised(heard)
    first = 0
    for n, speech in spoken:
        count = len(speech.starts)
        own = [Hit(h.block - first, h.position, h.correlation) for h in hits if first <= h.block < first + count]
        first += count
        _fill(levels[n], speech, _mated(own, speech.starts), emphasis)


def _mated(hits: Sequence[Hit], starts: Sequence[int]) -> list[Hit]:
    """Hits that are no chance: others of the same passage stand beside them, or they are beyond doubt."""
    if not hits:
        return []
    ordered = sorted(hits, key=lambda hit: hit.position)
    position = np.array([hit.position for hit in ordered])
    offset = position - np.array([starts[hit.block] for hit in ordered])
    block = np.array([hit.block for hit in ordered])
    correlation = np.array([hit.correlation for hit in ordered])
    mated = []
    for n, hit in enumerate(ordered):
        near = np.abs(position - position[n]) <= _BESIDE_S * ANALYSIS_HZ
        near &= (np.abs(offset - offset[n]) <= OFFSET_TOLERANCE_S * ANALYSIS_HZ) & (block != hit.block)
        best = float(correlation[near].max(initial=0.0))
        if best + hit.correlation >= TOGETHER or near.sum() >= 2 or hit.correlation >= ALONE:
            mated.append(hit)
    return mated


def _fill(level: LevelFrames, speech: PromptReference, hits: Sequence[Hit], emphasis: Samples) -> None:
    """Write a sentence's blocks where they were found, and what lies between two of them that belong together."""
    hop = HOP_S * ANALYSIS_HZ
    wanted = emphasised(speech.samples)
    before: Hit | None = None
    before_dbov = 0.0
    for hit in hits:
        start = speech.starts[hit.block]
        there = float(np.sum(np.square(emphasis[hit.position : hit.position + BLOCK], dtype=np.float64)))
        asked = float(np.sum(np.square(wanted[start : start + BLOCK], dtype=np.float64)))
        said = float(np.mean(np.square(speech.samples[start : start + BLOCK], dtype=np.float64)))
        # The share of this block's power that is the party's, brought from the emphasised to the plain sound.
        here = 10 * float(np.log10(max(1e-12, there * hit.correlation**2 / max(asked, 1e-12) * said)))
        _write(level, hit.position / hop, (hit.position + BLOCK) / hop, here)
        if before is not None and _same_passage(before, hit, speech.starts):
            _write(level, (before.position + BLOCK) / hop, hit.position / hop, min(here, before_dbov))
        before, before_dbov = hit, here


def _write(level: LevelFrames, start: float, end: float, dbov: float) -> None:
    place = level[max(0, round(start)) : max(0, round(end))]
    np.maximum(place, np.float32(dbov), out=place)


def _same_passage(one: Hit, other: Hit, starts: Sequence[int]) -> bool:
    shift = (other.position - starts[other.block]) - (one.position - starts[one.block])
    return abs(shift) <= OFFSET_TOLERANCE_S * ANALYSIS_HZ and 0 < other.block - one.block <= 1 + _LARGEST_HOLE


def heard_spans(level: LevelFrames) -> list[tuple[int, int]]:
    """First frame and end of each stretch in which the party is heard."""
    return list(runs(np.isfinite(level)))
