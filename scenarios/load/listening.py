"""PESQ on a sample of a run's calls: which calls, and what each of their ears heard beside what was said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import irfft, rfft

from harness.audio.levels import Samples
from harness.audio.pesq_mos import Band, listening_quality
from harness.audio.wav import resample
from harness.errors import TrunkproofError
from harness.load.listening import ListenedEar, Scale
from harness.load.records import Party
from simulators.light_phones.media.kept import LAW_HZ, OPUS_HZ, PlayedSound, played, sent
from simulators.light_phones.media.voices import FRAMES_PER_S, spoken
from simulators.light_phones.sdp import Codec

KEPT_S = 8.0
"""How much of a call is compared (ITU-T P.862.3: 8 to 12 s)."""
UNDER_WAY_S = 1.0
"""When tones that were sent have come, and what comes is speech."""
SPARE_S = 0.5
"""A call must be planned to last so much longer: the time runs from when both hear each other."""

_BANDS = {Scale.NARROW: Band.NARROW, Scale.WIDE: Band.WIDE}


class Sampling:
    """Which of an offer's calls are compared: ``calls`` of them, spread evenly over its ``seconds``, each the first
    from its moment on that is long enough."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._moments = [(number + 0.5) * seconds / calls for number in range(calls)] if seconds else []

    def takes(self, at_s: float, holding_s: float) -> bool:
        """Whether the call is one of them that is due ``at_s`` after the offer's beginning. Each is asked for once."""
        if not self._moments or at_s < self._moments[0] or holding_s < UNDER_WAY_S + KEPT_S + SPARE_S:
            return False
        self._moments.pop(0)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEar:
    """What came to one ear of a sampled call; ``codecs`` are that of this ear's leg and of the other party's."""

    call: int
    worker: str
    ear: Party
    codecs: tuple[str, str]
    kept: bytes


def scale_of(codecs: tuple[str, str]) -> Scale:
    """Wideband only where all of the way is."""
    return Scale.WIDE if set(codecs) == {Codec.OPUS.value} else Scale.NARROW


def listened(ear: KeptEar) -> ListenedEar:
    """Compare what came with what was said. Takes some tenths of a second of a core; what cannot be compared says
    why."""
    scale = scale_of(ear.codecs)
    other = ear.ear.other
    found = ListenedEar(call=ear.call, worker=ear.worker, ear=ear.ear, codec=ear.codecs[0], scale=scale)
    try:
        sound = played(ear.kept, Codec(ear.codecs[0]))
        found = found.of(seconds=sound.frames / FRAMES_PER_S, concealed=100.0 * sound.concealed / sound.frames)
        mos, sent_mos = _mos(sound, other, scale), sent_mos_of(other, ear.codecs[0], scale)
    except (TrunkproofError, ValueError) as error:
        return found.without(str(error))
    return found.scored(mos, sent_mos)


@cache
def sent_mos_of(party: Party, codec: str, scale: Scale) -> float:
    """What a party's voice scores as it leaves the phone. Raises as ``listening_quality`` does."""
    return _mos(played(sent(party, Codec(codec), round(KEPT_S * FRAMES_PER_S)), Codec(codec)), party, scale)


def _mos(sound: PlayedSound, speaker: Party, scale: Scale) -> float:
    heard = resample(sound.samples, sound.rate_hz, scale.rate_hz)
    said = in_step(spoken(speaker, OPUS_HZ if scale is Scale.WIDE else LAW_HZ), heard)
    return listening_quality(said, heard, scale.rate_hz, _BANDS[scale]).mos


def in_step(round_of_it: Samples, heard: Samples) -> Samples:
    """What was said while ``heard`` came, of a voice that says ``round_of_it`` over and over: where both fit best."""
    length = len(round_of_it)
    window = np.zeros(length, dtype=np.float32)
    window[: min(length, len(heard))] = heard[:length]
    fits = irfft(np.conj(rfft(window)) * rfft(round_of_it), length)
    ahead = int(np.argmax(fits))
    return np.take(round_of_it, range(ahead, ahead + len(heard)), mode="wrap")
