"""Levels, silence and overload of sampled sound.

Levels are in dBov: decibels relative to the overload point of the digital system, the rms value of a
full-scale square wave (RFC 6464 section 3). A full-scale sine is therefore -3.01 dBov.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono samples, 1.0 being full scale."""

SILENCE_DBOV = -120.0
"""Level given to digital silence, whose logarithm does not exist. 16-bit samples end at -90 dBov."""

SOUND_DBOV = -50.0
"""A frame above this holds sound. A-law's quietest non-zero step idles near -66 dBov; speech is above -40."""

FRAME_S = 0.02
CLIPPING_POINT = 32_000 / 32_768
"""G.711's largest values decode to 32 124 (mu-law) and 32 256 (A-law): clipping there must count too."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in s from the first sample."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What a recording sounds like as a whole.

    ``active_dbov`` is the level of the frames with sound alone, ``sound_s`` how long these last together,
    ``first_sound_s`` when the first of them begins (None: there is no sound), ``clipped_share`` the share
    of samples at full scale.
    """

    seconds: float
    level_dbov: float
    active_dbov: float
    peak_dbov: float
    sound_s: float
    first_sound_s: float | None
    clipped_share: float

    @property
    def has_sound(self) -> bool:
        return self.first_sound_s is not None


def dbov(power: float) -> float:
    """Level of a mean square value."""
    return max(SILENCE_DBOV, 10.0 * float(np.log10(power))) if power > 0.0 else SILENCE_DBOV


def level_dbov(samples: Samples) -> float:
    """Level of all samples together."""
    if samples.size == 0:
        return SILENCE_DBOV
    return dbov(float(np.mean(np.square(samples, dtype=np.float64))))


def frame_levels(samples: Samples, rate_hz: int, frame_s: float = FRAME_S) -> npt.NDArray[np.float64]:
    """Level of each frame. The last one is as long as samples remain, so that no sound goes unseen."""
    length = max(1, round(rate_hz * frame_s))
    if samples.size == 0:
        return np.empty(0)
    starts = np.arange(0, samples.size, length)
    squares = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    power = squares / np.diff(np.append(starts, samples.size))
    quietest = 10.0 ** (SILENCE_DBOV / 10.0)
    return np.asarray(10.0 * np.log10(np.maximum(power, quietest)), dtype=np.float64)


def measure(samples: Samples, rate_hz: int, sound_dbov: float = SOUND_DBOV) -> Levels:
    """Figures of a recording; fine with an empty one."""
    frames = frame_levels(samples, rate_hz)
    loud = np.flatnonzero(frames > sound_dbov)
    active = float(np.mean(10.0 ** (frames[loud] / 10.0))) if loud.size else 0.0
    magnitude = np.abs(samples)
    return Levels(
        seconds=samples.size / rate_hz,
        level_dbov=level_dbov(samples),
        active_dbov=dbov(active),
        peak_dbov=dbov(float(magnitude.max()) ** 2) if samples.size else SILENCE_DBOV,
        sound_s=min(loud.size * FRAME_S, samples.size / rate_hz),
        first_sound_s=float(loud[0]) * FRAME_S if loud.size else None,
        clipped_share=float(np.mean(magnitude >= CLIPPING_POINT)) if samples.size else 0.0,
    )


def runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        yield int(start), int(end)


def silence_spans(
    samples: Samples, rate_hz: int, *, minimum_s: float = 0.2, sound_dbov: float = SOUND_DBOV
) -> tuple[Span, ...]:
    """Stretches of at least ``minimum_s`` in which no frame holds sound."""
    length_s = samples.size / rate_hz
    quiet = frame_levels(samples, rate_hz) <= sound_dbov
    spans = (Span(start * FRAME_S, min(end * FRAME_S, length_s)) for start, end in runs(quiet))
    return tuple(span for span in spans if span.seconds >= minimum_s)


def to_level(samples: Samples, target_dbov: float, rate_hz: int) -> Samples:
    """The same sound with its active level at ``target_dbov``; peaks that would overload are held back.

    Silence stays silence.
    """
    figures = measure(samples, rate_hz)
    if not figures.has_sound:
        return samples
    gain = 10.0 ** ((target_dbov - figures.active_dbov) / 20.0)
    highest = float(np.abs(samples).max())
    return np.asarray(samples * min(gain, 0.98 / highest), dtype=np.float32)
