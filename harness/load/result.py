"""A load run as a whole: what was asked, under which conditions, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.load.listening import ListeningResult
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """One limit of the profile, and what was measured against it.

    ``low`` and ``high`` are the 95 % confidence interval of ``value``; ``samples`` is how many values it rests on.
    """

    measure: str
    """Name of the measure, as in the profile."""
    words: str
    """``session establishment ratio at least 99.5 %``."""
    limit: float
    unit: str
    value: float | None
    low: float | None
    high: float | None
    samples: int
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step of a capacity search: calls offered at a rate (calls/s), or held up at once."""

    number: int
    offered: float
    began_at: float
    ended_at: float
    attempts: int
    failures: int
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityResult:
    """What a search found. ``kind`` is ``rate`` (session establishment rate, RFC 7502, calls/s) or ``concurrency``
    (calls up at once). ``carried`` is the largest load without a failed criterion, None: not even the least.
    ``confidence`` says how sure that is, in words."""

    kind: str
    carried: float | None
    first_failed: float | None
    finished: bool
    confidence: str
    steps: tuple[StepResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineResult:
    """Agents against agents without a PBX (RFC 7502 section 6.1): what the generator itself does on this machine."""

    calls: int
    rate: float
    """Calls/s offered."""
    up: int
    """Most calls up at once."""
    failures: int
    srd_p95_ms: float | None
    send_late_p99_ms: float | None
    media_cpu_per_100: float | None
    """Share of a core for the media of 100 calls."""
    signalling_cpu_ms: float | None
    """Of the generator, per call."""
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostWorker:
    """A worker that ended in mid-run; its calls are gone with it."""

    worker: str
    at: float
    calls: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """A functional scenario that ran as a single call inside the loaded system."""

    scenario: str
    began_at: float
    ended_at: float
    verdict: Verdict
    why: str
    up: int
    """Calls of the load that were up when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """``load/load.json`` of a run directory; ``load/calls.csv``, ``health.csv`` and ``pbx.csv`` lie beside it.

    ``conditions`` are pairs of name and value: what RFC 7502 section 5 demands to be told.
    """

    name: str
    target: str
    pbx: str
    """Its product and version, as far as known."""
    trunk_profile: str
    began: str
    """Wall clock of t = 0, ISO 8601."""
    planned_s: float
    lasted_s: float
    seed: int
    workers: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    criteria: tuple[CriterionResult, ...]
    generator: Verdict
    """PASS: the generator was not the bottleneck."""
    generator_why: str
    verdict: Verdict
    headline: str
    baseline: BaselineResult | None = None
    capacity: CapacityResult | None = None
    lost_workers: tuple[LostWorker, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    listening: ListeningResult | None = None
    """PESQ of the sampled calls; None: none were to be."""
    profile_text: str = ""
    """The profile as it was."""
