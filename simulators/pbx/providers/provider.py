"""What a provider of the PBX's programs, Asterisk and Kamailio, is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from simulators.pbx.instance import Instance

STOP_S = 5.0
"""How long Asterisk may take to end when asked."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The PBX's time zone, and whether its clock, the instance's clock file, may move while it runs.

    One that never moves is not read again at each look at the time, of which calls take thousands a second.
    """

    timezone: str
    moves: bool = False


class PbxProcess(Protocol):
    """A program of the PBX that was started."""

    @property
    def pid(self) -> int | None:
        """Its process on this machine, None when that is not known."""

    def alive(self) -> bool:
        """Whether it still runs."""

    def take_precedence(self) -> None:
        """Have it run before what else runs on this machine, where that is allowed: a PBX has a machine of its own."""

    def stop(self) -> None:
        """End it. Safe to call twice and after a crash."""

    def kill(self) -> None:
        """End it as a crash would: it says goodbye to nobody. Safe to call twice."""


class Provider(Protocol):
    """A way to get an Asterisk."""

    @property
    def name(self) -> str:
        """As in ``[pbx] provider``."""

    @property
    def instances(self) -> Path:
        """Where instances are made."""

    @property
    def instances_inside(self) -> PurePosixPath:
        """What the PBX calls ``instances``."""

    def documentation(self) -> PurePosixPath:
        """Where this Asterisk has its documentation, as it sees it."""

    def opus_modules(self) -> list[str]:
        """File names of the Opus codec modules to load; builds of Asterisk differ in them."""

    def can_fake_clock(self) -> bool:
        """Whether the PBX's clock can start at another time than the real one."""

    def start(self, instance: Instance, clock: Clock, log: Path) -> PbxProcess:
        """Start Asterisk on the instance's configuration; what it prints goes to ``log``."""

    def has_sbc(self) -> bool:
        """Whether there is a Kamailio to be the SBC of a target with sites."""

    def start_sbc(self, instance: Instance, log: Path) -> PbxProcess:
        """Start Kamailio on the instance's configuration; what it prints goes to ``log``."""

    def close(self) -> None:
        """Give back what the provider itself started. Safe to call twice."""
