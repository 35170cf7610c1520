"""Fixtures of the trunk's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_platform import FakePlatform
from trunk_rig import RigMaker


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RigMaker]:
    """Makes trunks, each in a process of its own, with peers on both sides."""
    maker = RigMaker(tmp_path)
    yield maker
    maker.close()


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """WhatsApp's platform; ``rig(policy_socket=str(platform.path))`` asks it."""
    # Paths of Unix sockets are short; pytest's own directories can be too deep.
    with tempfile.TemporaryDirectory() as directory:
        fake = FakePlatform(Path(directory) / "platform")
        yield fake
        fake.die()
