"""Finds a Docker engine, or on Debian as root installs and starts one that is ours alone."""

from __future__ import annotations

import hashlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from bootstrap import apt, cache, docker_api
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError
from bootstrap.mounts import unmount_below

_START_DEADLINE_S = 40.0
_STOP_DEADLINE_S = 20.0
_POLL_S = 0.1
_PIECE_BYTES = 1 << 20
# overlay2 does not work on top of another overlay (a container's own disk); vfs copies, but always works.
_STORAGE_DRIVERS = ("overlay2", "vfs")
_IMAGE = "trunkproof-asterisk"


@dataclass
class EngineHandle:
    """A Docker engine at a unix socket. As a context manager it stops itself when left.

    ``owned`` says whether we started it; one that was there before is never stopped.
    """

    socket: Path
    owned: bool = False
    _resources: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def base_url(self) -> str:
        """The engine's address as Docker's SDK and DOCKER_HOST want it."""
        return f"unix://{self.socket}"

    def stop(self) -> None:
        """End the engine if it is ours; its containers end with it. Calling it twice is harmless."""
        self._resources.close()

    def __enter__(self) -> EngineHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running_engine() -> EngineHandle | None:
    """A Docker engine of this machine that answers now, or None."""
    for path in _socket_candidates():
        if path.exists() and docker_api.answers(path):
            return EngineHandle(path)
    return None


def ensure_engine(progress: Callable[[str], None]) -> EngineHandle | None:
    """A Docker engine: the running one, else our own on Debian as root; None, with a word why, if neither.

    The caller stops the handle. Two runs don't share an engine of ours: the second waits for the first.
    """
    found = running_engine()
    if found is not None:
        return found
    if shutil.which("dockerd") is None:
        if not apt.can_install():
            progress("no Docker engine answers, and only root on Debian can have one installed")
            return None
        try:
            apt.install(["docker.io"], Commands(), progress, cache.log_file("docker-install"))
        except BootstrapError as error:
            progress(f"Docker can't be installed: {error.message}")
            return None
        # Installing the package starts the engine where the machine allows services.
        found = running_engine()
        if found is not None:
            return found
    if os.geteuid() != 0:
        progress("no Docker engine answers, and only root can start one")
        return None
    return _start_own(progress)


def import_base_image(handle: EngineHandle, rootfs: Path) -> str:
    """Make a Docker image of the finished root ``rootfs``, once per engine; returns the image's name.

    Raises BootstrapError when the engine refuses it, OSError when it goes away.
    """
    name = f"{_IMAGE}:{rootfs.name}"
    if not docker_api.has_image(handle.socket, name):
        docker_api.import_image(handle.socket, name, _tar_of(rootfs))
    return name


def _socket_candidates() -> list[Path]:
    scheme, _, path = os.environ.get("DOCKER_HOST", "").partition("://")
    candidates = [Path(path)] if scheme == "unix" else []
    candidates.append(Path("/var/run/docker.sock"))
    if "XDG_RUNTIME_DIR" in os.environ:
        candidates.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "docker.sock")
    return [*candidates, Path.home() / ".docker/run/docker.sock"]


def _tar_of(directory: Path) -> Iterator[bytes]:
    # Instances of running PBXs in the root are no part of it.
    command = ["tar", "--create", "--numeric-owner", "--exclude=./srv/trunkproof"]
    command += ["--directory", str(directory), "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(_PIECE_BYTES):
            yield piece
    if process.returncode != 0:
        raise BootstrapError(f"can't read {directory} (tar ended with {process.returncode})")


def _start_own(progress: Callable[[str], None]) -> EngineHandle | None:
    resources = ExitStack()
    try:
        resources.enter_context(cache.lock("docker", lambda: progress("waiting for another run's engine")))
        home = cache.cache_dir() / "docker"
        home.mkdir(parents=True, exist_ok=True)
        _end_abandoned(home)
        runtime = _runtime_directory(home)
        # The engine leaves a network namespace mounted there and, on some machines, its data directory;
        # a killed run leaves all of it.
        for clean, directory in ((cache.remove_tree, runtime), (unmount_below, home)):
            clean(directory)
            resources.callback(clean, directory)
        runtime.mkdir(parents=True, mode=0o700)
        for driver in _STORAGE_DRIVERS:
            progress(f"starting a Docker engine of our own ({driver})")
            process = _launch(home, runtime, driver)
            if process is not None:
                resources.callback(_end, process)
                return EngineHandle(runtime / "docker.sock", owned=True, _resources=resources)
    except BaseException:
        resources.close()
        raise
    resources.close()
    progress(f"the Docker engine does not start here; its log: {cache.cache_dir() / 'logs' / 'dockerd.log'}")
    return None


def _runtime_directory(home: Path) -> Path:
    """Where sockets and namespaces go: not below the cache, a unix socket's path may have only 107 bytes."""
    return Path("/run") / f"trunkproof-docker-{hashlib.sha256(str(home).encode()).hexdigest()[:8]}"


def _launch(home: Path, runtime: Path, driver: str) -> subprocess.Popen[bytes] | None:
    """Start dockerd and wait until it answers; None if it ends or stays silent."""
    socket_path = runtime / "docker.sock"
    with cache.log_file("dockerd").open("wb") as log:
        process = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={home / 'data'}",
                f"--exec-root={runtime / 'exec'}",
                f"--pidfile={home / 'dockerd.pid'}",
                f"--host=unix://{socket_path}",
                f"--storage-driver={driver}",
                # Our containers use the host's network: no bridge and no firewall rules are needed.
                "--iptables=false",
                "--bridge=none",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_DEADLINE_S
    try:
        while time.monotonic() < deadline:
            if docker_api.answers(socket_path):
                return process
            try:
                process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue
            return None
    except BaseException:
        _end(process)
        raise
    _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_abandoned(home: Path) -> None:
    """End an engine of ours whose run was killed: nobody holds its lock any more."""
    try:
        pid = int((home / "dockerd.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return
    # The id may belong to another process by now.
    if f"--data-root={home / 'data'}".encode() not in command.split(b"\0"):
        return
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        # A process's descriptor becomes readable when it ends.
        ended, _, _ = select.select([handle], [], [], _STOP_DEADLINE_S)
        if not ended:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], _STOP_DEADLINE_S)
    finally:
        os.close(handle)
