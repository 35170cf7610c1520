"""Check of what a load run against a target would have."""

from __future__ import annotations

import resource

from harness.target import Target
from trunkproof.doctor.check import Check

_DESCRIPTORS_PER_CALL = 12
"""Of the reference PBX: RTP, RTCP, timers and pipes of two legs."""


def load_possible(target: Target) -> Check | None:
    """What load runs may use; None when the target allows none."""
    if not target.load_allowed:
        return None
    queues = target.load_queues()
    agents = {extension for queue in queues for extension in queue.agents}
    addresses = {target.trunk_address_of(queue) for queue in queues}
    found = f"allowed: {len(queues)} queues with {len(agents)} agents, at {len(addresses)} trunk addresses"
    needed = _DESCRIPTORS_PER_CALL * target.load.calls_at_once
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed and most != resource.RLIM_INFINITY and most < needed:
        return Check(
            "load runs",
            None,
            f"{found}; the PBX may open {most} files, {target.load.calls_at_once} calls at once need {needed}",
            f"raise the limit before a run (ulimit -n {needed}), or lower [load] calls_at_once",
        )
    return Check("load runs", True, found)
