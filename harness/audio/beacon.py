"""Tone beacons: which leg's sound is this, does it flow without a gap, and is anybody else's in it?

Each party of a call plays a tone of its own; a bank of Goertzel filters (one matrix product here) tells
which of them are in a recording. The tones lie between 500 and 3300 Hz, where PCMU, PCMA, GSM, G.722 and
Opus all carry them, and apart from DTMF, call progress and special information tones and from each
other's harmonics, also those that fold back at 8 kHz.

A beacon sways in level, because noise suppressors take a steady tone for noise: Speex's takes 15 dB off a
steady one within 2 s, 4 dB off a swaying one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.audio.levels import Samples, Span, dbov, runs
from harness.audio.wav import write_wav

BEACONS_HZ: tuple[int, ...] = (
    547, 647, 727, 803, 889, 1049, 1177, 1259, 1537, 1673, 1753, 1831, 1913, 1989, 2067,
    2143, 2219, 2301, 2379, 2463, 2543, 2621, 2701, 2783, 2873, 2951, 3029, 3107, 3189, 3269,
)  # fmt: skip
"""The tones, in Hz. Whole numbers, so that one second of any of them can be looped without a click."""

BEACON_RATE_HZ = 16_000
BEACON_DBOV = -15.0
SWAY_HZ = 2
SWAY_DEPTH = 0.7

FRAME_S = 0.08
"""Long enough that a Hann window has a null at half the distance between neighbours (37.5 Hz): a tone
40 dB below its neighbour still stands out. Frames follow each other every ``HOP_S``."""
HOP_S = 0.02

STRANGER_BELOW_DB = 30.0
STRANGER_MINIMUM_S = 0.4
"""A voice or a melody stays on a beacon's frequency for 0.25 s at most (measured on all our prompts)."""

_BESIDE_HZ = 3 / FRAME_S
_PROMINENCE_DB = 6.0
_FAINTEST_DBOV = -65.0
_STEADY_HZ = 3.0
_SHORTEST_RUN = 5
_LONGEST_BRIDGE = 20
_BRIDGE_BELOW_DB = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardBeacon:
    """One beacon in a recording.

    ``heard_s`` is how long in all, ``longest_s`` how long at a stretch, ``first_s`` and ``last_s`` when it
    began and ended, ``share`` the share of the whole recording, ``level_dbov`` its level while it was heard.
    """

    frequency_hz: int
    heard_s: float
    longest_s: float
    first_s: float
    last_s: float
    share: float
    level_dbov: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuity:
    """How continuously a beacon is there within a span.

    ``share`` of the span in which it was heard, ``longest_gap`` the longest stretch without it (None:
    there is none).
    """

    share: float
    longest_gap: Span | None

    def unbroken(self, longest_gap_s: float) -> bool:
        """Whether no gap is longer than ``longest_gap_s``."""
        return self.longest_gap is None or self.longest_gap.seconds <= longest_gap_s


@dataclass(frozen=True, slots=True)
class BeaconReport:
    """Which beacons are in a recording of ``seconds``; the strongest first.

    ``heard`` holds a flag and ``power`` a mean square per frame and frequency of ``bank_hz``; frame n stands for the
    time around ``n * HOP_S + FRAME_S / 2``.
    """

    seconds: float
    beacons: tuple[HeardBeacon, ...]
    bank_hz: tuple[int, ...] = field(repr=False)
    heard: npt.NDArray[np.bool_] = field(repr=False)
    power: npt.NDArray[np.float32] = field(repr=False)

    def of(self, frequency_hz: int) -> HeardBeacon | None:
        """The beacon at ``frequency_hz``, None when it was not heard."""
        return next((beacon for beacon in self.beacons if beacon.frequency_hz == frequency_hz), None)

    def spans(self, frequency_hz: int, minimum_s: float = STRANGER_MINIMUM_S) -> tuple[Span, ...]:
        """Where a beacon was heard for ``minimum_s`` or longer at a stretch; speech imitates one for less."""
        flags = self.heard[:, self.bank_hz.index(frequency_hz)]
        found = [Span(start * HOP_S, end * HOP_S) for start, end in runs(flags)]
        return tuple(span for span in found if span.seconds >= minimum_s)

    def continuity(self, frequency_hz: int, start_s: float, end_s: float) -> Continuity:
        """How continuously a beacon is there from ``start_s`` to ``end_s``.

        A part of the span that lies beyond the recording counts as a gap.
        """
        first, end = round(start_s / HOP_S), max(round(start_s / HOP_S) + 1, round(end_s / HOP_S))
        there = np.zeros(end, dtype=np.bool_)
        # Frame n is centred on the slot n + 1.5; the slots at both ends have no frame of their own.
        flags = self.heard[:, self.bank_hz.index(frequency_hz)]
        slots = np.concatenate((flags[:1].repeat(2), flags[1:], flags[-1:].repeat(2)))[:end]
        there[: slots.size] = slots
        within = there[max(0, first) :]
        gaps = [Span((first + a) * HOP_S, (first + b) * HOP_S) for a, b in runs(~within)]
        return Continuity(
            share=float(np.mean(within)), longest_gap=max(gaps, key=lambda gap: gap.seconds, default=None)
        )

    def strangers(
        self,
        own_hz: int | tuple[int, ...] | None,
        *,
        below_db: float = STRANGER_BELOW_DB,
        minimum_s: float = STRANGER_MINIMUM_S,
    ) -> tuple[HeardBeacon, ...]:
        """Beacons that do not belong here: cross-talk.

        Counted when heard for ``minimum_s`` at a stretch and not more than ``below_db`` below the strongest
        of our own; when none of our own is heard, at any level.
        """
        own = {own_hz} if isinstance(own_hz, int) else set(own_hz or ())
        loudest = max((b.level_dbov for b in self.beacons if b.frequency_hz in own), default=None)
        least = -np.inf if loudest is None else loudest - below_db
        return tuple(
            beacon
            for beacon in self.beacons
            if beacon.frequency_hz not in own and beacon.longest_s >= minimum_s and beacon.level_dbov >= least
        )


class BeaconListener:
    """Looks for beacons in sound that arrives piece by piece."""

    def __init__(self, rate_hz: int, bank_hz: tuple[int, ...] = BEACONS_HZ) -> None:
        self._rate_hz = rate_hz
        self._bank_hz = tuple(f for f in bank_hz if f + _BESIDE_HZ < rate_hz / 2)
        self._length = round(rate_hz * FRAME_S)
        self._hop = round(rate_hz * HOP_S)
        self._filters = _goertzel_bank(self._bank_hz, rate_hz, self._length)
        self._pending = np.empty(0, dtype=np.float32)
        self._samples = 0
        self._tones: list[npt.NDArray[np.complex64]] = []

    def feed(self, samples: Samples) -> None:
        """Take the next samples."""
        self._samples += samples.size
        self._pending = np.concatenate((self._pending, samples))
        frames = (self._pending.size - self._length) // self._hop + 1
        if frames <= 0:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._pending, self._length)[:: self._hop][:frames]
        self._tones.append(windows @ self._filters)
        self._pending = self._pending[frames * self._hop :]

    def report(self) -> BeaconReport:
        """What has been heard so far."""
        count = len(self._bank_hz)
        tones = np.concatenate([np.empty((0, 3 * count), dtype=np.complex64), *self._tones])
        centre, below, above = tones[:, :count], tones[:, count : 2 * count], tones[:, 2 * count :]
        power = np.square(np.abs(centre, dtype=np.float64)) / 2
        beside = np.square(np.maximum(np.abs(below), np.abs(above), dtype=np.float64)) / 2
        prominent = (power > beside * 10 ** (_PROMINENCE_DB / 10)) & (power > 10 ** (_FAINTEST_DBOV / 10))
        heard = _without_short_runs(prominent & self._steady(centre))
        heard |= _bridged(heard, power, np.maximum(power, beside))
        seconds = self._samples / self._rate_hz
        beacons = [
            _heard_beacon(frequency, heard[:, n], power[:, n], seconds)
            for n, frequency in enumerate(self._bank_hz)
            if heard[:, n].any()
        ]
        beacons.sort(key=lambda beacon: beacon.level_dbov, reverse=True)
        return BeaconReport(seconds, tuple(beacons), self._bank_hz, heard, power.astype(np.float32))

    def _steady(self, tones: npt.NDArray[np.complex64]) -> npt.NDArray[np.bool_]:
        """Whether the tone in a frame is at the beacon's own frequency, judged by its phase from frame to
        frame: a voice passes through a beacon's frequency, it does not stay there."""
        advance = np.angle(tones[1:] * np.conj(tones[:-1]))
        expected = 2 * np.pi * np.array(self._bank_hz) * self._hop / self._rate_hz
        off = np.abs(np.angle(np.exp(1j * (advance - expected))))
        steady = off < 2 * np.pi * _STEADY_HZ * HOP_S
        with_one_beside = np.zeros(tones.shape, dtype=np.bool_)
        with_one_beside[1:] |= steady
        with_one_beside[:-1] |= steady
        return with_one_beside


def find_beacons(samples: Samples, rate_hz: int, bank_hz: tuple[int, ...] = BEACONS_HZ) -> BeaconReport:
    """Which beacons are in a recording."""
    listener = BeaconListener(rate_hz, bank_hz)
    listener.feed(samples)
    return listener.report()


def beacon_samples(
    frequency_hz: int, seconds: int = 1, rate_hz: int = BEACON_RATE_HZ, level_dbov: float = BEACON_DBOV
) -> Samples:
    """A beacon that loops without a click; ``seconds`` and ``frequency_hz`` are whole for that reason."""
    t = np.arange(seconds * rate_hz) / rate_hz
    sway = 1.0 + SWAY_DEPTH * np.sin(2 * np.pi * SWAY_HZ * t)
    tone = sway * np.sin(2 * np.pi * frequency_hz * t)
    rms = np.sqrt((1.0 + SWAY_DEPTH**2 / 2) / 2)
    return np.asarray(tone / rms * 10 ** (level_dbov / 20), dtype=np.float32)


def write_beacon(
    path: Path,
    frequency_hz: int,
    seconds: int = 1,
    rate_hz: int = BEACON_RATE_HZ,
    level_dbov: float = BEACON_DBOV,
) -> None:
    """Write a beacon for a phone to loop."""
    write_wav(path, beacon_samples(frequency_hz, seconds, rate_hz, level_dbov), rate_hz)


def _goertzel_bank(bank_hz: tuple[int, ...], rate_hz: int, length: int) -> npt.NDArray[np.complex64]:
    """Filters as columns: one per beacon, then as many just below, then as many just above.

    Scaled so that a filter answers a tone with the tone's amplitude.
    """
    window = np.hanning(length + 1)[:length]
    centre = np.array(bank_hz, dtype=np.float64)
    frequencies = np.concatenate((centre, centre - _BESIDE_HZ, centre + _BESIDE_HZ))
    turns = np.outer(np.arange(length), frequencies) / rate_hz
    bank = window[:, None] * np.exp(-2j * np.pi * turns) * (2 / window.sum())
    return np.asarray(bank, dtype=np.complex64)


def _without_short_runs(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    kept = np.zeros_like(flags)
    for column in range(flags.shape[1]):
        for start, end in runs(flags[:, column]):
            kept[start:end, column] = end - start >= _SHORTEST_RUN
    return kept


def _bridged(
    heard: npt.NDArray[np.bool_], power: npt.NDArray[np.float64], around: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Frames between two stretches of a beacon in which its sound goes on, if torn.

    A concealed packet shifts the tone's phase, which spreads it beside its frequency for some frames, but
    does not silence it: ``around`` is the power there or at the frequency itself, whichever is more.
    """
    bridges = np.zeros_like(heard)
    for column in np.flatnonzero(heard.any(axis=0)):
        least = power[heard[:, column], column].mean() * 10 ** (-_BRIDGE_BELOW_DB / 10)
        for start, end in runs(~heard[:, column]):
            inside = start > 0 and end < len(heard)
            if inside and end - start <= _LONGEST_BRIDGE and (around[start:end, column] > least).all():
                bridges[start:end, column] = True
    return bridges


def _heard_beacon(
    frequency_hz: int, heard: npt.NDArray[np.bool_], power: npt.NDArray[np.float64], seconds: float
) -> HeardBeacon:
    at = np.flatnonzero(heard)
    heard_s = min(at.size * HOP_S, seconds)
    beside_centre_s = (FRAME_S - HOP_S) / 2
    return HeardBeacon(
        frequency_hz=frequency_hz,
        heard_s=heard_s,
        longest_s=max(end - start for start, end in runs(heard)) * HOP_S,
        first_s=float(at[0]) * HOP_S + beside_centre_s,
        last_s=float(at[-1]) * HOP_S + FRAME_S - beside_centre_s,
        share=at.size / heard.size,
        level_dbov=dbov(float(power[at].mean())),
    )
