"""Where scenarios run: on which target and PBX, and which of them one worker takes as a whole.

A PBX sends its calls to the trunk addresses it knows, as a rule to one. Scenarios in which it does can run side by
side only on different ones, so each of these addresses makes a group that one worker takes as a whole
(``xdist_group``). Scenarios that need a PBX of their own make a few groups, so that few workers start one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count, cycle

import pytest

from harness.target import Claim
from scenarios.system import CLAIM_PREFIX, Placement, RunTarget, place
from trunkproof.plugin.feature_file import FeatureFile

PBX_CALLS = frozenset(f"{CLAIM_PREFIX}{claim.value}" for claim in (Claim.CALLS_CUSTOMERS, Claim.CLICK_TO_CALL))
GROUP = "xdist_group"
LONG = "long"
"""The tag of scenarios that take twice as long as others."""
LOAD = "load"
"""The tag of scenarios that place a load run's calls."""
CALLED_AT = pytest.StashKey[int]()
"""Which of the trunk's addresses that the PBX calls the scenario has its trunk at, as a position: a PBX that is up may
have moved to other addresses than its file has."""
PLACEMENT = pytest.StashKey[Placement]()
OWN_GROUPS = 3
"""Into so many groups the scenarios are dealt that need a PBX of one target to themselves."""


def tags_of(item: pytest.Item) -> list[str]:
    """Tags of the scenario, its feature and its examples: its markers without arguments."""
    return [mark.name for mark in item.iter_markers() if not mark.args and not mark.kwargs]


def pbx_calls(item: pytest.Item) -> bool:
    """Whether the PBX calls the trunk in this scenario."""
    return not PBX_CALLS.isdisjoint(tags_of(item))


def assign(items: list[pytest.Item], targets: Sequence[RunTarget]) -> None:
    """Give each scenario its placement, and a place for its trunk where the PBX calls the trunk."""
    positions = {t.key: cycle(range(len(t.target.called_trunk_addresses()))) for t in targets}
    dealt: dict[str, Callable[[], int]] = defaultdict(lambda: count().__next__)
    for item in items:
        if not isinstance(item.parent, FeatureFile):
            continue
        placement = place(tags_of(item), targets)
        item.stash[PLACEMENT] = placement
        group = ""
        if pbx_calls(item):
            item.stash[CALLED_AT] = next(positions[placement.target.key])
            group = f"{placement.target.key} trunk {item.stash[CALLED_AT]}"
        if placement.own:
            group = f"{placement.key} {dealt[placement.key]() % OWN_GROUPS}"
        if group:
            item.add_marker(getattr(pytest.mark, GROUP)(group))


def long_ones_first(items: list[pytest.Item]) -> None:
    """Put scenarios tagged ``@long`` before the others, for workers: a long one that begins last would have all
    others wait for it."""
    items.sort(key=lambda item: LONG not in tags_of(item))


def leave_out_load(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect scenarios tagged ``@load``, which take minutes and a PBX to themselves, unless the run names their very
    file or asks for the tag (``-m load``)."""
    if LOAD in (config.option.markexpr or "").split():
        return
    base = config.invocation_params.dir
    named = {(base / argument.partition("::")[0]).resolve() for argument in config.args}
    dropped = [item for item in items if LOAD in tags_of(item) and item.path.resolve() not in named]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def declare_marker(config: pytest.Config) -> None:
    """pytest must know the marker; xdist declares it only in its workers."""
    config.addinivalue_line("markers", f"{GROUP}(name): scenarios that one worker takes as a whole")
    config.addinivalue_line("markers", f"{LOAD}: scenarios that are left out unless the run names their file")
    config.addinivalue_line("markers", f"{LONG}: scenarios that begin before others when several run side by side")


def group_scheduling(config: pytest.Config) -> None:
    """Let parallel runs heed the groups, unless the user has chosen another distribution."""
    if getattr(config.option, "dist", "") == "load":
        config.option.dist = "loadgroup"
