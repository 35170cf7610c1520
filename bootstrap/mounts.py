"""Finds and removes mounts below a directory, so that deleting it can't reach into /proc or /dev."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bootstrap.errors import BootstrapError

_MOUNTINFO = Path("/proc/self/mountinfo")


def mounts_below(path: Path, mountinfo: str) -> list[Path]:
    """Mount points at or below ``path`` in the text of a mountinfo file, innermost first."""
    points = []
    for line in mountinfo.splitlines():
        # Field 5 is the mount point; blanks in it are written as octal escapes.
        point = Path(line.split(" ")[4].replace("\\040", " "))
        if point.is_relative_to(path):
            points.append(point)
    return sorted(points, key=lambda point: len(point.parts), reverse=True)


def unmount_below(path: Path) -> None:
    """Detach every mount at or below ``path``; raises BootstrapError if one can't be."""
    if not _MOUNTINFO.exists():
        return
    for point in mounts_below(path.resolve(), _MOUNTINFO.read_text()):
        done = subprocess.run(["umount", "--lazy", str(point)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BootstrapError(f"can't unmount {point}: {done.stderr.strip()}", hint="unmount it by hand, then retry")
