"""How a simulator that works in an asyncio loop is told what to do, and when to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.child import Channel, ParentGone, is_stop
from harness.messages import Request


@contextmanager
def takes_requests(channel: Channel, over: asyncio.Event, carry_out: Callable[[Request], None]) -> Iterator[None]:
    """Within the block ``carry_out`` gets each request, and ``over`` is set once the harness says stop or is gone."""
    loop = asyncio.get_running_loop()

    def take() -> None:
        try:
            while request := channel.receive():
                if is_stop(request.command):
                    over.set()
                    return
                carry_out(request)
        except ParentGone:
            loop.remove_reader(channel.fileno())
            over.set()

    loop.add_reader(channel.fileno(), take)
    try:
        yield
    finally:
        loop.remove_reader(channel.fileno())


@contextmanager
def ends_when_told(channel: Channel, over: asyncio.Event, name: str) -> Iterator[None]:
    """The same for a simulator that is told nothing but to stop: other commands are refused.

    ``name`` is what the simulator calls itself, as in "the PSTN trap".
    """

    def refuse(request: Request) -> None:
        channel.refuse(request, f"{name} knows no {type(request.command).__name__}")

    with takes_requests(channel, over, refuse):
        yield
