"""TCP of the edge: listens, connects when needed, uses a connection while it lives (RFC 3261 section 18)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from time import monotonic

from harness.sip.framing import FramingError, StreamFramer
from simulators.trunk.wire import Address, Wire, WireListener

CONNECT_DEADLINE_S = 4.0
GOODBYE_S = 0.5
"""How long the far end of a connection may take to close it, too."""

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One connection, whoever opened it: ``ours`` tells. ``heard``: something came over it."""

    def __init__(self, wire: TcpWire, *, ours: bool = False) -> None:
        self.ours = ours
        self.heard = False
        self.closed_here = False
        self.gone = asyncio.Event()
        self._wire = wire
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self.local: Address = ("", 0)
        self.peer: Address = ("", 0)

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.local = transport.get_extra_info("sockname")[:2]
        self.peer = transport.get_extra_info("peername")[:2]
        self._wire.opened(self)

    def data_received(self, data: bytes) -> None:
        at = monotonic()
        self.heard = True
        try:
            for message in self._framer.feed(data):
                self._wire.listener.received(self._wire, message, self.peer, self.local, at, self)
        except FramingError as error:
            self._wire.listener.broken(self._wire, error.octets, self.peer, self.local, at, self, str(error))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.gone.set()
        self._wire.lost(self, exc)

    def write(self, octets: bytes) -> None:
        if self._transport is not None:
            self._transport.write(octets)
            self._wire.listener.sent(self._wire, octets, self.local, self.peer, monotonic())

    def close(self) -> None:
        self.closed_here = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close without waiting for anybody."""
        if self._transport is not None:
            self._transport.abort()


class TcpWire(Wire):
    """All TCP connections of one side."""

    name = "tcp"
    reliable = True

    def __init__(self, local: Address, listener: WireListener) -> None:
        self.local = local
        self.listener = listener
        self._server: asyncio.Server | None = None
        self._connections: dict[Address, Connection] = {}
        self._all: set[Connection] = set()
        self._waiting: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self), *self.local)
        except OSError as taken:
            raise OSError(taken.errno, f"TCP {self.local[0]}:{self.local[1]}: {taken.strerror}") from None

    def send(self, octets: bytes, destination: Address, reply_to: object | None = None) -> None:
        connection = reply_to if isinstance(reply_to, Connection) and reply_to.open else None
        connection = connection or self._connections.get(destination)
        if connection is not None and connection.open:
            connection.write(octets)
        elif destination in self._waiting:
            self._waiting[destination].append(octets)
        else:
            self._waiting[destination] = [octets]
            self.spawn(self._connect(destination))

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Have a task of this wire run until it is done or the wire is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._all):
            connection.close()
        # Closing is done by callbacks of the loop: let it run once.
        await asyncio.sleep(0)

    async def drop_connections(self) -> int:
        """Close all connections; how many there were, once their far ends have closed them, too."""
        open_ones = list(self._all)
        for connection in open_ones:
            connection.close()
        for connection in open_ones:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connection.gone.wait(), GOODBYE_S)
            connection.abort()
        return len(open_ones)

    def opened(self, connection: Connection) -> None:
        self._connections[connection.peer] = connection
        self._all.add(connection)

    def lost(self, connection: Connection, error: Exception | None) -> None:
        """A connection is gone; ``error`` is None when somebody closed it."""
        self._all.discard(connection)
        if self._connections.get(connection.peer) is connection:
            del self._connections[connection.peer]
        self.listener.disconnected(connection.peer)

    def apart(self, listener: WireListener) -> TcpWire:
        """Another one like it, for connections of its own that ``listener`` hears; it does not listen."""
        return TcpWire((self.local[0], 0), listener)

    async def open(self, destination: Address) -> Connection:
        """A new connection. Raises OSError, TimeoutError."""
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self, ours=True), *destination, local_addr=(self.local[0], 0)
        )
        return connection

    def failed(self, destination: Address, error: Exception) -> str:
        """Why there is no connection, in one line."""
        if isinstance(error, TimeoutError):
            return f"no connection within {CONNECT_DEADLINE_S:g} s"
        return f"{self.name.upper()}: {getattr(error, 'strerror', None) or error}"

    async def _connect(self, destination: Address) -> None:
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                connection = await self.open(destination)
        except (OSError, TimeoutError) as error:
            self._waiting.pop(destination, None)
            why = self.failed(destination, error)
            log.warning("%s:%s: %s", *destination, why)
            self.listener.unreachable(destination, why)
            return
        for octets in self._waiting.pop(destination, []):
            connection.write(octets)
