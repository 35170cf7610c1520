"""The end of a simulator that works in an asyncio loop and is told nothing but to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from harness.child import Channel, ParentGone, is_stop


@contextmanager
def ends_when_told(channel: Channel, over: asyncio.Event, name: str) -> Iterator[None]:
    """Within the block ``over`` is set once the harness says stop or is gone; other commands are refused.

    ``name`` is what the simulator calls itself, as in "the PSTN trap".
    """

    def take() -> None:
        try:
            request = channel.receive()
            if request is None:
                return
            if is_stop(request.command):
                over.set()
            else:
                channel.refuse(request, f"{name} knows no {type(request.command).__name__}")
        except ParentGone:
            over.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(channel.fileno(), take)
    try:
        yield
    finally:
        loop.remove_reader(channel.fileno())
