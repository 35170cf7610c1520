"""The messages that light phones send, as octets (RFC 3261 sections 8.1.1 and 8.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.errors import HarnessMisuse
from harness.sip.message import SipMessage
from harness.sip.reasons import reason_of
from simulators.light_phones.uris import Address

AGENT = "trunkproof light phones"
METHODS = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"
ALLOW = f"Allow: {METHODS}"
SDP_TYPE = "Content-Type: application/sdp"
COOKIE = "z9hG4bK"

_RPORT = re.compile(r";\s*rport(?=\s*(?:;|,|$))", re.IGNORECASE)


def request(method: str, uri: str, headers: Iterable[str], body: str = "") -> bytes:
    """A request; ``headers`` are whole lines, Via first."""
    return "\r\n".join(
        (f"{method} {uri} SIP/2.0", *headers, f"User-Agent: {AGENT}", f"Content-Length: {len(body)}", "", body)
    ).encode("utf-8", "surrogateescape")


def response(
    asked: SipMessage, source: Address, code: int, tag: str, headers: Sequence[str] = (), body: str = ""
) -> bytes:
    """A response to ``asked``, which came from ``source``. ``tag`` is put into To if it has none there."""
    lines = [f"SIP/2.0 {code} {reason_of(code)}"]
    vias = list(asked.values("Via"))
    if vias:
        # The port of the sender belongs where it asked for it (RFC 3581 section 4).
        vias[0] = _RPORT.sub(f";rport={source[1]};received={source[0]}", vias[0], count=1)
    lines += [f"Via: {value}" for value in vias]
    to = asked.get("To")
    if tag and code > 100 and ";tag=" not in to.rpartition(">")[2]:
        to = f"{to};tag={tag}"
    lines += [f"From: {asked.get('From')}", f"To: {to}", f"Call-ID: {asked.get('Call-ID')}"]
    lines.append(f"CSeq: {asked.get('CSeq')}")
    lines += headers
    lines += [f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def answer_to(asked: SipMessage, source: Address) -> Address:
    """Where a response goes (RFC 3261 section 18.2.2, RFC 3581)."""
    via = asked.get("Via").split(",")[0]
    if _RPORT.search(via):
        return source
    host_port = via.split(";")[0].rpartition(" ")[2]
    _, colon, port = host_port.rpartition(":")
    number = int(port) if colon and port.isascii() and port.isdigit() else 5060
    return (source[0], number) if 0 < number < 65536 else source


def as_lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Headers that a caller gives, as lines. Raises HarnessMisuse for what would break out of its line."""
    lines = []
    for name, value in headers:
        if any(letter in name + value for letter in "\r\n") or ":" in name:
            raise HarnessMisuse(f"header {name!r}: {value!r} is not one line", suggestion="take the line break out")
        lines.append(f"{name}: {value}")
    return lines
