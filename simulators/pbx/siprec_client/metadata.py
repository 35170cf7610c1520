"""Recording metadata as a client writes it (RFC 7865). Pure."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lxml import etree

_NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
CALL_NAMESPACE = "urn:trunkproof:call"
"""Of the elements in which a session's own facts stand: queue, wacid, agent (RFC 7865 section 6.3 leaves room)."""


def new_id() -> str:
    """An identifier as metadata has them: a UUID in base64 (RFC 7865 section 6.10)."""
    return base64.b64encode(uuid.uuid4().bytes).decode("ascii")


def time_of(unix_s: float) -> str:
    """Unix time in s as RFC 3339 has it."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Somebody whose voice is one stream, since ``joined`` and until ``left`` (Unix time in s)."""

    aor: str
    name: str
    label: str
    joined: float
    left: float | None = None
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is recorded. ``facts`` are the session's own, by name."""

    started: float
    facts: Mapping[str, str] = field(default_factory=dict)
    stopped: float | None = None
    id: str = field(default_factory=new_id)
    streams: Mapping[str, str] = field(default_factory=lambda: {"1": new_id(), "2": new_id()})
    """Stream ids by label."""


def document(call: Call, speakers: Sequence[Speaker], *, complete: bool) -> bytes:
    """The whole state, or, if not ``complete``, only these speakers and the session itself."""
    root = etree.Element(f"{{{_NAMESPACE}}}recording", nsmap={None: _NAMESPACE, "call": CALL_NAMESPACE})
    _add(root, "datamode", "complete" if complete else "partial")
    session = _add(root, "session", session_id=call.id)
    _add(session, "start-time", time_of(call.started))
    if call.stopped is not None:
        _add(session, "stop-time", time_of(call.stopped))
    for name, text in call.facts.items():
        etree.SubElement(session, f"{{{CALL_NAMESPACE}}}{name}").text = _plain(text)
    for speaker in speakers:
        participant = _add(root, "participant", participant_id=speaker.id)
        name_id = _add(participant, "nameID", aor=_plain(speaker.aor))
        if speaker.name:
            _add(name_id, "name", _plain(speaker.name))
    for label, stream_id in call.streams.items() if complete else ():
        _add(_add(root, "stream", stream_id=stream_id, session_id=call.id), "label", label)
    for speaker in speakers:
        membership = _add(root, "participantsessionassoc", participant_id=speaker.id, session_id=call.id)
        use = _add(root, "participantstreamassoc", participant_id=speaker.id)
        for element in (membership, use):
            _add(element, "associate-time", time_of(speaker.joined))
            if speaker.left is not None:
                _add(element, "disassociate-time", time_of(speaker.left))
        _add(use, "send", call.streams[speaker.label])
        for label, stream_id in call.streams.items():
            if label != speaker.label:
                _add(use, "recv", stream_id)
    octets: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return octets


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}", attrib=attributes)
    element.text = text
    return element


def _plain(text: str) -> str:
    """Text without what XML has no place for."""
    return "".join(c for c in text if c.isprintable())
