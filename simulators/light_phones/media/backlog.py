"""What the kernel dropped before it reached any socket: its queue between network and sockets was full."""

from __future__ import annotations

from pathlib import Path

SOFTNET = Path("/proc/net/softnet_stat")
_DROPPED = 1


class Backlog:
    """Counts from one look to the next, for the whole machine: it does not say whose packets they were."""

    def __init__(self, softnet: Path = SOFTNET) -> None:
        self._softnet = softnet
        self._seen = self._dropped()

    def look(self) -> int:
        """Packets dropped since the look before; 0 where Linux does not tell."""
        before, self._seen = self._seen, self._dropped()
        return self._seen - before

    def _dropped(self) -> int:
        try:
            lines = self._softnet.read_text().splitlines()
        except OSError:
            return 0
        # One line a processor; its second column, in hexadecimal, is what was dropped.
        return sum(int(line.split()[_DROPPED], 16) for line in lines)
