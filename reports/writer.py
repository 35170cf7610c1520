"""Turns the evidence of a run into its reports."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import Inconclusive
from harness.verdict import Verdict
from reports.conformance_files import CSV_NAME, JSON_NAME, conformance_of, csv_text, json_text
from reports.junit import junit_document
from reports.load.reading import read_load
from reports.load.view import load_view
from reports.page import page
from reports.reading import read_run
from reports.scenario_files import exhibit
from reports.summary import summary_document
from reports.wording import headline, run_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReports:
    """Where the reports are, and what they say. ``headline`` is one sentence for people."""

    summary: Path
    html: Path
    junit: Path
    verdict: Verdict
    exit_code: int
    headline: str


def write(run_directory: Path, *, secrets: Sequence[str] = ()) -> WrittenReports:
    """Write all reports of a run from what is in its directory; may be repeated.

    ``secrets`` are words that must not appear in any report, such as the agents' passwords; digest
    responses, nonces and SRTP keys are masked anyway. Raises Inconclusive when the disk refuses.
    """
    run = read_run(run_directory, secrets)
    written = WrittenReports(
        summary=run_directory / "summary.json",
        html=run_directory / "report.html",
        junit=run_directory / "junit.xml",
        verdict=run_verdict(run)[0],
        exit_code=run_verdict(run)[1],
        headline=headline(run),
    )
    try:
        # Most of the time goes into the audio coder, which lets other threads run.
        with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
            exhibits = list(workers.map(exhibit, run.scenarios))
        # Notes on what could not be drawn belong to the scenario in every report.
        told = replace(run, scenarios=tuple(replace(e.evidence, problems=e.problems) for e in exhibits))
        load = read_load(run_directory, run.load, secrets) if run.load else None
        conformance = conformance_of(told, written.verdict, exhibits)
        _put(written.html, page(told, exhibits, conformance, load_view(load) if load else None))
        _put(written.junit, junit_document(told))
        _put(run_directory / JSON_NAME, json_text(conformance))
        _put(run_directory / CSV_NAME, csv_text(conformance))
        summary = summary_document(told, conformance, load)
        _put(written.summary, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise Inconclusive(f"the reports cannot be written in {run_directory}: {error.strerror}") from error
    return written


def _put(path: Path, text: str) -> None:
    """Write a file so that no reader sees half of it."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(text.encode("utf-8", "replace"))
    unfinished.rename(path)
