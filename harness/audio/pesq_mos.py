"""Listening quality of a sample by PESQ: ITU-T P.862 (narrowband, mapped by P.862.1) and P.862.2 (wideband).

The computation is the package ``pesq``, the ITU's reference code compiled when it is installed. It is an extra
(``trunkproof[pesq]``), because it needs a C compiler and because the reference code has terms of its own: without it
a check of PESQ is not run, and the E-model still speaks for every call. PESQ gives MOS-LQO, the listening quality,
objective; the E-model gives MOS-CQE or LQE, estimated (ITU-T P.800.1). The two are never one figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np

from harness.audio.copies import find_copy
from harness.audio.levels import FRAME_S, SOUND_DBOV, Samples, frame_levels
from harness.audio.wav import resample
from harness.errors import HarnessMisuse, Inconclusive, NotRun

LEAST_SPEECH_S = 3.2
"""What P.862.3 asks of a sample: this much speech; eight seconds are better."""

FURTHEST_S = 2.0
"""How far the degraded sound may lie from the reference; PESQ itself aligns what is left."""


class Band(Enum):
    """What is compared: the mode, its sample rate in Hz and the label of its result."""

    NARROW = ("nb", 8000, "MOS-LQO (PESQ, P.862.1)")
    WIDE = ("wb", 16_000, "MOS-LQOw (PESQ, P.862.2)")

    def __init__(self, mode: str, rate_hz: int, label: str) -> None:
        self.mode = mode
        self.rate_hz = rate_hz
        self.label = label


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningQuality:
    """MOS-LQO of one sample and what it is to be called; ``delay_s`` by which the sample was late."""

    mos: float
    label: str
    delay_s: float
    seconds: float


def pesq_available() -> bool:
    """Whether the package is on this machine."""
    return _package() is not None


def listening_quality(reference: Samples, degraded: Samples, rate_hz: int, band: Band) -> ListeningQuality:
    """Compare what was heard with what was said.

    Raises NotRun without the package; HarnessMisuse when the reference holds too little speech or the sounds' rate is
    too low for the band; Inconclusive when too little of the reference is in the degraded sound.
    """
    package = _package()
    if package is None:
        raise NotRun("PESQ is not installed here: pip install 'trunkproof[pesq]' (needs a C compiler)")
    if rate_hz < band.rate_hz:
        raise HarnessMisuse(
            f"{rate_hz} Hz are too few for {band.label}", suggestion="compare narrowband, or record at 16 kHz"
        )
    speech_s = _speech_s(reference, rate_hz)
    if speech_s < LEAST_SPEECH_S:
        raise HarnessMisuse(
            f"the reference holds {speech_s:.1f} s of speech, PESQ needs {LEAST_SPEECH_S} s",
            suggestion="say a longer sentence",
        )
    copy = find_copy(reference, degraded, rate_hz, earliest_s=-FURTHEST_S, latest_s=FURTHEST_S).copy
    if copy is None:
        raise Inconclusive("PESQ: the reference is not in what was heard, there is nothing to compare")
    said, heard = _aligned(reference, degraded, round(copy.delay_s * rate_hz))
    if _speech_s(said, rate_hz) < LEAST_SPEECH_S or _speech_s(heard, rate_hz, -np.inf) < LEAST_SPEECH_S:
        raise Inconclusive(
            f"PESQ: only {said.size / rate_hz:.1f} s of the reference are in what was heard, "
            f"{LEAST_SPEECH_S} s of speech are needed"
        )
    said, heard = (resample(sound, rate_hz, band.rate_hz) for sound in (said, heard))
    try:
        mos = float(package.pesq(band.rate_hz, said, heard, band.mode))
    except package.PesqError as error:
        raise Inconclusive(f"PESQ: {error}") from error
    return ListeningQuality(mos=mos, label=band.label, delay_s=copy.delay_s, seconds=said.size / band.rate_hz)


def _aligned(reference: Samples, degraded: Samples, late: int) -> tuple[Samples, Samples]:
    """Both from the same instant on and equally long."""
    said, heard = reference[max(0, -late) :], degraded[max(0, late) :]
    length = min(said.size, heard.size)
    return said[:length], heard[:length]


def _speech_s(samples: Samples, rate_hz: int, sound_dbov: float = SOUND_DBOV) -> float:
    return float(np.count_nonzero(frame_levels(samples, rate_hz) > sound_dbov)) * FRAME_S


@cache
def _package() -> ModuleType | None:
    try:
        return import_module("pesq")
    except ImportError:
        return None
