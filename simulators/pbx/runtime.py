"""Where what lives only as long as a run is kept: locks of address blocks, instances of the PBX."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.errors import Inconclusive


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
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise Inconclusive(f"{path} belongs to another user; remove it or set XDG_RUNTIME_DIR")
    return path
