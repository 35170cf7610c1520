"""The trunk's line to WhatsApp's platform: asks about calls, takes orders, reports (``harness.call_policy``)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.call_policy import (
    LONGEST_LINE,
    CallAsked,
    CallDecided,
    CallEndOrdered,
    CallMoved,
    CallOrdered,
    CallStep,
    decode,
    encode,
)
from harness.errors import Inconclusive

CONNECT_S = 5.0
"""How long the platform may take to listen, when the trunk starts."""
DECISION_S = 2.0
"""How long the platform may take to decide; a caller waits no longer."""
RETRY_S = 0.1
REMEMBERED_WITHDRAWALS = 4096

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NoDecision:
    """The platform did not decide: a failure of ours, not of who calls. ``why`` is one line."""

    why: str


Decision = CallDecided | NoDecision


class Platform(Protocol):
    """Who decides about calls."""

    def ask(self, asked: CallAsked, done: Callable[[Decision], None]) -> None:
        """``done`` is called exactly once, perhaps at once, unless the question is withdrawn."""

    def withdraw(self, call: str) -> None:
        """Nobody waits for the decision any more: the caller has given up."""

    def moved(self, moved: CallMoved) -> None:
        """Report a step of a call."""


class OpenDoor:
    """No platform: every call is let through."""

    def ask(self, asked: CallAsked, done: Callable[[Decision], None]) -> None:
        done(CallDecided(call=asked.call, allowed=True))

    def withdraw(self, call: str) -> None:
        return

    def moved(self, moved: CallMoved) -> None:
        return


@dataclass(frozen=True, slots=True)
class _Question:
    asked: CallAsked
    done: Callable[[Decision], None]
    deadline: asyncio.TimerHandle


class PolicyClient:
    """The platform behind its Unix-domain socket. Must be used on the loop's thread.

    A line that breaks is made again for later calls; who waits for a decision meanwhile gets NoDecision.
    """

    def __init__(
        self, path: str, *, ordered: Callable[[CallOrdered], None], end_ordered: Callable[[CallEndOrdered], None]
    ) -> None:
        self._path = path
        self._ordered = ordered
        self._end_ordered = end_ordered
        self._loop = asyncio.get_running_loop()
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._questions: dict[str, _Question] = {}
        self._withdrawn: OrderedDict[str, CallAsked] = OrderedDict()

    async def start(self) -> None:
        """Connect. Raises Inconclusive when nobody listens within CONNECT_S."""
        try:
            async with asyncio.timeout(CONNECT_S):
                reader = await self._connect()
        except TimeoutError:
            raise Inconclusive(
                f"WhatsApp's platform does not listen on {self._path} (waited {CONNECT_S:g} s)"
            ) from None
        self._task = self._loop.create_task(self._live(reader))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for question in self._questions.values():
            question.deadline.cancel()
        self._questions.clear()

    # Platform

    def ask(self, asked: CallAsked, done: Callable[[Decision], None]) -> None:
        if self._writer is None:
            done(NoDecision("WhatsApp's platform is not there to be asked"))
            return
        deadline = self._loop.call_later(DECISION_S, self._too_late, asked)
        self._questions[asked.call] = _Question(asked, done, deadline)
        self._writer.write(encode(asked))

    def withdraw(self, call: str) -> None:
        question = self._questions.pop(call, None)
        if question is not None:
            question.deadline.cancel()
            self._remember_withdrawal(question.asked)

    def moved(self, moved: CallMoved) -> None:
        if self._writer is None:
            log.warning("WhatsApp's platform is not there to learn that %s is %s", moved.call, moved.step)
            return
        self._writer.write(encode(moved))

    # The line

    async def _connect(self) -> asyncio.StreamReader:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path, limit=LONGEST_LINE)
            except OSError:
                await asyncio.sleep(RETRY_S)
            else:
                return reader

    async def _live(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                await self._read(reader)
                self._hang_up()
                reader = await self._connect()
        finally:
            self._hang_up()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take messages until the line breaks."""
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                log.warning("WhatsApp's platform sent a line of more than %s octets", LONGEST_LINE)
                return
            except OSError:
                return
            if not line.endswith(b"\n"):
                return
            self._take(line)

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        waiting, self._questions = list(self._questions.values()), {}
        for question in waiting:
            question.deadline.cancel()
            question.done(NoDecision("WhatsApp's platform went away before it decided"))

    def _take(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ValueError as garbage:
            log.warning("%s", garbage)
            return
        try:
            match message:
                case CallDecided():
                    self._decided(message)
                case CallOrdered():
                    self._ordered(message)
                case CallEndOrdered():
                    self._end_ordered(message)
                case _:
                    log.warning("WhatsApp's platform sent a %s, which is for it to get", type(message).__name__)
        except Exception:
            log.exception("%s of WhatsApp's platform could not be carried out", type(message).__name__)

    def _decided(self, decided: CallDecided) -> None:
        question = self._questions.pop(decided.call, None)
        if question is not None:
            question.deadline.cancel()
            question.done(decided)
            return
        asked = self._withdrawn.pop(decided.call, None)
        if asked is None:
            log.warning("WhatsApp's platform decided about %s, which nobody asked or a second time", decided.call)
        elif decided.allowed:
            # It believes that the call goes on.
            self.moved(
                CallMoved(
                    call=asked.call,
                    direction=asked.direction,
                    business=asked.business,
                    user=decided.user or asked.user,
                    step=CallStep.CANCELLED,
                )
            )

    def _too_late(self, asked: CallAsked) -> None:
        question = self._questions.pop(asked.call)
        self._remember_withdrawal(asked)
        question.done(NoDecision(f"WhatsApp's platform did not answer within {DECISION_S:g} s"))

    def _remember_withdrawal(self, asked: CallAsked) -> None:
        self._withdrawn[asked.call] = asked
        if len(self._withdrawn) > REMEMBERED_WITHDRAWALS:
            self._withdrawn.popitem(last=False)
