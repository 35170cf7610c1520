"""The directory of a run, ``out/<run-id>`` unless it is named."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from harness.errors import HarnessMisuse

OUT = "out"
RUN_NAME = "run.json"


def run_directory(named: str, start: Path, target: str, suffix: str = "") -> Path:
    """Where a run against ``target`` goes: as ``named``, else a new directory below ``start``."""
    return Path(named).resolve() if named else start / OUT / _run_id(target, suffix)


def make_directory(directory: Path) -> None:
    """Raises HarnessMisuse when there is a run in it, or it cannot be made."""
    if (directory / RUN_NAME).exists() or (directory / "evidence").exists():
        raise HarnessMisuse(f"{directory} holds a run already: name another --run-dir")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise HarnessMisuse(f"the run's directory cannot be made: {refused}") from None


def point_latest(directory: Path) -> None:
    """Have ``out/latest`` lead to the run."""
    latest = directory.parent / "latest"
    if directory.parent.name != OUT or (latest.exists() and not latest.is_symlink()):
        return
    # Another run may do the same at the same time: the last one wins.
    with suppress(OSError):
        unfinished = latest.with_name(f".latest-{directory.name}")
        unfinished.symlink_to(directory.name)
        unfinished.rename(latest)


def _run_id(target: str, suffix: str) -> str:
    name = "-".join(filter(None, (Path(target).stem, suffix)))
    return f"{datetime.now():%Y%m%d-%H%M%S-%f}"[:-3] + f"-{name}"
