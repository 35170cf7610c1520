"""Whether other programs took the processors that the PBX needed: a PBX on this machine is not to blame then."""

from __future__ import annotations

import os

import numpy as np

from harness.load.records import HealthSample, PbxSample
from harness.load.table import Table

BUSY = 0.95
"""Share of the machine from which on programs wait for one another."""
BUSY_SECONDS = 0.2
"""Share of seconds in which it must be so to matter."""
OTHERS_CORES = 0.4
"""What all others may take. A run's controller, master and workers, which are not counted apart, take 0.1 to 0.2."""


def others_in_the_way(health: Table[HealthSample], pbx: Table[PbxSample], *, cores: int | None = None) -> str:
    """One line, empty when nobody was: the machine was busy, and not with generators and PBX alone.

    For runs whose generators and PBX are all on this machine.
    """
    cores = cores or os.cpu_count() or 1
    if not len(health) or not len(pbx) or np.mean(health["machine_cpu"] >= BUSY) < BUSY_SECONDS:
        return ""
    workers = len(set(health["worker"]))
    ours = sum(float(np.mean(health[name])) for name in ("signalling_cpu", "trunk_cpu", "media_cpu")) * workers
    its = pbx["cpu"][~np.isnan(pbx["cpu"])]
    if not len(its):
        return ""
    others = float(np.mean(health["machine_cpu"])) * cores - ours - float(np.mean(its))
    if others <= OTHERS_CORES:
        return ""
    return f"other programs took {others:.1f} of this machine's {cores} cores: let it do nothing else"
