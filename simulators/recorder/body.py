"""The parts of a SIP body: offer and recording metadata in one ``multipart/mixed`` (RFC 7866 section 9, RFC 5621)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import CloseBoundaryNotFoundDefect, NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect
from email.message import Message

from simulators.recorder.refusal import Refused

SDP_TYPE = "application/sdp"
MIXED = "multipart/mixed"
RECORDING_SESSION = "recording-session"
"""Disposition of the metadata's part (RFC 7866 section 11.2)."""

MOST_BYTES = 512 * 1024
_MOST_CONTAINERS = 8
"""Parts within parts are read by recursion, and an offer has no need of any."""

_CONTAINER = re.compile(rb"(?:multipart|message)/", re.IGNORECASE)
_BROKEN = {
    NoBoundaryInMultipartDefect: "the Content-Type names no boundary",
    StartBoundaryNotFoundDefect: "the boundary of the Content-Type is not in the body",
    CloseBoundaryNotFoundDefect: "the body ends before its closing boundary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part: its media type and disposition in lower case, and whether it must be understood (RFC 3261 20.11)."""

    type: str
    disposition: str
    required: bool
    content: bytes


def body_parts(content_type: str, disposition: str, body: bytes) -> tuple[Part, ...]:
    """The parts of a body; a body that is not multipart is one part. Raises Refused."""
    if len(body) > MOST_BYTES:
        raise Refused(413, f"the body has {len(body)} bytes, more than {MOST_BYTES}")
    if not body.strip():
        return ()
    head = f"Content-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n"
    octets = head.encode("utf-8", "surrogateescape") + body
    if len(_CONTAINER.findall(octets)) > _MOST_CONTAINERS:
        raise Refused(415, "the body has parts within parts")
    message = message_from_bytes(octets)
    if message.get_content_maintype() != "multipart":
        return (_part(message),)
    if message.get_content_type() != MIXED:
        raise Refused(415, f"the body is {message.get_content_type()[:60]}, not {MIXED}")
    for defect in message.defects:
        if type(defect) in _BROKEN:
            raise Refused(400, _BROKEN[type(defect)])
    inner = [part for part in message.get_payload() if isinstance(part, Message)]
    if any(part.is_multipart() for part in inner):
        raise Refused(415, "the body has parts within parts")
    return tuple(_part(part) for part in inner)


def _part(message: Message) -> Part:
    disposition, *parameters = str(message.get("Content-Disposition", "")).lower().split(";")
    payload = message.get_payload(decode=True)
    return Part(
        type=message.get_content_type(),
        disposition=disposition.strip(),
        required="handling=optional" not in "".join(parameters).replace(" ", ""),
        content=payload if isinstance(payload, bytes) else b"",
    )
