"""What is left of DTMF where there should be none: the tones themselves, however faint.

Card data must not be recoverable from a recording's gap (PCI DSS 3.3.1). A digit may be there at -50 dBov, below
other sound, or with a twist that no receiver would take for a digit, and a patient listener would still read it.
So this looks for the two tones alone, each against what lies beside it. It accuses a voice now and then: use it only
where nothing at all should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.audio.dtmf import DIGITS, HIGH_HZ, HOP_S, LOW_HZ, OFF_FREQUENCY, ToneFrames, tone_frames
from harness.audio.levels import Samples, Span, dbov

FAINTEST_DBOV = -62.0
SHORTEST_S = 0.03

_FRAME_S = 0.05
"""Twice as long as for receiving digits: 3 dB less noise, and each tone's neighbours stay out of it."""
_ABOVE_NEXT_DB = 12.0
_TWIST_DB = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Tones of a digit, ``level_dbov`` being that of both."""

    digit: str
    span: Span
    level_dbov: float


def find_residue(samples: Samples, rate_hz: int, *, faintest_dbov: float = FAINTEST_DBOV) -> tuple[Residue, ...]:
    """Digits whose tones can be made out, in their order."""
    frames = tone_frames(samples, rate_hz, _FRAME_S)
    if not len(frames.power):
        return ()
    low, high = frames.low, frames.high
    row, column = low.argmax(axis=1), high.argmax(axis=1)
    least = 10 ** (faintest_dbov / 10)
    above, twist = 10 ** (_ABOVE_NEXT_DB / 10), 10 ** (_TWIST_DB / 10)
    low, high = np.sort(low, axis=1), np.sort(high, axis=1)
    of_low, of_high = low[:, -1], high[:, -1]
    there = (of_low >= least / 2) & (of_high >= least / 2)
    there &= (of_low >= above * low[:, -2]) & (of_high >= above * high[:, -2])
    there &= (of_low <= twist * of_high) & (of_high <= twist * of_low)
    key = np.where(there, 4 * row + column, -1)
    changes = np.flatnonzero(np.diff(key, prepend=-2, append=-2))
    found = []
    for start, end in pairwise(changes):
        code = int(key[start])
        if code < 0 or (end - start) * HOP_S < SHORTEST_S or not _steady(frames, code, int(start), int(end)):
            continue
        level = dbov(float(np.median(of_low[start:end] + of_high[start:end])))
        span = Span(float(start) * HOP_S, float(end) * HOP_S)
        found.append(Residue(digit=DIGITS[code // 4][code % 4], span=span, level_dbov=level))
    return tuple(found)


def _steady(frames: ToneFrames, code: int, start: int, end: int) -> bool:
    row, column = divmod(code, 4)
    return (
        abs(frames.off_hz(row, start, end)) <= OFF_FREQUENCY * LOW_HZ[row]
        and abs(frames.off_hz(4 + column, start, end)) <= OFF_FREQUENCY * HIGH_HZ[column]
    )
