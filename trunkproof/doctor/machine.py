"""Checks of the machine itself: Python, build tools, disk, what an earlier run left behind."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bootstrap import apt, cache, pjsua2_build, rootfs
from trunkproof.doctor.check import Check

_OLDEST_PYTHON = (3, 11)
# The Asterisk root and its Docker image, pjproject's sources while compiling.
_NEEDED_GB_TO_BUILD = 2.5
# Reports and audio of a run.
_NEEDED_GB_TO_RUN = 0.5
_FAKETIME = ("usr/lib/*", "usr/lib64", "usr/lib", "usr/local/lib")
_ADOPTERS = frozenset({0, 1})
_SIMULATOR = "harness.child"


def python_version() -> Check:
    """The interpreter's version."""
    version = sys.version.split()[0]
    if sys.version_info >= _OLDEST_PYTHON:
        return Check("Python", True, version)
    return Check("Python", False, version, "use Python 3.11 or newer")


def build_tools() -> Check:
    """What compiling pjsua2 needs; of no matter once it is built."""
    name = "build tools"
    if pjsua2_build.built_wheel() is not None:
        return Check(name, True, "not needed: pjsua2 is already built")
    missing = apt.missing(pjsua2_build.packages())
    if not missing:
        return Check(name, True, "complete")
    if apt.can_install():
        return Check(name, None, f"missing: {' '.join(missing)}", "'make run' installs them")
    if apt.is_debian():
        advice = f"as root: apt-get install {' '.join(missing)}"
    else:
        advice = "none needed: off Debian, PyPI's pjsua2 is taken (no Opus, 4 calls per process)"
    return Check(name, None, f"missing: {' '.join(missing)}", advice)


def disk_space() -> Check:
    """Free space where the cache lies."""
    directory = cache.cache_dir()
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    complete = pjsua2_build.built_wheel() is not None and rootfs.rootfs_path() is not None
    needed_gb = _NEEDED_GB_TO_RUN if complete else _NEEDED_GB_TO_BUILD
    detail = f"{free_gb:.1f} GB free for {directory}, {needed_gb:g} GB needed"
    if free_gb >= needed_gb:
        return Check("disk space", True, detail)
    return Check("disk space", False, detail, "free some space, or set TRUNKPROOF_CACHE to a larger disk")


def leftovers() -> Check:
    """Processes of an earlier run that outlived it."""
    found = list(_leftovers())
    if not found:
        return Check("earlier runs", True, "nothing left running")
    listed = ", ".join(f"{name} (pid {pid})" for pid, name in found)
    ids = " ".join(str(pid) for pid, _ in found)
    return Check("earlier runs", None, f"still running: {listed}", f"kill {ids}")


def is_leftover(command: Sequence[str], *, orphan: bool, root: str = "/") -> bool:
    """Whether a process with this command line is one of ours whose run is dead.

    ``orphan``: its parent is gone, so that the machine's first process has adopted it. ``root``: what it
    sees as the root directory.
    """
    ours = str(cache.cache_dir())
    named = any(argument.startswith(ours) or f"={ours}" in argument for argument in command)
    return orphan and (named or root.startswith(ours) or _SIMULATOR in command)


def _leftovers() -> Iterator[tuple[int, str]]:
    """Process id and name of each."""
    for process in psutil.process_iter(["pid", "name", "cmdline", "ppid"]):
        facts = process.info
        root = "/"
        # Other users' processes don't tell.
        with suppress(OSError):
            root = str(Path(f"/proc/{facts['pid']}/root").readlink())
        if is_leftover(facts["cmdline"] or [], orphan=facts["ppid"] in _ADOPTERS, root=root):
            yield facts["pid"], facts["name"] or "?"


def faketime_library(root: Path | None) -> Path | None:
    """libfaketime inside the Asterisk root, else on this machine, else None."""
    for top in (root, Path("/")):
        for place in _FAKETIME if top is not None else ():
            found = next((top or Path("/")).glob(f"{place}/faketime/libfaketimeMT.so.1"), None)
            if found is not None:
                return found
    return None


def faketime() -> Check:
    """libfaketime, which moves the reference PBX's clock."""
    found = faketime_library(rootfs.rootfs_path())
    if found is not None:
        return Check("faketime", True, "found; the reference PBX's clock can be set")
    return Check(
        "faketime",
        None,
        "no libfaketime: the reference PBX runs on the real time of day",
        "run 'make run' as root on Debian, or apt-get install faketime",
    )
