"""What a person sees in the terminal while a run goes on and at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.markup import escape

from reports.terminal import print_table


class Progress:
    """Plain lines, so that a CI log reads like a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False)

    @contextmanager
    def task(self, name: str) -> Iterator[Callable[[str], None]]:
        """Something that takes a while: each thing said in it is prefixed with its name."""
        began = monotonic()
        self.console.print(f"[bold]{name}[/bold]: starting")
        yield lambda text: self.console.print(f"[bold]{name}[/bold]: {escape(text)}")
        self.console.print(f"[bold]{name}[/bold]: ready after {monotonic() - began:.1f} s")

    def report(self, directory: Path, secrets: Sequence[str]) -> None:
        """The table at the end."""
        print_table(directory, self.console, secrets=secrets)
