"""A run's result for the terminal: the table at the end, and a failed scenario's explanation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.errors import HarnessMisuse
from harness.evidence import ScenarioRecord
from harness.verdict import Verdict
from reports.conformance import ProfileResult
from reports.conformance_files import read_conformance
from reports.load.terminal import STYLES, criteria_table, notes
from reports.reading import Run, read_run
from reports.visible import one_line, visible
from reports.wording import BLAME_WORDS, VERDICT_WORDS, count, duration, headline, run_verdict

_REASON_STYLES = STYLES | {Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
_SHOWN_FIRST = ("report.html", "summary.json", "junit.xml")


def print_table(run_directory: Path, console: Console, *, secrets: Sequence[str] = ()) -> None:
    """Every scenario with its verdict, times and reason; then the verdict and where the reports are.

    The words alone tell everything: colour may be missing. Paths are never wrapped or cut. ``secrets`` as in
    ``reports.write``.
    """
    run = read_run(run_directory, secrets)
    table = Table(box=None, pad_edge=False, expand=False, show_header=bool(run.scenarios), header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("scenario", overflow="fold", ratio=1)
    table.add_column("talk", justify="right", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    for feature, group in groupby(run.scenarios, lambda s: s.record.feature):
        table.add_row("", Text(one_line(feature), style="bold"), "", "")
        for scenario in group:
            table.add_row(*_cells(scenario.record))
    console.print()
    if run.scenarios:
        console.print(table, soft_wrap=False)
        console.print()
    if run.load is not None:
        criteria = criteria_table(run.load)
        if criteria is not None:
            console.print(criteria, soft_wrap=False)
            console.print()
        for line in notes(run.load):
            console.print(line)
    _print_end(run, console)


def failure_text(record: ScenarioRecord) -> str:
    """Why a scenario did not pass, in a few lines; empty when it passed."""
    if record.verdict is Verdict.PASS:
        return ""
    blame = BLAME_WORDS[record.blame]
    lines = [f"{VERDICT_WORDS[record.verdict].upper()}: {one_line(record.reason, limit=1000) or 'no reason was given'}"]
    if record.verdict is not Verdict.NOT_RUN and blame:
        lines.append(f"At fault: {blame}")
    for step in record.steps:
        if step.error:
            lines.append(f"Step: {step.keyword.strip()} {one_line(step.text)} (line {step.line})")
            if one_line(step.error) != one_line(record.reason):
                lines.append(f"  {one_line(step.error, limit=1000)}")
            lines += [f"  {one_line(note, limit=300)}" for note in step.notes]
    if record.detail.strip():
        lines += ["", visible(record.detail).rstrip()]
    return "\n".join(lines)


def _cells(record: ScenarioRecord) -> tuple[Text, Text, str, str]:
    name = Text(one_line(record.name))
    if record.reason and record.verdict is not Verdict.PASS:
        name.append(f"\n{one_line(record.reason, limit=400)}", style=_REASON_STYLES[record.verdict])
    if record.unjudged_before:
        name.append("\nplayed twice: this machine was too busy to judge the first", style="dim")
    return (
        Text(VERDICT_WORDS[record.verdict], style=STYLES[record.verdict]),
        name,
        duration(record.talk_s) if record.talk_s else "–",
        duration(record.duration_s),
    )


def _columns(run_directory: Path) -> list[ProfileResult]:
    """The profiles of the run's conformance report; none when no scenario was about a requirement."""
    try:
        found = read_conformance(run_directory)
    except HarnessMisuse:
        return []
    return found.profiles if found.anything_decided else []


def _print_end(run: Run, console: Console) -> None:
    verdict, exit_code = run_verdict(run)
    for text in run.record.errors:
        console.print(Text(f"error: {one_line(text, limit=400)}", style="bold red"))
    for text in run.record.notes:
        console.print(Text(f"note: {one_line(text, limit=400)}", style="yellow"))
    console.print(Text(headline(run), style=STYLES[verdict]))
    counts = ", ".join(f"{number} {VERDICT_WORDS[v]}" for v, number in count(run).items() if number)
    talk = sum(s.record.talk_s for s in run.scenarios)
    took = max(run.record.finished_wall - run.record.started_wall, 0.0)
    if run.load is not None and not run.scenarios:
        console.print(Text(f"load run of {duration(run.load.lasted_s)}; exit code {exit_code}"))
    else:
        talked = f"{duration(talk)} of talk in {duration(took)}"
        console.print(Text(f"{counts or 'no scenario'}; {talked}; exit code {exit_code}"))
    for column in _columns(run.directory):
        console.print(Text(f"conformance: {column.headline}"), soft_wrap=True)
    for name in _SHOWN_FIRST:
        path = run.directory / name
        if path.exists():
            console.print(Text(f"{name.split('.')[0]:<8} {path}"), soft_wrap=True)
