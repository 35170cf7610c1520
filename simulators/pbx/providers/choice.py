"""Which provider a run takes, and why."""

from __future__ import annotations

import os
from collections.abc import Callable

from bootstrap import docker_engine, rootfs
from bootstrap.errors import BootstrapError
from harness.errors import HarnessMisuse, Inconclusive
from simulators.pbx.providers.process import in_rootfs, on_this_machine
from simulators.pbx.providers.provider import Provider

AUTO = "auto"


def choose(
    wanted: str, say: Callable[[str], None], *, own_network: bool = False, writes_much: bool = False
) -> tuple[Provider, str]:
    """The provider and one line that says why.

    ``own_network``: the run has one, in which Docker's containers are not. ``writes_much``: the PBX records more than
    memory should hold.

    ``auto`` takes what starts quickest: a root that is built, a Docker engine that answers, an Asterisk on
    PATH; if there is none it builds the root. Raises HarnessMisuse when ``wanted`` is impossible here,
    Inconclusive when building failed.
    """
    if own_network and wanted == "docker":
        raise HarnessMisuse(
            "provider 'docker' is impossible with ICE: containers are outside of the network that the run has for it",
            suggestion="use 'rootfs' or 'local'",
        )
    if wanted != AUTO:
        return _explicit(wanted, say, writes_much), f"PBX by {wanted}, as asked for"
    built = rootfs.rootfs_path()
    if built is not None and os.geteuid() == 0:
        why = "PBX by rootfs: a Debian root with Asterisk is cached on this machine"
        return in_rootfs(built, writes_much=writes_much), why
    engine = None if own_network else docker_engine.running_engine()
    if engine is not None:
        return _in_docker(engine, say), "PBX by docker: an engine answers and no Asterisk root is cached"
    local = on_this_machine()
    if local is not None:
        return local, "PBX by local: an asterisk is on PATH, and neither a cached root nor Docker is there"
    reason = rootfs.why_not()
    if reason is not None:
        raise HarnessMisuse(
            f"the reference PBX cannot run here: no Docker engine answers, no asterisk is on PATH, and building "
            f"a root {reason}",
            suggestion="start Docker, or install Asterisk 22",
        )
    return _rootfs(say, writes_much), "PBX by rootfs: built now, neither Docker nor an asterisk is here"


def _explicit(wanted: str, say: Callable[[str], None], writes_much: bool) -> Provider:
    ways = {"docker": _docker, "rootfs": lambda say: _rootfs(say, writes_much), "local": _local}
    if wanted not in ways:
        raise HarnessMisuse(f"there is no provider {wanted!r}", suggestion=f"there are: {', '.join((AUTO, *ways))}")
    return ways[wanted](say)


def _rootfs(say: Callable[[str], None], writes_much: bool) -> Provider:
    if os.geteuid() != 0:
        raise HarnessMisuse("provider 'rootfs' needs root (for chroot)", suggestion="use 'docker' or 'local'")
    reason = rootfs.why_not() if rootfs.rootfs_path() is None else None
    if reason is not None:
        raise HarnessMisuse(
            f"provider 'rootfs' is impossible here: building the root {reason}", suggestion="use 'docker' or 'local'"
        )
    try:
        return in_rootfs(rootfs.ensure(say), writes_much=writes_much)
    except BootstrapError as failed:
        raise Inconclusive(f"the Asterisk root cannot be built: {failed}", detail=failed.report()) from None


def _docker(say: Callable[[str], None]) -> Provider:
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)
        say(text)

    engine = docker_engine.ensure_engine(hear)
    if engine is None:
        raise HarnessMisuse(
            f"provider 'docker' is impossible here: {heard[-1] if heard else 'no engine answers'}",
            suggestion="start Docker, or use 'rootfs' or 'local'",
        )
    return _in_docker(engine, say)


def _local(say: Callable[[str], None]) -> Provider:
    found = on_this_machine()
    if found is None:
        raise HarnessMisuse(
            "provider 'local' is impossible here: there is no asterisk on PATH",
            suggestion="install Asterisk 22, or use 'rootfs' or 'docker'",
        )
    return found


def _in_docker(engine: docker_engine.EngineHandle, say: Callable[[str], None]) -> Provider:
    # The SDK takes 0.3 s to import, which the other providers need not wait for.
    from simulators.pbx.providers.container import DockerProvider

    return DockerProvider(engine, say)
