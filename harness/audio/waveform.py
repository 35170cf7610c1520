"""A recording for people: its outline to draw and a small file to listen to."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from harness.audio.levels import Samples
from harness.audio.wav import PCM16_SCALE, read_recording, resample, to_pcm16, wav_header

CLIP_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Peaks:
    """Lowest and highest sample of each bucket; empty for an empty recording."""

    lowest: npt.NDArray[np.float32]
    highest: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clip:
    """A playable file in memory."""

    octets: bytes
    mime_type: str
    extension: str


@dataclass(frozen=True, slots=True)
class _Form:
    """A form libsndfile may be able to write. ``effort`` is its compression level, 1 being the smallest."""

    container: str
    subtype: str
    effort: float
    mime_type: str
    extension: str


_FORMS = (
    _Form("MP3", "MPEG_LAYER_III", 0.5, "audio/mpeg", "mp3"),
    _Form("OGG", "VORBIS", 0.5, "audio/ogg", "ogg"),
)
"""Best first: every browser plays MP3; older libsndfile cannot write it."""


def peaks(samples: Samples, buckets: int) -> Peaks:
    """Outline of a recording in ``buckets`` columns, fewer when there are not as many samples."""
    count = min(buckets, samples.size)
    if count <= 0:
        empty = np.empty(0, dtype=np.float32)
        return Peaks(empty, empty)
    starts = np.linspace(0, samples.size, count, endpoint=False).astype(np.int64)
    return Peaks(np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts))


def compress(path: Path) -> Clip:
    """A recording as a clip small enough to embed in a page: some 20 kB for 10 s.

    Raises Inconclusive when the recording cannot be read.
    """
    sound = read_recording(path)
    return compress_samples(sound.mono, sound.rate_hz)


def compress_samples(samples: Samples, rate_hz: int) -> Clip:
    """Samples as a clip; as WAV where libsndfile can write nothing smaller."""
    clip = resample(samples, rate_hz, CLIP_RATE_HZ)
    clip = np.clip(clip, -1.0, 1.0 - 1.0 / PCM16_SCALE)
    for form in _FORMS:
        octets = _encode(clip, form)
        if octets:
            return Clip(octets, form.mime_type, form.extension)
    pcm = to_pcm16(clip)
    return Clip(wav_header(len(pcm), CLIP_RATE_HZ) + pcm, "audio/wav", "wav")


def _encode(samples: Samples, form: _Form) -> bytes:
    """The coded file, empty when this libsndfile cannot write the form."""
    if form.subtype not in soundfile.available_subtypes(form.container):
        return b""
    file = io.BytesIO()
    try:
        soundfile.write(
            file,
            samples,
            CLIP_RATE_HZ,
            format=form.container,
            subtype=form.subtype,
            compression_level=form.effort,
        )
    except (soundfile.LibsndfileError, ValueError):
        return b""
    return file.getvalue()
