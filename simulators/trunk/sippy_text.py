"""Between octets on the wire and the text that sippy works on.

sippy counts bodies in characters, splits headers at every line separator Unicode knows, wants text that
is valid UTF-8, and writes display names in other scripts without quotes. The functions here make a
message pass through it with every octet intact.
"""

from __future__ import annotations

import sippy.SipAddress
import sippy.SipConf
import sippy.SipURL
import sippy.SipVia

from harness.sip.message import SipMessage

_SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_OCTETS = range(0x80, 0x100)
# Plane 16 is private use: hardly anybody has these characters in a name.
_HIDDEN = {ord(char): chr(0x10F000 + n) for n, char in enumerate(_SEPARATORS)} | {
    0xDC00 + octet: chr(0x10FF00 + octet) for octet in _OCTETS
}
_SHOW = {ord(hidden): chr(char) for char, hidden in _HIDDEN.items()}
# Who has them all the same gets them octet by octet.
_HIDE = _HIDDEN | {taken: "".join(chr(0x10FF00 + octet) for octet in chr(taken).encode()) for taken in _SHOW}


def for_sippy(message: SipMessage) -> str:
    """The message as text for sippy: Content-Length in characters, troublesome characters hidden.

    sippy sends the ACK of a refusal by the refusal's Record-Route and Contact; it belongs where the INVITE went (RFC
    3261 section 17.1.1.3), so a refusal loses both here. Only a 3xx needs its Contact.
    """
    body = message.body.decode("utf-8", "surrogateescape").translate(_HIDE)
    lines = [message.first_line]
    left_out = {"content-length", "l"}
    if message.code >= 300:
        left_out |= {"record-route"}
    if message.code >= 400:
        left_out |= {"contact", "m"}
    lines += [f"{name}: {value}" for name, value in message.headers if name.lower() not in left_out]
    head = "\r\n".join(lines).translate(_HIDE)
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def from_sippy(text: str) -> SipMessage:
    """A message that sippy wrote."""
    head, _, body = text.partition("\r\n\r\n")
    lines = head.translate(_SHOW).split("\r\n")
    message = SipMessage(lines[0], body=body.translate(_SHOW).encode("utf-8", "surrogateescape"))
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name != "Content-Length":
            message.headers.append((name, value.strip()))
    return message


def _needs_quotes(name: str, token_characters: dict[int, int]) -> bool:
    # RFC 3261 section 25.1: only ASCII tokens stand without quotes; str.isalnum alone lets any letter pass.
    return not (name.isascii() and name.translate(token_characters).isalnum())


def _only_my(value: object) -> tuple[str, ...]:
    """All that sippy looks for in ``dir(value)``, 70 times a call: whether it is a placeholder of its own."""
    return ("my",) if hasattr(value, "my") else ()


def install() -> None:
    """Have sippy quote display names as RFC 3261 wants, and take its shortest way. Safe to call twice."""
    sippy.SipAddress.needquotes = _needs_quotes
    for module in (sippy.SipURL, sippy.SipVia, sippy.SipConf):
        module.dir = _only_my


def quotable(display_name: str) -> str:
    """A display name for between quotes (RFC 3261 section 25.1: quoted-pair), control characters left out."""
    plain = "".join(char for char in display_name if char >= " " and char != "\x7f")
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def unquoted(name: str) -> str:
    """A display name without the quoted-pairs of its header (RFC 3261 section 25.1)."""
    plain, escaped = [], False
    for char in name:
        if char == "\\" and not escaped:
            escaped = True
            continue
        plain.append(char)
        escaped = False
    return "".join(plain)


def as_received(text: str) -> str:
    """A header's text that sippy has kept, as it came; octets that are not UTF-8 become U+FFFD."""
    octets = text.translate(_SHOW).encode("utf-8", "surrogateescape")
    return octets.decode("utf-8", "replace")
