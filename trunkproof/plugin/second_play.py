"""A scenario that this machine was too busy to judge is played once more.

Nothing else is: a fault of the PBX, misuse, and what died are told at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.errors import MachineTooBusy
from trunkproof.plugin.feature_file import FeatureFile

RERUN = "rerun"
"""pytest-rerunfailures' outcome of what is going to run again."""
UNJUDGED = "unjudged"
"""Directory of a run, beside ``evidence``: what the plays left that were not judged."""


def allow(items: Iterable[pytest.Item], config: pytest.Config) -> None:
    """Have scenarios played a second time, in the same worker, at once. Not in the debugger, to which
    pytest-rerunfailures objects."""
    if config.option.usepdb:
        return
    again = pytest.mark.flaky(reruns=1, only_rerun=[f"^{MachineTooBusy.__name__}: "])
    for item in items:
        if isinstance(item.parent, FeatureFile):
            # First: a tag of the feature's own with this name must not have faults played again.
            item.add_marker(again, append=False)


def put_aside(evidence: Path, run_directory: Path) -> None:
    """Move what the first play left out of the way of the second's evidence. Raises OSError."""
    kept = run_directory / UNJUDGED / evidence.name
    kept.parent.mkdir(exist_ok=True)
    shutil.move(evidence, kept)
