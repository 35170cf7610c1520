"""One sound within another: is a copy of what was said there, how late and how loud?

The whole of both sounds decides, by cross-correlation with the original's spectrum made flat, so a copy is found
far below a voice that speaks at the same time, where blocks of it would not be. The original must be speech or
something as varied: a copy of a tone fits at every one of its periods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import uniform_filter1d

from harness.audio.blocks import ANALYSIS_HZ, emphasised
from harness.audio.levels import SOUND_DBOV, Samples, frame_levels
from harness.audio.polyphase import polyphase
from harness.audio.wav import resample

PROMINENCE = 3.0
"""How far a peak must stand out from the highest thousandth of all other lags. Unrelated voices, even those of one
speech synthesiser, reach 2.5; a copy 24 dB below a voice of its own level reaches 3."""

LEAST_SOUND_S = 1.0
"""The original must hold this much sound, or nothing can be said."""

_FLATTENED_OVER_HZ = 20.0
_REGULARISED = 1e-2
_NOISE_S = 1.0
_HIGHEST = 0.999
_BESIDE_S = 0.1
_APART_S = 0.008
_FINER = 4
_PART = 0.15
"""A part of a torn copy is at least this much of the largest; what is left of the pitch is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy: ``delay_s`` after the original, ``gain_db`` louder than it (negative: quieter)."""

    delay_s: float
    gain_db: float
    prominence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySearch:
    """The copy, None when there is none, and ``floor_db``: a quieter one would not have been found."""

    copy: Copy | None
    floor_db: float

    def quieter_than(self, gain_db: float) -> bool | None:
        """Whether any copy is quieter than ``gain_db``; None: this search could not have told."""
        if self.copy is not None:
            return self.copy.gain_db < gain_db
        return True if self.floor_db <= gain_db else None


def find_copy(
    original: Samples, heard: Samples, rate_hz: int, *, earliest_s: float = 0.0, latest_s: float = 1.0
) -> CopySearch:
    """Look for ``original`` in ``heard`` between ``earliest_s`` and ``latest_s`` after its own time.

    Both begin at the same instant. ``earliest_s`` may be negative.
    """
    said, received = (emphasised(resample(sound, rate_hz, ANALYSIS_HZ)) for sound in (original, heard))
    nothing = CopySearch(copy=None, floor_db=np.inf)
    loud = np.count_nonzero(frame_levels(said, ANALYSIS_HZ) > SOUND_DBOV)
    if loud / 50 < LEAST_SOUND_S or not received.size or not received.any():
        return nothing
    response = _response(said, received, max(abs(earliest_s), abs(latest_s)) + _NOISE_S)
    first = round(earliest_s * ANALYSIS_HZ)
    window = np.roll(np.abs(response), -first)[: round((latest_s - earliest_s) * ANALYSIS_HZ) + 1]
    peak = int(window.argmax())
    beside = round(_BESIDE_S * ANALYSIS_HZ)
    around = np.roll(response, beside - first - peak)
    noise = float(np.quantile(np.abs(around[2 * beside :]), _HIGHEST))
    if noise <= 0.0:
        return nothing
    prominence = float(window[peak]) / noise
    floor_db = 20 * float(np.log10(PROMINENCE * noise))
    if prominence < PROMINENCE:
        return CopySearch(copy=None, floor_db=floor_db)
    gain = _whole_gain(around[: 2 * beside], max(PROMINENCE * noise, _PART * float(window[peak])))
    copy = Copy(delay_s=(first + peak) / ANALYSIS_HZ, gain_db=20 * float(np.log10(gain)), prominence=prominence)
    return CopySearch(copy=copy, floor_db=floor_db)


def _response(said: Samples, received: Samples, longest_s: float) -> npt.NDArray[np.float64]:
    """What ``received`` answers to an impulse in ``said``, by lag; negative lags are at the end."""
    reach = round(longest_s * ANALYSIS_HZ)
    size = next_fast_len(max(said.size, received.size) + reach, real=True)
    spectrum = rfft(said.astype(np.float64), size)
    power = np.square(np.abs(spectrum))
    width = max(1, round(_FLATTENED_OVER_HZ * size / ANALYSIS_HZ))
    smooth = uniform_filter1d(power, width)
    across = np.conj(spectrum) * rfft(received.astype(np.float64), size) / (smooth + _REGULARISED * smooth.mean())
    # Bands in which the original has nothing to say answer nothing: what is left is to be scaled up for them.
    share = float(np.mean(power / (smooth + _REGULARISED * smooth.mean())))
    lags = irfft(across, size) / max(share, 1e-9)
    return np.concatenate((lags[: reach + 1], lags[-reach:]))


def _whole_gain(around: npt.NDArray[np.float64], least: float) -> float:
    """Gain of a copy whose parts a jitter buffer has shifted against each other: each part has a peak of its own."""
    # A delay of half a sample spreads a peak; between the samples it is whole.
    near = np.abs(polyphase(around, _FINER, 1))
    apart = round(_APART_S * ANALYSIS_HZ * _FINER)
    gain = 0.0
    while (best := float(near.max())) >= least or not gain:
        at = int(near.argmax())
        near[max(0, at - apart) : at + apart + 1] = 0.0
        gain += best
    return gain
