"""Fixtures of the trunk's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trunk_rig import RigMaker


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RigMaker]:
    """Makes trunks, each in a process of its own, with peers on both sides."""
    maker = RigMaker(tmp_path)
    yield maker
    maker.close()
