"""A load profile: which calls are offered, how, and what must come of them (``scenarios/load/*.toml``)."""

from __future__ import annotations

from collections.abc import Callable
from math import log, log1p, sqrt
from pathlib import Path
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.load.arrivals import Arrivals, Process, Stretch
from harness.load.records import Flow
from harness.target.fields import Section

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Share = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(ge=0)]
LightCodecs = Annotated[tuple[Literal["opus", "pcmu", "pcma"], ...], Field(min_length=1)]


class Spread(Section):
    """A length of time that differs from call to call, in s."""

    distribution: Literal["constant", "uniform", "exponential", "lognormal"] = "constant"
    """``constant``: always ``mean_s``. ``uniform``: from ``least_s`` to ``most_s``. ``exponential``: of ``mean_s``.
    ``lognormal``: of ``mean_s`` and ``deviation_s``. All are cut at ``least_s`` and ``most_s``."""
    mean_s: Seconds = 0.0
    """Mean; of ``uniform`` it follows from its ends."""
    deviation_s: Seconds = 0.0
    """Standard deviation of ``lognormal``."""
    least_s: Seconds = 0.0
    """Shortest."""
    most_s: Seconds = 3600.0
    """Longest."""

    @model_validator(mode="after")
    def _in_order(self) -> Spread:
        if self.least_s > self.most_s:
            raise ValueError(f"least_s ({self.least_s:g}) is more than most_s ({self.most_s:g})")
        if self.distribution in ("exponential", "lognormal") and self.mean_s <= 0:
            raise ValueError(f'distribution = "{self.distribution}" needs a mean_s above 0')
        return self


    def draw(self, random: Random) -> float:
        """One length of time, in s."""
        drawn = _DRAWS[self.distribution](self, random)
        return min(max(drawn, self.least_s), self.most_s)


def _lognormal(spread: Spread, random: Random) -> float:
    variance = log1p((spread.deviation_s / spread.mean_s) ** 2)
    return random.lognormvariate(log(spread.mean_s) - variance / 2, sqrt(variance))


_DRAWS: dict[str, Callable[[Spread, Random], float]] = {
    "constant": lambda spread, _random: spread.mean_s,
    "uniform": lambda spread, random: random.uniform(spread.least_s, spread.most_s),
    "exponential": lambda spread, random: random.expovariate(1 / spread.mean_s),
    "lognormal": _lognormal,
}


class StretchSection(Section):
    """``[[arrivals.course]]``: a stretch of time in which the rate goes from one value to another."""

    seconds: Annotated[float, Field(gt=0)]
    """How long it takes."""
    from_rate: Rate
    """Calls/s at its beginning."""
    to_rate: Rate | None = None
    """Calls/s at its end; as at its beginning when left out."""


class ArrivalsSection(Section):
    """``[arrivals]``: when calls begin. They do not wait for one another (open loop)."""

    process: Literal["poisson", "constant", "recorded", "ramp", "steps", "spike"] = "poisson"
    """``poisson``, ``constant``: at ``rate``. ``ramp``: Poisson, from 0 to ``rate`` within ``ramp_s``, then on.
    ``steps``: Poisson, ``steps`` of equal length up to ``rate``. ``spike``: Poisson at ``rate``, for ``spike_s`` from
    ``spike_at_s`` on at ``spike_rate``. ``recorded``: at the times in ``file``."""
    rate: Rate = 0.0
    """Calls/s."""
    ramp_s: Seconds = 0.0
    """How long the rate rises."""
    steps: Annotated[int, Field(ge=1)] = 5
    """How many steps."""
    spike_at_s: Seconds = 0.0
    """When the spike begins."""
    spike_s: Seconds = 0.0
    """How long it lasts."""
    spike_rate: Rate = 0.0
    """Calls/s in it."""
    file: Path | None = None
    """Times in s, one a line, relative to this file."""
    course: list[StretchSection] = Field(default_factory=list)
    """Stretches of one's own, in place of all of the above but ``poisson`` and ``constant``."""

    def arrivals(self, duration_s: float) -> Arrivals:
        """The process over a run of ``duration_s``. Raises HarnessMisuse for a file that is no list of times."""
        if self.process == "recorded":
            return Arrivals(process=Process.RECORDED, times=_times(self.file))
        process = Process.CONSTANT if self.process == "constant" else Process.POISSON
        return Arrivals(process=process, course=self._course(duration_s))

    def _course(self, duration_s: float) -> tuple[Stretch, ...]:
        if self.course:
            return tuple(
                Stretch(
                    seconds=part.seconds,
                    from_rate=part.from_rate,
                    to_rate=part.from_rate if part.to_rate is None else part.to_rate,
                )
                for part in self.course
            )
        level = Stretch(seconds=max(duration_s, 1.0), from_rate=self.rate, to_rate=self.rate)
        if self.process == "ramp" and self.ramp_s:
            return (Stretch(seconds=self.ramp_s, from_rate=0.0, to_rate=self.rate), level)
        if self.process == "steps":
            rates = [self.rate * (n + 1) / self.steps for n in range(self.steps)]
            return tuple(Stretch(seconds=duration_s / self.steps, from_rate=r, to_rate=r) for r in rates)
        if self.process == "spike" and self.spike_s:
            spike = Stretch(seconds=self.spike_s, from_rate=self.spike_rate, to_rate=self.spike_rate)
            before = Stretch(seconds=self.spike_at_s, from_rate=self.rate, to_rate=self.rate)
            return (before, spike, level) if self.spike_at_s else (spike, level)
        return (level,)


class MixLine(Section):
    """``[[mix]]``: one kind of call, and how often it comes."""

    name: str = ""
    """What reports call it; by its flow when left out."""
    flow: Flow
    """``inbound``, ``ivr``, ``callback`` or ``escalation``."""
    share: Share
    """Part of all calls, in relation to the other shares."""
    keys: Annotated[str, Field(pattern=r"^[0-9*#]*$")] = ""
    """``ivr``: the keys of the path, as the target's ``[ivr]`` has it; any path that ends with a person when empty."""
    number: str = ""
    """Business number that is called; any of the flow's when empty."""


class CustomersSection(Section):
    """``[customers]``: who calls."""

    count: Annotated[int, Field(ge=1)] = 1000
    """How many there are; each has one call at a time, so no more calls are up at once."""
    countries: dict[Country, Share] = Field(default_factory=lambda: {"GB": 1.0})
    """Their countries (ISO 3166-1 alpha-2) and their shares."""


class LoadAgents(Section):
    """``[agents]``: what the agents do."""

    answer_after: Spread = Spread(mean_s=1.0)
    """How long an agent's phone rings."""
    hang_up_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Part of the calls that the agent ends; the customer ends the others."""
    decline_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of the times an agent's phone rings in which the agent declines; the queue must find another one."""


class MediaSection(Section):
    """``[media]``: what is said."""

    codecs: LightCodecs = ("opus",)
    """What customers' phones offer, in order of preference."""
    agent_codecs: LightCodecs = ("opus", "pcmu", "pcma")
    """What agents' phones take."""
    jitter_buffer_ms: Annotated[int, Field(ge=20, le=1000)] = 60
    """Depth of the jitter buffer after which loss is counted."""
    hears_within_s: Annotated[float, Field(gt=0)] = 3.0
    """How soon after an agent's answer each must hear the other."""


class LimitsSection(Section):
    """``[limits]``: where the run stops, whatever else it was told."""

    at_once: Annotated[int, Field(ge=1)] = 1000
    """Calls up at once; Meta lets a number have 1,000 (Meta, Calling API, limits)."""
    calls: Annotated[int, Field(ge=1)] = 10_000
    """Calls in all; Meta lets a number have 10,000 new ones a day."""
    drain_s: Seconds = 60.0
    """How long calls may take to end by themselves after the last one began; then they are ended."""


class CriteriaSection(Section):
    """``[criteria]``: what must come of the run; those left out are shown and not judged."""

    session_establishment_ratio: Annotated[float, Field(ge=0, le=100)] | None = None
    """At least, in % (RFC 6076 section 4.6)."""
    session_effectiveness_ratio: Annotated[float, Field(ge=0, le=100)] | None = None
    """SEER, at least, in % (RFC 6076 section 4.7)."""
    session_completion_ratio: Annotated[float, Field(ge=0, le=100)] | None = None
    """At least, in % (RFC 6076 section 4.9)."""
    ineffective_session_attempts: Annotated[float, Field(ge=0, le=100)] | None = None
    """At most, in % (RFC 6076 section 4.8)."""
    verified_calls: Annotated[float, Field(ge=0, le=100)] | None = None
    """At least, in %: calls that reached the right agent, were heard both ways and ended well."""
    srd_p95_s: Annotated[float, Field(gt=0)] | None = None
    """Session request delay of successful calls, 95th percentile, at most."""
    sdd_p95_ms: Annotated[float, Field(gt=0)] | None = None
    """Session disconnect delay, 95th percentile, at most."""
    answer_to_agent_p95_s: Annotated[float, Field(gt=0)] | None = None
    """INVITE of the customer to that of the agent's phone, 95th percentile, at most."""
    mos_p5: Annotated[float, Field(ge=1, le=4.5)] | None = None
    """Estimated MOS (E-model, G.107) at the ears of all, 5th percentile, at least."""
    loss_p95: Annotated[float, Field(ge=0, le=100)] | None = None
    """RTP lost or too late at an ear, 95th percentile, at most, in %."""
    cross_talk_calls: Annotated[int, Field(ge=0)] | None = 0
    """Calls in which somebody heard a party of another call, at most."""
    leaked_channels: Annotated[int, Field(ge=0)] | None = 0
    """Channels of the PBX that are left after the last call, at most."""


class LoadProfile(Section):
    """What a load run offers to a target."""

    name: str
    """What reports call it."""
    description: str = ""
    """One line."""
    duration_s: Annotated[float, Field(gt=0)]
    """How long calls are offered."""
    trunk_profile: str = ""
    """Trunk profile instead of the target's own."""
    seed: int = 1
    """Of all that is drawn; the same seed draws the same calls."""
    establishment_threshold_s: Annotated[float, Field(gt=0)] = 32.0
    """After how long without a final response an attempt has failed (RFC 7501 section 3.9); timer B."""
    holding: Spread = Spread(distribution="exponential", mean_s=120.0, least_s=2.0)
    """How long the parties talk."""
    arrivals: ArrivalsSection
    mix: Annotated[list[MixLine], Field(min_length=1)]
    customers: CustomersSection = CustomersSection()
    agents: LoadAgents = LoadAgents()
    media: MediaSection = MediaSection()
    limits: LimitsSection = LimitsSection()
    criteria: CriteriaSection = CriteriaSection()


def _times(file: Path | None) -> tuple[float, ...]:
    if file is None:
        raise ValueError("process = \"recorded\" needs the key 'file'")
    return tuple(float(line) for line in file.read_text(encoding="utf-8").split())
