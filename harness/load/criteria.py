"""A profile's criteria held against what was measured, and the verdict of a run.

A criterion **fails** when the measured value is beyond its limit. It is **inconclusive** when so little was measured
that even flawless calls could not have shown it: when Wilson's interval of a ratio without a failure reaches beyond the
limit, or a percentile's interval has no end on that side. Else it **passes**. When the 95 % confidence interval reaches
over to the limit's other side, ``why`` says so in either case. What cannot be asked of this PBX is **not run**, or
inconclusive if the profile demands it by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.load.confidence import UNDEFINED, Estimate, samples_for_quantile, samples_for_share
from harness.load.listening import ListeningResult, lowest
from harness.load.measures import Measures
from harness.load.profile import CriteriaSection
from harness.load.result import CriterionResult
from harness.verdict import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_PBX_FAULT, Verdict


@dataclass(frozen=True, slots=True)
class Criterion:
    """How one key of ``[criteria]`` is judged."""

    words: str
    unit: str
    value: Callable[[Measures], Estimate]
    needed: Callable[[float], int]
    """How many samples the limit takes."""
    at_least: bool = False
    """The limit is the least that is good; else the most."""
    of_what: str = "calls"


def _counted(of: Callable[[Measures], int]) -> Callable[[Measures], Estimate]:
    def value(measures: Measures) -> Estimate:
        count = float(of(measures))
        calls = measures.calls - measures.spoilt
        return Estimate(value=count, low=count, high=count, samples=calls) if calls else UNDEFINED

    return value


def _one(_: float) -> int:
    return 1


def _of_quantile(q: float) -> Callable[[float], int]:
    return lambda _: samples_for_quantile(q)


CRITERIA: dict[str, Criterion] = {
    "session_establishment_ratio": Criterion(
        "session establishment ratio",
        "%",
        lambda m: m.session_establishment_ratio,
        samples_for_share,
        at_least=True,
        of_what="attempts",
    ),
    "session_effectiveness_ratio": Criterion(
        "session effectiveness ratio",
        "%",
        lambda m: m.session_effectiveness_ratio,
        samples_for_share,
        at_least=True,
        of_what="attempts",
    ),
    "session_completion_ratio": Criterion(
        "session completion ratio",
        "%",
        lambda m: m.session_completion_ratio,
        samples_for_share,
        at_least=True,
        of_what="attempts",
    ),
    "ineffective_session_attempts": Criterion(
        "ineffective session attempts",
        "%",
        lambda m: m.ineffective_session_attempts,
        lambda limit: samples_for_share(100.0 - limit),
        of_what="attempts",
    ),
    "verified_calls": Criterion("verified calls", "%", lambda m: m.verified_calls, samples_for_share, at_least=True),
    "srd_p95_s": Criterion("session request delay (p95)", "s", lambda m: m.srd_s.quantile(0.95), _of_quantile(0.95)),
    "sdd_p95_ms": Criterion(
        "session disconnect delay (p95)", "ms", lambda m: m.sdd_ms.quantile(0.95), _of_quantile(0.95)
    ),
    "answer_to_agent_p95_s": Criterion(
        "time to the agent's phone (p95)", "s", lambda m: m.answer_to_agent_s.quantile(0.95), _of_quantile(0.95)
    ),
    "mouth_to_ear_p95_ms": Criterion(
        "mouth to ear (p95)", "ms", lambda m: m.mouth_to_ear_ms.quantile(0.95), _of_quantile(0.95), of_what="ears"
    ),
    "mos_p5": Criterion(
        "estimated MOS (p5)", "", lambda m: m.mos.quantile(0.05), _of_quantile(0.05), at_least=True, of_what="ears"
    ),
    "loss_p95": Criterion("RTP loss (p95)", "%", lambda m: m.loss.quantile(0.95), _of_quantile(0.95), of_what="ears"),
    "cross_talk_calls": Criterion("calls with a stranger's voice", "", _counted(lambda m: m.cross_talk_calls), _one),
}
"""By their keys. ``leaked_channels`` is asked of the PBX, not of the calls."""

LEAKED = "leaked_channels"
PESQ = "pesq_p5"
"""Asked of the sampled calls, once all has ended."""


def judge(
    criteria: CriteriaSection,
    measures: Measures,
    *,
    leaked_channels: int | None = None,
    listening: ListeningResult | None = None,
) -> tuple[CriterionResult, ...]:
    """Each criterion that the profile has, in the order of its keys. ``leaked_channels`` None: could not be asked;
    ``listening`` None: no calls are sampled in such a run."""
    judged = [
        _judge(measure, criterion, limit, criterion.value(measures))
        for measure, criterion in CRITERIA.items()
        if (limit := getattr(criteria, measure)) is not None
    ]
    if criteria.pesq_p5 is not None and listening is not None:
        judged.append(_pesq(criteria.pesq_p5, listening))
    if criteria.leaked_channels is not None:
        demanded = LEAKED in criteria.model_fields_set
        judged.append(_leaks(criteria.leaked_channels, leaked_channels, demanded=demanded))
    return tuple(judged)


def _judge(measure: str, criterion: Criterion, limit: float, measured: Estimate) -> CriterionResult:
    verdict, why = _verdict(criterion, limit, measured)
    return CriterionResult(
        measure=measure,
        words=_words(criterion, limit),
        limit=limit,
        unit=criterion.unit,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        samples=measured.samples,
        verdict=verdict,
        why=why,
    )


def _verdict(criterion: Criterion, limit: float, measured: Estimate) -> tuple[Verdict, str]:
    if measured.value is None:
        return Verdict.INCONCLUSIVE, f"no {criterion.of_what} to measure it on"
    said = written(measured.value, criterion.unit)
    if not _within(criterion, measured.value, limit):
        best = measured.high if criterion.at_least else measured.low
        chance = best is None or _within(criterion, best, limit)
        return Verdict.FAIL, said + (f"; {_reaches(criterion, measured)}, so it may be chance" if chance else "")
    needed = criterion.needed(limit)
    if measured.samples < needed:
        return Verdict.INCONCLUSIVE, f"{measured.samples} {criterion.of_what} are too few to tell, it takes {needed}"
    worst = measured.low if criterion.at_least else measured.high
    if worst is None or not _within(criterion, worst, limit):
        return Verdict.PASS, f"{said}; {_reaches(criterion, measured)}, which more calls would narrow"
    return Verdict.PASS, said


def _within(criterion: Criterion, value: float, limit: float) -> bool:
    return value >= limit if criterion.at_least else value <= limit


def _reaches(criterion: Criterion, measured: Estimate) -> str:
    low, high = (None if end is None else written(end, criterion.unit) for end in (measured.low, measured.high))
    if low is None:
        return f"the 95 % confidence interval ends at {high}" if high else "the confidence interval has no end"
    return f"the 95 % confidence interval is {low} to {high}" if high else f"the confidence interval begins at {low}"


def _pesq(limit: float, listening: ListeningResult) -> CriterionResult:
    score = lowest(listening.scores)
    measured = UNDEFINED if score is None else score.p5_estimate
    criterion = Criterion("PESQ (p5)", "", lambda _: measured, _of_quantile(0.05), at_least=True, of_what="ears")
    result = _judge(PESQ, criterion, limit, measured)
    return replace(result, why=f"not measured: {listening.why}") if score is None and listening.why else result


def _leaks(limit: int, left: int | None, *, demanded: bool) -> CriterionResult:
    criterion = Criterion("leaked channels", "", lambda _: UNDEFINED, _one)
    if left is None:
        verdict = Verdict.INCONCLUSIVE if demanded else Verdict.NOT_RUN
        why = "what is left at the PBX is not known"
    else:
        verdict = Verdict.PASS if left <= limit else Verdict.FAIL
        why = f"{left} after the last call"
    value = None if left is None else float(left)
    return CriterionResult(
        measure=LEAKED,
        words=_words(criterion, limit),
        limit=float(limit),
        unit="",
        value=value,
        low=value,
        high=value,
        samples=0 if left is None else 1,
        verdict=verdict,
        why=why,
    )


def _words(criterion: Criterion, limit: float) -> str:
    bound = "at least" if criterion.at_least else "at most"
    return f"{criterion.words} {bound} {written(limit, criterion.unit)}"


def written(value: float, unit: str) -> str:
    """``97.2 %``, with as many digits as a reader needs."""
    digits = f"{value:.3f}" if unit == "s" else f"{value:.2f}" if unit != "ms" else f"{value:.1f}"
    digits = digits.rstrip("0").rstrip(".")
    return f"{digits} {unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """What a run says, in one line too, and the program's exit code."""

    verdict: Verdict
    exit_code: int
    headline: str


EXITS = {Verdict.PASS: EXIT_PASS, Verdict.FAIL: EXIT_PBX_FAULT}
"""All else is EXIT_INCONCLUSIVE."""


def verdict_of(
    load: str,
    criteria: Sequence[CriterionResult],
    *,
    generator: Verdict,
    generator_why: str = "",
    incomplete: str = "",
) -> RunVerdict:
    """The verdict of a run that offered ``load`` (``4 calls/s``).

    A generator that was the bottleneck (any verdict but PASS) makes the run inconclusive whatever else came of it: its
    figures are its own. ``incomplete`` says why less was offered than planned (a lost worker, an interrupt): such a run
    can fail, but not pass.
    """
    if generator is not Verdict.PASS:
        return _said(Verdict.INCONCLUSIVE, f"Cannot say whether it carries {load}: {generator_why}")
    failed = [c for c in criteria if c.verdict is Verdict.FAIL]
    if failed:
        return _said(Verdict.FAIL, f"Not ready for {load}: {_deviation(failed[0])}{_and_more(failed)}")
    if incomplete:
        return _said(Verdict.INCONCLUSIVE, f"Cannot say whether it carries {load}: {incomplete}")
    unknown = [c for c in criteria if c.verdict is Verdict.INCONCLUSIVE]
    if unknown:
        why = f"{unknown[0].words}: {unknown[0].why}{_and_more(unknown)}"
        return _said(Verdict.INCONCLUSIVE, f"Cannot say whether it carries {load}: {why}")
    met = sum(c.verdict is Verdict.PASS for c in criteria)
    if not met:
        return _said(Verdict.INCONCLUSIVE, f"Cannot say whether it carries {load}: the profile has no criteria")
    return _said(Verdict.PASS, f"Ready for {load}: {f'all {met} criteria' if met > 1 else 'the one criterion'} met")


def _said(verdict: Verdict, headline: str) -> RunVerdict:
    return RunVerdict(verdict=verdict, exit_code=EXITS.get(verdict, EXIT_INCONCLUSIVE), headline=headline)


def _deviation(failed: CriterionResult) -> str:
    """``session establishment ratio 97.2 %, at least 99.5 % demanded``."""
    bound = " at least " if " at least " in failed.words else " at most "
    name, _, limit = failed.words.partition(bound)
    measured = "" if failed.value is None else written(failed.value, failed.unit)
    return f"{name} {measured},{bound}{limit} demanded"


def _and_more(results: Sequence[CriterionResult]) -> str:
    more = len(results) - 1
    return f", and {more} more criteri{'a' if more > 1 else 'on'}" if more else ""
