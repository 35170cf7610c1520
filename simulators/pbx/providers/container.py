"""Asterisk and Kamailio in containers, on the host's network: loopback addresses work and no port is published."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import docker
import docker.errors

from bootstrap import rootfs
from bootstrap.docker_engine import EngineHandle, import_base_image
from bootstrap.errors import BootstrapError
from harness.errors import Inconclusive
from simulators.pbx.instance import Instance, in_use
from simulators.pbx.providers.compose_file import SBC_SERVICE, SERVICE, read_service
from simulators.pbx.providers.compose_file import Container as Description
from simulators.pbx.providers.debian import DOCUMENTATION, OPUS_MODULES
from simulators.pbx.providers.provider import STOP_S, Clock, PbxProcess
from simulators.pbx.runtime import runtime_directory

if TYPE_CHECKING:
    from docker.models.containers import Container

LABEL = "trunkproof.instance"
ENGINE_TIMEOUT_S = 120
# OSError: what requests raises, and the sockets of bootstrap.docker_api.
_ENGINE_ERRORS = (docker.errors.DockerException, OSError)


@dataclass(slots=True)
class PbxContainer:
    """A container that the engine removes when it ends, and that ends when the run that holds its instance does."""

    container: Container

    @property
    def pid(self) -> int | None:
        if not self.container.attrs.get("State", {}).get("Pid"):
            with contextlib.suppress(*_ENGINE_ERRORS):
                self.container.reload()
        return self.container.attrs.get("State", {}).get("Pid") or None

    def alive(self) -> bool:
        try:
            self.container.reload()
        except docker.errors.NotFound:
            return False
        except _ENGINE_ERRORS as gone:
            raise Inconclusive(f"the Docker engine does not answer: {gone}") from None
        return bool(self.container.status == "running")

    def take_precedence(self) -> None:
        """Not here: the engine, and its processes with it, may be another machine's."""

    def stop(self) -> None:
        with contextlib.suppress(*_ENGINE_ERRORS):
            self.container.stop(timeout=int(STOP_S))
        self._remove()

    def kill(self) -> None:
        with contextlib.suppress(*_ENGINE_ERRORS):
            self.container.kill()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(*_ENGINE_ERRORS):
            self.container.remove(force=True)
        with contextlib.suppress(*_ENGINE_ERRORS):
            self.container.wait(condition="removed", timeout=STOP_S)


@dataclass(slots=True)
class DockerProvider:
    """Asterisk and Kamailio by a Docker engine. An engine that was started for it is stopped with it."""

    engine: EngineHandle
    say: Callable[[str], None]
    name: str = "docker"
    instances: Path = field(default_factory=lambda: runtime_directory() / "instances")

    @property
    def instances_inside(self) -> PurePosixPath:
        return PurePosixPath(self.instances)

    def documentation(self) -> PurePosixPath:
        return DOCUMENTATION

    def opus_modules(self) -> list[str]:
        return OPUS_MODULES

    def can_fake_clock(self) -> bool:
        return True

    def start(self, instance: Instance, clock: Clock, log: Path) -> PbxProcess:
        return self._run(instance, clock, SERVICE)

    def has_sbc(self) -> bool:
        return True

    def start_sbc(self, instance: Instance, log: Path) -> PbxProcess:
        return self._run(instance, Clock("UTC"), SBC_SERVICE)

    def _run(self, instance: Instance, clock: Clock, service: str) -> PbxProcess:
        try:
            client = docker.DockerClient(base_url=self.engine.base_url, timeout=ENGINE_TIMEOUT_S)
            remove_abandoned(client)
            description = self._describe(instance, clock, service)
            image = self._image(client, description)
            self.say(f"starting a container of {image}")
            container = client.containers.run(
                image,
                description.command,
                detach=True,
                auto_remove=True,
                network_mode=description.network_mode,
                user=description.user,
                environment=description.environment,
                volumes=description.volumes,
                cap_drop=description.cap_drop,
                security_opt=description.security_opt,
                init=description.init,
                labels={LABEL: str(instance.path)},
            )
        except BootstrapError as failed:
            raise Inconclusive(f"the PBX's image cannot be made: {failed}", detail=failed.report()) from None
        except _ENGINE_ERRORS as failed:
            raise Inconclusive(f"the Docker engine cannot start the PBX: {failed}") from None
        return PbxContainer(container)

    def close(self) -> None:
        self.engine.stop()

    def _describe(self, instance: Instance, clock: Clock, service: str) -> Description:
        variables = {
            "TRUNKPROOF_INSTANCE": str(instance.path),
            "TRUNKPROOF_SBC": ".",
            "TRUNKPROOF_USER": f"{os.getuid()}:{os.getgid()}",
            "TRUNKPROOF_TIMEZONE": clock.timezone,
            "TRUNKPROOF_CLOCK_MOVES": "1" if clock.moves else "",
        }
        ready = rootfs.rootfs_path()
        if ready is not None:
            self.say("the image's base is the cached Debian root")
            variables["TRUNKPROOF_BASE"] = import_base_image(self.engine, ready)
        return read_service(variables, name=service)

    def _image(self, client: docker.DockerClient, description: Description) -> str:
        """The image's name; it is built once for each content of its context and each base."""
        tag = f"{description.image}:{_fingerprint(description)}"
        try:
            client.images.get(tag)
        except docker.errors.ImageNotFound:
            self.say(f"building the image {tag}")
            client.images.build(
                path=str(description.context),
                tag=tag,
                buildargs=description.build_arguments,
                network_mode="host",
                rm=True,
                forcerm=True,
            )
        return tag


def remove_abandoned(client: docker.DockerClient) -> None:
    """Remove containers whose run is dead and that are still there, as after a crash of the engine."""
    for container in client.containers.list(all=True, filters={"label": LABEL}):
        if not in_use(Path(container.labels[LABEL])):
            with contextlib.suppress(*_ENGINE_ERRORS):
                container.remove(force=True)


def _fingerprint(description: Description) -> str:
    digest = hashlib.sha256(repr(sorted(description.build_arguments.items())).encode())
    for path in sorted(description.context.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]
