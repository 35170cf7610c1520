"""The cache outside the repository: one directory per finished thing, never a half-made one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bootstrap.mounts import unmount_below

_UNFINISHED = ".unfinished-"


def cache_dir() -> Path:
    """Where trunkproof keeps what is built once per machine.

    ``$TRUNKPROOF_CACHE/trunkproof``, else ``$XDG_CACHE_HOME/trunkproof``, else ``~/.cache/trunkproof``.
    The directory need not exist yet.
    """
    chosen = os.environ.get("TRUNKPROOF_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen).expanduser().absolute() if chosen else Path.home() / ".cache") / "trunkproof"


def recipe_hash(recipe: Mapping[str, object]) -> str:
    """Ten hex digits that change whenever anything in ``recipe`` (JSON-serialisable) changes."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def log_file(name: str) -> Path:
    """An empty log file for the part called ``name``; an earlier run's log is replaced."""
    path = cache_dir() / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@contextmanager
def lock(name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the machine-wide lock ``name``; ``waiting`` is called once if another process has it.

    The kernel drops the lock when its holder dies, so a killed run never blocks the next one.
    """
    path = cache_dir() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def publish(parent: Path, build: Callable[[Path], str]) -> Path:
    """Have ``build`` fill a fresh directory below ``parent``; returns where it is once complete.

    ``build`` returns the name that the directory shall have. Only then it is renamed, so that whatever
    has a proper name is complete. What killed builds left below ``parent`` is removed, for which the
    caller must hold a lock. Whatever ``build`` raises is passed on.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f"{_UNFINISHED}*"):
        remove_tree(leftover)
    building = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=parent))
    # mkdtemp makes 0700, which would shut Asterisk's own user out of the root built here.
    building.chmod(0o755)
    try:
        final = parent / build(building)
        building.rename(final)
    except BaseException:
        remove_tree(building)
        raise
    return final


def remove_tree(path: Path) -> None:
    """Delete ``path`` and all below, after unmounting what is mounted there (as a killed build may leave)."""
    unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)
