"""The command line: ``trunkproof run | trunk | doctor | steps``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import pytest
import typer
from rich.console import Console
from rich.table import Table

from harness.errors import TrunkproofError
from harness.target import load_target
from trunkproof import trunk_command

app = typer.Typer(
    name="trunkproof",
    help="Prove that a phone system is ready for WhatsApp Business calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FEATURES = Path(__file__).resolve().parent.parent / "features"
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
SERIAL = ("0", "1", "")


@app.command(context_settings=PASS_ON)
def run(
    context: typer.Context,
    target: Annotated[str, typer.Option(help="Target file, or name of a built-in target.")] = "reference",
    profile: Annotated[str, typer.Option(help="Trunk profile instead of the target's own.")] = "",
    provider: Annotated[str, typer.Option(help="Reference PBX from: auto, docker, rootfs, local.")] = "",
    twin: Annotated[str, typer.Option(help="Run against a broken twin of the reference PBX.")] = "",
    list_twins: Annotated[bool, typer.Option("--list-twins", help="List the broken twins and stop.")] = False,
    workers: Annotated[str, typer.Option("-n", help="Scenarios side by side.")] = "1",
    run_dir: Annotated[str, typer.Option(help="Directory for reports and evidence.")] = "",
) -> None:
    """Run calling scenarios. Further arguments are features, or pytest's own options (-k, -m, -x)."""
    if list_twins:
        _print_twins()
        return
    count = _workers_possible(target, workers)
    arguments = [
        *(context.args or []),
        f"--target={target}",
        f"--profile={profile}",
        f"--provider={provider}",
        f"--twin={twin}",
        f"--run-dir={run_dir}",
        "--tb=short",
        f"--rootdir={FEATURES.parent}",
        "-p", "trunkproof.plugin",
        "-p", "no:cacheprovider",
        *(["-n", str(count), "--dist=worksteal"] if count > 1 else ["-p", "no:xdist"]),
    ]  # fmt: skip
    if not any(Path(argument.partition("::")[0]).exists() for argument in context.args):
        arguments.insert(0, str(FEATURES))
    signal.signal(signal.SIGTERM, _interrupt)
    raise typer.Exit(int(pytest.main(arguments)))


app.command("trunk")(trunk_command.command)


@app.command()
def doctor(
    target: Annotated[str, typer.Option(help="Check this target file and the reachability of what it names.")] = "",
) -> None:
    """Check this machine (and a target), and say what to do about each failure."""
    from trunkproof import doctor as checks

    console = Console()
    found = checks.doctor(load_target(target or "reference"))
    typer.echo(checks.render(found, width=console.width, colour=console.is_terminal))
    raise typer.Exit(checks.exit_code(found))


@app.command()
def steps() -> None:
    """Print the vocabulary: every sentence a feature may use."""
    from trunkproof.step_catalogue import render_catalogue

    typer.echo(render_catalogue(), nl=False)


def _workers_possible(target_name: str, workers: str) -> int:
    """How many scenarios the target lets run side by side: each needs a trunk address of its own."""
    wanted = (os.cpu_count() or 1) if workers == "auto" else int(workers) if workers.isdigit() else 1
    target = load_target(target_name)
    possible = max(1, min(wanted, len(target.trunk.addresses)))
    if possible < wanted:
        typer.echo(f"the target declares {len(target.trunk.addresses)} trunk address(es): running {possible} at a time")
    return possible


def _print_twins() -> None:
    from simulators.pbx.asterisk.twins import list_twins

    table = Table("twin", "what is broken", "caught by", box=None, pad_edge=False)
    for twin in list_twins():
        table.add_row(twin.name, twin.description, "\n".join(twin.caught_by))
    Console().print(table)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point; our own errors end with one line and their exit code."""
    try:
        app()
    except TrunkproofError as error:
        typer.echo(f"trunkproof: {error}", err=True)
        if error.detail:
            typer.echo(error.detail, err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
