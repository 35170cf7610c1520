"""The three that place calls, seen alike: trunkproof's light phones, SIPp, pjsua2."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

from benchmarks.versus.cores import children_on
from benchmarks.versus.processor import Meter, Spent
from benchmarks.versus.protocol import (
    GIVE_UP_S,
    EndTalk,
    GeneratorConfig,
    PlaceCalls,
    Placed,
    Remote,
    Talk,
    Talked,
)
from benchmarks.versus.sipp import Sipp, free_port
from benchmarks.versus.sipp_statistics import packets_sent
from harness.errors import Inconclusive
from harness.process import Simulator
from simulators.phones.build import limits

LIGHT, SIPP, PJSUA2 = "trunkproof", "SIPp", "pjsua2"
ADDRESSES = {LIGHT: "127.0.48.11", SIPP: "127.0.48.12", PJSUA2: "127.0.48.13"}
ENTRIES = {LIGHT: "benchmarks.versus.light:run", PJSUA2: "benchmarks.versus.pjsua2_calls:run"}
SETTLE_S = 0.5
"""From the last answer to what is measured."""
SPARE_S = 20.0
"""How much longer than planned a run may take before it is given up."""
CHECKED_SHARE = 0.5
"""Of the rounds of a call in which SIPp must have found its pattern in what came back."""
RTPCHECK_FAILED = -3
RESPONSE_MS = 10_000
"""How long SIPp waits for a response."""
_MOST_CALLS = 100_000


class Generator(Protocol):
    """``most_calls``: how many it can have up at once, as it is built."""

    name: str
    version: str
    most_calls: int

    @property
    def pid(self) -> int:
        """Whose processor time is its own."""

    def place(self, remote: Remote, calls: int, rate: float, *, audio: bool) -> tuple[Placed, Spent]:
        """Calls without media that end at once, and what they took of the processor."""

    def begin_talk(self, remote: Remote, calls: int, rate: float, seconds: float) -> int:
        """Have calls with media, for at least ``seconds`` from now on; how many are up."""

    def end_talk(self) -> Talked:
        """End them."""

    def stop(self) -> None:
        """Safe to call twice."""


class ChildGenerator:
    """A process of ours that has the calls of one generator after another."""

    def __init__(self, name: str, version: str, cores: tuple[int, ...], directory: Path) -> None:
        self.name, self.version = name, version
        self.most_calls = limits().max_calls if name == PJSUA2 else _MOST_CALLS
        config = GeneratorConfig(address=ADDRESSES[name], cores=cores)
        self._process = Simulator(name, ENTRIES[name], config, log=directory / f"{name}.log", keep_events=False)
        try:
            self._process.ready()
        except BaseException:
            self._process.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def place(self, remote: Remote, calls: int, rate: float, *, audio: bool) -> tuple[Placed, Spent]:
        meter = Meter(self.pid)
        command = PlaceCalls(remote=remote, calls=calls, rate=rate, audio=audio)
        placed: Placed = self._process.call(command, timeout_s=calls / rate + 2 * SPARE_S)
        return placed, meter.look()

    def begin_talk(self, remote: Remote, calls: int, rate: float, seconds: float) -> int:
        up: int = self._process.call(Talk(remote=remote, calls=calls, rate=rate), timeout_s=calls / rate + 2 * SPARE_S)
        sleep(SETTLE_S)
        return up

    def end_talk(self) -> Talked:
        talked: Talked = self._process.call(EndTalk(), timeout_s=SPARE_S)
        return talked

    def stop(self) -> None:
        self._process.stop()


class SippGenerator:
    """A SIPp for each run."""

    name = SIPP
    most_calls = _MOST_CALLS

    def __init__(self, version: str, cores: tuple[int, ...], directory: Path) -> None:
        self.version = version
        self._cores, self._directory = cores, directory
        self._running: Sipp | None = None
        self._runs = 0
        self._calls = 0

    @property
    def pid(self) -> int:
        return self._run.pid

    def place(self, remote: Remote, calls: int, rate: float, *, audio: bool) -> tuple[Placed, Spent]:
        sipp = self._start("calls", remote, calls, rate, longest_s=calls / rate + GIVE_UP_S)
        try:
            meter = Meter(sipp.listening().pid)
            sipp.wait(calls / rate + SPARE_S)
            # It is not reaped yet, so that this still tells all that it took.
            spent, counts = meter.look(), sipp.counts()
        finally:
            self.stop()
        placed = Placed(
            calls=calls,
            completed=counts.successful,
            failed=calls - counts.successful,
            retransmissions=counts.retransmissions,
            took_s=counts.elapsed_s,
        )
        return placed, spent

    def begin_talk(self, remote: Remote, calls: int, rate: float, seconds: float) -> int:
        # SIPp tells its counts once a second: the first look at all calls is one such row later.
        comes_up_s = calls / rate + SETTLE_S + 1.0
        hold_s = comes_up_s + seconds + SETTLE_S
        options = ("-d", f"{hold_s * 1000:.0f}", "-audiotolerance", f"{1 - CHECKED_SHARE:.2f}")
        self._calls = calls
        sipp = self._start("talks", remote, calls, rate, longest_s=2 * hold_s + SPARE_S, options=options)
        began = monotonic()
        sipp.listening()
        sleep(max(0.0, began + comes_up_s - monotonic()))
        return sipp.counts().current

    def end_talk(self) -> Talked:
        sipp = self._run
        try:
            sent = packets_sent(sipp.screens())
            sipp.wait(3 * SPARE_S)
            counts, status = sipp.counts(), sipp.status()
        finally:
            self.stop()
        if status == RTPCHECK_FAILED:
            note = f"RTPCHECK failed: a call heard its pattern in less than {CHECKED_SHARE:.0%} of its rounds"
        elif status == 0:
            note = f"RTPCHECK passed: the pattern, one for all calls, in {CHECKED_SHARE:.0%} or more of a call's rounds"
        else:
            note = f"{counts.failed} calls failed"
        return Talked(
            calls=counts.successful,
            sent=sent,
            returned=None,
            lost=None,
            late=None,
            verified=None,
            intact=status == 0,
            note=note,
        )

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    @property
    def _run(self) -> Sipp:
        if self._running is None:
            raise Inconclusive("no SIPp runs that could be asked")
        return self._running

    def _start(
        self, scenario: str, remote: Remote, calls: int, rate: float, *, longest_s: float, options: tuple[str, ...] = ()
    ) -> Sipp:
        self.stop()
        self._runs += 1
        host = ADDRESSES[SIPP]
        # Tenths of a call per second, as -r takes whole ones.
        arguments = (
            *(f"{remote.host}:{remote.port}", "-s", remote.user, "-m", str(calls), "-l", str(calls)),
            *("-r", str(round(rate * 10)), "-rp", "10000", "-recv_timeout", str(RESPONSE_MS), *options),
        )
        directory = self._directory / f"sipp-{self._runs}"
        with children_on(self._cores):
            self._running = Sipp(scenario, host, free_port(host), directory, arguments, longest_s=longest_s)
        return self._running


def pjsua2_version() -> str:
    """``2.17``. Raises Inconclusive when there is no pjsua2."""
    if importlib.util.find_spec("pjsua2") is None:
        raise Inconclusive("pjsua2 is not installed here")
    # In a process of its own: loading it starts threads.
    code = "import pjsua2 as p; e = p.Endpoint(); e.libCreate(); print(end='\\n' + e.libVersion().full + '\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return next((line for line in lines if line[0].isdigit() and ":" not in line), "of unknown version")
