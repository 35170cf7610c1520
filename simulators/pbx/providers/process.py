"""Asterisk as a child process: from a cached Debian root by chroot, or the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.errors import Inconclusive
from simulators.pbx.instance import Instance
from simulators.pbx.providers import launch
from simulators.pbx.providers.provider import STOP_S, Clock, PbxProcess
from simulators.pbx.runtime import runtime_directory

# Debian has a directory per architecture, Fedora lib64, Arch lib; from source it goes below /usr/local.
_FAKETIMES = tuple(f"usr/{lib}/faketime/libfaketimeMT.so.1" for lib in ("lib/*", "lib64", "lib", "local/lib"))
_MODULES = ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules")
_DATA_HOMES = ("usr/share/asterisk", "var/lib/asterisk", "usr/local/share/asterisk")
_OPUS = "codec_opus*.so"


@dataclass(slots=True)
class AsteriskProcess:
    """A child process that dies with the thread that started it."""

    process: subprocess.Popen[bytes]

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class ProcessProvider:
    """Asterisk below ``root``; ``/`` is the machine's own."""

    name: str
    root: Path
    instances: Path
    program: str = field(default="asterisk")

    def documentation(self) -> PurePosixPath:
        homes = [home for home in _DATA_HOMES if (self.root / home / "documentation").is_dir()]
        return PurePosixPath("/") / (homes or _DATA_HOMES)[0] / "documentation"

    def opus_modules(self) -> list[str]:
        return sorted({path.name for pattern in _MODULES for path in self.root.glob(f"{pattern}/{_OPUS}")})

    def can_fake_clock(self) -> bool:
        return self._faketime() is not None

    def start(self, instance: Instance, clock: Clock, log: Path) -> PbxProcess:
        # In a root of its own Asterisk has nothing to look for in the harness's environment.
        path = os.environ.get("PATH", "") if self.root == Path("/") else "/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path, "LANG": "C.UTF-8", "HOME": "/", "TZ": clock.timezone}
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
        setting = [f"{name}={value}" for name, value in environment.items()]
        configuration = instance.layout.etc / "asterisk.conf"
        command = ["/usr/bin/env", "-i", *setting, self.program, "-C", str(configuration), "-f", "-n"]
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(self.root), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as refused:
            raise Inconclusive(f"Asterisk cannot be started: {refused}") from None
        return AsteriskProcess(process)

    def close(self) -> None:
        """Nothing was started but the PBX."""

    def _faketime(self) -> Path | None:
        return next((path for pattern in _FAKETIMES for path in sorted(self.root.glob(pattern))), None)


def in_rootfs(root: Path) -> ProcessProvider:
    """Asterisk of the cached Debian root; needs the right to chroot."""
    return ProcessProvider("rootfs", root, root / "srv" / "trunkproof")


def on_this_machine() -> ProcessProvider | None:
    """The Asterisk on PATH, None when there is none."""
    program = shutil.which("asterisk", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        return None
    return ProcessProvider("local", Path("/"), runtime_directory() / "instances", program)
