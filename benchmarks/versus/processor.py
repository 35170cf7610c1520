"""Processor time of other processes, as Linux accounts it: user and system, of all threads, children included."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_AFTER_NAME = 2
"""Number of the field after the program's name (proc(5)), which may have blanks and brackets of its own."""
_PPID, _UTIME, _CSTIME = 4, 14, 17

Read = Callable[[int], "str | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Processor time in s within ``lasted_s``."""

    cpu_s: float
    lasted_s: float

    @property
    def cores(self) -> float:
        return self.cpu_s / self.lasted_s if self.lasted_s > 0 else 0.0


def stat_of(pid: int) -> str | None:
    """``/proc/PID/stat``; None when there is no such process. A process that has ended keeps it until it is reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None


def numbered() -> list[int]:
    """All processes of the machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def cpu_s(pid: int, *, read: Read = stat_of, pids: Callable[[], list[int]] = numbered) -> float:
    """What a process, its children that it has reaped, and those that still live took until now; s.

    Raises ProcessLookupError when there is no such process.
    """
    own = read(pid)
    if own is None:
        raise ProcessLookupError(f"there is no process {pid}")
    stats = {number: found for number in pids() if (found := read(number)) is not None} | {pid: own}
    children: dict[int, list[int]] = {}
    for number, stat in stats.items():
        children.setdefault(_field(stat, _PPID), []).append(number)
    total, waiting = 0.0, [pid]
    while waiting:
        number = waiting.pop()
        total += sum(_field(stats[number], place) for place in range(_UTIME, _CSTIME + 1))
        waiting += children.pop(number, [])
    return total / _TICKS_PER_S


class Meter:
    """Measures a process from now on."""

    def __init__(
        self, pid: int, *, cpu: Callable[[int], float] = cpu_s, clock: Callable[[], float] = monotonic
    ) -> None:
        self._pid, self._cpu, self._clock = pid, cpu, clock
        self._began, self._had = clock(), cpu(pid)

    def look(self) -> Spent:
        """Since the beginning."""
        return Spent(cpu_s=self._cpu(self._pid) - self._had, lasted_s=self._clock() - self._began)


def _field(stat: str, number: int) -> int:
    """A field by its number in proc(5), which counts from 1."""
    return int(stat.rpartition(")")[2].split()[number - _AFTER_NAME - 1])
