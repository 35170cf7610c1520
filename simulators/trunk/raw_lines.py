"""Octets to the PBX just as they are, and what it answers to them: for messages that no SIP stack would write."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from harness.messages import Event
from harness.sip.message import salvage
from simulators.trunk.edge import EdgeSide
from simulators.trunk.protocol import LineClosed, OctetsAnswered
from simulators.trunk.tcp import Connection, TcpWire
from simulators.trunk.udp import UdpWire
from simulators.trunk.wire import Address, Wire

LINES = 64
"""UDP lines that are kept; older ones hear nothing more."""
VIA_PORT = 5060
"""Where answers go to a Via without ``rport`` that names no port, or this one (RFC 3261 section 18.2.2)."""

_CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)

Emit = Callable[[Event], None]


class LineError(Exception):
    """Octets cannot be sent. The text is one line."""


class RawLines:
    """Lines to the PBX by name. Over UDP a line is whatever answers one datagram, over a stream a connection."""

    def __init__(self, side: EdgeSide, pbx: Address, emit: Emit) -> None:
        self._side = side
        self._pbx = pbx
        self._emit = emit
        self._count = 0
        self._datagrams: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._streams: dict[str, _StreamLine] = {}
        self._via_port: UdpWire | None = None

    async def open(self, octets: bytes) -> str:
        """Send ``octets`` over a new line, whose name is the result. Raises LineError."""
        self._count += 1
        name = f"line-{self._count}"
        wire = self._side.wires[self._side.default_transport]
        if not isinstance(wire, TcpWire):
            self._datagrams[name] = frozenset(_call_ids(octets))
            if len(self._datagrams) > LINES:
                self._datagrams.popitem(last=False)
            self._side.tap = self
            self._listen_at_via_port()
            wire.send(octets, self._pbx)
            return name
        line = _StreamLine(name, self._side, self._emit)
        line.wire = wire.apart(line)
        try:
            line.connection = await line.wire.open(self._pbx)
        except (OSError, TimeoutError) as error:
            raise LineError(line.wire.failed(self._pbx, error)) from error
        self._streams[name] = line
        line.connection.write(octets)
        return name

    def send(self, name: str, octets: bytes) -> None:
        """Send further octets over a line. Raises LineError when it is closed."""
        if name in self._datagrams:
            self._side.wires[self._side.default_transport].send(octets, self._pbx)
            return
        line = self._streams.get(name)
        if line is None or line.connection is None or not line.connection.open:
            raise LineError(f"{name} is closed")
        line.connection.write(octets)

    async def close(self, name: str) -> None:
        """Hear no more of a line, and close its connection. Unknown names are fine."""
        self._datagrams.pop(name, None)
        if not self._datagrams:
            self._side.tap = None
            if self._via_port is not None:
                wire, self._via_port = self._via_port, None
                await wire.close()
        line = self._streams.pop(name, None)
        if line is not None and line.wire is not None:
            line.ended = True
            await line.wire.close()

    async def close_all(self) -> None:
        for name in [*self._datagrams, *self._streams]:
            await self.close(name)

    def takes(self, octets: bytes, source: Address, at: float) -> bool:
        """Whether a datagram belongs to a line; what does goes no further.

        Answers come back to where requests leave from (RFC 3581), or to the port that the Via names.
        """
        if source[0] != self._pbx[0] or not octets.startswith(b"SIP/"):
            return False
        answer = salvage(octets)
        call_id = answer.get("Call-ID")
        for name, known in reversed(self._datagrams.items()):
            if call_id in known or not call_id:
                self._emit(OctetsAnswered(at=at, line=name, octets=octets))
                return True
        return False

    # The wire at the Via's port

    def _listen_at_via_port(self) -> None:
        """Hear answers there as well, where the trunk's own port is another one."""
        address, port = self._side.local
        if port != VIA_PORT and self._via_port is None:
            try:
                self._via_port = UdpWire((address, VIA_PORT), self)
            except OSError as taken:
                raise LineError(f"answers to a Via without rport cannot be heard: {taken.strerror}") from taken

    def received(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object | None
    ) -> None:
        self._side.trace.record(octets, source, local, wire.name, at)
        self.takes(octets, source, at)

    def sent(self, wire: Wire, octets: bytes, local: Address, destination: Address, at: float) -> None:
        """Nothing is sent from there."""

    def broken(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object, why: str
    ) -> None:
        """A datagram cannot be broken."""

    def unreachable(self, destination: Address, why: str) -> None:
        """Nothing is sent from there."""

    def disconnected(self, peer: Address) -> None:
        """There is no connection."""


@dataclass(slots=True)
class _StreamLine:
    """A connection of its own, so that what the PBX makes of a broken stream touches nothing else."""

    name: str
    side: EdgeSide
    emit: Emit
    wire: TcpWire | None = None
    connection: Connection | None = None
    ended: bool = False

    def received(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object | None
    ) -> None:
        self.side.trace.record(octets, source, local, wire.name, at)
        self.emit(OctetsAnswered(at=at, line=self.name, octets=octets))

    def sent(self, wire: Wire, octets: bytes, local: Address, destination: Address, at: float) -> None:
        self.side.trace.record(octets, local, destination, wire.name, at)

    def broken(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object, why: str
    ) -> None:
        self.received(wire, octets, source, local, at, connection)

    def unreachable(self, destination: Address, why: str) -> None:
        self.disconnected(destination)

    def disconnected(self, peer: Address) -> None:
        if not self.ended:
            self.ended = True
            self.emit(LineClosed(at=monotonic(), line=self.name))


def _call_ids(octets: bytes) -> list[str]:
    return [value.strip().decode("utf-8", "surrogateescape") for value in _CALL_ID.findall(octets)]
