"""An Asterisk of the reference PBX as a process, with what stands beside it, the archive of recordings or the client
that sends them by SIPREC: started, waited for, ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from harness.process import Simulator
from simulators.pbx.archive.beside import begin_archive, has_archive
from simulators.pbx.asterisk.adapter import AsteriskPbx
from simulators.pbx.asterisk.ami import ManagerError
from simulators.pbx.asterisk.scheduler import would_spin
from simulators.pbx.asterisk.siprec_beside import begin_recording_client, has_recording_client
from simulators.pbx.probe import sip_status
from simulators.pbx.providers.provider import Clock, PbxProcess
from simulators.pbx.server import POLL_S, SIP_DEADLINE_S, START_DEADLINE_S, Server
from simulators.pbx.sip_ports import sip_port


@dataclass(slots=True)
class AsteriskServer(Server):
    """``has_opus`` is known once it is up; ``archive`` is None when its target has no archive of ours, ``client``
    when its recordings are not sent by SIPREC."""

    has_opus: bool = False
    archive: Simulator | None = None
    client: Simulator | None = None
    _offsets_s: set[int] = field(default_factory=set)
    """Where its clock was since it was started."""

    def _begin(self) -> PbxProcess:
        running = self.running
        self._offsets_s = {self.instance.clock.offset_s()}
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
        if self.process is not None:
            self.process.take_precedence()
        target = self.running.target
        if sip_status(target.trunk.addresses[0], target.pbx.host, sip_port(target), SIP_DEADLINE_S) == 0:
            raise self.problem(f"does not answer SIP at {target.pbx.host}:{sip_port(target)}")
        if self.archive is not None:
            self.archive.ready()
        if has_recording_client(target):
            # Asterisk's end closed the connection of an earlier one.
            if self.client is not None:
                self.client.stop()
            self.client = begin_recording_client(self.running, self.instance, self.directory / "recording-client.log")
            self.client.ready()
        self.running = replace(self.running, version=version)

    def follow_clock(self) -> bool:
        offset_s = self.instance.clock.offset_s()
        restarts = would_spin(self._offsets_s, offset_s)
        if restarts:
            # What is beside it stays.
            Server.stop(self)
            self.launch()
            self.wait_until_up()
        self._offsets_s.add(offset_s)
        return restarts

    def alive(self) -> bool:
        """Whether Asterisk runs, and what it has beside it."""
        # A dataclass with slots is made anew, and does not know itself in super().
        return Server.alive(self) and all(beside is None or beside.alive for beside in (self.archive, self.client))

    def stop(self) -> None:
        """End all, Asterisk first: what it finishes last is kept, too."""
        Server.stop(self)
        for beside in (self.archive, self.client):
            if beside is not None:
                beside.stop()
        # It is made anew with Asterisk, which is not to be taken for dead until then.
        self.client = None
