"""Tells when the machine kept the PBX from running: what it did late or not at all then is not the PBX's fault."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.lag import STALL_S, Stalled
from simulators.pbx.process_use import TICKS_PER_S

PERIOD_S = 0.25
_NS = 1_000_000_000
_STEAL = 7
"""Place of it among a processor's times in ``/proc/stat``."""


class StarvationWatch(threading.Thread):
    """Looks at how long each thread of some processes has waited for a processor, and how long the machine's host
    took a processor for others; writes down what is long.

    ``pids`` gives the processes at each look; those they have started count as well. A line of ``log`` is a period
    (JSON: ``at`` its end, CLOCK_MONOTONIC; ``for_s`` how long in it the longest waiting thread waited, or the
    processor that was taken longest was away). Waits are not seen where the kernel has no
    ``/proc/<pid>/task/<tid>/schedstat``, nor is a host's part where it doesn't tell (``steal`` of ``/proc/stat``).
    """

    def __init__(self, pids: Callable[[], Iterable[int]], log: Path, *, proc: Path = Path("/proc")) -> None:
        super().__init__(name="starvation watch", daemon=True)
        self._pids = pids
        self._log = log
        self._proc = proc
        self._over = threading.Event()
        self._waited_ns: dict[str, int] = {}

    def run(self) -> None:
        self.look()
        while not self._over.wait(PERIOD_S):
            stalled = self.look()
            if stalled is not None:
                with self._log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"at": stalled.at, "for_s": round(stalled.for_s, 3)}) + "\n")

    def stop(self) -> None:
        """End the watch. Safe to call twice."""
        self._over.set()

    def look(self) -> Stalled | None:
        """The longest wait since the last look, None when it is too short to be heard."""
        # A thread whose processor was taken did not wait for one in its kernel's eyes.
        waited_ns = dict(self._waits()) | dict(self._taken())
        longest_ns = max(
            (ns - self._waited_ns[key] for key, ns in waited_ns.items() if key in self._waited_ns), default=0
        )
        self._waited_ns = waited_ns
        return Stalled(for_s=longest_ns / _NS) if longest_ns >= STALL_S * _NS else None

    def _waits(self) -> Iterator[tuple[str, int]]:
        for pid in self._pids():
            yield from self._waits_of(pid)

    def _taken(self) -> Iterator[tuple[str, int]]:
        try:
            lines = (self._proc / "stat").read_text().splitlines()
        except OSError:
            return
        for name, *ticks in (line.split() for line in lines if line.startswith("cpu")):
            if name != "cpu" and len(ticks) > _STEAL:
                yield name, int(ticks[_STEAL]) * _NS // TICKS_PER_S

    def _waits_of(self, pid: int) -> Iterator[tuple[str, int]]:
        # Threads and processes end while they are looked at.
        try:
            threads = list((self._proc / str(pid) / "task").iterdir())
        except OSError:
            return
        for thread in threads:
            try:
                # Time on a processor and time spent waiting for one, in ns, and how often it ran.
                yield str(thread), int((thread / "schedstat").read_text().split()[1])
                children = (thread / "children").read_text().split()
            except (OSError, IndexError, ValueError):
                continue
            for child in children:
                yield from self._waits_of(int(child))


def read_stalls(log: Path, since: float) -> list[Stalled]:
    """Waits that ended at or after a moment (CLOCK_MONOTONIC, s)."""
    try:
        text = log.read_text(encoding="utf-8")
    except OSError:
        return []
    told = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [Stalled(at=each["at"], for_s=each["for_s"]) for each in told if each["at"] >= since]
