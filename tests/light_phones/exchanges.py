"""Exchanges without media, on a loop whose time jumps to the next timer when nothing is to be read."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.ports import StreamSettings
from simulators.light_phones.uris import Address

CUSTOMERS, AGENTS = "127.0.46.1", "127.0.46.2"
T = TypeVar("T")


@dataclass
class StandInStream:
    """Takes the place of the media engine's stream: there is no media here, only what was asked of it."""

    port: int
    did: list[Any] = field(default_factory=list)
    rtcp_port: int = 0
    ssrc: int = 77

    def start(self, settings: StreamSettings) -> None:
        self.did.append(settings)

    def send_digits(self, digits: str) -> None:
        self.did.append(digits)

    def pause(self) -> None:
        self.did.append("pause")

    def resume(self) -> None:
        self.did.append("resume")

    def close(self) -> list[Any]:
        self.did.append("close")
        return self.did

    @property
    def last(self) -> StreamSettings:
        return [done for done in self.did if isinstance(done, StreamSettings)][-1]


class StandInEngine:
    def __init__(self) -> None:
        self.streams: list[StandInStream] = []

    def open(self) -> StandInStream:
        stream = StandInStream(port=20000 + 2 * len(self.streams))
        stream.rtcp_port = stream.port + 1
        self.streams.append(stream)
        return stream

    def left(self) -> int:
        return sum(stream.did[-1:] != ["close"] for stream in self.streams)


class Lossy(LightExchange):
    """Each third message that it sends is lost."""

    lost = 0
    offered = 0

    def send(self, octets: bytes, destination: Address) -> None:
        self.offered += 1
        if self.offered % 3 == 0:
            self.lost += 1
            return
        super().send(octets, destination)


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(1.0 if timeout is None else 0.0)
        if not found and timeout:
            self.jumped_s += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.jumped_s


class Pair:
    """Customers' exchange and agents'; each call that comes to the agents is given to ``taking``."""

    def __init__(self, kind: type[LightExchange] = LightExchange) -> None:
        self.kind = kind
        self.engines = StandInEngine(), StandInEngine()
        self.came: list[IncomingCall] = []
        self.customers: LightExchange
        self.agents: LightExchange
        self.taking: Callable[[IncomingCall], None] = lambda call: call.ring()

    async def start(self) -> Pair:
        self.customers = self.kind(CUSTOMERS, self.engines[0])
        self.agents = self.kind(AGENTS, self.engines[1])
        for exchange in (self.customers, self.agents):
            await exchange.start()
        self.agents.on_incoming = self._incoming
        return self

    def _incoming(self, call: IncomingCall) -> None:
        self.came.append(call)
        self.taking(call)

    async def close(self) -> None:
        for exchange in (self.customers, self.agents):
            await exchange.close()

    def dial(self, **keywords: Any) -> Any:
        host, port = self.agents.local
        return self.customers.dial("+34600111222", f"sip:1001@{host}:{port}", (host, port), **keywords)


def played(flow: Callable[[Pair], Coroutine[Any, Any, T]], kind: type[LightExchange] = LightExchange) -> T:
    """Run a flow between two exchanges; nothing may go wrong in the loop, and nothing be left in the end."""
    troubles: list[str] = []

    async def whole() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(str(context)))
        pair = await Pair(kind).start()
        try:
            result = await asyncio.wait_for(flow(pair), 300)
            assert (pair.customers.calls, pair.agents.calls) == (0, 0)
            assert [engine.left() for engine in pair.engines] == [0, 0]
            return result
        finally:
            await pair.close()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        result = runner.run(whole())
    assert troubles == []
    return result
