"""WAV files: whole, growing, and truncated ones. The only module of this package that does I/O.

A phone's recording is read while it grows, when its header does not tell the truth yet; a PBX's recording
is whatever the PBX made of it: if it cannot be read, nothing is known (``Inconclusive``). A reference
prompt is the user's own file and must be whole, or it recognises nothing (``HarnessMisuse``).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from harness.audio.levels import Samples
from harness.audio.polyphase import polyphase
from harness.errors import HarnessMisuse, Inconclusive

HEADER_BYTES = 44
"""RIFF header, ``fmt `` and ``data`` of a plain 16-bit PCM file; a growing file begins with these."""

PCM16_SCALE = 32_768.0
_FORMAT_PCM = 1
_FORMAT_EXTENSIBLE = 0xFFFE
_MOST_CHANNELS = 16
_HIGHEST_RATE_HZ = 192_000


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples of a file, shaped (channels, samples), 1.0 being full scale."""

    channels: npt.NDArray[np.float32]
    rate_hz: int

    @property
    def mono(self) -> Samples:
        """All channels mixed, at unchanged level for a single one."""
        if len(self.channels) == 1:
            return np.asarray(self.channels[0], dtype=np.float32)
        return np.asarray(self.channels.mean(axis=0), dtype=np.float32)

    @property
    def seconds(self) -> float:
        return int(self.channels.shape[1]) / self.rate_hz


class _NotWavError(Exception):
    """Why octets are no usable WAV file, in a few words."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the samples are and how they are coded. ``declared`` is the data size as the header has it."""

    coding: int
    channels: int
    rate_hz: int
    bits: int
    data: int
    declared: int


def read_recording(path: Path) -> Sound:
    """Everything that is in a recording, be it closed properly or not.

    Raises Inconclusive when there is no file or it is no WAV: then we do not know what was heard.
    """
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise Inconclusive(f"recording {path} cannot be read: {error.strerror}") from error
    try:
        return _decode(octets, _layout(octets))
    except _NotWavError as error:
        raise Inconclusive(f"recording {path} is no usable WAV file: {error}") from error


def read_reference(path: Path) -> Sound:
    """A prompt or other file of the user's that must be whole.

    Raises HarnessMisuse that names the file and what to do.
    """
    restore = "restore the file the PBX plays, or correct the path in the target file"
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise HarnessMisuse(f"prompt cannot be read: {error.strerror}", where=path, suggestion=restore) from error
    try:
        layout = _layout(octets)
        present = len(octets) - layout.data
        if present < layout.declared:
            raise _NotWavError(f"truncated, {present} of {layout.declared} bytes of sound are there")
        sound = _decode(octets, layout)
    except _NotWavError as error:
        raise HarnessMisuse(f"prompt is no usable WAV file: {error}", where=path, suggestion=restore) from error
    if sound.seconds == 0.0:
        raise HarnessMisuse("prompt holds no sound", where=path, suggestion=restore)
    return sound


def seconds_of(path: Path) -> float:
    """Length of a reference sound in s; raises as ``read_reference`` does."""
    return read_reference(path).seconds


def write_wav(path: Path, samples: npt.NDArray[np.float32], rate_hz: int) -> None:
    """Write 16-bit PCM; ``samples`` is mono or (channels, samples). Overload is clipped.

    The octets depend on the samples alone: the header is written here, with no library's own chunks in it.
    """
    frames = np.atleast_2d(samples)
    body = to_pcm16(np.ascontiguousarray(frames.T).reshape(-1))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_header(len(body), rate_hz, channels=len(frames)) + body)


def wav_header(data_bytes: int, rate_hz: int, channels: int = 1) -> bytes:
    """The 44 bytes before ``data_bytes`` of 16-bit samples."""
    frame = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + data_bytes, b"WAVE",
        b"fmt ", 16, _FORMAT_PCM, channels, rate_hz, rate_hz * frame, frame, 16,
        b"data", data_bytes,
    )  # fmt: skip


def to_pcm16(samples: Samples) -> bytes:
    """Little-endian 16-bit samples."""
    scaled = np.clip(np.round(samples.astype(np.float64) * PCM16_SCALE), -32_768, 32_767)
    return scaled.astype("<i2").tobytes()


def from_pcm16(octets: bytes) -> Samples:
    """Samples of little-endian 16-bit octets; an odd last octet is left out."""
    whole = len(octets) // 2 * 2
    return np.frombuffer(octets[:whole], dtype="<i2").astype(np.float32) / np.float32(PCM16_SCALE)


class GrowingWav:
    """A mono 16-bit WAV that another process is still writing, read piece by piece.

    The sizes in its header are not valid before it is closed, so the file's own length counts. It may not
    exist yet: then there is nothing to read so far.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self._next_byte = HEADER_BYTES

    @property
    def read_s(self) -> float:
        """How much has been read, in s of sound."""
        return (self._next_byte - HEADER_BYTES) / 2 / self.rate_hz

    def read_new(self) -> Samples:
        """What was written since the last call; empty when nothing was.

        Raises Inconclusive when the file cannot be read, begins with something else than a WAV header,
        or has become shorter.
        """
        try:
            with self.path.open("rb") as file:
                beginning = file.read(4)
                size = file.seek(0, io.SEEK_END)
                file.seek(self._next_byte)
                octets = file.read(max(0, size - self._next_byte))
        except FileNotFoundError:
            return np.empty(0, dtype=np.float32)
        except OSError as error:
            raise Inconclusive(f"recording {self.path} cannot be read: {error.strerror}") from error
        if not b"RIFF".startswith(beginning):
            raise Inconclusive(f"recording {self.path} is no WAV file: it begins with {beginning!r}")
        if size < self._next_byte and self._next_byte > HEADER_BYTES:
            raise Inconclusive(f"recording {self.path} was {self._next_byte} bytes long and is {size} now")
        whole = len(octets) // 2 * 2
        self._next_byte += whole
        return from_pcm16(octets[:whole])


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """The same sound at another rate, band-limited (polyphase filter)."""
    if from_hz == to_hz or samples.size == 0:
        return samples
    divisor = gcd(from_hz, to_hz)
    return np.asarray(polyphase(samples, to_hz // divisor, from_hz // divisor), dtype=np.float32)


def _layout(octets: bytes) -> _Layout:
    """Find ``fmt `` and ``data`` among the chunks of a RIFF file."""
    if len(octets) < 12 or octets[:4] != b"RIFF" or octets[8:12] != b"WAVE":
        raise _NotWavError("no RIFF/WAVE header" if octets else "empty")
    form: tuple[int, int, int, int] | None = None
    at = 12
    while at + 8 <= len(octets):
        name, size = octets[at : at + 4], int.from_bytes(octets[at + 4 : at + 8], "little")
        if name == b"data":
            if form is None:
                raise _NotWavError("no format before the samples")
            return _Layout(*form, data=at + 8, declared=size)
        if name == b"fmt " and size >= 16 and at + 24 <= len(octets):
            coding, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", octets, at + 8)
            if not 1 <= channels <= _MOST_CHANNELS or not 1 <= rate_hz <= _HIGHEST_RATE_HZ:
                raise _NotWavError(f"{channels} channels at {rate_hz} Hz")
            form = (coding, channels, rate_hz, bits)
        at += 8 + size + size % 2
    raise _NotWavError("the file ends before the samples")


def _decode(octets: bytes, layout: _Layout) -> Sound:
    """Samples as far as they are there."""
    if layout.coding in (_FORMAT_PCM, _FORMAT_EXTENSIBLE) and layout.bits == 16:
        # A header that was never completed says 0 or nonsense: then everything up to the end is sound.
        present = len(octets) - layout.data
        size = layout.declared if 0 < layout.declared <= present else present
        interleaved = from_pcm16(octets[layout.data : layout.data + size])
        count = interleaved.size // layout.channels
        frames = interleaved[: count * layout.channels].reshape(count, layout.channels)
        return Sound(np.ascontiguousarray(frames.T), layout.rate_hz)
    try:
        frames, rate_hz = soundfile.read(io.BytesIO(octets), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, ValueError, MemoryError) as error:
        reason = str(error).replace("\n", " ")
        raise _NotWavError(f"coding {layout.coding}, {layout.bits} bits: {reason}") from error
    return Sound(np.ascontiguousarray(np.nan_to_num(frames).T), int(rate_hz))
