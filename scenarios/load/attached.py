"""A PBX that one program has brought up and another one uses: its System in a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import HarnessMisuse
from scenarios.load import wire
from scenarios.system import System


def write_system(path: Path, system: System) -> None:
    """Write it, with the target's passwords; delete it when it is no longer needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(wire.write(system))


def read_system(path: Path) -> System:
    """Read it. Raises HarnessMisuse."""
    try:
        return wire.read(System, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise HarnessMisuse(f"tells of no PBX that is up: {str(bad).splitlines()[0]}", where=path) from None
