"""Shows what the parts of a parallel set-up are doing, with seconds, on a terminal or in a log."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

_CLEAR_LINE = "\r\x1b[K"
_REFRESH_S = 1.0


class Progress:
    """One line per state change; on a terminal also a live line of everything under way.

    Use as a context manager: leaving it ends the live line. Safe to use from several threads.
    """

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._now = now
        self._begun = now()
        self._guard = threading.Lock()
        self._under_way: dict[str, tuple[str, float]] = {}
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def part(self, name: str) -> Callable[[str], None]:
        """A function that announces what the part ``name`` does now."""
        return lambda state: self._say(name, state, over=False)

    def finish(self, name: str, state: str) -> None:
        """Announce that the part ``name`` is over."""
        self._say(name, state, over=True)

    @property
    def elapsed_s(self) -> float:
        """Seconds since this object was made."""
        return self._now() - self._begun

    def __enter__(self) -> Progress:
        if self._live:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._ticker.is_alive():
            self._ticker.join()
        if self._live:
            self._stream.write(_CLEAR_LINE)
            self._stream.flush()

    def _say(self, name: str, state: str, *, over: bool) -> None:
        with self._guard:
            if over:
                self._under_way.pop(name, None)
            else:
                self._under_way[name] = (state, self._now())
            clear = _CLEAR_LINE if self._live else ""
            self._stream.write(f"{clear}[{self.elapsed_s:4.0f} s] {name}: {state}\n")
            self._stream.flush()

    def _tick(self) -> None:
        while not self._over.wait(_REFRESH_S):
            with self._guard:
                parts = [
                    f"{name} {state} ({self._now() - since:.0f} s)" for name, (state, since) in self._under_way.items()
                ]
                # A line that wrapped could not be cleared.
                room = shutil.get_terminal_size().columns - 1
                self._stream.write(f"{_CLEAR_LINE}{'         ' + ' · '.join(parts):.{room}}")
                self._stream.flush()
