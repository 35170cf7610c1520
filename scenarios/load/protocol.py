"""Commands and events of a generator: the process that places a load run's calls.

A generator has customers' and agents' light phones of its own, and a trunk beside it. What it is told is how many calls
to offer; which flow each of them follows, it draws from the profile's mix.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.load.arrivals import Arrivals
from harness.load.listening import ListenedEar
from harness.load.profile import LoadProfile
from harness.load.records import CallRecord, HealthSample
from harness.messages import Command, Event
from scenarios.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """What a generator needs to start. It is number ``index`` (from 0) of ``workers``; what it leases of the target
    (queues with their agents, numbers, addresses), no other one has."""

    worker: str
    index: int
    workers: int
    directory: str
    system: System | None
    """None: no PBX, its customers call its agents directly (RFC 7502 section 6.1)."""
    load: LoadProfile
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Command):
    """Offer calls from ``begins_at`` (CLOCK_MONOTONIC, s; the moment from which ``CallRecord`` counts is
    ``zero_at``). ``arrivals`` is this generator's own share. It ends after ``seconds`` or ``attempts``, whichever comes
    first; 0: no such end. ``hold``: calls stay up until ``Drain`` instead of the profile's holding time.
    ``at_once``: no call begins while so many are up (0: no limit); those that would have are not due.
    """

    number: int
    zero_at: float
    begins_at: float
    arrivals: Arrivals
    seconds: float = 0.0
    attempts: int = 0
    hold: bool = False
    at_once: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Command):
    """No call begins any more. Those that are up end by themselves within ``patience_s``, then they are ended.
    Reply: how many were ended so, once nothing is up."""

    patience_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSound(Command):
    """Compare what was kept of sampled calls with what was said (PESQ), and forget it. Reply, once all is emitted: how
    many ears there were. Takes some tenths of a second of a core for each; no call may be up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundScored(Event):
    """An ear of a sampled call."""

    heard: ListenedEar


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDone(Event):
    """A call is over, and judged."""

    offer: int
    record: CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSampled(Event):
    """Once a second from the start to the stop."""

    sample: HealthSample


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDone(Event):
    """The last call of an offer has begun."""

    offer: int
    attempts: int
