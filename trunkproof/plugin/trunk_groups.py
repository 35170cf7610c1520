"""Which worker takes the scenarios in which the PBX calls the trunk.

A PBX sends its calls to the trunk addresses it knows, as a rule to one. Such scenarios can run side by side only on
different ones, so each of these addresses makes a group that one worker takes as a whole (``xdist_group``).
"""

from __future__ import annotations

from itertools import cycle

import pytest

from harness.target import Claim, Target
from trunkproof.plugin.feature_file import CLAIM_PREFIX, FeatureFile

PBX_CALLS = frozenset(f"{CLAIM_PREFIX}{claim.value}" for claim in (Claim.CALLS_CUSTOMERS, Claim.CLICK_TO_CALL))
GROUP = "xdist_group"
ADDRESS = pytest.StashKey[str]()


def pbx_calls(item: pytest.Item) -> bool:
    """Whether the PBX calls the trunk in this scenario."""
    return any(mark.name in PBX_CALLS for mark in item.iter_markers())


def assign(items: list[pytest.Item], target: Target) -> None:
    """Give each such scenario a trunk address that the PBX calls, in turns."""
    addresses = cycle(dict.fromkeys(target.trunk_address_of(queue) for queue in target.queues))
    for item in items:
        if isinstance(item.parent, FeatureFile) and pbx_calls(item):
            address = next(addresses, "")
            item.stash[ADDRESS] = address
            item.add_marker(getattr(pytest.mark, GROUP)(f"trunk {address}"))


def declare_marker(config: pytest.Config) -> None:
    """pytest must know the marker; xdist declares it only in its workers."""
    config.addinivalue_line("markers", f"{GROUP}(name): scenarios that one worker takes as a whole")


def group_scheduling(config: pytest.Config) -> None:
    """Let parallel runs heed the groups, unless the user has chosen another distribution."""
    if getattr(config.option, "dist", "") == "load":
        config.option.dist = "loadgroup"
