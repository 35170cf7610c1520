"""Runs the programs that set things up: output to a log, ended with us, errors that say what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootstrap.errors import BootstrapError, StoppedError

_GRACE_S = 5.0


class Commands:
    """Every program started through one instance can be ended together, from any thread."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._guard = threading.Lock()
        self._stopped = False

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        what: str,
        hint: str = "",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Run ``argv`` to its end, appending its output to ``log`` and giving each line to ``on_line``.

        ``env`` is added to the environment. Raises BootstrapError ("``what`` failed") when it can't be
        started or ends with a status other than 0, StoppedError when everything is being stopped.
        """
        with log.open("a") as sink:
            sink.write(f"$ {' '.join(argv)}\n")
            sink.flush()
            with self._guard:
                if self._stopped:
                    raise StoppedError(f"{what}: stopped")
                try:
                    # A session of its own, so that its whole family can be ended by one signal.
                    process = subprocess.Popen(
                        argv,
                        cwd=cwd,
                        env={**os.environ, "LC_ALL": "C", **(env or {})},
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        errors="replace",
                        start_new_session=True,
                    )
                except OSError as error:
                    raise BootstrapError(f"{what}: can't start {argv[0]}: {error}", hint=hint, log=log) from error
                self._running[process.pid] = process
            try:
                assert process.stdout is not None
                with process.stdout:
                    for line in process.stdout:
                        sink.write(line)
                        if on_line is not None:
                            on_line(line.rstrip("\n"))
                status = process.wait()
            except BaseException:
                end_group(process)
                raise
            finally:
                with self._guard:
                    self._running.pop(process.pid, None)
        if status != 0 and self._stopped:
            raise StoppedError(f"{what}: stopped")
        if status != 0:
            raise BootstrapError(f"{what} failed (exit status {status})", hint=hint, log=log)

    def stop(self) -> None:
        """End everything that runs and refuse to start more."""
        with self._guard:
            self._stopped = True
            running = list(self._running.values())
        for process in running:
            end_group(process)


def end_group(process: subprocess.Popen[str]) -> None:
    """End ``process`` and its session's processes: politely, then after 5 s by force."""
    for number, patience in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
