"""A simulator in a process of its own, seen from the harness.

The child is a fresh interpreter (never a fork: pjsua2 and event loops do not survive one) that runs
``module:function`` with a configuration and speaks the messages of ``harness.messages`` over a socket
pair. It ends when told, when the pipe closes and when its parent dies, so no run leaves one behind.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from harness.errors import Inconclusive
from harness.messages import CannotStart, Command, Event, Ready, Reply, Request, Stop

EventT = TypeVar("EventT", bound=Event)

START_DEADLINE_S = 45.0
STOP_DEADLINE_S = 5.0
REPLY_DEADLINE_S = 10.0


class SimulatorDied(Inconclusive):
    """A simulator process ended when it should not have: our own failure, never the PBX's."""


class SimulatorRefused(Inconclusive):
    """A simulator could not carry out a command, or could not start (a port in use)."""


class AwaitExpired(Exception):
    """An awaited event did not come in time. The actor that waited turns this into a verdict.

    ``seen`` are the events that came instead, oldest first.
    """

    def __init__(self, awaited: str, timeout_s: float, seen: list[Event]) -> None:
        super().__init__(f"{awaited} did not happen within {timeout_s:g} s")
        self.awaited = awaited
        self.timeout_s = timeout_s
        self.seen = seen


def start_child(entry: str, config: Any, log: Path) -> tuple[subprocess.Popen[bytes], Connection]:
    """A process that runs ``entry`` with ``config``, and the harness's end of the pipe to it; see ``Simulator``."""
    ours, theirs = socket.socketpair()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.child", entry, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
        )
    theirs.close()
    pipe = Connection(ours.detach())
    pipe.send(config)
    return process, pipe


class Simulator:
    """One live simulator process: send it commands, wait for its events.

    ``entry`` is ``module:function``; the function gets a ``harness.child.Channel`` and ``config``
    (any picklable value). ``log`` receives its standard error. Without ``keep_events`` only listeners hear of what
    happens after the start: for a simulator that tells more than memory should hold.
    """

    def __init__(self, name: str, entry: str, config: Any, *, log: Path, keep_events: bool = True) -> None:
        self.name = name
        self._log_path = log
        self._events: list[Event] = []
        self._keep_events = keep_events
        self._replies: dict[int, Reply] = {}
        self._promised: dict[int, Future[Any]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._closed = False
        self._stopping = False
        self._send_lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []

        self._process, self._pipe = start_child(entry, config, log)
        self._reader = threading.Thread(target=self._read, name=f"{name} events", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._closed

    def ready(self, timeout_s: float = START_DEADLINE_S) -> None:
        """Wait until the simulator takes commands. Raises SimulatorRefused with its own reason."""
        try:
            first = self.wait_for(Event, lambda e: isinstance(e, Ready | CannotStart), timeout_s=timeout_s)
        except AwaitExpired as expired:
            self.stop()
            raise SimulatorRefused(
                f"{self.name} was not ready within {timeout_s:g} s", detail=self.log_tail()
            ) from expired
        if isinstance(first, CannotStart):
            self.stop()
            raise SimulatorRefused(f"{self.name} could not start: {first.reason}")

    def call(self, command: Command, timeout_s: float = REPLY_DEADLINE_S) -> Any:
        """Carry out a command and return its value. Raises SimulatorRefused or SimulatorDied."""
        number = self._request(command)
        deadline = monotonic() + timeout_s
        with self._changed:
            while number not in self._replies:
                if self._closed:
                    raise self._died()
                remaining = deadline - monotonic()
                if remaining <= 0:
                    raise SimulatorRefused(
                        f"{self.name} did not answer {type(command).__name__} within {timeout_s:g} s",
                        detail=self.log_tail(),
                    )
                self._changed.wait(remaining)
            reply = self._replies.pop(number)
        if reply.error is not None:
            raise SimulatorRefused(f"{self.name}: {reply.error}")
        return reply.value

    def send(self, command: Command) -> Future[Any]:
        """Have a command carried out without waiting for it; commands are carried out in the order in which they are
        sent. The future has its value, SimulatorRefused or SimulatorDied; its callbacks run on the reader's thread."""
        promised: Future[Any] = Future()
        promised.set_running_or_notify_cancel()
        try:
            self._request(command, promised)
        except SimulatorDied as died:
            promised.set_exception(died)
        return promised

    def _request(self, command: Command, promised: Future[Any] | None = None) -> int:
        with self._send_lock:
            self._number += 1
            number = self._number
            with self._changed:
                if self._closed:
                    raise self._died()
                if promised is not None:
                    self._promised[number] = promised
            try:
                self._pipe.send(Request(number, command))
            except OSError as broken:
                with self._changed:
                    self._promised.pop(number, None)
                raise self._died() from broken
        return number

    def mark(self) -> int:
        """A place in the stream of events, to be given to ``wait_for(since=…)``."""
        with self._changed:
            return len(self._events)

    def events(self, since: int = 0) -> list[Event]:
        """Events that came after ``since``, oldest first."""
        with self._changed:
            return self._events[since:]

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have ``listener`` called with every further event, on the reader's thread; it must not block."""
        self._listeners.append(listener)

    def wait_for(
        self,
        kind: type[EventT],
        matches: Callable[[EventT], bool] = lambda _event: True,
        *,
        timeout_s: float,
        since: int = 0,
        awaited: str = "",
    ) -> EventT:
        """The first event of ``kind`` that ``matches``, among those after ``since`` and those to come.

        Raises AwaitExpired after ``timeout_s``, SimulatorDied when the process ends before.
        """
        deadline = monotonic() + timeout_s
        position = since
        with self._changed:
            while True:
                for event in self._events[position:]:
                    if isinstance(event, kind) and matches(event):
                        return event
                position = len(self._events)
                if self._closed:
                    raise self._died()
                remaining = deadline - monotonic()
                if remaining <= 0:
                    raise AwaitExpired(awaited or kind.__name__, timeout_s, self._events[since:])
                self._changed.wait(remaining)

    def stop(self) -> None:
        """End the process: politely, then by signal. Safe to call twice and after a crash."""
        self._stopping = True
        if self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError), self._send_lock:
                self._pipe.send(Request(0, Stop()))
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.terminate()
                try:
                    self._process.wait(STOP_DEADLINE_S)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
        self._reader.join(STOP_DEADLINE_S)
        with contextlib.suppress(OSError):
            self._pipe.close()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the process wrote to its standard error."""
        try:
            return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _died(self) -> SimulatorDied:
        if self._stopping:
            return SimulatorDied(f"{self.name} was stopped while it was still needed")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.poll()
        how = f"by signal {-status}" if status is not None and status < 0 else f"with status {status}"
        return SimulatorDied(f"{self.name} died {how} (pid {self.pid})", detail=self.log_tail())

    def _read(self) -> None:
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                break
            promised = None
            with self._changed:
                if isinstance(message, Reply):
                    promised = self._promised.pop(message.number, None)
                    if promised is None:
                        self._replies[message.number] = message
                elif self._keep_events or isinstance(message, Ready | CannotStart):
                    self._events.append(message)
                self._changed.notify_all()
            if promised is not None:
                self._keep_promise(promised, message)
            if isinstance(message, Event):
                for listener in self._listeners:
                    listener(message)
        with self._changed:
            self._closed = True
            left = list(self._promised.values())
            self._promised.clear()
            self._changed.notify_all()
        for promised in left:
            promised.set_exception(self._died())

    def _keep_promise(self, promised: Future[Any], reply: Reply) -> None:
        if reply.error is None:
            promised.set_result(reply.value)
        else:
            promised.set_exception(SimulatorRefused(f"{self.name}: {reply.error}"))
