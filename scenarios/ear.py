"""An ear: what one phone hears in one call, listened to while the call goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

import numpy as np

from harness.audio.beacon import BeaconListener, BeaconReport
from harness.audio.levels import FRAME_S, Samples, frame_levels, level_dbov
from harness.audio.wav import GrowingWav
from harness.evidence import Mark
from harness.process import Simulator
from simulators.phones.protocol import CallEnded, MediaActive

T = TypeVar("T")

LISTEN_EVERY_S = 0.02
"""How often the growing recording is read while waiting for something in it."""

QUIET_DBOV = -55.0
"""Sound below this level is silence to a person: comfort noise and codec residue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardVoice:
    """A beacon as heard since some moment: for how long (s), how loud, and after what delay (s)."""

    seconds: float
    level_dbov: float
    delay_s: float


class Ear:
    """See the module. Positions are seconds from the recording's first sample."""

    def __init__(self, simulator: Simulator, media: MediaActive, mark: int, *, owner: str) -> None:
        self._simulator = simulator
        self._media = media
        self._mark = mark
        self._wav = GrowingWav(Path(media.recording), media.sample_rate_hz)
        self._beacons = BeaconListener(media.sample_rate_hz)
        self._pieces: list[Samples] = []
        self.owner = owner
        self.marks: list[Mark] = []
        self.cursor_s = 0.0
        """Up to here the scenario has understood what was heard; later checks begin there."""

    @property
    def rate_hz(self) -> int:
        return self._media.sample_rate_hz

    @property
    def codec(self) -> str:
        """RTP encoding name of what is heard, in lower case."""
        return self._media.codec.lower()

    @property
    def recording(self) -> Path:
        return Path(self._media.recording)

    @property
    def started_at(self) -> float:
        """CLOCK_MONOTONIC of the first sample, in s."""
        return self._media.recording_started_at

    @property
    def heard_s(self) -> float:
        """How much was heard so far, in s."""
        return self._wav.read_s

    @property
    def call_is_over(self) -> bool:
        """Whether no more sound will come."""
        return not self._simulator.alive or any(
            isinstance(e, CallEnded) and e.call == self._media.call for e in self._simulator.events(self._mark)
        )

    def position(self, at: float) -> float:
        """Position of the moment ``at`` (CLOCK_MONOTONIC), not before the beginning."""
        return max(at - self.started_at, 0.0)

    def samples(self, from_s: float = 0.0) -> Samples:
        """All that was heard from a position on."""
        self._listen()
        whole = np.concatenate([np.empty(0, dtype=np.float32), *self._pieces])
        self._pieces = [whole]
        return whole[round(from_s * self.rate_hz) :]

    def beacons(self) -> BeaconReport:
        """Voices in all that was heard."""
        self._listen()
        return self._beacons.report()

    def beacon_seconds(self, frequency_hz: int, since: float = 0.0) -> float:
        """How long a voice was heard since a moment (CLOCK_MONOTONIC), in s."""
        return self._voice(frequency_hz, since).seconds

    def wait_for_beacon(self, frequency_hz: int, *, since: float, for_s: float, within_s: float) -> HeardVoice:
        """Listen until a voice was heard ``for_s`` since a moment, time is up or the call is over."""
        return self.listen_until(
            lambda: self._voice(frequency_hz, since), lambda voice: voice.seconds >= for_s, within_s
        )

    def wait_for_quiet(self, *, for_s: float, within_s: float) -> bool:
        """Listen until nothing was heard for the last ``for_s``; whether that came about."""

        def quiet() -> bool:
            samples = self.samples()[-round(for_s * self.rate_hz) :]
            return samples.size > 0 and level_dbov(samples) < QUIET_DBOV

        return self.listen_until(quiet, bool, within_s)

    def first_sound_at(self, within_s: float) -> float | None:
        """When the first sound of the call was heard (CLOCK_MONOTONIC, s); None when there is none in time."""

        def first_frame() -> int | None:
            loud = np.flatnonzero(frame_levels(self.samples(), self.rate_hz) >= QUIET_DBOV)
            return int(loud[0]) if loud.size else None

        frame = self.listen_until(first_frame, lambda found: found is not None, within_s)
        return None if frame is None else self.started_at + frame * FRAME_S

    def listen_until(self, read: Callable[[], T], holds: Callable[[T], bool], within_s: float) -> T:
        """Read from what was heard until it holds, time is up or no more sound will come; the last value.

        It is read again only when more was heard: recordings grow in steps, and analysis is not free.
        """
        deadline = monotonic() + within_s
        value = read()
        while not holds(value):
            over = self.call_is_over
            late = monotonic() >= deadline
            if self._listen() or over or late:
                value = read()
            if over or late:
                break
            sleep(LISTEN_EVERY_S)
        return value

    def describe(self, since: float = 0.0) -> str:
        """In words, what was heard since a moment: silence, noise, or nothing at all."""
        samples = self.samples(self.position(since))
        if samples.size == 0:
            return "no audio arrived"
        level = level_dbov(samples)
        return "only silence" if level < QUIET_DBOV else f"other sound at {level:.0f} dBov"

    def _voice(self, frequency_hz: int, since: float) -> HeardVoice:
        self._listen()
        report = self._beacons.report()
        start_s = self.position(since)
        spans = [span for span in report.spans(frequency_hz) if span.end_s > start_s]
        heard = report.of(frequency_hz)
        return HeardVoice(
            seconds=sum(span.end_s - max(span.start_s, start_s) for span in spans),
            level_dbov=heard.level_dbov if heard else -np.inf,
            delay_s=max(spans[0].start_s - start_s, 0.0) if spans else 0.0,
        )

    def _listen(self) -> bool:
        """Take in what was recorded since; whether that was anything."""
        new = self._wav.read_new()
        if new.size:
            self._pieces.append(new)
            self._beacons.feed(new)
        return bool(new.size)
