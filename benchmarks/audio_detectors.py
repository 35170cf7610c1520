"""Hits and false alarms of the audio detectors: ``python -m benchmarks.audio_detectors [--json FILE] [--page FILE]``.

Every detector's trial (``benchmarks.audio_trials``) goes through every codec, and through loss, drift and
attenuation. Codecs whose libraries are missing here are listed, not passed over. ``--page`` writes the tables into a
page of the documentation, between its two marks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.audio_channels import CODECS, Channel, available_codecs
from benchmarks.audio_trial import Tally, Trial
from benchmarks.audio_trials import TRIALS

SCHEMA_VERSION = 2
BEGIN = "<!-- python -m benchmarks.audio_detectors --page docs/hearing.md -->"
END = "<!-- end of figures -->"


@dataclass(frozen=True)
class Row:
    """A channel and, by trial, what it did."""

    channel: str
    tallies: dict[str, Tally]


def channels(codecs: Sequence[str]) -> list[Channel]:
    """Every codec as it is, then the damage."""
    narrow, wide = "pcmu", "opus-16k"
    damage = [
        Channel(codec=codec, loss=loss, drift=drift)
        for codec in (narrow, wide)
        for loss, drift in ((0.02, 0.0), (0.05, 0.0), (0.05, 0.02), (0.1, 0.0), (0.1, 0.02))
    ]
    damage += [Channel(codec="gsm", loss=0.05), Channel(codec="opus-12k", loss=0.05)]
    quiet = [Channel(codec=codec, gain_db=-20.0) for codec in (narrow, wide, "gsm")]
    whole = [Channel(codec=codec) for codec in codecs]
    return [*whole, *(one for one in [*damage, *quiet] if one.codec in codecs)]


def run(show: Callable[[str], None], trials: Sequence[Trial] = TRIALS) -> list[Row]:
    """All channels; ``show`` is told what is being tried."""
    rows = []
    for channel in channels(available_codecs()):
        tallies = {}
        for trial in trials:
            show(f"{channel}: {trial.name}")
            tallies[trial.name] = Tally()
            trial.run(channel, tallies[trial.name])
        rows.append(Row(str(channel), tallies))
    return rows


def cost_ms(rows: Sequence[Row], trial: Trial) -> float:
    """Processor time of a detector in ms per second of sound."""
    tallies = [row.tallies[trial.name] for row in rows]
    return 1000 * sum(one.spent_s for one in tallies) / max(sum(one.sound_s for one in tallies), 1e-9)


def page_tables(rows: Sequence[Row]) -> str:
    """The figures as Markdown: what is tried and what it costs, then hits and false alarms by channel."""
    lines = ["| detector | must be found; must not | ms of CPU per s of sound |", "|---|---|---|"]
    lines += [f"| {trial.name} | {trial.of} | {cost_ms(rows, trial):.1f} |" for trial in TRIALS]
    for group in dict.fromkeys(trial.group for trial in TRIALS):
        trials = [trial for trial in TRIALS if trial.group == group]
        lines += ["", f"### {group}", ""]
        lines.append("| channel | " + " | ".join(trial.name for trial in trials) + " |")
        lines.append("|---|" + "---|" * len(trials))
        for row in rows:
            cells = (row.tallies[trial.name] for trial in trials)
            lines.append(f"| {row.channel} | " + " | ".join(map(cell, cells)) + " |")
        total = [total_of(rows, trial) for trial in trials]
        lines.append("| **all** | " + " | ".join(map(cell, total)) + " |")
    return "\n".join(lines)


def cell(tally: Tally) -> str:
    return f"{tally.hits}/{tally.tries} · {tally.false_alarms}/{tally.clean}"


def total_of(rows: Sequence[Row], trial: Trial) -> Tally:
    tallies = [row.tallies[trial.name] for row in rows]
    return Tally(**{key: sum(getattr(one, key) for one in tallies) for key in asdict(Tally())})


def with_figures(page: str, tables: str) -> str:
    """The page with new tables between its marks. Raises ValueError when it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for figures: {BEGIN} and {END} mark it")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--page", type=Path, help="also write the tables into this page")
    options = parser.parse_args(arguments)
    console = Console()
    with console.status("") as status:
        rows = run(lambda what: status.update(what))
    missing = sorted(set(CODECS) - set(available_codecs()))
    tables = page_tables(rows)
    console.print(Markdown(tables))
    console.print(f"codecs not on this machine, hence not tried: {', '.join(missing) or 'none'}")
    if options.page:
        try:
            page = with_figures(options.page.read_text(encoding="utf-8"), tables)
        except (OSError, ValueError) as error:
            parser.error(f"{options.page}: {error}")
        options.page.write_text(page, encoding="utf-8")
    if options.json:
        figures = {
            "schema_version": SCHEMA_VERSION,
            "rows": [
                {"channel": row.channel, "detectors": {k: asdict(v) for k, v in row.tallies.items()}} for row in rows
            ],
            "cost_ms_per_s": {trial.name: cost_ms(rows, trial) for trial in TRIALS},
            "codecs_not_tried": missing,
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
