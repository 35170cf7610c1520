"""Leases: what scenarios that run side by side must not share (queues with their agents, trunk addresses).

A lease is a file lock, so one that a crashed process held is free again at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from filelock import FileLock, Timeout

from harness.errors import Inconclusive

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Lease:
    """One thing that is ours until released."""

    kind: str
    name: str
    lock: FileLock

    def release(self) -> None:
        """Give it back. Safe to call twice."""
        self.lock.release(force=True)


class LeaseBook:
    """Leases kept in ``directory``, which all parallel workers of a run share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def take(self, kind: str, names: Iterable[str], *, timeout_s: float) -> Lease:
        """The first free one of ``names``; waits for one. Raises Inconclusive when none comes free in time."""
        candidates = list(names)
        deadline = monotonic() + timeout_s
        while True:
            for name in candidates:
                lock = FileLock(self._directory / f"{kind}-{name}.lock", is_singleton=False)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                return Lease(kind, name, lock)
            if monotonic() >= deadline:
                raise Inconclusive(
                    f"no {kind} came free within {timeout_s:g} s: all of {', '.join(candidates)} are in use"
                )
            sleep(POLL_S)
