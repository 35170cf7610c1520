"""``summary.json``: the run for machines. Its schema is ``schema/summary.schema.json``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.evidence import RoutingTable
from reports.conformance import Conformance, ProfileResult, Standing
from reports.load.reading import LoadEvidence
from reports.load.summary import load_summary
from reports.reading import Evidence, Run
from reports.wording import count, headline, run_verdict

SCHEMA_VERSION = "1"


def summary_document(run: Run, conformance: Conformance, load: LoadEvidence | None = None) -> dict[str, Any]:
    """Everything of the run but the evidence itself; paths are relative to the run directory."""
    record = run.record
    verdict, exit_code = run_verdict(run)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": record.run_id,
        "target": record.target,
        "target_description": record.target_description,
        "profile": record.profile,
        "twin": record.twin,
        "provider": record.provider,
        "pbx_version": record.pbx_version,
        "verdict": verdict.value,
        "exit_code": exit_code,
        "headline": headline(run),
        "started": datetime.fromtimestamp(_sane(record.started_wall), UTC).isoformat(timespec="milliseconds"),
        "duration_s": round(max(record.finished_wall - record.started_wall, 0.0), 3),
        "workers": record.workers,
        "command": record.command,
        "versions": record.versions,
        "notes": record.notes,
        "errors": record.errors,
        "totals": totals(run),
        "conformance": [_conformance(column, conformance) for column in conformance.profiles],
        **({"load": load_summary(load)} if load is not None else {}),
        "scenarios": [_scenario(run.directory, evidence) for evidence in run.scenarios],
    }


def totals(run: Run) -> dict[str, float]:
    """Scenarios by verdict, and the sums of their durations and talk times in s."""
    numbers: dict[str, float] = {"scenarios": len(run.scenarios)}
    numbers |= {verdict.value: number for verdict, number in count(run).items()}
    numbers["duration_s"] = round(sum(s.record.duration_s for s in run.scenarios), 3)
    numbers["talk_s"] = round(sum(s.record.talk_s for s in run.scenarios), 3)
    return numbers


def _conformance(column: ProfileResult, conformance: Conformance) -> dict[str, Any]:
    results = [(row, row.results[column.profile]) for row in conformance.rows]
    failed = [row for row, result in results if result.standing is Standing.FAIL and not result.declared]
    return {
        "profile": column.profile,
        "headline": column.headline,
        **column.tally.model_dump(),
        "failures": [
            {
                "id": row.requirement.id,
                "level": row.requirement.level.value,
                "requirement": row.requirement.text,
                "reason": row.results[column.profile].reason,
            }
            for row in failed
        ],
    }


def _scenario(run_directory: Path, evidence: Evidence) -> dict[str, Any]:
    record = evidence.record
    failed = next((step for step in record.steps if step.error), None)
    return {
        "feature": record.feature,
        "feature_file": record.feature_file,
        "line": record.line,
        "name": record.name,
        "tags": record.tags,
        "requirements": record.requirements,
        "verdict": record.verdict.value,
        "blame": record.blame.value,
        "reason": record.reason,
        **({"unjudged_before": record.unjudged_before} if record.unjudged_before else {}),
        "failed_step": f"{failed.keyword.strip()} {failed.text}" if failed else "",
        "duration_s": round(record.duration_s, 3),
        "talk_s": round(record.talk_s, 3),
        "worker": record.worker,
        "target": record.target,
        "profile": record.profile,
        "faults": [{"kind": fault.kind, "text": fault.text} for fault in record.faults],
        **({"routing": [_routing(table) for table in record.routing]} if record.routing else {}),
        "facts": record.facts,
        "problems": list(evidence.problems),
        "evidence": _files(run_directory, evidence.directory),
    }


def _routing(table: RoutingTable) -> dict[str, Any]:
    calls = [call for instant in table.instants for call in instant.calls]
    return {
        "title": table.title,
        "calls": len(calls),
        "mismatches": [call.mismatch for call in calls if call.mismatch],
    }


def _files(run_directory: Path, directory: Path) -> list[str]:
    return sorted(
        path.relative_to(run_directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )


def _sane(wall: float) -> float:
    """A time that a calendar can show."""
    return wall if 0 <= wall < 1e11 else 0.0
