"""An Asterisk of the reference PBX as a process, with its archive of recordings: started, waited for, ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic, sleep

from harness.process import Simulator
from simulators.pbx.archive.beside import begin_archive, has_archive
from simulators.pbx.asterisk.adapter import AsteriskPbx
from simulators.pbx.asterisk.ami import ManagerError
from simulators.pbx.probe import sip_status
from simulators.pbx.providers.provider import Clock, PbxProcess
from simulators.pbx.server import POLL_S, SIP_DEADLINE_S, START_DEADLINE_S, Server


@dataclass(slots=True)
class AsteriskServer(Server):
    """``has_opus`` is known once it is up; ``archive`` is None when its target has no archive of ours."""

    has_opus: bool = False
    archive: Simulator | None = None

    def _begin(self) -> PbxProcess:
        running = self.running
        if has_archive(running.target) and (self.archive is None or not self.archive.alive):
            self.archive = begin_archive(
                running.target,
                self.instance,
                fake_clock=self.provider.can_fake_clock(),
                log=self.directory / "archive.log",
            )
        return self.provider.start(self.instance, Clock(running.target.pbx.timezone, moves=running.own), self.console)

    def wait_until_up(self) -> None:
        """Wait until all modules are loaded and SIP is answered. Raises Inconclusive."""
        adapter = AsteriskPbx(self.running)
        deadline = monotonic() + START_DEADLINE_S
        try:
            while True:
                try:
                    adapter.wait_until_booted()
                    break
                except ManagerError as not_yet:
                    if not self.alive():
                        raise self.problem("ended while it started") from None
                    if monotonic() >= deadline:
                        raise self.problem(f"was not up within {START_DEADLINE_S:g} s: {not_yet}") from None
                    sleep(POLL_S)
            version = adapter.version()
            self.has_opus = adapter.has_module("codec_opus")
        finally:
            adapter.close()
        target = self.running.target
        if sip_status(target.trunk.addresses[0], target.pbx.host, target.pbx.port, SIP_DEADLINE_S) == 0:
            raise self.problem(f"does not answer SIP at {target.pbx.host}:{target.pbx.port}")
        if self.archive is not None:
            self.archive.ready()
        self.running = replace(self.running, version=version)

    def alive(self) -> bool:
        """Whether Asterisk runs, and its archive if it has one."""
        # A dataclass with slots is made anew, and does not know itself in super().
        return Server.alive(self) and (self.archive is None or self.archive.alive)

    def stop(self) -> None:
        """End both, Asterisk first: what it finishes last is kept, too."""
        Server.stop(self)
        if self.archive is not None:
            self.archive.stop()
