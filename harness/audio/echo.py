"""One's own voice heard back, and voices of other calls: known sounds where they do not belong.

Both are told by what was really said, speech for example. A party that plays a beacon needs neither: its tone in a
recording of its own, or of another call, is ``BeaconReport.strangers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.audio.copies import find_copy
from harness.audio.levels import Samples, measure

LONGEST_S = 1.0
"""An echo round two jitter buffers and a PBX is back within this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """An echo: ``delay_s`` after the voice, at ``level_db`` relative to it; its negative is the echo path's loss
    (ITU-T G.131)."""

    delay_s: float
    level_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTalk:
    """A voice of another call. ``delay_s`` after it was said there, at ``level_dbov`` while it speaks."""

    name: str
    delay_s: float
    level_dbov: float


def find_echo(sent: Samples, received: Samples, rate_hz: int, *, latest_s: float = LONGEST_S) -> Echo | None:
    """A party's own voice in what it hears. Both recordings begin at the same instant.

    With the other party silent an echo 50 dB down is found, under a voice as loud as the own one 20 dB down.
    """
    copy = find_copy(sent, received, rate_hz, latest_s=latest_s).copy
    return None if copy is None else Echo(delay_s=copy.delay_s, level_db=copy.gain_db)


def find_cross_talk(
    received: Samples, rate_hz: int, said_elsewhere: Mapping[str, Samples], *, latest_s: float = LONGEST_S
) -> tuple[CrossTalk, ...]:
    """Voices of other calls in what a party hears, the loudest first.

    All recordings begin at the same instant. The voices must be different ones: a sentence that one's own peer says
    as well is in any case there.
    """
    found = []
    for name, said in said_elsewhere.items():
        copy = find_copy(said, received, rate_hz, earliest_s=-LONGEST_S, latest_s=latest_s).copy
        if copy is not None:
            level = measure(said, rate_hz).active_dbov + copy.gain_db
            found.append(CrossTalk(name=name, delay_s=copy.delay_s, level_dbov=level))
    return tuple(sorted(found, key=lambda one: one.level_dbov, reverse=True))
