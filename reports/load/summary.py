"""The load run in ``summary.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.load.confidence import Estimate
from harness.load.measures import measure
from reports.load.failures import failure_groups
from reports.load.over_time import group_words, most_up
from reports.load.reading import LoadEvidence

_DIGITS = 6


def load_summary(load: LoadEvidence) -> dict[str, Any]:
    """What came of a load run, for machines; every call is in the files it names."""
    result = load.result
    found = measure(load.calls)
    return {
        "name": result.name,
        "verdict": result.verdict.value,
        "headline": result.headline,
        "began": result.began,
        "lasted_s": round(result.lasted_s, 3),
        "workers": list(result.workers),
        "criteria": [asdict(criterion) | {"verdict": criterion.verdict.value} for criterion in result.criteria],
        "calls": found.calls,
        "spoilt": found.spoilt,
        "attempts": found.attempts,
        "established": found.established,
        "most_at_once": most_up(load),
        "verified_by": {"stamps": found.by_stamps, "tones": found.by_tones},
        "measures": {
            "session_establishment_ratio": _estimate(found.session_establishment_ratio),
            "session_effectiveness_ratio": _estimate(found.session_effectiveness_ratio),
            "ineffective_session_attempts": _estimate(found.ineffective_session_attempts),
            "session_completion_ratio": _estimate(found.session_completion_ratio),
            "verified_calls": _estimate(found.verified_calls),
            "srd_p95_s": _estimate(found.srd_s.quantile(0.95)),
            "sdd_p95_ms": _estimate(found.sdd_ms.quantile(0.95)),
            "answer_to_agent_p95_s": _estimate(found.answer_to_agent_s.quantile(0.95)),
            "mouth_to_ear_p95_ms": _estimate(found.mouth_to_ear_ms.quantile(0.95)),
            "mos_p5": _estimate(found.mos.quantile(0.05)),
            "loss_p95": _estimate(found.loss.quantile(0.95)),
        },
        "failures": [
            {"cause": g.cause.value, "code": g.code, "words": group_words(g), "calls": g.count,
             "first_at_s": round(g.first_at, 3)}
            for g in failure_groups(load.calls, ())
        ],
        "generator": {"verdict": result.generator.value, "why": result.generator_why},
        "capacity": None
        if result.capacity is None
        else {
            "kind": result.capacity.kind,
            "carried": result.capacity.carried,
            "first_failed": result.capacity.first_failed,
            "finished": result.capacity.finished,
            "confidence": result.capacity.confidence,
        },
        "pesq": None if result.listening is None else asdict(result.listening),
        "lost_workers": _dicts(result.lost_workers),
        "probes": [asdict(probe) | {"verdict": probe.verdict.value} for probe in result.probes],
        "problems": list(load.problems),
        "files": list(load.files),
    }  # fmt: skip


def _estimate(estimate: Estimate) -> dict[str, float | int | None]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, _DIGITS)

    return {
        "value": rounded(estimate.value),
        "low": rounded(estimate.low),
        "high": rounded(estimate.high),
        "samples": estimate.samples,
    }


def _dicts(records: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(record) for record in records]
