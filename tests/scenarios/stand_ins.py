"""Stand-ins for what scenarios work with: a small target, a clock, a simulator that only remembers, an ear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.audio.levels import Samples
from harness.audio.wav import write_wav
from harness.messages import Event
from harness.target import Target
from scenarios.ear import Ear
from simulators.phones.protocol import CallEnded, MediaActive

RATE_HZ = 16_000
CALL = "customer-1-call-1"
SUPPORT = "+442079460100"
CLOSED = "+442079460101"


def small_target(**changes: Any) -> Target:
    """A target with two queues (three agents and one), whose support number serves the larger one."""
    document: dict[str, Any] = {
        "name": "small",
        "pbx": {"host": "127.0.0.10"},
        "trunk": {"addresses": ["127.0.0.20"]},
        "phones": {"addresses": ["127.0.0.100"]},
        "agents": {"extensions": ["1001-1003", "1101"], "password": "secret"},
        "queues": [{"name": "large", "agents": ["1001-1003"]}, {"name": "small", "agents": ["1101"]}],
        "numbers": [
            {"number": SUPPORT, "purpose": "support", "queue": "large"},
            {"number": CLOSED, "purpose": "closed_desk", "queue": "large", "hours": "Mon-Fri 09:00-17:00"},
        ],
    }
    return Target.model_validate(document | changes)


@dataclass
class FakeClock:
    """A clock that stands still but for the sleeps of those who look at it."""

    now: float = 100.0
    sleeps: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class Remembering:
    """A simulator that carries out nothing: it keeps the commands it got, and has the events it was given.

    ``replies`` are what commands of a type are answered with; others get an address.
    """

    def __init__(self, events: Sequence[Event] = (), replies: Mapping[type, object] | None = None) -> None:
        self.alive = True
        self._replies = replies or {}
        self.commands: list[object] = []
        self._events = list(events)

    def mark(self) -> int:
        return 0

    def events(self, since: int = 0) -> list[Event]:
        return self._events[since:]

    def call(self, command: object, timeout_s: float = 0.0) -> object:
        self.commands.append(command)
        return self._replies.get(type(command), "127.0.0.100:40000")


def ended_call() -> CallEnded:
    """The end of the call that ``ear`` listens to."""
    return CallEnded(
        phone="customer-1",
        call=CALL,
        call_id="1@x",
        code=200,
        reason="OK",
        by_us=False,
        connected_s=1.0,
        recording="",
        rtp=None,
    )


def ear_on(path: Path, samples: Samples, *, over: bool = True, started_at: float = 50.0) -> Ear:
    """An ear in a call whose recording, begun at ``started_at``, is these samples; ``over``: no more will come."""
    write_wav(path, samples, RATE_HZ)
    media = MediaActive(
        phone="customer-1",
        call=CALL,
        codec="PCMU",
        recording=str(path),
        recording_started_at=started_at,
        sample_rate_hz=RATE_HZ,
    )
    return Ear(Remembering([ended_call()] if over else []), media, 0, owner="the customer")  # type: ignore[arg-type]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.float32)
