"""One light phone's part of a call, with something to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from scenarios.load.facts import LegFacts
from simulators.light_phones.call import Call
from simulators.light_phones.times import Ending


class Leg:
    """See the module. ``answered`` and ``ended`` are done once that has happened; both times are the call's own."""

    def __init__(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        self.call = call
        self.answered: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.ending = Ending(0, "", by_us=False)
        self.ear = 0
        """Key of its stream at the desk; 0: nobody listens."""
        call.on_answered = self._on_answered
        call.on_ended = self._on_ended

    @property
    def up(self) -> bool:
        """Answered, and not over."""
        return self.answered.done() and not self.ended.done()

    def end(self) -> None:
        """Hang up, cancel or refuse, whatever the call needs; one that is over stays so."""
        if not self.ended.done():
            self.call.hang_up()

    def facts(self) -> LegFacts:
        """What is to be told of it."""
        call = self.call
        return LegFacts(
            began_at=call.times.invite_at,
            answered_at=call.times.answered_at,
            ended_at=call.times.ended_at,
            ended_by_us=self.ending.by_us,
            reason=self.ending.reason,
            bye_at=call.times.bye_at,
            bye_answered_at=call.times.bye_answered_at,
            codec=call.media.agreed.codec if call.media.agreed else "",
        )

    def _on_answered(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)

    def _on_ended(self, ending: Ending) -> None:
        self.ending = ending
        if not self.ended.done():
            self.ended.set_result(None)


async def first_of(timeout_s: float | None, *awaited: asyncio.Future[Any] | Awaitable[Any]) -> bool:
    """Wait until one of these is done; false when none is within ``timeout_s``. None of them is cancelled."""
    futures = [asyncio.ensure_future(one) for one in awaited]
    if any(future.done() for future in futures):
        return True
    done, _ = await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)
