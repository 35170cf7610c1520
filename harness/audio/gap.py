"""Is anything recoverable from a gap of a recording: a voice, or the digits of a card?

While recording is paused no party's sound and no DTMF may be stored (PCI DSS 3.3.1, RFC 6341 REQ-011). A PBX that
pauses by leaving the time out makes no gap: then the whole recording is to be searched for digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.audio.dtmf import find_dtmf
from harness.audio.dtmf_residue import FAINTEST_DBOV, find_residue
from harness.audio.levels import SILENCE_DBOV, SOUND_DBOV, Samples, Span, frame_levels, silence_spans
from harness.audio.parties import find_parties
from harness.audio.presence import Party
from harness.audio.wav import Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What a gap holds.

    ``loudest_dbov`` is its loudest frame, ``voices`` names the parties heard in it, ``digits`` are those that a
    receiver would hear in it, ``traces`` those whose tones can be made out at all, on whatever channel.
    """

    span: Span
    loudest_dbov: float
    voices: tuple[str, ...]
    digits: str
    traces: str

    @property
    def clean(self) -> bool:
        """Whether neither voice nor DTMF can be recovered."""
        return not (self.voices or self.digits or self.traces)

    @property
    def silent(self) -> bool:
        """Whether there is no sound at all, not even one that nobody was expected to make."""
        return self.loudest_dbov <= SOUND_DBOV

    def __str__(self) -> str:
        """One line for a person."""
        found = [f"the voice of {name}" for name in self.voices]
        if self.digits or self.traces:
            found.append(f"DTMF {self.digits or self.traces}")
        what = " and ".join(found) or "nothing recoverable"
        return f"{self.span.start_s:.1f} s to {self.span.end_s:.1f} s: {what}, loudest {self.loudest_dbov:.0f} dBov"


def examine_gap(sound: Sound, span: Span, parties: Sequence[Party]) -> Gap:
    """Search a gap. Leave out its edges yourself: a word that the pause cut short is before or after it."""
    first, end = (max(0, round(at * sound.rate_hz)) for at in (span.start_s, span.end_s))
    inside = Sound(np.ascontiguousarray(sound.channels[:, first:end]), sound.rate_hz)
    levels = [frame_levels(channel, sound.rate_hz).max(initial=SILENCE_DBOV) for channel in inside.channels]
    digits = [find_dtmf(channel, sound.rate_hz, faintest_dbov=FAINTEST_DBOV) for channel in inside.channels]
    traces = [find_residue(channel, sound.rate_hz) for channel in inside.channels]
    heard = find_parties(inside, parties)
    return Gap(
        span=span,
        loudest_dbov=float(max(levels)),
        voices=tuple(party.name for party in heard.parties if party.present),
        digits=max(("".join(one.digit for one in found) for found in digits), key=len),
        traces=max(("".join(one.digit for one in found) for found in traces), key=len),
    )


def silent_gaps(sound: Sound, *, minimum_s: float = 0.5) -> tuple[Span, ...]:
    """Stretches in which all channels are silent: where a recording may have been paused."""
    loudest: Samples = np.abs(sound.channels).max(axis=0)
    return silence_spans(loudest, sound.rate_hz, minimum_s=minimum_s)
