"""The one error that setting up raises."""

from __future__ import annotations

from pathlib import Path


class BootstrapError(Exception):
    """A part of the set-up failed, with what the user can do about it.

    ``message`` says what failed, ``hint`` what to try, ``log`` where the whole output is.
    """

    def __init__(self, message: str, *, hint: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log

    def report(self, tail_lines: int = 15) -> str:
        """Several lines for the terminal: the message, the log's last lines, the hint."""
        lines = [self.message]
        if self.log is not None and self.log.is_file():
            tail = self.log.read_text(errors="replace").splitlines()[-tail_lines:]
            lines += [f"  | {line[:200]}" for line in tail]
            lines.append(f"  whole log: {self.log}")
        if self.hint:
            lines.append(f"  what to do: {self.hint}")
        return "\n".join(lines)


class StoppedError(BootstrapError):
    """A part ended only because everything was being stopped: not the reason of a failure."""
