"""A SIP message as the edge handles it: first line, headers in order, body as octets (RFC 3261 section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from harness.trace import decode_octets

COMPACT_NAMES = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}
"""Compact forms (RFC 3261 section 7.3.3 and the IANA registry)."""

MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
"""Without these a message cannot be answered nor matched (RFC 3261 section 8.1.1)."""

CHALLENGES = frozenset({401, 407})
"""Responses that ask for credentials (RFC 3261 section 22)."""

SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length")
"""With two of these nobody knows which one counts (RFC 3261 section 7.3.1)."""


_ADDRESS = re.compile(
    r"""(?: (?: "(?:[^"\\]|\\.)*" | [^<>"]* ) \s* <[A-Za-z][A-Za-z0-9+.-]*:[^<>\s]+>
        | [A-Za-z][A-Za-z0-9+.-]*:[^<>\s]+ )""",
    re.VERBOSE,
)
"""name-addr or addr-spec (RFC 3261 section 25.1), as far as it matters for finding the URI."""


class MalformedMessageError(Exception):
    """Octets that are not a SIP message. The text is one line."""


@dataclass(slots=True)
class SipMessage:
    """One message. Header names keep their spelling; look-ups ignore case and compact forms."""

    first_line: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        return not self.first_line.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """Method of a request, of a response the method it answers (from CSeq)."""
        if self.is_request:
            return self.first_line.partition(" ")[0]
        return self.get("CSeq").partition(" ")[2].strip()

    @property
    def code(self) -> int:
        """Status code of a response, 0 for a request."""
        if self.is_request:
            return 0
        text = self.first_line.split(" ", 2)[1]
        return int(text) if text.isdigit() else 0

    @property
    def request_uri(self) -> str:
        return self.first_line.split(" ")[1] if self.is_request else ""

    @property
    def branch(self) -> str:
        """Branch of the topmost Via, which names the transaction (RFC 3261 section 17.2.3)."""
        return parameter(self.get("Via").split(",")[0], "branch")

    def get(self, name: str) -> str:
        """Value of the first header ``name``, or an empty string."""
        wanted = _spellings(name)
        for key, value in self.headers:
            if key.lower() in wanted:
                return value
        return ""

    def values(self, name: str) -> Iterator[str]:
        wanted = _spellings(name)
        return (value for key, value in self.headers if key.lower() in wanted)

    def add(self, name: str, value: str) -> None:
        """Append a header."""
        self.headers.append((name, value))

    def set(self, name: str, value: str) -> None:
        """Give the first header ``name`` a value and drop the others of that name; append it when absent."""
        wanted = _spellings(name)
        kept: list[tuple[str, str]] = []
        placed = False
        for key, old in self.headers:
            if key.lower() not in wanted:
                kept.append((key, old))
            elif not placed:
                kept.append((key, value))
                placed = True
        if not placed:
            kept.append((name, value))
        self.headers = kept

    def remove(self, name: str) -> None:
        wanted = _spellings(name)
        self.headers = [(key, value) for key, value in self.headers if key.lower() not in wanted]

    def to_bytes(self) -> bytes:
        """The message for the wire, Content-Length counted in octets and last (RFC 3261 section 20.14)."""
        self.remove("Content-Length")
        lines = [self.first_line, *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def canonical(name: str) -> str:
    """The long form of a header's name; names that are not compact stay as they are."""
    return COMPACT_NAMES.get(name.lower(), name) if len(name) == 1 else name


@lru_cache(maxsize=1024)
def _spellings(name: str) -> frozenset[str]:
    """How a header may be named, in lower case: its compact form, too."""
    wanted = name.lower()
    return frozenset({wanted, *(short for short, long in COMPACT_NAMES.items() if long.lower() == wanted)})


def parameter(value: str, name: str) -> str:
    """Value of ``;name=…`` in a header value, or an empty string."""
    for part in value.split(";")[1:]:
        key, _, text = part.partition("=")
        if key.strip().lower() == name.lower():
            return text.strip()
    return ""


def parse(octets: bytes) -> SipMessage:
    """Octets as a message. Raises MalformedMessageError.

    Folded lines are joined (RFC 3261 section 7.3.1). Content-Length, when present, cuts the body
    (section 18.3); a body shorter than it says is malformed.
    """
    head, separator, body = octets.partition(b"\r\n\r\n")
    if not separator:
        raise MalformedMessageError("no empty line after the headers")
    lines = decode_octets(head).split("\r\n")
    message = SipMessage(lines[0])
    _check_first_line(message.first_line)
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and message.headers:
            name, value = message.headers[-1]
            message.headers[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or " " in name.strip():
            raise MalformedMessageError(f"not a header: {line[:60]!r}")
        message.headers.append((name.strip(), value.strip()))
    declared = message.get("Content-Length")
    if declared:
        if not (declared.isascii() and declared.isdigit() and len(declared) < 20):
            raise MalformedMessageError(f"Content-Length {declared[:20]!r} is not a number")
        if int(declared) > len(body):
            raise MalformedMessageError(f"Content-Length {declared}, but {len(body)} octets follow")
        body = body[: int(declared)]
    message.body = body
    return message


def check_headers(message: SipMessage) -> None:
    """Raises MalformedMessageError when a header that every message has is absent or unusable."""
    found: dict[str, list[str]] = {}
    for key, value in message.headers:
        found.setdefault(canonical(key).lower(), []).append(value)
    for name in MANDATORY:
        if not found.get(name.lower(), [""])[0]:
            raise MalformedMessageError(f"no {name}")
    for name in SINGLE:
        if len(found.get(name.lower(), ())) > 1:
            raise MalformedMessageError(f"more than one {name}")
    for name in ("From", "To"):
        if not _ADDRESS.match(found[name.lower()][0]):
            raise MalformedMessageError(f"{name} {message.get(name)[:40]!r} is not an address")
    number, _, method = message.get("CSeq").partition(" ")
    if not (number.isascii() and number.isdigit() and len(number) < 20 and int(number) < 2**31):
        raise MalformedMessageError(f"CSeq {message.get('CSeq')[:40]!r} has no sequence number below 2**31")
    if message.is_request and method.strip() != message.method:
        raise MalformedMessageError(f"CSeq names {method.strip()!r} in a {message.method} request")


def answer_to(request: SipMessage, code: int, reason: str) -> SipMessage:
    """A response with whatever a broken request has of the headers to be echoed (RFC 3261 section 8.2.6)."""
    headers = [("Via", value) for value in request.values("Via")]
    headers += [(name, request.get(name)) for name in ("From", "To", "Call-ID", "CSeq") if request.get(name)]
    return SipMessage(f"SIP/2.0 {code} {reason}", headers)


def _check_first_line(line: str) -> None:
    parts = line.split(" ")
    if line.startswith("SIP/2.0 "):
        if len(parts) < 2 or len(parts[1]) != 3 or not (parts[1].isascii() and parts[1].isdigit()):
            raise MalformedMessageError(f"not a status line: {line[:60]!r}")
        if not 100 <= int(parts[1]) <= 699:
            raise MalformedMessageError(f"status code {parts[1]} does not exist")
    elif len(parts) != 3 or parts[2] != "SIP/2.0" or not parts[0] or not parts[1]:
        raise MalformedMessageError(f"not a request line: {line[:60]!r}")


def salvage(octets: bytes) -> SipMessage:
    """What can be read of octets that are not a whole message; never fails."""
    head = octets.partition(b"\r\n\r\n")[0]
    lines = decode_octets(head).split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    headers = [(name.strip(), value.strip()) for name, colon, value in pairs if colon and name.strip()]
    return SipMessage(lines[0], headers)
