"""A generator's process, seen from a load worker's gevent loop.

``harness.process.Simulator`` waits on a thread of its own, which gevent makes a greenlet whose blocking read would stop
the whole worker; here gevent's loop waits for the pipe.
"""

from __future__ import annotations

import pickle
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.socket import wait_read
from gevent.timeout import Timeout

from harness.messages import CannotStart, Command, Event, Ready, Reply, Request, Stop
from harness.process import start_child

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 5.0


class GeneratorFailed(Exception):
    """The generator did not start, refused a command or ended; one line."""


class Bridge:
    """One generator. ``on_event`` gets its events, ``on_end`` why it ended, unless ``stop`` was called."""

    def __init__(
        self, entry: str, config: object, log: Path, on_event: Callable[[Event], None], on_end: Callable[[str], None]
    ) -> None:
        self._on_event = on_event
        self._on_end = on_end
        self._log = log
        self._number = 0
        self._replies: dict[int, AsyncResult] = {}
        self._ready = AsyncResult()
        self._stopping = False
        self._process, self._pipe = start_child(entry, config, log)
        self._reader = gevent.spawn(self._read)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> None:
        """Wait until it takes commands. Raises GeneratorFailed."""
        self._result(self._ready, START_DEADLINE_S, "start")

    def call(self, command: Command, timeout_s: float) -> Any:
        """Carry out a command. Raises GeneratorFailed."""
        self._number += 1
        number = self._number
        self._replies[number] = AsyncResult()
        try:
            self._pipe.send(Request(number, command))
            return self._result(self._replies[number], timeout_s, type(command).__name__)
        except OSError:
            raise GeneratorFailed(self._ended()) from None
        finally:
            self._replies.pop(number, None)

    def stop(self) -> None:
        """End it: politely, then by signal. Safe to call twice and after a crash."""
        self._stopping = True
        if self._process.poll() is None:
            with suppress(OSError, ValueError):
                self._pipe.send(Request(0, Stop()))
            for end in (self._process.terminate, self._process.kill):
                try:
                    self._process.wait(STOP_DEADLINE_S)
                    break
                except subprocess.TimeoutExpired:
                    end()
            self._process.wait(STOP_DEADLINE_S)
        # What it said last is still read.
        self._reader.join(STOP_DEADLINE_S)
        self._reader.kill()
        with suppress(OSError):
            self._pipe.close()

    def _result(self, awaited: AsyncResult, timeout_s: float, what: str) -> Any:
        try:
            return awaited.get(timeout=timeout_s)
        except Timeout:
            raise GeneratorFailed(f"the generator did not answer {what} within {timeout_s:g} s") from None

    def _read(self) -> None:
        while True:
            try:
                wait_read(self._pipe.fileno())
                message = self._pipe.recv()
            except (EOFError, OSError, ValueError, pickle.UnpicklingError):
                break
            self._take(message)
        why = self._ended()
        for waiting in (self._ready, *self._replies.values()):
            if not waiting.ready():
                waiting.set_exception(GeneratorFailed(why))
        if not self._stopping:
            self._on_end(why)

    def _take(self, message: object) -> None:
        if isinstance(message, Reply):
            waiting = self._replies.get(message.number)
            if waiting is None:
                return
            if message.error is None:
                waiting.set(message.value)
            else:
                waiting.set_exception(GeneratorFailed(message.error))
        elif isinstance(message, Ready):
            self._ready.set(None)
        elif isinstance(message, CannotStart):
            self._ready.set_exception(GeneratorFailed(f"the generator could not start: {message.reason}"))
        elif isinstance(message, Event):
            self._on_event(message)

    def _ended(self) -> str:
        if self._stopping:
            return "the generator was stopped"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.poll()
        how = f"by signal {-status}" if status is not None and status < 0 else f"with status {status}"
        try:
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:]
        except OSError:
            last = []
        return " ".join([f"its generator died {how}", *(f"({line.strip()})" for line in last)])
