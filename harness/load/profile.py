"""A load profile: which calls are offered, how, and what must come of them (``scenarios/load/*.toml``)."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import phonenumbers
from pydantic import Field, field_validator, model_validator

from harness.errors import HarnessMisuse
from harness.load.arrivals_section import ArrivalsSection
from harness.load.confidence import samples_for_quantile
from harness.load.records import Flow
from harness.load.spread import Seconds, Spread
from harness.target.fields import E164, Section
from harness.toml_file import load_model

__all__ = ["ArrivalsSection", "LoadProfile", "MixLine", "Spread", "find_load_profile", "load_profile"]

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Share = Annotated[float, Field(gt=0)]
LostPercent = Annotated[int, Field(ge=0, le=90)]
WayMs = Annotated[float, Field(ge=0, le=1000)]
LightCodecs = Annotated[tuple[Literal["opus", "pcmu", "pcma"], ...], Field(min_length=1)]


class MixLine(Section):
    """``[[mix]]``: one kind of call, and how often it comes."""

    name: str = ""
    """What reports call it; by its flow and keys when left out."""
    flow: Flow
    """``inbound``, ``ivr``, ``callback`` or ``escalation``."""
    share: Share
    """Part of all calls, in relation to the other shares."""
    keys: Annotated[str, Field(pattern=r"^[0-9*#]*$")] = ""
    """``ivr``: the keys of the path, as the target's ``[ivr]`` has it; any path that ends with a person when empty."""
    number: E164 | Literal[""] = ""
    """Business number that is called; any of the flow's when empty."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("flow"), str) and not data.get("name"):
            return data | {"name": f"{data['flow']} {data.get('keys', '')}".strip()}
        return data

    @model_validator(mode="after")
    def _keys_of_ivr(self) -> MixLine:
        if self.keys and self.flow is not Flow.IVR:
            raise ValueError(f'only flow = "ivr" presses keys, this is "{self.flow.value}"')
        return self


class CustomersSection(Section):
    """``[customers]``: who calls."""

    count: Annotated[int, Field(ge=1)] = 1000
    """How many there are; each has one call at a time, so no more calls are up at once."""
    countries: dict[Country, Share] = Field(default_factory=lambda: {"GB": 1.0})
    """Their countries (ISO 3166-1 alpha-2) and their shares."""

    @field_validator("countries")
    @classmethod
    def _known(cls, countries: dict[str, float]) -> dict[str, float]:
        if not countries:
            raise ValueError("customers need a country at least")
        for country in countries:
            if country not in phonenumbers.SUPPORTED_REGIONS:
                raise ValueError(f"{country!r} is no country with telephone numbers (ISO 3166-1 alpha-2, 'GB')")
        return countries


class LoadAgents(Section):
    """``[agents]``: what the agents do."""

    answer_after: Spread = Spread(mean_s=1.0)
    """How long an agent's phone rings."""
    hang_up_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Part of the calls that the agent ends; the customer ends the others."""
    decline_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of the times an agent's phone rings in which the agent declines; the queue must find another one.
    Who clicked to call declines nothing."""


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
    loss_to_customer: LostPercent = 0
    """RTP packets that are lost between PBX and customer, of each hundred, as on a mobile network. The trunk's relay
    loses them, which costs 0.2 % of a core for each call."""
    loss_to_pbx: LostPercent = 0
    """The same of what customers send."""
    delay_to_customer_ms: WayMs = 0.0
    """How long an RTP packet is under way between PBX and customer, beside its usual time. The relay too."""
    delay_to_pbx_ms: WayMs = 0.0
    """The same of what customers send."""
    jitter_to_customer_ms: WayMs = 0.0
    """How much longer than that a packet takes at most (packet delay variation, RFC 5481): as much of it as chance has
    it, evenly spread. Packets keep their order. Up to 20 ms, RFC 3550's jitter is a third of it."""
    jitter_to_pbx_ms: WayMs = 0.0
    """The same of what customers send."""


class SignallingSection(Section):
    """``[signalling]``: the way between trunk and PBX."""

    delay_ms: Annotated[float, Field(ge=0, le=500)] = 0.0
    """How long a SIP message is under way, each way, beside what it takes anyway: as from another continent. All delays
    are measured at the trunk's end of it, so a session request delay is twice as much longer."""


class QualitySection(Section):
    """``[quality]``: what is compared with what was said."""

    pesq_sample: Annotated[int, Field(ge=0, le=200)] = 0
    """Calls at whose ears 8 s are kept and scored by PESQ (ITU-T P.862) when the last call has ended: that many of
    those that last 9.5 s or more, spread over the run. Needs the extra `pesq`."""


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
    mouth_to_ear_p95_ms: Annotated[float, Field(gt=0)] | None = None
    """Mouth to ear, 95th percentile, at most; ITU-T G.114 advises 150 ms and warns of more than 400."""
    mos_p5: Annotated[float, Field(ge=1, le=4.5)] | None = None
    """Estimated MOS (E-model, G.107) at the ears of all, 5th percentile, at least."""
    pesq_p5: Annotated[float, Field(ge=1, le=4.65)] | None = None
    """PESQ (MOS-LQO) at the ears of the sampled calls, 5th percentile, at least; takes a sample of 36 calls."""
    loss_p95: Annotated[float, Field(ge=0, le=100)] | None = None
    """RTP lost or too late at an ear, 95th percentile, at most, in %."""
    cross_talk_calls: Annotated[int, Field(ge=0)] | None = 0
    """Calls in which somebody heard a party of another call, at most."""
    leaked_channels: Annotated[int, Field(ge=0)] | None = 0
    """Channels of the PBX that are left after the last call, at most."""
    leaked_descriptors: Annotated[int, Field(ge=0)] | None = None
    """Descriptors (sockets, files) that the PBX, or one of the run's own processes, has after the last call beyond
    those it had before the first, at most."""
    leaked_ports: Annotated[int, Field(ge=0)] | None = 0
    """UDP and TCP ports that one of the run's own processes has bound after the last call beyond those it had before
    the first, at most."""
    leaked_processes: Annotated[int, Field(ge=0)] | None = 0
    """Processes of the run that have not ended when they were to, at most."""
    memory_growth: Annotated[float, Field(gt=0)] | None = None
    """How much the memory of the PBX, or of one of the run's own processes, may grow per 1,000 calls, in MB; see
    [leaks](#leaks)."""


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
    """After how long without a final response an attempt has failed (RFC 7501 section 3.3.2); timer B."""
    holding: Spread = Spread(distribution="exponential", mean_s=120.0, least_s=2.0)
    """How long the parties talk."""
    arrivals: ArrivalsSection
    mix: Annotated[list[MixLine], Field(min_length=1)]
    customers: CustomersSection = CustomersSection()
    agents: LoadAgents = LoadAgents()
    media: MediaSection = MediaSection()
    signalling: SignallingSection = SignallingSection()
    quality: QualitySection = QualitySection()
    limits: LimitsSection = LimitsSection()
    criteria: CriteriaSection = CriteriaSection()

    @model_validator(mode="after")
    def _lines_told_apart(self) -> LoadProfile:
        names = Counter(line.name for line in self.mix)
        for name, count in names.items():
            if count > 1:
                raise ValueError(f"{count} lines of [[mix]] are called {name!r}: give them names")
        return self

    @model_validator(mode="after")
    def _sample_for_pesq(self) -> LoadProfile:
        least = -(-samples_for_quantile(0.05) // 2)
        if self.criteria.pesq_p5 is not None and self.quality.pesq_sample < least:
            raise ValueError(
                f"[criteria] pesq_p5 takes [quality] pesq_sample = {least} or more, not {self.quality.pesq_sample}"
            )
        return self

    @model_validator(mode="after")
    def _spike_in_time(self) -> LoadProfile:
        arrivals = self.arrivals
        if arrivals.process == "spike" and arrivals.spike_at_s >= self.duration_s:
            raise ValueError(
                f"[arrivals] spike_at_s ({arrivals.spike_at_s:g}) is not before duration_s ({self.duration_s:g})"
            )
        return self


BUILT_IN = Path(__file__).resolve().parent.parent.parent / "scenarios" / "load"


def find_load_profile(name_or_path: str) -> Path:
    """File of a profile given by path or by the name of a built-in one. The file need not exist."""
    built_in = BUILT_IN / f"{name_or_path}.toml"
    if re.fullmatch(r"[a-z0-9_]+", name_or_path) and built_in.is_file():
        return built_in
    return Path(name_or_path)


def load_profile(name_or_path: str) -> LoadProfile:
    """Read a load profile. Raises HarnessMisuse with file, line, key and the nearest known key.

    The path of a list of times is relative to the file; the list is read as well.
    """
    path = find_load_profile(name_or_path)
    if path.suffix == "" and not path.exists():
        raise _unknown(name_or_path)
    profile = load_model(path, LoadProfile)
    arrivals = profile.arrivals
    if arrivals.file is not None:
        arrivals = arrivals.model_copy(update={"file": path.parent / arrivals.file.expanduser()})
        profile = profile.model_copy(update={"arrivals": arrivals})
    if arrivals.arrivals(profile.duration_s).expected(profile.duration_s) == 0:
        raise HarnessMisuse("[arrivals]: no call arrives", where=path)
    return profile


def _unknown(name: str) -> HarnessMisuse:
    known = sorted(path.stem for path in BUILT_IN.glob("*.toml"))
    near = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.5)
    suggestion = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}, or give the path of a file"
    return HarnessMisuse(f"there is no load profile '{name}'", suggestion=suggestion)
