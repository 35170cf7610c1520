"""The machine that a run is measured on."""

from __future__ import annotations

import platform
from pathlib import Path

_DROPS = ("RcvbufErrors", "SndbufErrors")


def processor() -> str:
    """The processor's model, as Linux names it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def kernel() -> str:
    return f"{platform.system()} {platform.release()}"


def dropped(snmp: str | None = None) -> int:
    """UDP datagrams that the kernel has thrown away because a buffer was full; ``snmp`` is ``/proc/net/snmp``."""
    text = Path("/proc/net/snmp").read_text() if snmp is None else snmp
    names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("Udp:"))
    counts = dict(zip(names, map(int, values), strict=True))
    return sum(counts.get(name, 0) for name in _DROPS)
