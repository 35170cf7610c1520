"""The PBX's programs that this very process started: only it can end and start them."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.pbx.adapter import RunningPbx
from simulators.pbx.server import Server

_STARTED: dict[str, Mapping[str, Server]] = {}


def remember(running: RunningPbx, servers: Mapping[str, Server]) -> None:
    """The programs of a PBX that came up, by name."""
    _STARTED[running.directory] = servers


def forget(running: RunningPbx) -> None:
    """The PBX is no more."""
    _STARTED.pop(running.directory, None)


def servers_of(running: RunningPbx) -> Mapping[str, Server]:
    """The PBX's programs, none when another process started it."""
    return _STARTED.get(running.directory, {})
