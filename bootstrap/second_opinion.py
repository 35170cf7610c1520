"""SIPp and tshark of Debian sid, for trunkproof's own tests and benchmarks: the same protocols by other people's code.

They are unpacked once per machine, beside the reference PBX's root: who only runs scenarios does not have them.
Nothing is installed or set up: a program is started by the loader and with the libraries that came with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap import apt, cache
from bootstrap.command import Commands
from bootstrap.errors import BootstrapError
from bootstrap.rootfs import SUITE

PACKAGES = ("sip-tester", "tshark")

_LOADERS = ("usr/lib64/ld-linux-*.so.*", "usr/lib/ld-linux-*.so.*", "usr/lib/*-linux-gnu*/ld-linux-*.so.*")
_LIBRARIES = "usr/lib/*-linux-gnu*"


@dataclass(frozen=True)
class Program:
    """How to start one of the programs: before its arguments, and what the environment gets."""

    argv: tuple[str, ...]
    environment: dict[str, str]


def tree() -> Path | None:
    """The finished tree, or None if it has not been made on this machine."""
    path = _final()
    return path if path.is_dir() else None


def why_not() -> str | None:
    """Why the tree can't be made here, or None if it can."""
    return None if apt.is_debian() else "needs Debian with apt"


def ensure(progress: Callable[[str], None], commands: Commands | None = None) -> Path:
    """The finished tree, made first if needed (10 s, 300 MB). Raises BootstrapError when it can't be made."""
    reason = why_not()
    if reason is not None:
        raise BootstrapError(f"SIPp and tshark can't be unpacked here: it {reason}")
    runner = commands or Commands()
    with cache.lock("second-opinion", lambda: progress("waiting for another run that unpacks them")):
        ready = tree()
        if ready is not None:
            return ready
        progress(f"unpacking SIPp and tshark of Debian {SUITE}")
        return cache.publish(_final().parent, lambda root: _unpack(root, runner))


def program(name: str) -> Program:
    """A program of the tree, such as ``sipp``. Raises BootstrapError when it is not there."""
    root = tree()
    found = None if root is None else _found(root, name)
    if found is None:
        raise BootstrapError(f"{name} is not on this machine", hint="python3 -m bootstrap --test unpacks it")
    return found


def _found(root: Path, name: str) -> Program | None:
    executable = root / "usr" / "bin" / name
    loader = next((path for pattern in _LOADERS for path in sorted(root.glob(pattern))), None)
    if loader is None or not executable.is_file():
        return None
    libraries = [path for path in sorted(root.glob(_LIBRARIES)) if path.is_dir()]
    plugins = next((path for directory in libraries for path in (directory / "wireshark").glob("plugins")), None)
    return Program(
        argv=(str(loader), "--library-path", ":".join(map(str, libraries)), str(executable)),
        environment={
            "WIRESHARK_DATA_DIR": str(root / "usr" / "share" / "wireshark"),
            **({"WIRESHARK_PLUGIN_DIR": str(plugins)} if plugins is not None else {}),
        },
    )


def _final() -> Path:
    recipe = cache.recipe_hash({"suite": SUITE, "packages": PACKAGES, "machine": os.uname().machine})
    return cache.cache_dir() / "second-opinion" / f"{SUITE}-{recipe}"


def _unpack(root: Path, commands: Commands) -> str:
    log = cache.log_file("second-opinion")
    apt.extract(PACKAGES, SUITE, root, commands, log)
    for name in ("sipp", "tshark", "dumpcap"):
        started = _found(root, name)
        if started is None:
            raise BootstrapError(f"the packages {' '.join(PACKAGES)} lack {name}", hint="see the log", log=log)
        if name != "sipp":
            commands.run([*started.argv, "--version"], log=log, what=f"starting {name}", env=started.environment)
    return _final().name
