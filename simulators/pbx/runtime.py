"""Where what lives only as long as a run is kept: locks of address blocks, instances of the PBX."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from harness.errors import Inconclusive

_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 1 << 30
"""What must be free of it: a PBX takes some 5 MB, and more as its calls are recorded."""


def runtime_directory() -> Path:
    """This user's directory for such things, made if need be: ``$XDG_RUNTIME_DIR/trunkproof`` or in ``/tmp``.

    Raises Inconclusive when it belongs to somebody else. It is short on purpose: Asterisk's control socket
    lies below it, and a unix socket's path may have only 107 bytes.
    """
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and os.access(given, os.W_OK):
        path = Path(given) / "trunkproof"
    else:
        path = Path(tempfile.gettempdir()) / f"trunkproof-{os.getuid()}"
    return _own(path, "set XDG_RUNTIME_DIR")


def memory_directory() -> Path | None:
    """This user's directory in memory, made if need be; None where there is none, or too little of it is free.

    Raises Inconclusive when it belongs to somebody else.
    """
    if not _MEMORY.is_mount() or not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _MEMORY_BYTES:
        return None
    return _own(_MEMORY / f"trunkproof-{os.getuid()}", f"unmount {_MEMORY}")


def _own(path: Path, otherwise: str) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise Inconclusive(f"{path} belongs to another user; remove it or {otherwise}")
    return path
