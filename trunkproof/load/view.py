"""The terminal during a load run: a table that renews itself, or a line now and then where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from trunkproof.load.figures import Figures

REFRESH_S = 0.5
LINE_EVERY_S = 10.0


class View:
    """Shows a run's ``figures``."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._shown_at = 0.0
        self._title = ""
        self._showing = False

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def showing(self, title: str) -> Iterator[None]:
        """While it lasts, ``show`` is seen."""
        self._title = title
        self._shown_at = monotonic()
        self._showing = True
        try:
            if not self._console.is_terminal:
                self.say(title)
                yield
                return
            with Live(console=self._console, auto_refresh=False, transient=True) as self._live:
                yield
        finally:
            self._live, self._showing = None, False

    def show(self, figures: Figures, left_s: float, note: str = "") -> None:
        """The state now, with ``left_s`` to go."""
        now = monotonic()
        if not self._showing or now - self._shown_at < (REFRESH_S if self._live else LINE_EVERY_S):
            return
        self._shown_at = now
        cells = [*_cells(figures), ("time left", f"{max(0.0, left_s):.0f} s"), *([("", note)] if note else [])]
        if self._live is None:
            self.say(" · ".join(f"{name} {value}".strip() for name, value in cells))
            return
        table = Table(box=None, pad_edge=False, show_header=False, title=self._title, title_justify="left")
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for name, value in cells:
            table.add_row(name, Text(value))
        self._live.update(table, refresh=True)


def _cells(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("calls up", str(figures.up)),
        ("offered", f"{figures.offered_rate:.0f}/s"),
        ("carried", f"{figures.carried_rate:.0f}/s"),
        ("ended", f"{figures.calls}"),
        ("failed", f"{figures.failed}"),
        ("SER", _number(figures.ser, "{:.2f} %")),
        ("SRD p95", _number(figures.srd_p95_ms, "{:.0f} ms")),
        ("MOS p5", _number(figures.mos_p5, "{:.2f}")),
        ("generator", figures.health),
    ]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
