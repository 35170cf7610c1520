"""What a recording server asks of a request before it records (RFC 7866 sections 6, 7 and 9). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.sip.message import MalformedMessageError, SipMessage, check_headers
from simulators.recorder.body import MIXED, RECORDING_SESSION, SDP_TYPE, Part, body_parts
from simulators.recorder.metadata import MEDIA_TYPE, DataMode, Metadata, MetadataError, parse_metadata
from simulators.recorder.offer import OfferedStream, parse_offer, require_recordable
from simulators.recorder.refusal import Refused

OPTION_TAG = "siprec"
CLIENT_FEATURE = "+sip.src"
ACCEPT = f"{MIXED}, {SDP_TYPE}, {MEDIA_TYPE}"
METHODS = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What an acceptable request brings. ``streams`` is empty when it has no offer, ``metadata`` None without any."""

    streams: tuple[OfferedStream, ...]
    metadata: Metadata | None
    complaints: tuple[str, ...]


def require_sound(request: SipMessage) -> None:
    """Raises Refused(400) for a request that cannot be matched."""
    try:
        check_headers(request)
    except MalformedMessageError as malformed:
        raise Refused(400, str(malformed)) from None


def require_client(request: SipMessage) -> None:
    """Raises Refused when a request that begins a session is not that of a recording client."""
    required = set(_tokens(request, "Require"))
    if unknown := sorted(required - {OPTION_TAG}):
        raise Refused(
            420, f"Require names {', '.join(unknown)[:80]}", headers=(("Unsupported", ", ".join(unknown)[:200]),)
        )
    if OPTION_TAG not in required:
        raise Refused(421, "the INVITE does not say Require: siprec", headers=(("Require", OPTION_TAG),))
    contact = request.get("Contact")
    if not contact:
        raise Refused(400, "the INVITE has no Contact")
    flags = {part.partition("=")[0].strip().lower() for part in contact.rpartition(">")[2].split(";")}
    if CLIENT_FEATURE not in flags:
        raise Refused(400, "the Contact does not carry +sip.src, so no recording client sent this")


def admit(request: SipMessage, *, first: bool) -> Admission:
    """The body of an INVITE or UPDATE, checked. ``first``: it begins the session. Raises Refused."""
    if request.get("Content-Encoding").strip().lower() not in ("", "identity"):
        raise Refused(
            415, f"Content-Encoding is {request.get('Content-Encoding')[:40]!r}", headers=(("Accept-Encoding", ""),)
        )
    parts = body_parts(request.get("Content-Type"), request.get("Content-Disposition"), request.body)
    offers = [part for part in parts if part.type == SDP_TYPE]
    told = [part for part in parts if part.type == MEDIA_TYPE]
    for part in parts:
        if part.type not in (SDP_TYPE, MEDIA_TYPE) and part.required:
            raise Refused(415, f"the body has {part.type[:60]}, which is not known here", headers=(("Accept", ACCEPT),))
    if len(offers) > 1 or len(told) > 1:
        raise Refused(400, "the body has two parts of one kind")
    if first and not offers:
        raise Refused(488, "the INVITE has no SDP offer: a recording client says what it sends")
    streams = parse_offer(offers[0].content) if offers else ()
    if streams:
        require_recordable(streams) if first else _require_labels(streams)
    metadata = _metadata(told[0]) if told else None
    return Admission(streams=streams, metadata=metadata, complaints=tuple(_complaints(told, metadata, first=first)))


def _require_labels(streams: tuple[OfferedStream, ...]) -> None:
    """A later offer may take every stream away, but what it keeps must be what a client sends."""
    if any(stream.live for stream in streams):
        require_recordable(streams)


def _metadata(part: Part) -> Metadata:
    try:
        return parse_metadata(part.content)
    except MetadataError as error:
        raise Refused(400, str(error)) from None


def _complaints(told: list[Part], metadata: Metadata | None, *, first: bool) -> Iterator[str]:
    for part in told:
        if part.disposition != RECORDING_SESSION:
            given = f"{part.disposition[:40]!r}" if part.disposition else "missing"
            yield f"the metadata's Content-Disposition is {given}, not {RECORDING_SESSION}"
    if first and metadata is not None and metadata.mode is DataMode.PARTIAL:
        yield "the first metadata is a partial update of nothing"


def _tokens(request: SipMessage, name: str) -> list[str]:
    return [token.strip().lower() for value in request.values(name) for token in value.split(",") if token.strip()]
