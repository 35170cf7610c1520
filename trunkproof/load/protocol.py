"""What the controller of a load run, Locust's master and the load workers tell each other.

```
controller ─Simulator─► Locust's master ◄─Locust's own messages (ZeroMQ)─► load worker ─pipe─► generator
```

Nothing here imports Locust: whoever does has all of Python's blocking calls replaced by gevent's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.messages import Command, Event

MESSAGE = "trunkproof"
"""Type of our messages among Locust's own."""
GENERATOR = "scenarios.load.generator:run"


class Order(StrEnum):
    """What a worker may be told."""

    START = "start"
    """Start a generator (GeneratorConfig). Done when it takes commands."""
    OFFER = "offer"
    """Offer calls (Offer). Done at once."""
    DRAIN = "drain"
    """Let calls end (Drain). Done when nothing is up; its value is how many had to be ended."""
    SCORE = "score"
    """Have what was kept of sampled calls scored (ScoreSound). Done when all of it has been told."""
    STOP = "stop"
    """End the generator."""


class Report(StrEnum):
    """What a worker tells of itself."""

    HELLO = "hello"
    DONE = "done"
    """An order was carried out, or could not be."""
    CALLS = "calls"
    HEALTH = "health"
    SOUND = "sound"
    """An ear of a sampled call was scored (ListenedEar)."""
    OFFERED = "offered"
    """The last call of an offer has begun."""
    GONE = "gone"
    """Its generator ended when it should not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterConfig:
    """Where Locust's master listens for workers (port 0: any), and its page in the browser (port 0: none)."""

    host: str
    port: int
    ui_host: str = ""
    ui_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """A load worker: its name in reports, where its generator may write, and the master's address."""

    name: str
    directory: str
    host: str
    port: int
    generator: str = GENERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterUp(Event):
    """The master listens at ``port``; its page is at ``url``, empty without one."""

    port: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellWorker(Command):
    """Have a worker (Locust's ``client``) carry out an order. ``body`` is JSON; see ``wire``."""

    client: str
    number: int
    order: Order
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSaid(Event):
    """A report of a worker; ``body`` is JSON."""

    client: str
    report: Report
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerVanished(Event):
    """A worker has sent no sign of life for Locust's time of patience."""

    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked(Event):
    """Somebody pressed *Stop* in Locust's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterGone(Event):
    """A worker has lost its master, and ends."""

    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """An order's end: ``error`` (one line) when it could not be carried out."""

    number: int
    error: str = ""
    value: int = 0


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker is there."""

    name: str
    host: str
    pid: int
