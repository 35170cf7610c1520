"""The conformance matrix of several runs as a page of its own, with links into the runs' reports."""

from __future__ import annotations

from collections.abc import Mapping

from reports.conformance import Conformance
from reports.conformance_view import conformance_view
from reports.rendering import asset, render


def conformance_page(found: Conformance, reports: Mapping[str, str]) -> str:
    """``reports`` is where the page of each run is, by the run's id."""
    return render(
        "conformance.html.j2",
        view=conformance_view(found, reports),
        reports=reports,
        css=asset("report.css") + asset("conformance.css"),
        script=asset("print.js"),
    )
