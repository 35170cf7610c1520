"""As much of SIP as a gateway needs that refuses every call: requests in, responses out (RFC 3261)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MOST_BYTES = 65_536
"""Longest message that is read from a stream."""

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "m": "contact"}
_START = re.compile(r"^(?P<method>[A-Z]+) (?P<uri>\S+) SIP/2\.0$")
_USER = re.compile(r"(?:sips?|tel):(?P<user>[^@;>\s]+)", re.IGNORECASE)
_COPIED = ("via", "from", "to", "call-id", "cseq", "record-route")
_NAMES = {
    "via": "Via",
    "from": "From",
    "to": "To",
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "record-route": "Record-Route",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request: header names in lower case and long form, in order, unfolded."""

    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    raw: str

    def header(self, name: str) -> str:
        """First value of a header, empty when it is missing."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def caller(self) -> str:
        """User part of From."""
        return _user(self.header("from"))

    @property
    def called(self) -> str:
        """User part of the Request-URI."""
        return _user(self.uri)


def parse_request(data: bytes) -> Request | None:
    """A request, None for all else: responses, keep-alives, noise. Never raises."""
    text = data.decode("utf-8", "surrogateescape")
    head = text.partition("\r\n\r\n")[0]
    lines = re.sub(r"\r\n[ \t]+", " ", head.lstrip("\r\n")).split("\r\n")
    start = _START.match(lines[0])
    if start is None:
        return None
    headers = []
    for line in lines[1:]:
        name, separator, value = line.partition(":")
        if separator:
            key = name.strip().lower()
            headers.append((_COMPACT.get(key, key), value.strip()))
    readable = data.decode("utf-8", "replace")
    request = Request(start["method"], start["uri"], tuple(headers), readable)
    # Without these a response cannot be told where to go (section 8.1.1).
    complete = all(request.header(name) for name in ("via", "from", "to", "call-id", "cseq"))
    return request if complete else None


def response(request: Request, code: int, reason: str) -> bytes:
    """A response without body. The To tag is made for all but 100 (section 8.2.6.2)."""
    lines = [f"SIP/2.0 {code} {reason}"]
    for name, value in request.headers:
        if name not in _COPIED:
            continue
        needs_tag = name == "to" and code != 100 and ";tag=" not in value
        lines.append(f"{_NAMES[name]}: {value}{_tag(request) if needs_tag else ''}")
    lines += ["Allow: INVITE, ACK, OPTIONS", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _tag(request: Request) -> str:
    """The same for a request and what is sent again of it."""
    via = request.header("via").encode("utf-8", "surrogateescape")
    return f";tag={hashlib.sha256(via).hexdigest()[:8]}"


class StreamReader:
    """Cuts a byte stream into messages by Content-Length (section 18.3). ``broken`` once it cannot."""

    def __init__(self) -> None:
        self._pending = b""
        self.broken = False

    def feed(self, data: bytes) -> list[bytes]:
        """Messages that are complete now."""
        self._pending += data
        messages = []
        while not self.broken:
            # Empty lines before a message are keep-alives (section 7.5, RFC 5626).
            self._pending = self._pending.lstrip(b"\r\n")
            head, separator, rest = self._pending.partition(b"\r\n\r\n")
            if not separator:
                self.broken = len(self._pending) > MOST_BYTES
                break
            length = _content_length(head)
            if length is None or length > MOST_BYTES:
                self.broken = True
                break
            if len(rest) < length:
                break
            messages.append(head + separator + rest[:length])
            self._pending = rest[length:]
        return messages


def _content_length(head: bytes) -> int | None:
    """Value of Content-Length, 0 when it is missing, None when it is no number."""
    found = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*)", head, re.IGNORECASE)
    if found is None:
        return 0
    value = found[1].strip()
    return int(value) if value.isdigit() and len(value) < 10 else None


def _user(text: str) -> str:
    found = _USER.search(text)
    return found["user"].encode("utf-8", "surrogateescape").decode("utf-8", "replace") if found else ""
