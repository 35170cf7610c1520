"""Asterisk and Kamailio as child processes: from a cached Debian root by chroot, or the machine's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.errors import Inconclusive
from simulators.pbx.instance import Instance
from simulators.pbx.providers import launch
from simulators.pbx.providers.provider import STOP_S, Clock, PbxProcess
from simulators.pbx.runtime import memory_directory, runtime_directory

# Debian has a directory per architecture, Fedora lib64, Arch lib; from source it goes below /usr/local.
_FAKETIMES = tuple(f"usr/{lib}/faketime/libfaketimeMT.so.1" for lib in ("lib/*", "lib64", "lib", "local/lib"))
_MODULES = ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules")
_DATA_HOMES = ("usr/share/asterisk", "var/lib/asterisk", "usr/local/share/asterisk")
_OPUS = "codec_opus*.so"
_SBIN = "/usr/sbin"
_SBC_MEMORY = ("-m", "32", "-M", "4")
"""MiB that Kamailio's processes share, and that each has."""


@dataclass(slots=True)
class ChildProcess:
    """A child process that dies with the thread that started it."""

    process: subprocess.Popen[bytes]
    kill_signal: signal.Signals = signal.SIGKILL

    @property
    def pid(self) -> int | None:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def take_precedence(self) -> None:
        # Asterisk gives up the priority with which it is launched, and asked to keep it (-p) has a process beside it
        # that outlives a crash. Threads that are begun meanwhile have the priority of those that begin them.
        threads, done = Path(f"/proc/{self.process.pid}/task"), set[str]()
        with contextlib.suppress(OSError):
            while left := {thread.name for thread in threads.iterdir()} - done:
                for thread in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(launch.PBX_PRIORITY))
                done |= left

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(self.kill_signal)

    def _end(self, number: signal.Signals) -> None:
        if self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class ProcessProvider:
    """Asterisk and Kamailio below ``root``; ``/`` is the machine's own. ``sbc`` is empty where there is no Kamailio.

    ``mounted``: instances are elsewhere than below ``root``, and are mounted there for the PBX alone.
    """

    name: str
    root: Path
    instances: Path
    program: str = field(default="asterisk")
    sbc: str = field(default="kamailio")
    mounted: PurePosixPath | None = None

    @property
    def instances_inside(self) -> PurePosixPath:
        return self.mounted or PurePosixPath("/") / self.instances.relative_to(self.root)

    def documentation(self) -> PurePosixPath:
        homes = [home for home in _DATA_HOMES if (self.root / home / "documentation").is_dir()]
        return PurePosixPath("/") / (homes or _DATA_HOMES)[0] / "documentation"

    def opus_modules(self) -> list[str]:
        return sorted({path.name for pattern in _MODULES for path in self.root.glob(f"{pattern}/{_OPUS}")})

    def can_fake_clock(self) -> bool:
        return self._faketime() is not None

    def start(self, instance: Instance, clock: Clock, log: Path) -> PbxProcess:
        environment = {"TZ": clock.timezone}
        faketime = self._faketime()
        if instance.clock.path.exists() and faketime is not None:
            environment |= {
                "LD_PRELOAD": str(Path("/") / faketime.relative_to(self.root)),
                "FAKETIME_TIMESTAMP_FILE": str(instance.layout.clock),
                # Only the time of day moves; timers and RTP keep their pace.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                # Children have the same clock without it, and a killed PBX would leave files in /dev/shm.
                "FAKETIME_DISABLE_SHM": "1",
            }
            if clock.moves:
                environment["FAKETIME_NO_CACHE"] = "1"
        configuration = instance.layout.etc / "asterisk.conf"
        command = [self.program, "-C", str(configuration), "-f", "-n"]
        return ChildProcess(self._launch(command, environment, log))

    def has_sbc(self) -> bool:
        return bool(self.sbc)

    def start_sbc(self, instance: Instance, log: Path) -> PbxProcess:
        layout = instance.layout
        command = [self.sbc, "-DD", "-E", "-f", str(layout.etc / "kamailio.cfg"), "-Y", str(layout.run), *_SBC_MEMORY]
        # Kamailio forks, and what it forks would survive it.
        return ChildProcess(self._launch(command, {"TZ": "UTC"}, log, launch.GUARD), signal.SIGINT)

    def _launch(
        self, command: list[str], environment: dict[str, str], log: Path, *options: str
    ) -> subprocess.Popen[bytes]:
        # In a root of its own a program has nothing to look for in the harness's environment.
        path = os.environ.get("PATH", "") if self.root == Path("/") else "/usr/sbin:/usr/bin:/sbin:/bin"
        setting = {"PATH": path, "LANG": "C.UTF-8", "HOME": "/"} | environment
        inside = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in setting.items()), *command]
        if self.mounted is not None:
            place = self.root / self.mounted.relative_to("/")
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            inside = [launch.MOUNT, str(self.instances), str(place), *inside]
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as output:
                return subprocess.Popen(
                    [sys.executable, "-I", "-S", launch.__file__, *options, str(os.getpid()), str(self.root), *inside],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as refused:
            raise Inconclusive(f"{Path(command[0]).name} cannot be started: {refused}") from None

    def close(self) -> None:
        """Nothing was started but the PBX."""

    def _faketime(self) -> Path | None:
        return next((path for pattern in _FAKETIMES for path in sorted(self.root.glob(pattern))), None)


def in_rootfs(root: Path, *, writes_much: bool = False) -> ProcessProvider:
    """Asterisk of the cached Debian root; needs the right to chroot.

    Its instances are in memory where that can be: a disk on which others write holds a PBX up in mid-prompt.
    """
    home = PurePosixPath("/srv/trunkproof")
    memory = None if writes_much else memory_directory()
    if memory is not None and _can_mount():
        return ProcessProvider("rootfs", root, memory / root.name, mounted=home)
    return ProcessProvider("rootfs", root, root / home.relative_to("/"))


def _can_mount() -> bool:
    command = [sys.executable, "-I", "-S", launch.__file__, launch.TRY_MOUNT]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def on_this_machine() -> ProcessProvider | None:
    """The Asterisk on PATH, None when there is none."""
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    program = shutil.which("asterisk", path=path)
    if program is None:
        return None
    sbc = shutil.which("kamailio", path=path) or ""
    return ProcessProvider("local", Path("/"), runtime_directory() / "instances", program, sbc)
