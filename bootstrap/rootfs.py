"""Builds, once per machine, a directory tree of Debian sid with Asterisk and Kamailio: the reference PBX's home."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bootstrap import apt, cache
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError

SUITE = "sid"
PACKAGES = ("asterisk", "asterisk-modules", "kamailio", "kamailio-tls-modules", "ca-certificates", "procps", "faketime")
HOST_PACKAGES = ("debootstrap", "xz-utils")

# What a finished root must contain to be of any use.
_PROOFS = (
    "usr/sbin/asterisk",
    "usr/lib/*/asterisk/modules/codec_opus*.so",
    "usr/sbin/kamailio",
    "usr/lib/*/kamailio/modules/dispatcher.so",
    "usr/lib/*/kamailio/modules/tls.so",
    "usr/lib/*/faketime/libfaketimeMT.so.1",
)
# debootstrap's own words for its phases → ours.
_PHASES = {
    "Retrieving": "downloading packages",
    "Unpacking": "unpacking packages",
    "Configuring": "configuring packages",
}


def recipe() -> str:
    """Changes whenever what the root consists of changes."""
    return cache.recipe_hash({"suite": SUITE, "packages": PACKAGES, "machine": os.uname().machine})


def rootfs_path() -> Path | None:
    """The finished root, or None if it has not been built on this machine."""
    path = _final()
    return path if path.is_dir() else None


def why_not() -> str | None:
    """Why the root can't be built here, or None if it can."""
    if apt.can_install():
        return None
    return "needs Debian with apt" if not apt.is_debian() else "needs root"


def ensure(progress: Callable[[str], None], commands: Commands | None = None) -> Path:
    """Return the finished root, building it first if needed (one to three minutes, 650 MB).

    ``progress`` is told what goes on. Raises BootstrapError when it can't be built.
    """
    ready = rootfs_path()
    if ready is not None:
        return ready
    reason = why_not()
    if reason is not None:
        raise BootstrapError(
            f"the Asterisk root can't be built here: it {reason}",
            hint="run as root on Debian, or use the docker provider or an asterisk on PATH",
        )
    runner = commands or Commands()
    with cache.lock("rootfs", lambda: progress("waiting for another run that builds it")):
        ready = rootfs_path()
        if ready is not None:
            return ready
        return cache.publish(_final().parent, lambda root: _build(root, runner, progress))


def _final() -> Path:
    return cache.cache_dir() / "rootfs" / f"{SUITE}-{recipe()}"


def _build(root: Path, commands: Commands, progress: Callable[[str], None]) -> str:
    log = cache.log_file("rootfs")
    apt.install(HOST_PACKAGES, commands, progress, log)
    announced: set[str] = set()

    def watch(line: str) -> None:
        words = line.split()
        phase = _PHASES.get(words[1]) if len(words) > 1 and words[0] == "I:" else None
        if phase is not None and phase not in announced:
            announced.add(phase)
            progress(phase)

    progress(f"starting debootstrap of Debian {SUITE} with Asterisk")
    commands.run(
        [
            *_isolation(),
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            SUITE,
            str(root),
            apt.mirror(),
        ],
        log=log,
        what="building the Asterisk root",
        hint=f"the mirror of this machine must carry Debian {SUITE}; try again, {SUITE} changes daily",
        on_line=watch,
    )
    for pattern in _PROOFS:
        if not any(root.glob(pattern)):
            raise BootstrapError(f"the Asterisk root lacks {pattern}", hint="see the log", log=log)
    for waste in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / waste, ignore_errors=True)
        # apt inside the root expects these directories.
        (root / waste / ("archives/partial" if waste.endswith("apt") else "partial")).mkdir(parents=True)
    return _final().name


def _isolation() -> list[str]:
    """A prefix that lets mounts and processes of the build die with it, where the kernel allows it."""
    prefix = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    try:
        works = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    return prefix if works else []
