"""SIPp as a process: started so that it ends with the benchmark, asked for its counts, waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from time import monotonic, sleep

from benchmarks.versus.sipp_statistics import SippCounts, read_statistics
from bootstrap import second_opinion
from harness.errors import Inconclusive
from simulators.pbx.providers import launch

SCENARIOS = Path(__file__).with_name("scenarios")
OLDEST = (3, 8)
BUFFER_OCTETS = 4 << 20
"""As light phones have it."""
START_S, SCREEN_S, STOP_S, POLL_S = 10.0, 2.0, 3.0, 0.02


class Sipp:
    """A running SIPp; its files are in ``directory``. ``longest_s``: it ends by itself after that, come what may."""

    def __init__(
        self, scenario: str, host: str, port: int, directory: Path, options: Sequence[str] = (), *, longest_s: float
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.host, self.port = host, port
        self._statistics, self._screens = directory / "statistics.csv", directory / "screens.log"
        self._output, self._errors = directory / "output.log", directory / "errors.log"
        program = second_opinion.program("sipp")
        arguments = [
            *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-nostdin"),
            *("-i", host, "-p", str(port), "-bind_local", "-mi", host, "-ci", host),
            *("-buff_size", str(BUFFER_OCTETS), "-timeout", f"{longest_s:.0f}s"),
            *("-trace_stat", "-stf", str(self._statistics), "-fd", "1"),
            *("-trace_screen", "-screen_file", str(self._screens)),
            *("-trace_err", "-error_file", str(self._errors)),
            *options,
        ]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "/", *program.argv, *arguments],
                env={**os.environ, **program.environment, "TERM": "dumb"},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def listening(self) -> Sipp:
        """Wait until its socket is bound. Raises Inconclusive when it ends before."""
        wanted = _kernel_form(self.host, self.port)
        self._wait(lambda: wanted in Path("/proc/net/udp").read_text(), START_S, "did not bind its socket")
        return self

    def ended(self) -> bool:
        """Whether it has ended; what it took of the processor can still be read then."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self, timeout_s: float) -> None:
        """Until it has ended by itself; it is not reaped yet. Raises Inconclusive."""
        deadline = monotonic() + timeout_s
        while not self.ended():
            if monotonic() >= deadline:
                raise Inconclusive(f"SIPp did not end within {timeout_s:.0f} s", detail=self._told())
            sleep(POLL_S)

    def status(self) -> int:
        """Exit status of one that has ended, negative when it was a signal or SIPp says so (-3: RTPCHECK)."""
        status = self._process.wait()
        return status - 256 if status > 127 else status

    def counts(self) -> SippCounts:
        """As of the last second, of one that has ended as of its end."""
        try:
            return read_statistics(self._statistics.read_text(errors="replace"))
        except OSError:
            raise Inconclusive("SIPp wrote no statistics", detail=self._told()) from None

    def screens(self) -> str:
        """What its screens show at this moment. Raises Inconclusive when it shows nothing."""
        before = self._shown()
        os.kill(self.pid, signal.SIGUSR2)
        self._wait(lambda: len(self._shown()) > len(before), SCREEN_S, "shows nothing")
        return self._shown()

    def stop(self) -> None:
        """End it. Safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def _wait(self, done: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        deadline = monotonic() + timeout_s
        while not done():
            if self.ended() or monotonic() >= deadline:
                raise Inconclusive(f"SIPp {otherwise}", detail=self._told())
            sleep(POLL_S)

    def _shown(self) -> str:
        return self._screens.read_text(errors="replace") if self._screens.exists() else ""

    def _told(self) -> str:
        for file in (self._errors, self._output):
            if file.exists() and (text := file.read_text(errors="replace").strip()):
                return text[-800:]
        return ""


def version() -> str:
    """``3.8.0``. Raises BootstrapError when there is no SIPp, Inconclusive when it is too old."""
    program = second_opinion.program("sipp")
    done = subprocess.run(
        [*program.argv, "-v"], env={**os.environ, **program.environment}, capture_output=True, text=True, check=False
    )
    found = done.stdout.partition("SIPp v")[2].partition("-")[0].split()
    number = found[0] if found else ""
    parts = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if parts < OLDEST:
        raise Inconclusive(f"SIPp {number or 'of unknown version'} is older than {'.'.join(map(str, OLDEST))}")
    return number


def free_port(host: str) -> int:
    """A UDP port that is free, as is the one after next (SIPp echoes RTP on both)."""
    while True:
        with closing(socket(AF_INET, SOCK_DGRAM)) as first, closing(socket(AF_INET, SOCK_DGRAM)) as second:
            first.bind((host, 0))
            port = int(first.getsockname()[1])
            try:
                second.bind((host, port + 2))
            except OSError:
                continue
            return port


def _kernel_form(host: str, port: int) -> str:
    """An address as ``/proc/net/udp`` has it."""
    octets = bytes(int(part) for part in host.split("."))
    return f"{int.from_bytes(octets, sys.byteorder):08X}:{port:04X}"
