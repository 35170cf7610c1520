"""An instance: the directory with one PBX's configuration, sounds, messages and recordings."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from simulators.pbx.clock import ClockFile

ALIVE = "alive.lock"
"""Held by the run for as long as the instance is in use; the kernel lets go of it when the run dies."""

_KEPT_TEXT = ("etc", "log")
_KEPT_SOUND = ("spool", "archive")
_STARS = b"****"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are, as the PBX itself sees them (inside its root)."""

    home: PurePosixPath

    @property
    def etc(self) -> PurePosixPath:
        return self.home / "etc"

    @property
    def var(self) -> PurePosixPath:
        return self.home / "var"

    @property
    def data(self) -> PurePosixPath:
        return self.home / "data"

    @property
    def sounds(self) -> PurePosixPath:
        return self.data / "sounds"

    @property
    def music(self) -> PurePosixPath:
        return self.data / "music"

    @property
    def spool(self) -> PurePosixPath:
        return self.home / "spool"

    @property
    def recordings(self) -> PurePosixPath:
        return self.spool / "recordings"

    @property
    def archive(self) -> PurePosixPath:
        """Where the archive keeps what was recorded."""
        return self.home / "archive"

    @property
    def voicemail(self) -> PurePosixPath:
        return self.spool / "voicemail" / "default"

    @property
    def run(self) -> PurePosixPath:
        return self.home / "run"

    @property
    def log(self) -> PurePosixPath:
        return self.home / "log"

    @property
    def tls(self) -> PurePosixPath:
        """Certificates and keys; not kept after the run."""
        return self.home / "tls"

    @property
    def clock(self) -> PurePosixPath:
        """Not there when the PBX runs by the real clock."""
        return self.home / "clock"

    def directories(self) -> tuple[PurePosixPath, ...]:
        """All that must exist before the PBX starts."""
        return (
            self.etc,
            self.var,
            self.sounds,
            self.music,
            self.recordings,
            self.voicemail,
            self.run,
            self.log,
        )


@dataclass(slots=True)
class Instance:
    """``path`` is the directory on this machine, ``layout`` the same as the PBX sees it."""

    path: Path
    layout: Layout
    _alive: IO[bytes] | None = field(default=None, repr=False)

    def outside(self, inside: PurePosixPath) -> Path:
        """Path on this machine of what the PBX calls ``inside``. Raises ValueError when it is not in the instance."""
        return self.path / inside.relative_to(self.layout.home)

    @property
    def clock(self) -> ClockFile:
        """The PBX's clock."""
        return ClockFile(self.outside(self.layout.clock))

    def furnish(self, documentation: PurePosixPath) -> None:
        """Make the directories that must exist before the PBX starts."""
        for directory in self.layout.directories():
            self.outside(directory).mkdir(parents=True, exist_ok=True)
        # Asterisk does not start without its documentation, which it seeks in the data directory.
        link = self.outside(self.layout.data / "documentation")
        link.unlink(missing_ok=True)
        link.symlink_to(documentation)

    def keep(self, directory: Path, secrets: tuple[str, ...]) -> None:
        """Copy configuration, logs, messages and recordings to ``directory``, without the ``secrets``."""
        for file in (file for name in _KEPT_TEXT for file in (self.path / name).rglob("*") if file.is_file()):
            text = file.read_bytes()
            for secret in secrets:
                text = text.replace(secret.encode(), _STARS)
            kept = directory / file.relative_to(self.path)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(text)
        for name in _KEPT_SOUND:
            if (self.path / name).is_dir():
                shutil.copytree(self.path / name, directory / name, dirs_exist_ok=True)

    def remove(self) -> None:
        """Delete the directory and let go of it. Safe to call twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._alive is not None:
            self._alive.close()
            self._alive = None


def create_instance(parent: Path, inside: PurePosixPath, documentation: PurePosixPath) -> Instance:
    """A fresh instance below ``parent``; what dead runs left there is deleted first.

    The PBX calls ``parent`` ``inside``, and has its documentation at ``documentation``.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (parent / "instances.lock").open("wb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for leftover in abandoned(parent):
            shutil.rmtree(leftover, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix="pbx-", dir=parent))
        # Held open, and locked, until the instance is removed.
        alive = (path / ALIVE).open("wb")
        fcntl.flock(alive, fcntl.LOCK_EX)
    instance = Instance(path, Layout(inside / path.name), alive)
    try:
        instance.furnish(documentation)
    except BaseException:
        instance.remove()
        raise
    return instance


def abandoned(parent: Path) -> list[Path]:
    """Instances below ``parent`` whose run is dead."""
    return [path for path in sorted(parent.glob("pbx-*")) if not in_use(path)]


def in_use(path: Path) -> bool:
    """Whether a living run holds the instance at ``path``."""
    try:
        descriptor = os.open(path / ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
