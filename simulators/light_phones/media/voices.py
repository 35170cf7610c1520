"""The two voices that streams speak with: recorded sentences, encoded once in a process."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.audio.levels import Samples
from harness.audio.speech import SPEECH
from harness.audio.wav import read_reference, resample
from harness.errors import Inconclusive
from harness.load.records import Party
from simulators.light_phones.media.extension import extension

PARTIES = (Party.CUSTOMER, Party.AGENT)
"""By the number that stamps have for them."""

_WIDE_HZ, _NARROW_HZ = 16_000, 8_000
FRAMES_PER_S = 50


@cache
def sound() -> Any:
    """Both voices as the engine wants them, of as many frames as the shorter has. Raises Inconclusive."""
    module = extension()
    wide = [_at_rate(party, _WIDE_HZ) for party in PARTIES]
    narrow = [_at_rate(party, _NARROW_HZ) for party in PARTIES]
    frames = min(len(samples) for samples in narrow) * FRAMES_PER_S // _NARROW_HZ
    voices = [module.ffi.from_buffer("int16_t[]", samples) for samples in (*wide, *narrow)]
    made = module.lib.lm_sound_new(*voices, frames)
    if made == module.ffi.NULL:
        raise Inconclusive("libopus did not encode the voices of the light phones")
    # Engines may use it until the process ends, so it is never freed.
    return made


def spoken(party: Party, rate_hz: int) -> Samples:
    """What a party's stream says, over and over: one round of it, at 8 or 16 kHz."""
    frames = min(len(_at_rate(one, _NARROW_HZ)) for one in PARTIES) * FRAMES_PER_S // _NARROW_HZ
    round_of_it: Samples = _at_rate(party, rate_hz)[: frames * rate_hz // FRAMES_PER_S].astype(np.float32) / 32_768.0
    return round_of_it


def _at_rate(party: Party, rate_hz: int) -> npt.NDArray[np.int16]:
    recorded = read_reference(SPEECH[party.value])
    samples: Samples = resample(recorded.mono, recorded.rate_hz, rate_hz)
    return np.asarray(np.clip(np.round(samples * 32_768.0), -32_768, 32_767), dtype=np.int16)
