"""Who is called: SIPp that echoes RTP, and an Asterisk of the benchmark's own whose dialplan does (``Echo()``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

from benchmarks.versus.protocol import ANSWER, ECHO, Remote
from benchmarks.versus.sipp import Sipp, free_port
from benchmarks.versus.sipp_statistics import packets_echoed
from harness.errors import Inconclusive
from simulators.pbx.instance import Layout, create_instance
from simulators.pbx.probe import sip_status
from simulators.pbx.providers.choice import choose
from simulators.pbx.providers.provider import Clock
from simulators.pbx.rendering import render_templates

PBX, UAS = "127.0.47.1", "127.0.47.2"
GENERATORS = "127.0.48.0/24"
ASKING = "127.0.48.1"
START_S, SIP_S, POLL_S = 20.0, 5.0, 0.1
FILES = Path(__file__).with_name("asterisk")
_VERSION = re.compile(r"Asterisk ([\d.]+)\S* built by")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """Of Asterisk's configuration."""

    paths: Layout
    port: int
    files: int
    host: str = PBX
    generators: str = GENERATORS
    answer: str = ANSWER
    echo: str = ECHO


@dataclass(frozen=True, slots=True)
class Echoed:
    """RTP packets that were sent back until ``at`` (s of CLOCK_MONOTONIC)."""

    packets: int
    at: float


class Answerer(Protocol):
    """``takes_no_audio``: it answers an offer without audio."""

    name: str
    version: str
    takes_no_audio: bool

    @property
    def pid(self) -> int | None: ...
    def remote(self, user: str) -> Remote: ...
    def echoed(self) -> Echoed | None:
        """What it has sent back until now, None when it does not tell."""

    def stop(self) -> None: ...


class SippUas:
    """SIPp: 180, 200, and everything that comes to its one RTP port is sent back. ``echoes`` False is for tests."""

    name = "SIPp UAS"
    takes_no_audio = True

    def __init__(self, version: str, directory: Path, longest_s: float, *, echoes: bool = True) -> None:
        self.version = version
        options = (*(["-rtp_echo"] if echoes else []), "-min_rtp_port", str(free_port(UAS)))
        self._sipp = Sipp("answers", UAS, free_port(UAS), directory, options, longest_s=longest_s)
        try:
            self._sipp.listening()
        except BaseException:
            self._sipp.stop()
            raise

    @property
    def pid(self) -> int:
        return self._sipp.pid

    def remote(self, user: str) -> Remote:
        return Remote(user=user, host=self._sipp.host, port=self._sipp.port)

    def echoed(self) -> Echoed | None:
        at = monotonic()
        packets = packets_echoed(self._sipp.screens())
        return None if packets is None else Echoed(packets, at)

    def stop(self) -> None:
        self._sipp.stop()


class EchoingAsterisk:
    """Asterisk by the project's provider: ``answer`` rings and answers, ``echo`` sends back what it hears."""

    name = "Asterisk"
    takes_no_audio = False

    def __init__(self, directory: Path, calls: int, say: Callable[[str], None]) -> None:
        self.version = ""
        self._port = free_port(PBX)
        self._provider, why = choose("auto", say)
        say(why)
        try:
            self._instance = create_instance(
                self._provider.instances, self._provider.instances_inside, self._provider.documentation()
            )
            try:
                self._write(calls)
                self._process = self._provider.start(self._instance, Clock("UTC"), directory / "asterisk.log")
                try:
                    self._await()
                except BaseException:
                    self._process.stop()
                    raise
            except BaseException:
                self._instance.remove()
                raise
        except BaseException:
            self._provider.close()
            raise

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def remote(self, user: str) -> Remote:
        return Remote(user=user, host=PBX, port=self._port)

    def echoed(self) -> Echoed | None:
        return None

    def stop(self) -> None:
        self._process.stop()
        self._instance.remove()
        self._provider.close()

    def _write(self, calls: int) -> None:
        layout = self._instance.layout
        facts = _Facts(paths=layout, port=self._port, files=16 * calls + 8192)
        for name, text in render_templates(FILES, None, facts).items():
            (self._instance.outside(layout.etc) / name).write_text(text, encoding="utf-8")

    def _await(self) -> None:
        deadline = monotonic() + START_S
        while sip_status(ASKING, PBX, self._port, POLL_S) != 200:
            if not self._process.alive() or monotonic() >= deadline:
                raise Inconclusive(f"Asterisk does not answer SIP at {PBX}:{self._port}", detail=self._log()[-800:])
            sleep(POLL_S)
        found = _VERSION.search(self._log())
        self.version = found[1] if found else "of unknown version"

    def _log(self) -> str:
        log = self._instance.outside(self._instance.layout.log) / "messages.log"
        return log.read_text(errors="replace") if log.exists() else ""
