"""WhatsApp's platform for tests of the trunk: listens on a Unix socket, answers as told, keeps what it gets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harness.call_policy import CallAsked, CallDecided, CallMoved, CallStep, Message, decode, encode

DEADLINE_S = 4.0
MessageT = TypeVar("MessageT")
Answers = Callable[[CallAsked], list[Message | bytes]]


def yes(asked: CallAsked) -> list[Message | bytes]:
    return [CallDecided(call=asked.call, allowed=True)]


def no(code: int, text: str) -> Answers:
    return lambda asked: [CallDecided(call=asked.call, allowed=False, code=code, text=text)]


def silent(asked: CallAsked) -> list[Message | bytes]:
    return []


class FakePlatform:
    """Every wait has a deadline."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: Answers = yes
        self.got: list[Message] = []
        self._changed = threading.Condition()
        self._connected = threading.Event()
        self._trunk: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                self._trunk, _ = self._listener.accept()
            except OSError:
                return
            self._connected.set()
            with contextlib.suppress(OSError), self._trunk.makefile("rb") as lines:
                for line in lines:
                    self._take(decode(line))

    def _take(self, message: Message) -> None:
        with self._changed:
            self.got.append(message)
            self._changed.notify_all()
        if isinstance(message, CallAsked):
            for answer in self.answers(message):
                self.send(answer)

    def send(self, message: Message | bytes) -> None:
        assert self._connected.wait(DEADLINE_S), "no trunk has connected"
        assert self._trunk is not None
        self._trunk.sendall(message if isinstance(message, bytes) else encode(message))

    def die(self) -> None:
        """Close the line, and listen no more."""
        # Closing does not wake an accept that waits in another thread.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._trunk is not None:
            with contextlib.suppress(OSError):
                self._trunk.shutdown(socket.SHUT_RDWR)
            self._trunk.close()
        self._thread.join(DEADLINE_S)
        self.path.unlink(missing_ok=True)

    def wait_for(self, kind: type[MessageT], matches: Callable[[MessageT], bool] = lambda _: True) -> MessageT:
        """A message of a kind, also one that came before."""

        def found() -> MessageT | None:
            return next((m for m in self.got if isinstance(m, kind) and matches(m)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, DEADLINE_S)
            message = found()
            assert message is not None, f"no such {kind.__name__} within {DEADLINE_S} s; there were {self.got}"
            return message

    def step(self, step: CallStep) -> CallMoved:
        return self.wait_for(CallMoved, lambda moved: moved.step is step)

    def steps(self, count: int) -> list[CallStep]:
        """All steps so far, of which there are at least ``count`` or the deadline is over."""

        def came() -> list[CallStep]:
            return [m.step for m in self.got if isinstance(m, CallMoved)]

        with self._changed:
            self._changed.wait_for(lambda: len(came()) >= count, DEADLINE_S)
            return came()
