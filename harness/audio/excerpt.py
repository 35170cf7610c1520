"""Is what was heard an excerpt of a long, looped piece: hold music?

The reverse of ``prompt``: here the recording is cut into blocks, and these are looked for in the piece. The
excerpt may begin anywhere in the piece and run over its end into its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.audio.blocks import ANALYSIS_HZ, BLOCK, BLOCK_S, BlockSearch, BlockSpectra, emphasised
from harness.audio.levels import SOUND_DBOV, Samples, frame_levels
from harness.audio.prompt import OFFSET_TOLERANCE_S, PromptReference
from harness.audio.wav import resample


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcerptMatch:
    """How much of a recording is an excerpt of the piece.

    ``share`` of the recording's blocks with sound, ``found_s`` how long these last together, ``first_s``
    and ``last_s`` the times in the recording between which they lie (None: there is nothing of it).
    """

    name: str
    share: float
    found_s: float
    first_s: float | None = None
    last_s: float | None = None


def match_excerpt(received: Samples, rate_hz: int, piece: PromptReference) -> ExcerptMatch:
    """Look for any part of a looped piece in a recording.

    Blocks count when they lie at one common place in the loop: a queue that starts the music anew after an
    announcement therefore yields the longest stretch only.
    """
    heard = resample(received, rate_hz, ANALYSIS_HZ)
    starts = _audible_blocks(heard)
    if not starts:
        return ExcerptMatch(name=piece.name, share=0.0, found_s=0.0)
    emphasis = emphasised(heard)
    spectra = BlockSpectra([emphasis[start : start + BLOCK] for start in starts])
    loop = piece.samples.size
    around = np.concatenate((piece.samples, piece.samples[:BLOCK]))
    hits = BlockSearch([spectra]).feed(around)
    places = np.array([(hit.position - starts[hit.block]) % loop for hit in hits], dtype=np.int64)
    best: set[int] = set()
    for place in np.unique(places):
        distance = np.abs((places - place + loop // 2) % loop - loop // 2)
        near = np.flatnonzero(distance <= OFFSET_TOLERANCE_S * ANALYSIS_HZ)
        best = max(best, {hits[index].block for index in near}, key=len)
    if not best:
        return ExcerptMatch(name=piece.name, share=0.0, found_s=0.0)
    return ExcerptMatch(
        name=piece.name,
        share=len(best) / len(starts),
        found_s=len(best) * BLOCK_S,
        first_s=starts[min(best)] / ANALYSIS_HZ,
        last_s=(starts[max(best)] + BLOCK) / ANALYSIS_HZ,
    )


def _audible_blocks(heard: Samples) -> list[int]:
    """Starts of the whole blocks that hold sound."""
    whole = heard[: heard.size // BLOCK * BLOCK]
    levels = frame_levels(whole, ANALYSIS_HZ, BLOCK_S)
    return [int(number) * BLOCK for number in np.flatnonzero(levels > SOUND_DBOV)]
