"""``conformance.json`` and ``conformance.csv`` of a run, and reading the former back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessMisuse
from harness.requirements import load_catalogue
from harness.verdict import Verdict
from reports.anchors import anchors
from reports.conformance import Conformance, Scenario, conformance
from reports.excerpts import excerpts
from reports.reading import Run
from reports.scenario_files import Exhibit

JSON_NAME, CSV_NAME = "conformance.json", "conformance.csv"
COLUMNS = ("id", "source", "level", "profile", "verdict", "requirement", "written", "reason", "scenarios")


def conformance_of(run: Run, verdict: Verdict, exhibits: list[Exhibit]) -> Conformance:
    """The matrix of a run; ``exhibits`` are its scenarios in the order of the page."""
    records = [shown.evidence.record for shown in exhibits]
    scenarios = [
        Scenario(
            record=shown.evidence.record,
            anchor=anchor,
            excerpts=excerpts(shown.evidence.record.faults, shown.ladder),
        )
        for shown, anchor in zip(exhibits, anchors(records), strict=True)
    ]
    return conformance(load_catalogue(), run.record, verdict, scenarios)


def json_text(found: Conformance) -> str:
    return found.model_dump_json(indent=1) + "\n"


def csv_text(found: Conformance) -> str:
    """A line for each requirement and profile."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for source in found.sources:
        for row in source.rows:
            asked = row.requirement
            for profile, result in row.results.items():
                scenarios = "; ".join(decision.scenario for decision in result.decisions)
                writer.writerow(
                    [asked.id, source.source, asked.level, profile, result.standing, asked.text, asked.written,
                     result.reason, scenarios]
                )  # fmt: skip
    return text.getvalue()


def read_conformance(run_directory: Path) -> Conformance:
    """The matrix of a run that is over. Raises HarnessMisuse."""
    path = run_directory / JSON_NAME
    try:
        found = Conformance.model_validate_json(path.read_bytes())
    except OSError as error:
        raise HarnessMisuse(
            f"cannot be read: {error.strerror}", where=path, suggestion="name the directory of a run: out/<run-id>"
        ) from None
    except ValidationError as error:
        raise HarnessMisuse(f"is no conformance report: {error.errors()[0]['msg']}", where=path) from None
    return found
