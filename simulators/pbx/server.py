"""One program of the reference PBX on an instance of its own: an Asterisk, or the SBC."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Inconclusive
from simulators.pbx.adapter import RunningPbx
from simulators.pbx.instance import Instance
from simulators.pbx.providers.provider import PbxProcess, Provider

START_DEADLINE_S = 20.0
SIP_DEADLINE_S = 3.0
POLL_S = 0.02
LOG_LINES = 20


@dataclass(slots=True)
class Server(ABC):
    """``running`` is how to reach it; ``directory`` gets what it prints, and what is kept of its instance."""

    name: str
    running: RunningPbx
    provider: Provider
    instance: Instance
    directory: Path
    process: PbxProcess | None = None

    @property
    def console(self) -> Path:
        """What the program prints."""
        return self.directory / "console.log"

    def launch(self) -> None:
        """Start the process. Raises Inconclusive when that fails."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = self._begin()

    @abstractmethod
    def _begin(self) -> PbxProcess:
        """The program on its configuration."""

    @abstractmethod
    def wait_until_up(self) -> None:
        """Return when it takes calls; ``running`` is complete then. Raises Inconclusive."""

    def follow_clock(self) -> bool:
        """After its clock was moved: start it anew if it could not bear that. Whether it did. Raises Inconclusive."""
        return False

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.alive()

    def stop(self) -> None:
        """End it. Safe to call twice and after a crash."""
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()

    def give_back(self, secrets: tuple[str, ...]) -> None:
        """End it, keep configuration, logs, messages and recordings, and remove all else."""
        try:
            self.stop()
            self.instance.keep(self.directory, secrets)
        finally:
            self.instance.remove()

    def problem(self, text: str) -> Inconclusive:
        """The error of a program that does not come up, with the last lines that it wrote."""
        return Inconclusive(f"{self.name} {text}", detail=self._log_tail())

    def _log_tail(self) -> str:
        lines: list[str] = []
        for path in (self.console, *sorted(self.instance.outside(self.instance.layout.log).glob("*"))):
            if path.is_file():
                lines += path.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join(lines)
