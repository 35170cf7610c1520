"""The command line: ``trunkproof run | load | capacity | trunk | platform | conformance | doctor | steps``."""

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

from harness.errors import HarnessMisuse, TrunkproofError
from harness.target import load_target
from simulators.pbx.asterisk.twins import list_twins
from trunkproof import conformance_command, platform_command, trunk_command
from trunkproof.load import command as load_command
from trunkproof.own_network import enter_if_needed
from trunkproof.plugin.live_run import profile_name, target_names
from trunkproof.selection import TAKE_A_VALUE, check_selection

app = typer.Typer(
    name="trunkproof",
    help="Prove that a phone system is ready for WhatsApp Business calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FEATURES = Path(__file__).resolve().parent.parent / "features"
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
USAGE_ERROR = 4
"""pytest's exit code for a command line that it does not understand."""

IDLE_PLUGINS = ("hypothesispytest", "schemathesis", "anyio", "locust")
"""Plugins of pytest that the project's own tests may bring and a run has no use for: each costs every worker a second
of its start, as pytest's rewriting of assert statements does."""


@app.command(context_settings=PASS_ON)
def run(
    context: typer.Context,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Target file, or name of a built-in one. Of several, a scenario takes the first that fits."),
    ] = None,
    profile: Annotated[str, typer.Option(help="Trunk profile instead of the target's own.")] = "",
    provider: Annotated[str, typer.Option(help="Reference PBX from: auto, docker, rootfs, local.")] = "",
    twin: Annotated[str, typer.Option(help="Run against a broken twin of the reference PBX.")] = "",
    list_twins: Annotated[bool, typer.Option("--list-twins", help="List the broken twins and stop.")] = False,
    workers: Annotated[str, typer.Option("-n", help="Scenarios side by side.")] = "1",
    run_dir: Annotated[str, typer.Option(help="Directory for reports and evidence.")] = "",
    attach: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Run calling scenarios. Further arguments are features, or pytest's own options (-k, -m, -x)."""
    if list_twins:
        _print_twins()
        return
    check_selection(context.args)
    profile = profile_name(profile, twin)
    targets = target_names(target or [], twin)
    enter_if_needed(targets, profile, provider)
    count = _workers_possible(targets, workers)
    arguments = [
        *(context.args or []),
        *(f"--target={name}" for name in targets),
        f"--profile={profile}",
        f"--provider={provider}",
        f"--twin={twin}",
        f"--run-dir={run_dir}",
        f"--attach={attach}",
        "--tb=short",
        f"--rootdir={FEATURES.parent}",
        "-p", "trunkproof.plugin",
        "-p", "no:cacheprovider",
        *(option for name in IDLE_PLUGINS for option in ("-p", f"no:{name}")),
        "--assert=plain",
        *(["-n", str(count), "--dist=loadgroup"] if count > 1 else ["-p", "no:xdist"]),
    ]  # fmt: skip
    if not _features_named(context.args):
        arguments.insert(0, str(FEATURES))
    status = int(pytest.main(arguments))
    raise typer.Exit(HarnessMisuse.exit_code if status == USAGE_ERROR else status)


app.command("load")(load_command.load)
app.command("capacity")(load_command.capacity)
app.command("trunk")(trunk_command.command)
app.command("platform")(platform_command.command)
app.command("conformance")(conformance_command.command)


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


def _features_named(arguments: list[str]) -> list[str]:
    """Arguments that name features or directories. Raises HarnessMisuse for one that does not exist."""
    named = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if argument.startswith("-") or before in TAKE_A_VALUE:
            continue
        if not Path(argument.partition("::")[0]).exists():
            raise HarnessMisuse(f"there is no feature or directory {argument}")
        named.append(argument)
    return named


def _workers_possible(targets: list[str], workers: str) -> int:
    """How many scenarios the targets let run side by side: each needs a trunk address of its own."""
    if workers != "auto" and not workers.isdigit():
        raise HarnessMisuse(f"-n takes a number or 'auto', not {workers!r}")
    wanted = (os.cpu_count() or 1) if workers == "auto" else int(workers)
    addresses = max(len(load_target(name).trunk.addresses) for name in targets)
    possible = max(1, min(wanted, addresses))
    if possible < wanted:
        typer.echo(f"the target declares {addresses} trunk address(es): running {possible} at a time")
    return possible


def _print_twins() -> None:
    table = Table("twin", "what is broken", "caught by", box=None, pad_edge=False)
    for twin in list_twins():
        by = [f"load run: {cause}" for cause in twin.caught_by] if twin.load else twin.caught_by
        table.add_row(twin.name, twin.description, "\n".join(by))
    Console().print(table)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point; our own errors end with one line and their exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except TrunkproofError as error:
        typer.echo(f"trunkproof: {error}", err=True)
        if error.detail:
            typer.echo(error.detail, err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
