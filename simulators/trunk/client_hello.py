"""What a TLS client says first, read before anything is answered (RFC 8446 section 4.1.2).

Python's TLS servers cannot refuse an ALPN protocol, only overlook it; Meta's edge refuses ``sip``.
"""

from __future__ import annotations

from dataclasses import dataclass

RECORD_HEADER = 5
"""Octets before a TLS record: type, version, length (RFC 8446 section 5.1)."""
_HANDSHAKE = 22
_CLIENT_HELLO = 1
_ALPN = 16
"""Extension number (RFC 7301)."""

NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"
"""A TLS record with the fatal alert 120, no_application_protocol (RFC 7301 section 3.2)."""


class NotTlsError(Exception):
    """The first octets of a connection are no ClientHello. The text is one line."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """The protocols that a client offers by ALPN; none when it offers no such list."""

    alpn: tuple[str, ...] = ()


def record_length(head: bytes) -> int:
    """Length of the whole record that begins with ``head`` (RECORD_HEADER octets). Raises NotTlsError."""
    if head[0] != _HANDSHAKE or head[1] != 3:
        begun = head.decode("ascii", "replace")
        raise NotTlsError(f"the connection begins with {begun!r}, which is not TLS")
    return RECORD_HEADER + int.from_bytes(head[3:5])


def parse_client_hello(record: bytes) -> ClientHello:
    """The ClientHello in a whole record. Raises NotTlsError.

    One that goes on in a further record, which is rare, is read as far as it goes.
    """
    reader = _Reader(record[RECORD_HEADER:])
    try:
        if reader.take(1) != bytes([_CLIENT_HELLO]):
            raise NotTlsError("the TLS handshake does not begin with a ClientHello")
        reader.take(3 + 2 + 32)
        for width in (1, 2, 1):  # session id, cipher suites, compression methods
            reader.vector(width)
        extensions = _Reader(reader.vector(2)) if reader.left else _Reader(b"")
        while extensions.left:
            number, content = int.from_bytes(extensions.take(2)), extensions.vector(2)
            if number == _ALPN:
                return ClientHello(_protocols(content))
    except IndexError:
        pass
    return ClientHello()


def _protocols(content: bytes) -> tuple[str, ...]:
    names = _Reader(_Reader(content).vector(2))
    found: list[str] = []
    while names.left:
        found.append(names.vector(1).decode("ascii", "replace"))
    return tuple(found)


class _Reader:
    """Takes octets from the front; IndexError when there are too few."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    @property
    def left(self) -> int:
        return len(self._octets)

    def take(self, count: int) -> bytes:
        if count > len(self._octets):
            raise IndexError
        taken, self._octets = self._octets[:count], self._octets[count:]
        return taken

    def vector(self, width: int) -> bytes:
        """A vector with its length in ``width`` octets before it."""
        return self.take(int.from_bytes(self.take(width)))
