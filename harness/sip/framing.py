"""Messages out of a byte stream: Content-Length framing (RFC 3261 section 18.3)."""

from __future__ import annotations

import re

MAX_HEAD = 65536
MAX_BODY = 1 << 20

_LENGTH = re.compile(rb"^(?:Content-Length|l)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class FramingError(Exception):
    """The stream cannot be cut into messages any more; the connection must be closed.

    ``octets`` is what had come of the broken message.
    """

    def __init__(self, reason: str, octets: bytes) -> None:
        super().__init__(reason)
        self.octets = octets


class StreamFramer:
    """Cuts a stream into messages however it was cut into segments."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, octets: bytes) -> list[bytes]:
        """Octets that came; the messages that are complete now. Raises FramingError.

        Empty lines between messages are keep-alives (RFC 3261 section 7.5, RFC 5626 section 3.5.1).
        """
        self._buffer += octets
        messages: list[bytes] = []
        while message := self._next():
            messages.append(message)
        return messages

    def _next(self) -> bytes:
        start = 0
        while start < len(self._buffer) and self._buffer[start] in b"\r\n":
            start += 1
        del self._buffer[:start]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                begun = bytes(self._buffer[:MAX_HEAD])
                raise FramingError(f"no end of headers within {MAX_HEAD} octets", begun)
            return b""
        head = bytes(self._buffer[: end + 4])
        length = _LENGTH.search(head)
        if length is None:
            raise FramingError("no Content-Length on a stream", head)
        text = length.group(1).strip()
        if not text.isdigit() or int(text) > MAX_BODY:
            raise FramingError(f"Content-Length {text[:20]!r} is unusable", head)
        size = end + 4 + int(text)
        if len(self._buffer) < size:
            return b""
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        return message
