"""The inside of a simulator process: start-up, the channel to the harness, and dying with the parent."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from harness.errors import TrunkproofError
from harness.lag import LagWatch
from harness.messages import CannotStart, Command, Event, Ready, Reply, Request, Stop

PR_SET_PDEATHSIG = 1
CALLS_PRIORITY = 1
"""The lowest real-time priority: above all ordinary processes, below the system's own."""


class ParentGone(Exception):
    """The harness closed its end: there is nobody left to work for."""


class Channel:
    """A simulator's end of the pipe.

    A simulator's own event loop watches ``fileno()`` (or polls) and calls ``receive``; ``emit`` and
    ``reply`` may be called from any thread.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()

    def fileno(self) -> int:
        return self._pipe.fileno()

    def ready(self, *, carries_calls: bool = True) -> None:
        """Tell the harness that the sockets are bound and commands are taken.

        From here on a process that carries calls goes before others; its start, which takes far more of the
        processor than a call, does not.
        """
        if carries_calls:
            take_precedence()
        self.emit(Ready())

    def receive(self, timeout_s: float = 0.0) -> Request | None:
        """The next request, or None when none came within ``timeout_s``. Raises ParentGone."""
        try:
            if not self._pipe.poll(timeout_s):
                return None
            message = self._pipe.recv()
        except (EOFError, OSError) as gone:
            raise ParentGone from gone
        assert isinstance(message, Request)
        return message

    def emit(self, event: Event) -> None:
        """Send an event. Raises ParentGone."""
        self._send(event)

    def reply(self, request: Request, value: Any = None) -> None:
        """Answer a request that was carried out. Raises ParentGone."""
        self._send(Reply(request.number, value))

    def refuse(self, request: Request, reason: str) -> None:
        """Answer a request that was not carried out, with one line that says why. Raises ParentGone."""
        self._send(Reply(request.number, error=reason))

    def _send(self, message: object) -> None:
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError as gone:
            raise ParentGone from gone


def is_stop(command: Command) -> bool:
    """Whether the command asks the process to end."""
    return isinstance(command, Stop)


def take_precedence() -> None:
    """Calls go before analysis and before whatever else the machine does: RTP is due every 20 ms.

    Real-time priority needs root; without it normal priority must do. (Being less nice would not: with
    autogroups, as Linux has them, it counts among the processes of one session only.)
    """
    try:
        # Each thread has a priority of its own; those to come inherit it.
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(CALLS_PRIORITY))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)


def die_with_parent(parent_pid: int) -> None:
    """End when the parent does, however that ends. Raises SystemExit when it has already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise SystemExit("the harness ended before its simulator started")


def main(arguments: list[str]) -> int:
    """``python -m harness.child module:function fd parent_pid``."""
    entry, descriptor, parent_pid = arguments
    die_with_parent(int(parent_pid))
    # Ctrl-C goes to the whole process group; the harness decides when a simulator ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Connection(socket.socket(fileno=int(descriptor)).detach())
    channel = Channel(pipe)
    config = pipe.recv()
    module_name, _, function_name = entry.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
        LagWatch(channel.emit).start()
        function(channel, config)
    except ParentGone:
        return 0
    except (OSError, ImportError, TrunkproofError) as cannot:
        channel.emit(CannotStart(reason=str(cannot)))
        raise
    return 0


if __name__ == "__main__":
    # Not this copy, which is called __main__: simulators catch the ParentGone of harness.child.
    sys.exit(importlib.import_module("harness.child").main(sys.argv[1:]))
