"""``trunkproof doctor``: is everything there that a run needs, and what to do about what is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bootstrap import rootfs
from harness.target import Target
from trunkproof.doctor import load, machine, network, phones, providers, recordings
from trunkproof.doctor.check import Check

_MARKS = {True: ("ok", "green"), None: ("warn", "yellow"), False: ("FAIL", "bold red")}
_EXIT_POSSIBLE = 0
_EXIT_IMPOSSIBLE = 2


def doctor(target: Target | None = None, *, bindings: Iterable[network.Binding] | None = None) -> list[Check]:
    """Look at the machine and, if given, at everything that ``target`` names. Starts no call.

    ``bindings`` are the addresses and ports to try instead of those the target declares.
    """
    checks = [
        machine.python_version(),
        machine.build_tools(),
        *phones.judge(phones.probe_pjsua2()),
        machine.disk_space(),
        machine.leftovers(),
    ]
    external = target is not None and target.pbx.adapter == "external"
    if not external:
        wanted = target.pbx.provider if target is not None else "auto"
        checks += [
            *providers.judge(providers.available(), wanted, can_build=rootfs.why_not() is None),
            machine.faketime(),
        ]
    if bindings is None:
        bindings = network.bindings_of(target) if target is not None else []
    to_bind = list(bindings)
    if to_bind:
        free = network.addresses_free(to_bind)
        if free.ok is False and not external:
            advice = "another run may have them: the reference PBX then moves to the next free 127.0.n.x"
            free = replace(free, ok=None, advice=advice)
        checks.append(free)
    possible = load.load_possible(target) if target is not None else None
    checks += [possible] if possible is not None else []
    if external and target is not None:
        checks.append(network.answers_sip(target))
        stored = recordings.recordings_reachable(target)
        checks += [stored] if stored is not None else []
    return checks


def render(checks: Sequence[Check], *, width: int = 100, colour: bool = False) -> str:
    """The checks as a table for a terminal of ``width`` columns, with advice under what is not well."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        word, style = _MARKS[check.ok]
        table.add_row(Text(word, style=style), check.name, Text(check.detail))
        if check.advice:
            table.add_row("", "", Text(f"→ {check.advice}", style="dim"))
    text = StringIO()
    console = Console(file=text, width=width, force_terminal=colour, color_system="standard" if colour else None)
    console.print(table)
    verdict = "A run is possible." if exit_code(checks) == _EXIT_POSSIBLE else "No run is possible as things are."
    console.print(verdict)
    return text.getvalue()


def exit_code(checks: Iterable[Check]) -> int:
    """0 when a run is possible, 2 otherwise."""
    return _EXIT_IMPOSSIBLE if any(check.ok is False for check in checks) else _EXIT_POSSIBLE


__all__ = ["Check", "doctor", "exit_code", "render"]
