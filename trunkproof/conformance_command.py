"""``trunkproof conformance``: the conformance reports of several runs as one matrix."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessMisuse
from reports.conformance import Conformance, merged
from reports.conformance_files import csv_text, json_text, read_conformance
from reports.conformance_page import conformance_page

REPORT = "report.html"


def command(
    runs: Annotated[list[Path], typer.Argument(help="Directories of runs, one for each trunk profile or more.")],
    html: Annotated[Path | None, typer.Option(help="Write the matrix as a page here.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write it as conformance.json here.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write it as CSV here.")] = None,
) -> None:
    """Put the conformance of several runs into one matrix: requirement by trunk profile."""
    parts = {directory: read_conformance(directory) for directory in dict.fromkeys(runs)}
    found = merged(list(parts.values()))
    if html is not None:
        _write(html, conformance_page(found, _pages(parts, html)))
    if json is not None:
        _write(json, json_text(found))
    if csv is not None:
        _write(csv, csv_text(found))
    for column in found.profiles:
        typer.echo(column.headline)


def _pages(parts: dict[Path, Conformance], page: Path) -> dict[str, str]:
    """Where the report of each run is, seen from ``page``. Raises HarnessMisuse for runs of one name."""
    ids = {place: {run.run_id for column in part.profiles for run in column.runs} for place, part in parts.items()}
    for name, times in Counter(name for names in ids.values() for name in names).items():
        if times > 1:
            raise HarnessMisuse(f"two runs are called {name!r}", suggestion="name each directory once")
    return {
        name: Path(os.path.relpath(directory / REPORT, page.parent)).as_posix()
        for directory, names in ids.items()
        for name in names
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as refused:
        raise HarnessMisuse(f"cannot be written: {refused.strerror}", where=path) from None
