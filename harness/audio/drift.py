"""Do two channels of a long recording stay in sync? From sounds whose true times are known.

Each party makes a sound now and then (a beacon of a second, a sentence); when it made it and when it is in the
recording is a ``Mark``. What matters is not where the channels lie but whether they move against each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.audio.beacon import find_beacons
from harness.audio.levels import FRAME_S, SOUND_DBOV, Samples, frame_levels, runs
from harness.errors import Inconclusive

REACH_S = 1.0
"""A sound later or earlier than this against its time belongs to another mark."""

_MARGIN_S = 0.1
_SMEAR_S = 0.01
_STEP_S = 0.001
_RISEN_WITHIN_S = 0.1
_AT_AN_END = 0.1
_PIECE_S = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """A sound that was made at ``made_s`` and is in the recording at ``heard_s``."""

    made_s: float
    heard_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """How the second channel lies against the first, in ms (positive: it is late).

    ``at_start_ms`` and ``at_end_ms`` are medians over the marks of the first and last tenth, ``drift_ms`` is what
    came in between, ``rate_ppm`` the same per time, ``worst_ms`` the largest distance from ``at_start_ms`` anywhere.
    """

    at_start_ms: float
    at_end_ms: float
    rate_ppm: float
    worst_ms: float
    marks: int

    @property
    def drift_ms(self) -> float:
        return self.at_end_ms - self.at_start_ms


def beacon_onsets(
    samples: Samples, rate_hz: int, frequency_hz: int, *, sound_dbov: float = SOUND_DBOV, minimum_s: float = 0.4
) -> tuple[float, ...]:
    """When a beacon sets in, each time, in s, to some 3 ms. Silence costs next to nothing, so half an hour of sparse
    beacons is read in a moment; something else sounding right before hides an onset's exact time."""
    found = []
    for start, end in _sounding(samples, rate_hz, sound_dbov):
        report = find_beacons(samples[start:end], rate_hz, (frequency_hz,))
        for span in report.spans(frequency_hz, minimum_s):
            onset = _onset(samples, rate_hz, frequency_hz, start / rate_hz + span.start_s)
            found.append(onset)
    return tuple(found)


def marks_of(made_s: Sequence[float], heard_s: Sequence[float], *, reach_s: float = REACH_S) -> tuple[Mark, ...]:
    """Pairs each sound with when it was heard, one recording's start being 0 for both. What was lost has no mark."""
    made, heard = sorted(made_s), sorted(heard_s)
    pairs = []
    for one in made:
        nearest = _nearest(heard, one)
        # What was lost must not take the sound of the one before or after it.
        if nearest is not None and abs(nearest - one) <= reach_s and _nearest(made, nearest) == one:
            pairs.append(Mark(one, nearest))
    return tuple(pairs)


def _nearest(times: Sequence[float], to: float) -> float | None:
    at = bisect_left(times, to)
    return min(times[max(0, at - 1) : at + 1], key=lambda one: abs(one - to), default=None)


def sync_of(first: Sequence[Mark], second: Sequence[Mark]) -> Sync:
    """Compare two channels. Raises Inconclusive when one has no marks near the beginning and near the end."""
    marks = [*first, *second]
    if not first or not second:
        raise Inconclusive("a channel has none of the sounds that tell its time")
    begin, end = min(mark.made_s for mark in marks), max(mark.made_s for mark in marks)
    early, late = begin + _AT_AN_END * (end - begin), end - _AT_AN_END * (end - begin)
    at_ends = []
    for name, channel in (("first", first), ("second", second)):
        starts = [mark for mark in channel if mark.made_s <= early]
        finishes = [mark for mark in channel if mark.made_s >= late]
        if not starts or not finishes or end <= begin:
            raise Inconclusive(f"the {name} channel has no sound of known time at both ends of the recording")
        at_ends.append((_lateness(starts), _lateness(finishes)))
    (first_start, first_end), (second_start, second_end) = at_ends
    at_start, at_end = second_start - first_start, second_end - first_end
    between_s = _middle(mark for mark in second if mark.made_s >= late) - _middle(
        mark for mark in second if mark.made_s <= early
    )
    made, late_by = (np.array([getattr(mark, key) for mark in first]) for key in ("made_s", "heard_s"))
    order = np.argsort(made)
    # The first channel's lateness at the times of the second's marks, straight lines between.
    distance = [
        (mark.heard_s - mark.made_s) - float(np.interp(mark.made_s, made[order], (late_by - made)[order]))
        for mark in second
    ]
    return Sync(
        at_start_ms=1000 * at_start,
        at_end_ms=1000 * at_end,
        rate_ppm=1e6 * (at_end - at_start) / between_s,
        worst_ms=1000 * max(abs(one - at_start) for one in distance),
        marks=len(marks),
    )


def _lateness(marks: Iterable[Mark]) -> float:
    return float(np.median([mark.heard_s - mark.made_s for mark in marks]))


def _middle(marks: Iterable[Mark]) -> float:
    return float(np.median([mark.made_s for mark in marks]))


def _sounding(samples: Samples, rate_hz: int, sound_dbov: float) -> list[tuple[int, int]]:
    """Stretches with sound, with a margin, as samples."""
    frame = max(1, round(rate_hz * FRAME_S))
    step = round(_PIECE_S / FRAME_S) * frame
    levels = [frame_levels(samples[first : first + step], rate_hz) for first in range(0, samples.size, step)]
    loud = np.concatenate([np.empty(0), *levels]) > sound_dbov
    margin = round(_MARGIN_S / FRAME_S)
    wide = np.convolve(loud, np.ones(2 * margin + 1), mode="same") > 0 if loud.size else loud
    return [(start * frame, min(samples.size, end * frame)) for start, end in runs(np.asarray(wide, dtype=np.bool_))]


def _onset(samples: Samples, rate_hz: int, frequency_hz: int, near_s: float) -> float:
    """When the tone rises to half the amplitude that it then has."""
    first = max(0, round((near_s - _MARGIN_S) * rate_hz))
    piece = samples[first : first + round((2 * _MARGIN_S + _RISEN_WITHIN_S) * rate_hz)]
    turned = piece * np.exp(-2j * np.pi * frequency_hz * np.arange(piece.size) / rate_hz)
    smear = max(1, round(_SMEAR_S * rate_hz))
    envelope = np.abs(np.convolve(turned, np.ones(smear) / smear, mode="same"))[:: max(1, round(_STEP_S * rate_hz))]
    risen = float(np.median(envelope[-round(_RISEN_WITHIN_S / _STEP_S) :]))
    above = np.flatnonzero(envelope >= risen / 2)
    return first / rate_hz + float(above[0]) * _STEP_S if above.size else near_s
