"""The archive's files: taken in from the PBX, kept as WAV and JSON, deleted when their time is over."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from harness.audio.wav import from_pcm16, resample, to_pcm16, wav_header
from simulators.pbx.archive.entry import BadEntry, Entry, from_json, from_pbx
from simulators.pbx.archive.settings import ArchiveSettings

RATE_HZ = 16_000
GSM_RATE_HZ = 8000
PARTIES: tuple[Literal["customer", "agent"], ...] = ("customer", "agent")
"""Whose channel comes first; the PBX has a file for each."""

_DONE = ".done"
_FACTS = ".txt"
_SOUND = ".sln16"

_log = logging.getLogger(__name__)


class Store:
    """Recordings in ``directory``; the PBX leaves new ones in ``spool``."""

    def __init__(self, directory: Path, spool: Path, settings: ArchiveSettings) -> None:
        self._directory = directory
        self._spool = spool
        self._settings = settings
        self._entries: dict[str, Entry] = {}
        directory.mkdir(parents=True, exist_ok=True)
        for file in sorted(directory.glob("*.json")):
            try:
                entry = from_json(json.loads(file.read_text(encoding="utf-8")))
            except ValueError as bad:
                _log.warning("%s is left out: %s", file.name, bad)
            else:
                self._entries[entry.id] = entry

    def entries(self) -> list[Entry]:
        """All recordings, oldest first."""
        return sorted(self._entries.values(), key=lambda entry: (entry.start, entry.id))

    def entry(self, name: str) -> Entry | None:
        return self._entries.get(name)

    def audio(self, name: str) -> bytes | None:
        """The WAV of a recording. ``name`` is never a path: what is not known is not looked for."""
        if name not in self._entries:
            return None
        return self._file(name, ".wav").read_bytes()

    def take_in(self) -> None:
        """Take what the PBX has finished. What cannot be understood is logged and let go of; a call that the PBX
        has no facts of was taken by no agent."""
        for done in sorted(self._spool.glob(f"*{_DONE}")):
            name = done.name.removesuffix(_DONE)
            facts = self._spool / f"{name}{_FACTS}"
            sides = [self._spool / f"{name}.{party}{_SOUND}" for party in PARTIES]
            try:
                if facts.is_file():
                    self._keep(name, facts.read_text(encoding="utf-8"), [side.read_bytes() for side in sides])
            except (BadEntry, OSError, UnicodeDecodeError) as bad:
                _log.warning("recording %s cannot be kept: %s", name, bad)
            for file in (*sides, facts, done):
                file.unlink(missing_ok=True)

    def expire(self, now: datetime) -> None:
        """Delete what is older than it may be at ``now``."""
        if not self._settings.retention_days:
            return
        kept_for = timedelta(days=self._settings.retention_days)
        for entry in [entry for entry in self._entries.values() if now >= entry.end + kept_for]:
            for suffix in (".wav", ".json"):
                self._file(entry.id, suffix).unlink(missing_ok=True)
            del self._entries[entry.id]

    def _keep(self, name: str, facts: str, sides: list[bytes]) -> None:
        body = self._sound(sides)
        wav = wav_header(len(body), RATE_HZ, len(PARTIES)) + body
        entry = from_pbx(name, facts, hashlib.sha256(wav).hexdigest())
        self._file(name, ".wav").write_bytes(wav)
        unfinished = self._file(name, ".part")
        unfinished.write_text(json.dumps(entry.as_json()), encoding="utf-8")
        unfinished.rename(self._file(name, ".json"))
        self._entries[name] = entry

    def _sound(self, sides: list[bytes]) -> bytes:
        """Both sides as channels of one sound; the shorter one is filled up with silence."""
        settings = self._settings
        pieces: list[npt.NDArray[np.int16]] = [np.frombuffer(side[: len(side) // 2 * 2], dtype="<i2") for side in sides]
        frames = np.zeros((max(piece.size for piece in pieces), len(PARTIES)), dtype="<i2")
        for n, (party, piece) in enumerate(zip(PARTIES, pieces, strict=True)):
            if party in settings.keeps:
                frames[: piece.size, n] = _through_gsm(piece) if settings.coded == "gsm" else piece
        start, cut = (round(s * RATE_HZ) for s in (settings.cuts_start_s, settings.cuts_end_s))
        return frames[start : max(start, len(frames) - cut)].tobytes()

    def _file(self, name: str, suffix: str) -> Path:
        return self._directory / f"{name}{suffix}"


def _through_gsm(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """What GSM 06.10, at its 8000 Hz, makes of sound; as long as before."""
    narrow = resample(from_pcm16(samples.tobytes()), RATE_HZ, GSM_RATE_HZ)
    coded = io.BytesIO()
    soundfile.write(coded, narrow, GSM_RATE_HZ, format="WAV", subtype="GSM610")
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    wide = np.frombuffer(to_pcm16(resample(decoded, GSM_RATE_HZ, RATE_HZ)), dtype="<i2")
    return np.pad(wide, (0, max(0, samples.size - wide.size)))[: samples.size]
