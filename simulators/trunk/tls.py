"""TLS of the edge, as Meta does it: connections of its own to the PBX, and those that the PBX opens.

The PBX's certificate must lead to a trusted CA, be valid now and be for the configured name (RFC 5922). Each way in
which this fails becomes a ``TlsFault``, told once to the listener and as the reason why nothing could be sent.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from simulators.trunk.client_hello import (
    NO_APPLICATION_PROTOCOL,
    RECORD_HEADER,
    NotTlsError,
    parse_client_hello,
    record_length,
)
from simulators.trunk.tcp import Connection, TcpWire
from simulators.trunk.tls_faults import (
    ALPN_REFUSED,
    CLOSED_AFTER_ASKING,
    CLOSED_AT_ONCE,
    CLOSED_BY_PBX,
    NoHandshakeError,
    TlsCause,
    TlsFault,
    from_pbx,
    to_pbx,
)
from simulators.trunk.wire import Address, WireListener

DEFAULT_PORT = 5061
"""Of SIP over TLS (RFC 3261 section 19.1.2)."""
HANDSHAKE_S = 3.0
BACKLOG = 128

log = logging.getLogger(__name__)

TlsTeller = Callable[[Address, bool, TlsFault], None]
"""Takes the peer's address, whether the trunk opened the connection, and what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Paths are of PEM files. ``ca`` empty: the system's CAs, as public ones sign. ``hostname`` is whom the PBX's
    certificate must be for; ``client_certificate`` and its key are shown to a PBX that asks for one (empty: none)."""

    hostname: str
    certificate: str
    key: str
    ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    refused_alpn: tuple[str, ...] = ("sip",)


def client_context(settings: TlsSettings) -> ssl.SSLContext:
    """For connections to the PBX: no ALPN, the certificate checked. Raises OSError for files that are not there or
    are no certificates (ssl.SSLError is one)."""
    context = ssl.create_default_context(cafile=settings.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.client_certificate:
        context.load_cert_chain(settings.client_certificate, settings.client_key)
    return context


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """For connections of the PBX. Raises OSError as ``client_context``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.certificate, settings.key)
    return context


def _on_certificate_request(context: ssl.SSLContext, tell: Callable[[], None]) -> None:
    """Call ``tell`` whenever a server asks for a certificate."""

    def look(_connection: object, direction: str, _version: object, _kind: object, message: object, _: bytes) -> None:
        if direction == "read" and getattr(message, "name", "") == "CERTIFICATE_REQUEST":
            tell()

    # Nothing public tells it; without this a PBX that closes early could not be told from one that is broken.
    context._msg_callback = look  # type: ignore[attr-defined]


class TlsWire(TcpWire):
    """All TLS connections of one side."""

    name = "tls"

    def __init__(self, local: Address, listener: WireListener, settings: TlsSettings, tell: TlsTeller) -> None:
        super().__init__(local, listener)
        self._settings = settings
        self._tell = tell
        self._to_pbx = client_context(settings)
        self._from_pbx = server_context(settings)
        self._certificate_asked = False
        _on_certificate_request(self._to_pbx, self._note_request)
        self._listening: socket.socket | None = None

    async def start(self) -> None:
        try:
            self._listening = socket.create_server(self.local, backlog=BACKLOG)
        except OSError as taken:
            raise OSError(taken.errno, f"TLS {self.local[0]}:{self.local[1]}: {taken.strerror}") from None
        self._listening.setblocking(False)
        self.local = self._listening.getsockname()[:2]
        self.spawn(self._accept(self._listening))

    async def close(self) -> None:
        await super().close()
        if self._listening is not None:
            self._listening.close()

    def lost(self, connection: Connection, error: Exception | None) -> None:
        super().lost(connection, error)
        if connection.heard or connection.closed_here:
            return
        # One side may look at the other's certificate when that one believes the handshake done (RFC 8446).
        if not connection.ours:
            fault = from_pbx(error) if error else CLOSED_BY_PBX
            log.warning("TLS connection of %s:%s: %s", *connection.peer, fault.why)
            self._tell(connection.peer, False, fault)
            return
        fault = self._fault_of_pbx(error, self._settings.hostname) if error else CLOSED_AT_ONCE
        self._tell(connection.peer, True, fault)
        self.listener.unreachable(connection.peer, f"TLS: {fault.why}")

    def apart(self, listener: WireListener) -> TlsWire:
        # A connection that ends without a word is the listener's to judge.
        return TlsWire((self.local[0], 0), listener, self._settings, lambda _peer, _opened_here, _fault: None)

    async def open(self, destination: Address) -> Connection:
        loop = asyncio.get_running_loop()
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            plain.setblocking(False)
            plain.bind((self.local[0], 0))
            await loop.sock_connect(plain, destination)
            try:
                async with asyncio.timeout(HANDSHAKE_S):
                    _, connection = await loop.create_connection(
                        lambda: Connection(self, ours=True),
                        sock=plain,
                        ssl=self._to_pbx,
                        server_hostname=self._settings.hostname or destination[0],
                    )
            except TimeoutError:
                raise NoHandshakeError from None
        except BaseException:
            plain.close()
            raise
        return connection

    def failed(self, destination: Address, error: Exception) -> str:
        fault = self._fault_of_pbx(error, self._settings.hostname or destination[0])
        self._tell(destination, True, fault)
        return f"TLS: {fault.why}"

    def _note_request(self) -> None:
        self._certificate_asked = True

    def _fault_of_pbx(self, error: BaseException, hostname: str) -> TlsFault:
        fault = to_pbx(error, hostname)
        # The alert that would say so is lost when the PBX closes before it has read all of the handshake.
        return CLOSED_AFTER_ASKING if fault.cause is TlsCause.CLOSED and self._certificate_asked else fault

    # Connections of the PBX.

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            accepted, peer = await loop.sock_accept(listening)
            accepted.setblocking(False)
            self.spawn(self._admit(accepted, peer[:2]))

    async def _admit(self, accepted: socket.socket, peer: Address) -> None:
        """Look at how the peer begins, and go on with TLS when that is as it should be."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                offered = parse_client_hello(await _first_record(accepted)).alpn
                if set(offered) & set(self._settings.refused_alpn):
                    await loop.sock_sendall(accepted, NO_APPLICATION_PROTOCOL)
                    self._refuse(accepted, peer, ALPN_REFUSED)
                    return
                await loop.connect_accepted_socket(lambda: Connection(self), accepted, ssl=self._from_pbx)
        except NotTlsError as other:
            self._refuse(accepted, peer, TlsFault(TlsCause.NOT_TLS, str(other)))
        except TimeoutError:
            self._refuse(accepted, peer, TlsFault(TlsCause.NO_ANSWER, "it did not go on with the TLS handshake"))
        except (OSError, EOFError) as error:
            self._refuse(accepted, peer, from_pbx(error))

    def _refuse(self, accepted: socket.socket, peer: Address, fault: TlsFault) -> None:
        log.warning("TLS connection of %s:%s: %s", *peer, fault.why)
        accepted.close()
        self._tell(peer, False, fault)


async def _first_record(accepted: socket.socket) -> bytes:
    """The first TLS record, which stays in the socket. Raises NotTlsError, ConnectionError."""
    head = await _peek(accepted, RECORD_HEADER)
    return await _peek(accepted, record_length(head))


async def _peek(accepted: socket.socket, count: int) -> bytes:
    """``count`` octets, once they are there."""
    loop = asyncio.get_running_loop()
    # The socket then counts as readable only when it has so much, or when it has ended.
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(accepted, _wake, readable)
    try:
        await readable
    finally:
        loop.remove_reader(accepted)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    octets = accepted.recv(count, socket.MSG_PEEK)
    if not octets:
        raise ConnectionResetError
    if len(octets) < count:
        raise NotTlsError(f"the connection begins with {octets[:20]!r} and ends there")
    return octets


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
