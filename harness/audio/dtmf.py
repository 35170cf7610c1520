"""DTMF in the sound itself: digits, when and how long, by a bank of Goertzel filters.

Frequencies and their tolerance are those of ITU-T Q.23; durations, twist and pause those that receivers have by
ITU-T Q.24: 40 ms of tone after 40 ms of pause is a digit, less than 24 ms is none, and an interruption of
10 ms does not make two of one. A voice is no digit: both tones together must hold most of the sound's power and
stay on their frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from harness.audio.levels import Samples, dbov
from harness.audio.wav import resample

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
DIGITS = ("123A", "456B", "789C", "*0#D")
"""Rows by low, columns by high tone."""

TONE_S = 0.1
PAUSE_S = 0.1
DTMF_DBOV = -10.0

DTMF_RATE_HZ = 8000
HOP_S = 0.005
FAINTEST_DBOV = -40.0
SHORTEST_S = 0.03
"""Between the 24 ms that must not and the 40 ms that must count."""
TWIST_DB = 9.0
SHORTEST_PAUSE_S = 0.02
"""Between the 10 ms that must not and the 40 ms that must separate two presses of one key."""
OFF_FREQUENCY = 0.026
"""Between the 1.8 % that senders may be off (Q.23) and the 3.5 % at which nothing is a digit any more (Q.24)."""

_FRAME_S = 0.025
_PURITY = 0.5
_BEST_PURITY = 0.75
"""Of our prompts' voices the purest pair holds 0.61 of the power; a digit 6 dB above noise holds 0.8."""
_LONGEST_TEAR = 12
_TEAR_BELOW_DB = 9.0
_CHUNK = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardDigit:
    """A digit in a recording. ``level_dbov`` is that of both tones together, ``twist_db`` how much stronger the high
    one is than the low one."""

    digit: str
    start_s: float
    end_s: float
    level_dbov: float
    twist_db: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class ToneFrames:
    """Sound as the bank hears it, one frame every HOP_S, the first centred on the first sample.

    ``tones`` are amplitude and phase by frame and frequency (low ones first), ``power`` is the mean square of all
    that is in a frame.
    """

    tones: npt.NDArray[np.complex64]
    power: npt.NDArray[np.float64]

    @property
    def low(self) -> npt.NDArray[np.float64]:
        return np.asarray(np.square(np.abs(self.tones[:, :4]), dtype=np.float64) / 2)

    @property
    def high(self) -> npt.NDArray[np.float64]:
        return np.asarray(np.square(np.abs(self.tones[:, 4:]), dtype=np.float64) / 2)

    def off_hz(self, index: int, start: int, end: int) -> float:
        """How far the tone in the frames from ``start`` to ``end`` is from its frequency, judged by its phase from
        frame to frame; infinite where one frame is all there is."""
        tone = self.tones[start:end, index]
        if tone.size < 2:
            return inf
        expected = np.exp(2j * np.pi * (*LOW_HZ, *HIGH_HZ)[index] * HOP_S)
        advance = np.angle(tone[1:] * np.conj(tone[:-1]) / expected)
        # A concealed packet tears the phase of a few frames: the middle one tells the truth.
        return float(np.median(advance)) / (2 * np.pi * HOP_S)


def tone_frames(samples: Samples, rate_hz: int, frame_s: float = _FRAME_S) -> ToneFrames:
    """Put the eight filters to a recording, in pieces, so that half an hour of it needs no memory."""
    heard = resample(samples, rate_hz, DTMF_RATE_HZ)
    length, hop = round(frame_s * DTMF_RATE_HZ), round(HOP_S * DTMF_RATE_HZ)
    window = np.hanning(length + 1)[:length]
    turns = np.outer(np.arange(length), (*LOW_HZ, *HIGH_HZ)) / DTMF_RATE_HZ
    bank = window[:, None] * np.exp(-2j * np.pi * turns) * (2 / window.sum())
    filters = np.concatenate((bank.real, bank.imag), axis=1).astype(np.float32)
    weights = (np.square(window) / np.square(window).sum()).astype(np.float32)
    padded = np.pad(heard, (length // 2, length - length // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    tones, power = [np.empty((0, 8), dtype=np.complex64)], [np.empty(0)]
    for first in range(0, len(windows), _CHUNK):
        piece = windows[first : first + _CHUNK]
        both = piece @ filters
        tones.append((both[:, :8] + 1j * both[:, 8:]).astype(np.complex64))
        power.append((np.square(piece) @ weights).astype(np.float64))
    return ToneFrames(np.concatenate(tones), np.concatenate(power))


def find_dtmf(samples: Samples, rate_hz: int, *, faintest_dbov: float = FAINTEST_DBOV) -> tuple[HeardDigit, ...]:
    """The digits in a recording, in their order."""
    frames = tone_frames(samples, rate_hz)
    low, high = frames.low, frames.high
    if not len(low):
        return ()
    row, column = low.argmax(axis=1), high.argmax(axis=1)
    pair = low.max(axis=1) + high.max(axis=1)
    there = (pair >= 10 ** (faintest_dbov / 10)) & (pair >= _PURITY * frames.power)
    key = np.where(there, 4 * row + column, -1)
    found: list[HeardDigit] = []
    for code, start, end in _joined(key, frames.power):
        digit = _judged(frames, low[:, code // 4], high[:, code % 4], code, start, end)
        if digit is None:
            continue
        if found and found[-1].digit == digit.digit and digit.start_s - found[-1].end_s < SHORTEST_PAUSE_S:
            found[-1] = replace(found[-1], end_s=digit.end_s)
        else:
            found.append(digit)
    return tuple(digit for digit in found if digit.seconds >= SHORTEST_S)


def _judged(
    frames: ToneFrames,
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    code: int,
    start: int,
    end: int,
) -> HeardDigit | None:
    """The digit of number ``code`` in the frames from ``start`` to ``end``, None when it is none."""
    row, column = divmod(code, 4)
    off_low, off_high = frames.off_hz(row, start, end), frames.off_hz(4 + column, start, end)
    if abs(off_low) > OFF_FREQUENCY * LOW_HZ[row] or abs(off_high) > OFF_FREQUENCY * HIGH_HZ[column]:
        return None
    low, high = low / _response(off_low), high / _response(off_high)
    pair = low + high
    if not (pair[start:end] >= _BEST_PURITY * frames.power[start:end]).any():
        return None
    twist_db = dbov(float(np.median(high[start:end]))) - dbov(float(np.median(low[start:end])))
    if abs(twist_db) > TWIST_DB:
        return None
    usual = float(np.median(pair[start:end]))
    first, last = _edges(pair, start, end, usual / 4)
    # Frame n stands for the time from half a hop before its centre to half a hop after it.
    return HeardDigit(
        digit=DIGITS[row][column],
        start_s=max(0.0, (first - 0.5) * HOP_S),
        end_s=(last - 0.5) * HOP_S,
        level_dbov=dbov(usual),
        twist_db=twist_db,
    )


def dtmf_samples(
    digits: str,
    rate_hz: int,
    *,
    tone_s: float = TONE_S,
    pause_s: float = PAUSE_S,
    level_dbov: float = DTMF_DBOV,
    twist_db: float = 0.0,
    off: float = 0.0,
) -> Samples:
    """Digits as a telephone dials them, each followed by its pause. ``off`` is by what share the frequencies are
    wrong. A character that is no digit raises ValueError."""
    pieces: list[Samples] = []
    t = np.arange(round(tone_s * rate_hz)) / rate_hz
    # Powers of both tones add up to the level, whatever the twist.
    low_power = 10 ** (level_dbov / 10) / (1 + 10 ** (twist_db / 10))
    for digit in digits:
        row = next((n for n, keys in enumerate(DIGITS) if digit in keys), None)
        if row is None:
            raise ValueError(f"{digit!r} is no DTMF digit (0-9, *, #, A-D)")
        column = DIGITS[row].index(digit)
        low = np.sqrt(2 * low_power) * np.sin(2 * np.pi * LOW_HZ[row] * (1 + off) * t)
        high = np.sqrt(2 * low_power * 10 ** (twist_db / 10)) * np.sin(2 * np.pi * HIGH_HZ[column] * (1 + off) * t)
        pieces += [(low + high).astype(np.float32), np.zeros(round(pause_s * rate_hz), dtype=np.float32)]
    return np.concatenate([np.empty(0, dtype=np.float32), *pieces])


def _response(off_hz: float) -> float:
    """How a Hann window of _FRAME_S answers the power of a tone that is ``off_hz`` off."""
    x = off_hz * _FRAME_S
    return float(np.square(np.sinc(x) + (np.sinc(x - 1) + np.sinc(x + 1)) / 2))


def _joined(key: npt.NDArray[np.int64], power: npt.NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Runs of one key: code, first frame and end; runs of the same key are one where only a lost packet tore it."""
    found: list[tuple[int, int, int]] = []
    changes = np.flatnonzero(np.diff(key, prepend=-2, append=-2))
    for start, end in pairwise(changes):
        code = int(key[start])
        if code < 0:
            continue
        if found and found[-1][0] == code and _torn(power, found[-1], int(start)):
            found[-1] = (code, found[-1][1], int(end))
        else:
            found.append((code, int(start), int(end)))
    return found


def _torn(power: npt.NDArray[np.float64], before: tuple[int, int, int], start: int) -> bool:
    """Whether the sound goes on from one run to the next: concealment spoils a tone but does not silence it."""
    _, first, end = before
    if start - end > _LONGEST_TEAR:
        return False
    least = float(np.median(power[first:end])) * 10 ** (-_TEAR_BELOW_DB / 10)
    return bool(power[end:start].min(initial=np.inf) >= least)


def _edges(pair: npt.NDArray[np.float64], start: int, end: int, least: float) -> tuple[int, int]:
    """First frame and end of a tone: a frame that it fills by half has half its amplitude."""
    while start > 0 and pair[start - 1] >= least:
        start -= 1
    while end < pair.size and pair[end] >= least:
        end += 1
    loud = np.flatnonzero(pair[start:end] >= least)
    return start + int(loud[0]), start + int(loud[-1]) + 1
