"""Recording metadata: who is in a communication session, and who sends which stream (RFC 7865).

Pure: octets in, facts out. A document with a document type is refused, so that no entity is ever expanded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from lxml import etree

MEDIA_TYPE = "application/rs-metadata+xml"
NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
MOST_BYTES = 256 * 1024
"""Longest document that is read."""
MOST_ELEMENTS = 10_000


class MetadataError(Exception):
    """A document that is no recording metadata. The text is one line."""


class DataMode(StrEnum):
    """Whether a document is the whole state or only what changed (RFC 7865 section 6.1.1)."""

    COMPLETE = "complete"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody in a communication session. ``aor`` is the first of its addresses."""

    id: str
    aor: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunicationSession:
    """A session that is recorded. Times are Unix times in s, None when they are not told."""

    id: str
    sip_session_ids: tuple[str, ...] = ()
    start: float | None = None
    stop: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStream:
    """A stream of a session; ``label`` is the ``a=label`` of its m-line."""

    id: str
    session_id: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A participant in a session, since when and until when (Unix time in s)."""

    participant_id: str
    session_id: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamUse:
    """The streams, by their id, that a participant sends and receives."""

    participant_id: str
    sends: tuple[str, ...] = ()
    receives: tuple[str, ...] = ()
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The state of a recording as its client tells it.

    ``extensions`` are the elements of other namespaces (agent, queue, call ids: every vendor has its own): local
    name and text. ``faults`` are references that lead nowhere and values that cannot be read, one line each.
    """

    mode: DataMode = DataMode.COMPLETE
    sessions: tuple[CommunicationSession, ...] = ()
    participants: tuple[Participant, ...] = ()
    streams: tuple[MediaStream, ...] = ()
    memberships: tuple[Membership, ...] = ()
    uses: tuple[StreamUse, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()

    def senders(self, label: str) -> tuple[Participant, ...]:
        """Who sends the stream of that label now."""
        ids = {stream.id for stream in self.streams if stream.label == label}
        sending = [use.participant_id for use in self.uses if use.until is None and ids & set(use.sends)]
        return tuple(participant for participant in self.participants if participant.id in sending)

    def extension(self, name: str) -> str:
        """Text of the first extension element of that local name, empty when there is none."""
        return next((text for key, text in self.extensions if key == name), "")

    def updated(self, update: Metadata) -> Metadata:
        """This state after an update: all of a complete one; of a partial one each object replaces that of its id."""
        if update.mode is DataMode.COMPLETE:
            return update
        merged = replace(
            self,
            sessions=_merge(self.sessions, update.sessions),
            participants=_merge(self.participants, update.participants),
            streams=_merge(self.streams, update.streams),
            memberships=_merge(self.memberships, update.memberships),
            uses=_merge(self.uses, update.uses),
            extensions=tuple({**dict(self.extensions), **dict(update.extensions)}.items()),
            faults=(),
        )
        # A partial document may refer to what an earlier one has told, so references are looked up in the whole.
        unreadable = tuple(fault for fault in update.faults if fault.startswith(_UNREADABLE))
        return replace(merged, faults=(*unreadable, *_dangling(merged)))


def parse_metadata(octets: bytes) -> Metadata:
    """A document as metadata. Raises MetadataError."""
    if len(octets) > MOST_BYTES:
        raise MetadataError(f"the metadata has {len(octets)} bytes, more than {MOST_BYTES}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        # An empty line before the declaration is no XML, but what MIME parts often begin with.
        root = etree.fromstring(octets.lstrip(b" \t\r\n"), parser)
    except (etree.LxmlError, ValueError, LookupError) as error:
        raise MetadataError(f"the metadata is no well-formed XML: {_line(str(error))}") from None
    if root is None:
        raise MetadataError("the metadata is empty")
    if root.getroottree().docinfo.doctype:
        raise MetadataError("the metadata has a document type, which recording metadata does not need")
    if root.tag != f"{{{NAMESPACE}}}recording":
        raise MetadataError(f"the metadata's root is {_line(str(root.tag))!r}, not recording of {NAMESPACE}")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise MetadataError(f"the metadata has more than {MOST_ELEMENTS} elements")
    return _Reader(root).metadata()


_UNREADABLE = "unreadable: "

ObjectT = TypeVar("ObjectT", CommunicationSession, Participant, MediaStream, Membership, StreamUse)


def _merge(known: tuple[ObjectT, ...], changed: tuple[ObjectT, ...]) -> tuple[ObjectT, ...]:
    objects = {_key(thing): thing for thing in known}
    objects.update({_key(thing): thing for thing in changed})
    return tuple(objects.values())


def _key(thing: CommunicationSession | Participant | MediaStream | Membership | StreamUse) -> tuple[str, ...]:
    match thing:
        case Membership():
            return thing.participant_id, thing.session_id
        case StreamUse():
            return (thing.participant_id,)
        case _:
            return (thing.id,)


class _Reader:
    """Takes one document apart. What other versions may add (RFC 7865 section 12) is passed over."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._faults: list[str] = []

    def metadata(self) -> Metadata:
        told = self._text(self._root, "datamode") or DataMode.COMPLETE
        if told not in tuple(DataMode):
            raise MetadataError(f"datamode is {_line(told)!r}, not complete or partial")
        read = Metadata(
            mode=DataMode(told),
            sessions=tuple(self._session(e) for e in self._all("session")),
            participants=tuple(self._participant(e) for e in self._all("participant")),
            streams=tuple(self._stream(e) for e in self._all("stream")),
            memberships=tuple(self._membership(e) for e in self._all("participantsessionassoc")),
            uses=tuple(self._use(e) for e in self._all("participantstreamassoc")),
            extensions=tuple(self._extensions()),
        )
        return replace(read, faults=(*self._faults, *_dangling(read)))

    def _session(self, element: Any) -> CommunicationSession:
        return CommunicationSession(
            id=self._id(element, "session_id"),
            sip_session_ids=self._texts(element, "sipSessionID"),
            start=self._time(element, "start-time"),
            stop=self._time(element, "stop-time"),
            reasons=self._texts(element, "reason"),
        )

    def _participant(self, element: Any) -> Participant:
        name_id = next(self._children(element, "nameID"), None)
        return Participant(
            id=self._id(element, "participant_id"),
            aor="" if name_id is None else str(name_id.get("aor", "")),
            name="" if name_id is None else self._text(name_id, "name"),
        )

    def _stream(self, element: Any) -> MediaStream:
        return MediaStream(
            id=self._id(element, "stream_id"),
            session_id=str(element.get("session_id", "")),
            label=self._text(element, "label"),
        )

    def _membership(self, element: Any) -> Membership:
        return Membership(
            participant_id=self._id(element, "participant_id"),
            session_id=str(element.get("session_id", "")),
            since=self._time(element, "associate-time"),
            until=self._time(element, "disassociate-time"),
        )

    def _use(self, element: Any) -> StreamUse:
        return StreamUse(
            participant_id=self._id(element, "participant_id"),
            sends=self._texts(element, "send"),
            receives=self._texts(element, "recv"),
            until=self._time(element, "disassociate-time"),
        )

    def _extensions(self) -> Iterator[tuple[str, str]]:
        for element in self._root.iter(etree.Element):
            name = etree.QName(element)
            text = (element.text or "").strip()
            if name.namespace != NAMESPACE and text:
                yield name.localname, text

    def _all(self, name: str) -> Iterator[Any]:
        return self._children(self._root, name)

    def _children(self, element: Any, name: str) -> Iterator[Any]:
        children: Iterator[Any] = element.iterchildren(f"{{{NAMESPACE}}}{name}")
        return children

    def _texts(self, element: Any, name: str) -> tuple[str, ...]:
        return tuple((child.text or "").strip() for child in self._children(element, name))

    def _text(self, element: Any, name: str) -> str:
        return next(iter(self._texts(element, name)), "")

    def _id(self, element: Any, name: str) -> str:
        value = str(element.get(name, ""))
        if not value:
            raise MetadataError(f"a {etree.QName(element).localname} of the metadata has no {name}")
        return value

    def _time(self, element: Any, name: str) -> float | None:
        text = self._text(element, name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self._faults.append(f"{_UNREADABLE}{name} {_line(text)!r} is no time of RFC 3339")
            return None


def _dangling(read: Metadata) -> Iterable[str]:
    """References of a complete state that lead nowhere."""
    participants = {participant.id for participant in read.participants}
    sessions = {session.id for session in read.sessions}
    streams = {stream.id for stream in read.streams}
    for stream in read.streams:
        if not stream.label:
            yield f"stream {_line(stream.id)} has no label"
        if stream.session_id not in sessions:
            yield f"stream {_line(stream.id)} belongs to session {_line(stream.session_id)!r}, which is not described"
    for membership in read.memberships:
        if membership.participant_id not in participants:
            yield f"participant {_line(membership.participant_id)} is in a session but not described"
    for use in read.uses:
        if use.participant_id not in participants:
            yield f"participant {_line(use.participant_id)} has streams but is not described"
        for stream_id in (*use.sends, *use.receives):
            if stream_id not in streams:
                yield f"participant {_line(use.participant_id)} has stream {_line(stream_id)!r}, which is not described"


def _line(text: str) -> str:
    """Text of somebody else's for a reason of one short line."""
    return " ".join(text.split())[:80]
