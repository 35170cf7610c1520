"""What the edge asks of a transport, and what a transport tells the edge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

Address = tuple[str, int]


class WireListener(Protocol):
    """The edge's side. Times are CLOCK_MONOTONIC in s, taken at the socket."""

    def received(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object | None
    ) -> None: ...

    def sent(self, wire: Wire, octets: bytes, local: Address, destination: Address, at: float) -> None: ...

    def broken(
        self,
        wire: Wire,
        octets: bytes,
        source: Address,
        local: Address,
        at: float,
        connection: object,
        why: str,
    ) -> None: ...

    def unreachable(self, destination: Address, why: str) -> None: ...

    def disconnected(self, peer: Address) -> None: ...


class Wire(ABC):
    """A transport of one side. ``reliable``: it delivers or breaks, so nothing is sent twice over it."""

    name: str
    reliable: bool
    local: Address

    @abstractmethod
    async def start(self) -> None:
        """Begin to listen. Raises OSError."""

    @abstractmethod
    def send(self, octets: bytes, destination: Address, reply_to: object | None = None) -> None:
        """Send a message; ``reply_to`` is the connection that the request came over."""

    @abstractmethod
    async def close(self) -> None:
        """Close all sockets."""
