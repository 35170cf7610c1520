"""What comes of a run's calls: the metrics of RFC 6076, and those of our own that it lacks.

RFC 6076 counts attempts to set up a session that the trunk makes: a challenged INVITE and its repetition are one, calls
back, whose INVITE is the PBX's, are none. Attempts that the generator spoilt count for nothing, those that we
cancelled ourselves are counted apart. A figure of nothing is undefined (None), never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.load.confidence import Estimate, mean, quantile, share
from harness.load.quality import loss_percent
from harness.load.records import CallRecord, Cause, Flow, Party
from harness.load.table import Table

EFFECTIVE = (480, 486, 600, 603)
"""Refusals that are the called person's doing (RFC 6076 section 4.7)."""
INEFFECTIVE = (408, 500, 503, 504)
"""Refusals of a PBX that failed or is overloaded (RFC 6076 section 4.8)."""
TIMED_OUT = 408
"""What no response counts as (RFC 3261 section 8.1.3.1)."""
CANCELLED = 487
NOT_FINAL = (401, 402, 407)
"""Refusals after which the caller may try again; their delay is none of a failure (RFC 6076 section 4.3.2)."""
REACHED = (Cause.NONE, Cause.POOR_QUALITY)
"""Calls that reached the right agent, were heard both ways and ended well; how well they were heard is MOS's."""

QUANTILES = (0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How values are spread. ``quantiles`` are by their q: those of ``QUANTILES``."""

    samples: int
    mean: Estimate
    quantiles: Mapping[float, Estimate]
    least: float | None
    most: float | None

    def quantile(self, q: float) -> Estimate:
        return self.quantiles[q]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """A run's figures. Ratios are %, their estimates' ``samples`` the attempts they are of.

    ``calls`` were due and judged, the generator's own failures are ``spoilt``. Of the rest ``attempts`` are RFC 6076's
    session requests; ``cancelled`` and ``callbacks`` are not among them. ``challenged`` had a 401 or 407 on the way.
    Loss is in %, after the jitter buffer, of each ear; so are MOS, jitter and delay.
    """

    calls: int
    spoilt: int
    attempts: int
    established: int
    redirected: int
    cancelled: int
    callbacks: int
    challenged: int

    session_establishment_ratio: Estimate
    """SER (RFC 6076 section 4.6): INVITEs with 200 / (all - those with 3xx)."""
    session_effectiveness_ratio: Estimate
    """SEER (section 4.7): INVITEs with 200, 480, 486, 600 or 603 / (all - those with 3xx)."""
    ineffective_session_attempts: Estimate
    """ISA (section 4.8): those with 408, 500, 503 or 504, or no response, / all."""
    session_completion_ratio: Estimate
    """SCR (section 4.9): sessions that were set up and ended with an answered BYE / all."""
    verified_calls: Estimate
    """Calls, those back included, that reached the right agent, were heard both ways and ended well / all."""

    srd_s: Distribution
    """Session request delay of successful attempts (section 4.3.1)."""
    srd_failed_s: Distribution
    """That of refused ones (section 4.3.2), 3xx, 401, 402 and 407 left out."""
    sdd_ms: Distribution
    """Session disconnect delay (section 4.4) of the BYEs that a customer or an agent sent."""
    sdt_s: Distribution
    """Session duration time (section 4.5)."""
    first_response_s: Distribution
    """INVITE to the first response, 100 included."""
    answer_s: Distribution
    """INVITE to 200."""
    answer_to_agent_s: Distribution
    """INVITE of the customer to that of the agent's phone."""
    slip_ms: Distribution
    """Due to begun; the generator's."""

    mos: Distribution
    loss: Distribution
    jitter_ms: Distribution
    delay_ms: Distribution
    """One way, by the stamps."""
    mouth_to_ear_ms: Distribution
    """The same with the packet's length and the jitter buffer, as the E-model has it (Ta of ITU-T G.107)."""

    by_stamps: int
    by_tones: int
    """Verified calls by what told who was heard; by tones those in which an ear had no stamps."""
    cross_talk_calls: int
    by_code: Mapping[int, int]
    """Final responses to the INVITEs of ``attempts`` and cancelled ones; 0: none came in time."""
    by_cause: Mapping[Cause, int]
    """All ``calls``."""
    by_line: Mapping[str, tuple[int, int]]
    """Calls and how many of them were verified, by line of the mix; spoilt and cancelled ones left out."""


def measure(calls: Table[CallRecord]) -> Measures:
    """The figures of a table of calls."""
    ours = calls.where(calls["cause"] != Cause.GENERATOR)
    invited = ours["flow"] != Flow.CALLBACK
    # 487 is the answer to a CANCEL (RFC 3261 section 9.2); what the PBX does of its own has a cause.
    cancelled = (ours["code"] == CANCELLED) & _among(ours["cause"], REACHED)
    judged = ours.where(~cancelled)
    tried = ours.where(invited & ~cancelled)
    cause = tried["cause"]
    # When we give up, the PBX answers our CANCEL with 487: that is no response to the INVITE.
    code = np.where(cause == Cause.NO_RESPONSE, 0, tried["code"])
    established = (code >= 200) & (code < 300)
    redirected = (code >= 300) & (code < 400)
    ended_well = established & ~np.isnan(tried["sdt_s"]) & (cause != Cause.NOT_ENDED)
    effective = established | _among(code, EFFECTIVE)
    ineffective = _among(np.where(code == 0, TIMED_OUT, code), INEFFECTIVE)
    refused = (code >= 400) & ~_among(code, NOT_FINAL)
    directed = int((~redirected).sum())
    reached = _among(judged["cause"], REACHED)
    by_tones = _by_tones(judged)
    return Measures(
        calls=len(calls),
        spoilt=len(calls) - len(ours),
        attempts=len(tried),
        established=int(established.sum()),
        redirected=int(redirected.sum()),
        cancelled=int((cancelled & invited).sum()),
        callbacks=int((~invited).sum()),
        challenged=int((tried["challenges"] > 0).sum()),
        session_establishment_ratio=share(int(established.sum()), directed),
        session_effectiveness_ratio=share(int(effective.sum()), directed),
        ineffective_session_attempts=share(int(ineffective.sum()), len(tried)),
        session_completion_ratio=share(int(ended_well.sum()), len(tried)),
        verified_calls=share(int(reached.sum()), len(judged)),
        srd_s=distribution(tried["srd_s"][established]),
        srd_failed_s=distribution(tried["srd_s"][refused]),
        sdd_ms=distribution(tried["sdd_ms"][_among(tried["ended_by"], Party)]),
        sdt_s=distribution(tried["sdt_s"][established]),
        first_response_s=distribution(tried["first_response_s"]),
        answer_s=distribution(tried["answer_s"][established]),
        answer_to_agent_s=distribution(tried["agent_rang_s"]),
        slip_ms=distribution(1000 * (calls["started_at"] - calls["due_at"])),
        mos=distribution(of_ears(judged, "mos")),
        loss=distribution(_loss(judged)),
        jitter_ms=distribution(of_ears(judged, "jitter_ms")),
        delay_ms=distribution(of_ears(judged, "delay_ms")),
        mouth_to_ear_ms=distribution(of_ears(judged, "mouth_to_ear_ms")),
        by_stamps=int((reached & ~by_tones).sum()),
        by_tones=int((reached & by_tones).sum()),
        cross_talk_calls=int((ours["cause"] == Cause.CROSS_TALK).sum()),
        by_code=_counted(int(c) for c in [*code, *ours["code"][cancelled & invited]]),
        by_cause=_counted(Cause(c) for c in calls["cause"]),
        by_line=_by_line(judged["name"], reached),
    )


def distribution(values: NDArray[Any]) -> Distribution:
    """Of those that are there."""
    ordered = np.sort(values[~np.isnan(values)])
    return Distribution(
        samples=len(ordered),
        mean=mean(ordered),
        quantiles=MappingProxyType({q: quantile(ordered, q) for q in QUANTILES}),
        least=float(ordered[0]) if len(ordered) else None,
        most=float(ordered[-1]) if len(ordered) else None,
    )


def of_ears(calls: Table[CallRecord], figure: str) -> NDArray[np.float64]:
    """A figure of all ears, customers' first; an ear at which nothing came has none."""
    ears = []
    for ear in ("customer_hears", "agent_hears"):
        heard = calls[f"{ear}.received"] > 0
        ears.append(np.where(heard, calls[f"{ear}.{figure}"], np.nan))
    return np.concatenate(ears)


def session_failures(calls: Table[CallRecord]) -> int:
    """How many attempts failed, as a capacity search counts it: any call that is not right (RFC 7501 asks
    for less: a refusal or no response). Those that the generator spoilt are no failures."""
    return int((~_among(calls["cause"], (*REACHED, Cause.GENERATOR))).sum())


def _by_tones(calls: Table[CallRecord]) -> NDArray[np.bool_]:
    found = np.zeros(len(calls), dtype=bool)
    for ear in ("customer_hears", "agent_hears"):
        found |= (calls[f"{ear}.tones"] > 0) & (calls[f"{ear}.own"] == 0)
    return found


def _loss(calls: Table[CallRecord]) -> NDArray[np.float64]:
    figures = {name: of_ears(calls, name) for name in ("received", "lost", "late", "duplicated")}
    return loss_percent(**figures)


def _among(values: NDArray[Any], choices: Iterable[Any]) -> NDArray[np.bool_]:
    found = np.zeros(len(values), dtype=bool)
    for choice in choices:
        found |= values == choice
    return found


def _counted(values: Iterable[Any]) -> Mapping[Any, int]:
    """Most frequent first."""
    return MappingProxyType(dict(Counter(values).most_common()))


def _by_line(names: NDArray[Any], reached: NDArray[np.bool_]) -> Mapping[str, tuple[int, int]]:
    right = Counter(names[reached])
    return MappingProxyType({name: (count, right[name]) for name, count in Counter(names).most_common()})
