"""Finding known blocks of sound in a recording: normalised cross-correlation, by FFT.

A whole prompt correlates badly with itself once a jitter buffer has inserted or dropped a packet; its
half-second blocks still do well, each at its own place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from harness.audio.levels import Samples
from harness.audio.polyphase import polyphase

ANALYSIS_HZ = 8000
BLOCK_S = 0.5
BLOCK = round(BLOCK_S * ANALYSIS_HZ)

HIT = 0.4
"""Correlation from which a block counts as found."""

_FFT = 16_000
_REACH = _FFT - BLOCK + 1
"""Positions one FFT covers without wrapping round."""
_FAINTEST_DBOV = -70.0
_EMPHASIS = 0.5
"""First-order pre-emphasis: without it the low vowels, much alike in all voices, decide everything."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Block number ``block`` was found at sample ``position`` (of ANALYSIS_HZ) with ``correlation``."""

    block: int
    position: int
    correlation: float


def emphasised(samples: Samples, before: float = 0.0) -> Samples:
    """High frequencies raised, as the ear of this matcher wants them; ``before`` is the sample before."""
    delayed = np.concatenate((np.array([before], dtype=np.float32), samples[:-1]))
    return (samples - np.float32(_EMPHASIS) * delayed[: samples.size]).astype(np.float32)


class BlockSpectra:
    """Blocks made ready for searching; each is BLOCK samples, already emphasised."""

    def __init__(self, blocks: Sequence[Samples]) -> None:
        self.count = len(blocks)
        unit = np.zeros((self.count, _FFT), dtype=np.float32)
        for number, block in enumerate(blocks):
            unit[number, :BLOCK] = block / max(float(np.linalg.norm(block)), 1e-9)
        self.conjugate: npt.NDArray[np.complex64] = np.conj(rfft(unit, axis=1))


class BlockSearch:
    """Searches sound that arrives piece by piece for blocks, each position once."""

    def __init__(self, spectra: Sequence[BlockSpectra]) -> None:
        self._conjugate = np.concatenate([one.conjugate for one in spectra])
        self._pending = np.empty(0, dtype=np.float32)
        self._position = 0
        self._last = 0.0

    def feed(self, samples: Samples) -> list[Hit]:
        """Take the next samples (of ANALYSIS_HZ) and return the blocks found in positions now covered."""
        if samples.size == 0:
            return []
        self._pending = np.concatenate((self._pending, emphasised(samples, self._last)))
        self._last = float(samples[-1])
        hits: list[Hit] = []
        while (positions := min(self._pending.size - BLOCK + 1, _REACH)) > 0:
            hits += self._search(self._pending[: positions + BLOCK - 1], positions)
            self._pending = self._pending[positions:]
            self._position += positions
        return hits

    def _search(self, heard: Samples, positions: int) -> list[Hit]:
        energy = np.concatenate(([0.0], np.cumsum(np.square(heard, dtype=np.float64))))
        of_window = energy[BLOCK:] - energy[:-BLOCK]
        faintest = BLOCK * 10 ** (_FAINTEST_DBOV / 10)
        if of_window.max() < faintest:
            return []
        scale = np.where(of_window > faintest, 1.0 / np.sqrt(np.maximum(of_window, faintest)), 0.0)
        spectrum = rfft(heard.astype(np.float32), _FFT)
        product = irfft(self._conjugate * spectrum, _FFT, axis=1)[:, :positions]
        correlation = product * scale.astype(np.float32)
        best = correlation.argmax(axis=1)
        peaks = correlation[np.arange(len(best)), best]
        return [
            Hit(int(block), self._position + int(best[block]), float(peaks[block]))
            for block in np.flatnonzero(peaks >= HIT)
        ]


class StreamResampler:
    """Brings sound that arrives piece by piece to ANALYSIS_HZ, without a seam between the pieces."""

    _MARGIN_S = 0.02

    def __init__(self, from_hz: int) -> None:
        divisor = gcd(from_hz, ANALYSIS_HZ)
        self._up, self._down = ANALYSIS_HZ // divisor, from_hz // divisor
        # Whole numbers of output samples, so that every piece begins on the same grid.
        self._margin = -(-round(from_hz * self._MARGIN_S) // self._down) * self._down
        self._buffer = np.zeros(self._margin, dtype=np.float32)

    def feed(self, samples: Samples) -> Samples:
        """The samples that are settled now; the last 20 ms of the input are still held back."""
        if self._up == self._down:
            return samples
        self._buffer = np.concatenate((self._buffer, samples))
        usable = (self._buffer.size - 2 * self._margin) // self._down * self._down
        if usable <= 0:
            return np.empty(0, dtype=np.float32)
        resampled = polyphase(self._buffer[: usable + 2 * self._margin], self._up, self._down)
        first = self._margin // self._down * self._up
        self._buffer = self._buffer[usable:]
        return np.asarray(resampled[first : first + usable // self._down * self._up], dtype=np.float32)

    def finish(self) -> Samples:
        """What was held back. The resampler takes nothing more."""
        if self._up == self._down:
            return np.empty(0, dtype=np.float32)
        return self.feed(np.zeros(self._margin + self._down - 1, dtype=np.float32))
