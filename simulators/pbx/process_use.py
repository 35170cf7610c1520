"""What a process of this machine uses of it, from ``/proc``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
"""The kernel's unit of processor time in ``/proc``."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Of /proc/<pid>/stat, counted after the program's name, which may hold anything (proc(5)).
_UTIME, _STIME = 11, 12


@dataclass(frozen=True, slots=True)
class Use:
    """``cpu`` in cores since the last look, None at the first; memory is its own: what is resident
    and of no file."""

    cpu: float | None
    memory_bytes: int
    descriptors: int


class ProcessUse:
    """Looks at one process, all its threads included."""

    def __init__(self, pid: int, *, proc: Path = Path("/proc")) -> None:
        self._directory = proc / str(pid)
        self._before: tuple[float, int] | None = None

    def look(self) -> Use | None:
        """As of now; None when the process is gone, or not ours to look at."""
        try:
            fields = (self._directory / "stat").read_text().rpartition(")")[2].split()
            resident, of_files = map(int, (self._directory / "statm").read_text().split()[1:3])
            descriptors = sum(1 for _ in (self._directory / "fd").iterdir())
        except (OSError, IndexError, ValueError):
            return None
        at, ticks = monotonic(), int(fields[_UTIME]) + int(fields[_STIME])
        before, self._before = self._before, (at, ticks)
        cpu = None
        if before is not None and at > before[0]:
            cpu = (ticks - before[1]) / TICKS_PER_S / (at - before[0])
        return Use(cpu, (resident - of_files) * _PAGE_BYTES, descriptors)
