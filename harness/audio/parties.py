"""Who is in a recording, from when to when, on which channel, and what leaks into the others.

The parties are known (``presence.Party``). In a mono recording the one channel holds all of them; a party 12 dB
below another that speaks at the same time is not found by its sentence, so parties should take turns or play beacons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from harness.audio.beacon import HOP_S, STRANGER_MINIMUM_S
from harness.audio.copies import find_copy
from harness.audio.levels import Span, dbov, runs
from harness.audio.presence import LevelFrames, Party, presence
from harness.audio.wav import Sound

ALIKE_DB = 6.0
"""A party that is less than this much louder on one channel than on another is on both."""

SHORTEST_S = 0.3
"""A stay on a channel shorter than this is the edge of a sentence, not a swap."""

TONE_FLOOR_DB = -30.0
"""A beacon this far below a party that sounds at the same time is found through every codec but GSM and Opus at
12 kbit/s, unless it is fainter than TONE_FAINTEST_DBOV."""
TONE_FAINTEST_DBOV = -50.0

FAINTEST_LEAK_DB = -36.0
"""Nothing quieter is called a leak: where one party's sentence ends as another's begins, chance makes -39 dB."""

_LEAK_LAG_S = 0.05
_LEAK_ALONE_DB = 20.0
_ENOUGH_S = 60.0
_NOWHERE = -2
_SEVERAL = -1


@dataclass(frozen=True, slots=True)
class Stretch:
    """A party is on ``channel`` (None: alike on several) during ``span``."""

    span: Span
    channel: int | None
    level_dbov: float


@dataclass(frozen=True, slots=True)
class Leak:
    """What of a party on ``channel`` is on another one, too: ``into``, at ``level_db`` relative to the first."""

    channel: int
    into: int
    level_db: float


@dataclass(frozen=True, slots=True)
class Swap:
    """A party moved from one channel to another at ``at_s``, when it was first heard on the new one."""

    at_s: float
    from_channel: int | None
    to_channel: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedParty:
    """One party in a recording; all times in s. Empty ``stretches``: it is not there.

    ``leak_floor_db``: a leak quieter than this would not have been found (infinite: none would).
    """

    name: str
    stretches: tuple[Stretch, ...]
    leaks: tuple[Leak, ...]
    leak_floor_db: float

    @property
    def present(self) -> bool:
        return bool(self.stretches)

    @property
    def spans(self) -> tuple[Span, ...]:
        """When it was heard, on whatever channel."""
        spans: list[Span] = []
        for stretch in self.stretches:
            if spans and stretch.span.start_s - spans[-1].end_s < HOP_S:
                spans[-1] = Span(spans[-1].start_s, stretch.span.end_s)
            else:
                spans.append(stretch.span)
        return tuple(spans)

    @property
    def first_s(self) -> float | None:
        return self.stretches[0].span.start_s if self.stretches else None

    @property
    def last_s(self) -> float | None:
        return self.stretches[-1].span.end_s if self.stretches else None

    @property
    def swaps(self) -> tuple[Swap, ...]:
        found = []
        for one, other in pairwise(self.stretches):
            if one.channel != other.channel:
                found.append(Swap(other.span.start_s, one.channel, other.channel))
        return tuple(found)

    @property
    def loudest_leak(self) -> Leak | None:
        return max(self.leaks, key=lambda leak: leak.level_db, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedParties:
    """All parties that were looked for, in the order they were given."""

    seconds: float
    channels: int
    parties: tuple[RecordedParty, ...]

    def of(self, name: str) -> RecordedParty:
        """The party of that name; KeyError when it was not looked for."""
        for party in self.parties:
            if party.name == name:
                return party
        raise KeyError(name)

    @property
    def absent(self) -> tuple[str, ...]:
        return tuple(party.name for party in self.parties if not party.present)


def find_parties(sound: Sound, parties: Sequence[Party]) -> RecordedParties:
    """Look for every party on every channel."""
    by_channel = [presence(channel, sound.rate_hz, parties) for channel in sound.channels]
    found = []
    for n, party in enumerate(parties):
        levels = np.stack([channel[n] for channel in by_channel])
        stretches = _stretches(levels)
        if party.beacon_hz is None:
            leaks, floor_db = _voice_leaks(sound, stretches)
        else:
            stretches = _without_leak_alone(stretches)
            leaks, floor_db = _tone_leaks(levels), inf
            if stretches:
                floor_db = max(TONE_FLOOR_DB, TONE_FAINTEST_DBOV - max(stretch.level_dbov for stretch in stretches))
        recorded = RecordedParty(name=party.name, stretches=stretches, leaks=leaks, leak_floor_db=floor_db)
        found.append(recorded)
    return RecordedParties(seconds=sound.seconds, channels=len(sound.channels), parties=tuple(found))


def _without_leak_alone(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """A beacon's stretches without those in which loss silenced it where it belongs and left but its leak."""
    loudest = max((stretch.level_dbov for stretch in stretches), default=0.0)
    return tuple(stretch for stretch in stretches if stretch.level_dbov > loudest - _LEAK_ALONE_DB)


def _where(levels: LevelFrames) -> npt.NDArray[np.int8]:
    """The party's channel in each frame; _SEVERAL when it is alike on more than one, _NOWHERE when it is not there."""
    loudest = levels.max(axis=0)
    channel = levels.argmax(axis=0).astype(np.int8)
    if len(levels) > 1:
        second = np.sort(levels, axis=0)[-2]
        channel[np.isfinite(second) & (loudest < second + ALIKE_DB)] = _SEVERAL
    channel[~np.isfinite(loudest)] = _NOWHERE
    return np.asarray(channel, dtype=np.int8)


def _stretches(levels: LevelFrames) -> tuple[Stretch, ...]:
    channel = _where(levels)
    loudest = levels.max(axis=0)
    found: list[tuple[int, int, int]] = []
    for start, end in runs(channel != _NOWHERE):
        edges = [start, *(int(n) for n in start + 1 + np.flatnonzero(np.diff(channel[start:end]))), end]
        parts = [(int(channel[a]), a, b) for a, b in pairwise(edges)]
        # What is too short to be a stay counts to what was before, or after it at the beginning.
        kept = [part for part in parts if (part[2] - part[1]) * HOP_S >= SHORTEST_S] or [max(parts, key=_length)]
        for n, (where, first, _) in enumerate(kept):
            begin = start if n == 0 else first
            until = kept[n + 1][1] if n + 1 < len(kept) else end
            if n and found[-1][0] == where:
                found[-1] = (where, found[-1][1], until)
            else:
                found.append((where, begin, until))
    return tuple(
        Stretch(
            span=Span(start * HOP_S, end * HOP_S),
            channel=None if where == _SEVERAL else where,
            level_dbov=dbov(float(np.mean(10 ** (loudest[start:end].astype(np.float64) / 10)))),
        )
        for where, start, end in found
    )


def _length(part: tuple[int, int, int]) -> int:
    return part[2] - part[1]


def _tone_leaks(levels: LevelFrames) -> tuple[Leak, ...]:
    """A beacon is heard on both channels: the difference of its levels."""
    leaks = []
    where = _where(levels)
    for channel in range(len(levels)):
        for into in range(len(levels)):
            if into == channel:
                continue
            both = ((where == channel) | (where == _SEVERAL)) & np.isfinite(levels[channel]) & np.isfinite(levels[into])
            # At a swap a frame reaches from one channel's sound into the other's.
            long = [np.arange(a, b) for a, b in runs(both) if (b - a) * HOP_S >= STRANGER_MINIMUM_S]
            if long:
                frames = np.concatenate(long)
                apart = float(np.median(levels[into, frames].astype(np.float64) - levels[channel, frames]))
                leaks.append(Leak(channel, into, apart))
    return tuple(leak for leak in leaks if leak.level_db >= FAINTEST_LEAK_DB)


def _voice_leaks(sound: Sound, stretches: Sequence[Stretch]) -> tuple[tuple[Leak, ...], float]:
    """What a channel holds while the party speaks on it is looked for in the others, also far below their own.

    A minute of it is enough.
    """
    leaks = []
    floor_db = FAINTEST_LEAK_DB if len(sound.channels) > 1 and stretches else inf
    for channel in range(len(sound.channels)):
        while_there = _while_on(sound, channel, stretches)
        if not while_there.shape[1]:
            continue
        for into in range(len(sound.channels)):
            if into == channel:
                continue
            search = find_copy(
                while_there[channel], while_there[into], sound.rate_hz, earliest_s=-_LEAK_LAG_S, latest_s=_LEAK_LAG_S
            )
            # A channel that is digital silence holds no leak, however quiet.
            floor_db = max(floor_db, search.floor_db if while_there[into].any() else -inf)
            if search.copy is not None and search.copy.gain_db >= FAINTEST_LEAK_DB:
                leaks.append(Leak(channel, into, search.copy.gain_db))
    return tuple(leaks), floor_db


def _while_on(sound: Sound, channel: int, stretches: Sequence[Stretch]) -> npt.NDArray[np.float32]:
    """All channels while the party is on one, put together."""
    pieces, left = [sound.channels[:, :0]], round(_ENOUGH_S * sound.rate_hz)
    for stretch in stretches:
        if stretch.channel in (channel, None) and left > 0:
            first, end = (round(at * sound.rate_hz) for at in (stretch.span.start_s, stretch.span.end_s))
            pieces.append(sound.channels[:, first : min(end, first + left)])
            left -= end - first
    return np.concatenate(pieces, axis=1)
