"""The load run in the terminal: its criteria in a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from harness.load.listening import in_words
from harness.load.result import LoadResult
from harness.verdict import Verdict
from reports.load.view import criterion_view
from reports.load.wording import PROBE_WORDS, calls_in_words, lost_in_words, searched
from reports.visible import one_line
from reports.wording import VERDICT_WORDS

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NOT_RUN: "dim",
}


def criteria_table(result: LoadResult) -> Table | None:
    """A row for each criterion; None without any."""
    if not result.criteria:
        return None
    table = Table(box=None, pad_edge=False, expand=False, header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("demanded", overflow="fold", ratio=1)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("95 % confidence", justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    for criterion in result.criteria:
        shown = criterion_view(criterion)
        words = Text(one_line(criterion.words))
        if shown.why and criterion.verdict is not Verdict.PASS:
            words.append(f"\n{one_line(shown.why, limit=300)}", style=STYLES[criterion.verdict].removeprefix("bold "))
        table.add_row(
            Text(VERDICT_WORDS[criterion.verdict], style=STYLES[criterion.verdict]),
            words, shown.value, shown.confidence, shown.samples,
        )  # fmt: skip
    return table


def notes(result: LoadResult) -> list[Text]:
    """What a reader must know beside the criteria, a line each."""
    found = [Text(lost_in_words(lost), style="yellow") for lost in result.lost_workers]
    found += [
        Text(
            f"probe with {calls_in_words(probe.up)} up: {one_line(probe.scenario)} {PROBE_WORDS[probe.verdict]}"
            + (f": {one_line(probe.why, limit=300)}" if probe.why else ""),
            style="" if probe.verdict is Verdict.PASS else STYLES[probe.verdict].removeprefix("bold "),
        )
        for probe in result.probes
    ]
    if result.listening is not None:
        found.append(Text(one_line(in_words(result.listening), limit=300)))
    if result.capacity is not None:
        found.append(Text(f"{searched(result.capacity)} {one_line(result.capacity.confidence, limit=300)}"))
    if result.generator_why:
        style = "dim" if result.generator is Verdict.PASS else "yellow"
        found.append(Text(f"generator: {one_line(result.generator_why, limit=300)}", style=style))
    return found
