"""The recording server's side of SIP: requests in, responses out, sessions in between (RFC 3261, RFC 7866). No I/O.

It never sends a request. A response to INVITE is sent again until ACK comes (RFC 3261 sections 13.3.1.4, 17.2.1); a
session whose ACK never comes is over.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from harness.messages import Event
from harness.sip.message import MalformedMessageError, SipMessage, answer_to, canonical, parameter, parse, salvage
from simulators.recorder.admission import (
    ACCEPT,
    METHODS,
    OPTION_TAG,
    Admission,
    admit,
    require_client,
    require_sound,
)
from simulators.recorder.offer import answer
from simulators.recorder.protocol import RecordingRefused, RecordingStarted, RecordingUpdated
from simulators.recorder.refusal import Refused
from simulators.recorder.session import Ears, RecordingSession

T1_S = 0.5
T2_S = 4.0
ACK_S = 64 * T1_S
"""How long a response to INVITE waits for its ACK (timers H and 64*T1)."""
MOST_SESSIONS = 200
_REMEMBERED = 2000
"""Responses that are kept for requests that are sent again."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, and so where its responses go; ``connection`` on TCP only."""

    address: str
    port: int
    connection: object | None = None

    @property
    def reliable(self) -> bool:
        return self.connection is not None

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message and where it goes."""

    octets: bytes
    to: Origin


@dataclass(slots=True)
class _Dialog:
    session: RecordingSession
    tag: str
    remote_tag: str
    sequence: int
    version: int = 1


@dataclass(slots=True)
class _Unacknowledged:
    """A final response to INVITE that is sent again. ``dialog`` ends with it when no ACK comes."""

    sent: Outgoing
    next_at: float
    interval_s: float
    until: float
    dialog: _Dialog | None


class RecordingServer:
    """See the module.

    ``ended`` gets each session that is over, with the moment and the reason; events go to ``emit``. ``address`` and
    ``port`` are its own. Times are CLOCK_MONOTONIC in s, ``wall`` is Unix time.
    """

    def __init__(
        self,
        address: str,
        port: int,
        ears: Ears,
        emit: Callable[[Event], None],
        ended: Callable[[RecordingSession, float, str], None],
    ) -> None:
        self._address = address
        self._port = port
        self._ears = ears
        self._emit = emit
        self._ended = ended
        self._dialogs: dict[tuple[str, str], _Dialog] = {}
        self._answered: OrderedDict[tuple[str, ...], Outgoing] = OrderedDict()
        self._waiting: dict[tuple[str, str, str], _Unacknowledged] = {}

    @property
    def sessions(self) -> int:
        """Recording sessions that are going on."""
        return len(self._dialogs)

    def received(self, octets: bytes, origin: Origin, at: float, wall: float) -> list[Outgoing]:
        """What is sent on a message. Nothing on responses, keep-alives and noise."""
        if not octets.strip(b"\r\n\0 "):
            return []
        try:
            request = parse(octets)
        except MalformedMessageError as malformed:
            return self._malformed(octets, str(malformed), origin)
        if not request.is_request:
            return []
        if request.method == "ACK":
            self._acknowledged(request)
            return []
        try:
            require_sound(request)
        except Refused as refused:
            return [] if not request.get("Via") else [self._refusal(request, refused, origin)]
        key = _transaction(request, origin)
        if key in self._answered:
            return [self._answered[key]]
        try:
            sent = self._answer(request, origin, at, wall)
        except Refused as refused:
            sent = self._refusal(request, refused, origin)
        except OSError as busy:
            sent = self._refusal(request, Refused(486, f"no port is free for RTP: {busy.strerror}"), origin)
        self._remember(key, sent)
        if request.method == "INVITE":
            self._await_ack(request, sent, at)
        return [sent]

    def due(self, at: float) -> list[Outgoing]:
        """Responses to INVITE that are to be sent again now."""
        again: list[Outgoing] = []
        for key, waiting in list(self._waiting.items()):
            if at >= waiting.until:
                del self._waiting[key]
                if waiting.dialog is not None:
                    self._end(waiting.dialog, at, "no ACK came")
            elif at >= waiting.next_at:
                again.append(waiting.sent)
                waiting.interval_s = min(2 * waiting.interval_s, T2_S)
                waiting.next_at = at + waiting.interval_s
        return again

    @property
    def next_due(self) -> float | None:
        """When ``due`` has something to do next, None while it has not."""
        return min((min(waiting.next_at, waiting.until) for waiting in self._waiting.values()), default=None)

    def end_all(self, at: float, why: str) -> None:
        """End every session that is going on."""
        for dialog in list(self._dialogs.values()):
            self._end(dialog, at, why)

    def _answer(self, request: SipMessage, origin: Origin, at: float, wall: float) -> Outgoing:
        match request.method:
            case "INVITE" if not parameter(request.get("To"), "tag"):
                return self._begin(request, origin, at, wall)
            case "INVITE" | "UPDATE":
                return self._change(request, origin, at)
            case "BYE":
                self._end(self._dialog(request), at, "BYE")
                return self._response(request, origin)
            case "OPTIONS":
                return self._response(request, origin, headers=(("Accept", ACCEPT),))
            case "CANCEL":
                # An INVITE is answered at once, so there is never one to take back (section 9.2).
                if not any(call_id == request.get("Call-ID") for call_id, _ in self._dialogs):
                    raise Refused(481, "CANCEL of a session that is not there")
                return self._response(request, origin)
            case _:
                raise Refused(405, f"a recording server takes no {request.method[:20]}")

    def _begin(self, request: SipMessage, origin: Origin, at: float, wall: float) -> Outgoing:
        require_client(request)
        admission = admit(request, first=True)
        if len(self._dialogs) >= MOST_SESSIONS:
            raise Refused(486, f"{MOST_SESSIONS} sessions are being recorded")
        call_id = request.get("Call-ID")
        name = f"{hashlib.sha256(call_id.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}-{secrets.token_hex(3)}"
        session = RecordingSession(name, _readable(call_id), str(origin), self._ears, at, wall)
        try:
            session.take(admission, at)
        except OSError:
            session.close()
            raise
        dialog = _Dialog(session, secrets.token_hex(6), parameter(request.get("From"), "tag"), _sequence(request))
        self._dialogs[call_id, dialog.tag] = dialog
        self._emit(
            RecordingStarted(
                at=at,
                recording=name,
                call_id=session.call_id,
                source=str(origin),
                labels=session.labels,
                complaints=session.complaints,
            )
        )
        return self._accept(request, origin, dialog, admission)

    def _change(self, request: SipMessage, origin: Origin, at: float) -> Outgoing:
        dialog = self._dialog(request)
        admission = admit(request, first=False)
        dialog.session.take(admission, at)
        dialog.version += 1
        self._emit(
            RecordingUpdated(
                at=at,
                recording=dialog.session.id,
                paused=dialog.session.paused,
                labels=dialog.session.labels,
                with_metadata=admission.metadata is not None,
            )
        )
        return self._accept(request, origin, dialog, admission)

    def _accept(self, request: SipMessage, origin: Origin, dialog: _Dialog, admission: Admission) -> Outgoing:
        body = b""
        headers: tuple[tuple[str, str], ...] = (("Contact", f"<sip:recorder@{self._here(origin)}>;+sip.srs"),)
        if admission.streams:
            number = int(dialog.tag[:8], 16)
            ports = dialog.session.ports
            body = answer(admission.streams, self._address, ports, session=number, version=dialog.version)
            headers = (*headers, ("Content-Type", "application/sdp"))
        return self._response(request, origin, tag=dialog.tag, headers=headers, body=body)

    def _here(self, origin: Origin) -> str:
        return f"{self._address}:{self._port}" + (";transport=tcp" if origin.reliable else "")

    def _dialog(self, request: SipMessage) -> _Dialog:
        """The dialog of a request within one. Raises Refused."""
        dialog = self._dialogs.get((request.get("Call-ID"), parameter(request.get("To"), "tag")))
        if dialog is None or dialog.remote_tag != parameter(request.get("From"), "tag"):
            raise Refused(481, f"{request.method[:20]} of a session that is not there")
        sequence = _sequence(request)
        if sequence <= dialog.sequence:
            raise Refused(500, f"CSeq {sequence} comes after {dialog.sequence}")
        dialog.sequence = sequence
        return dialog

    def _end(self, dialog: _Dialog, at: float, why: str) -> None:
        for key, known in list(self._dialogs.items()):
            if known is dialog:
                del self._dialogs[key]
                dialog.session.close()
                self._ended(dialog.session, at, why)
        for waiting in self._waiting.values():
            if waiting.dialog is dialog:
                waiting.dialog = None

    def _await_ack(self, request: SipMessage, sent: Outgoing, at: float) -> None:
        tag = parameter(parse(sent.octets).get("To"), "tag")
        dialog = self._dialogs.get((request.get("Call-ID"), tag))
        if dialog is None and sent.to.reliable:
            return
        number = str(_sequence(request))
        self._waiting[request.get("Call-ID"), tag, number] = _Unacknowledged(sent, at + T1_S, T1_S, at + ACK_S, dialog)

    def _acknowledged(self, request: SipMessage) -> None:
        number = request.get("CSeq").partition(" ")[0]
        self._waiting.pop(
            (request.get("Call-ID"), parameter(request.get("To"), "tag"), number.lstrip("0") or "0"), None
        )

    def _malformed(self, octets: bytes, why: str, origin: Origin) -> list[Outgoing]:
        """400 when there is enough to send it to; a message that cannot be matched is left."""
        request = salvage(octets)
        answerable = all(request.get(name) for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        if not request.is_request or request.method == "ACK" or not answerable:
            return []
        return [self._refusal(request, Refused(400, why), origin)]

    def _refusal(self, request: SipMessage, refused: Refused, origin: Origin) -> Outgoing:
        self._emit(
            RecordingRefused(
                method=_readable(request.method)[:20],
                code=refused.code,
                reason=_readable(refused.reason),
                call_id=_readable(request.get("Call-ID")),
                source=str(origin),
            )
        )
        warning = ("Warning", f'399 {self._address} "{_quotable(refused.reason)}"')
        return self._response(
            request, origin, code=refused.code, phrase=refused.phrase, headers=(*refused.headers, warning)
        )

    def _response(
        self,
        request: SipMessage,
        origin: Origin,
        *,
        code: int = 200,
        phrase: str = "OK",
        tag: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Outgoing:
        response = answer_to(request, code, phrase)
        to = request.get("To")
        if not parameter(to, "tag"):
            response.set("To", f"{to};tag={tag or secrets.token_hex(6)}")
        top = next(n for n, (name, _) in enumerate(response.headers) if canonical(name).lower() == "via")
        response.headers[top] = ("Via", _with_origin(request.get("Via"), origin))
        for route in request.values("Record-Route"):
            response.add("Record-Route", route)
        for name, value in (*headers, ("Allow", METHODS), ("Supported", OPTION_TAG)):
            response.add(name, value)
        response.body = body
        return Outgoing(response.to_bytes(), _destination(request.get("Via"), origin))

    def _remember(self, key: tuple[str, ...], sent: Outgoing) -> None:
        self._answered[key] = sent
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)


def _transaction(request: SipMessage, origin: Origin) -> tuple[str, ...]:
    """What a request has in common with itself sent again (RFC 3261 section 17.2.3)."""
    return request.branch, request.method, request.get("Call-ID"), request.get("CSeq"), str(origin)


def _sequence(request: SipMessage) -> int:
    return int(request.get("CSeq").partition(" ")[0])


def _with_origin(via: str, origin: Origin) -> str:
    """The topmost Via with what the server saw (RFC 3261 section 18.2.1, RFC 3581)."""
    first, comma, rest = via.partition(",")
    if re.search(r";\s*rport\s*(?:;|$)", first, re.IGNORECASE):
        first = re.sub(r"(;\s*rport)\s*(?=;|$)", rf"\g<1>={origin.port}", first, count=1, flags=re.IGNORECASE)
    return f"{first};received={origin.address}{comma}{rest}"


def _destination(via: str, origin: Origin) -> Origin:
    """Where a response goes: over the connection, to the source port if rport asks for it, else to Via's port."""
    first = via.partition(",")[0]
    if origin.reliable or re.search(r";\s*rport\s*(?:;|=|$)", first, re.IGNORECASE):
        return origin
    port = re.search(r"^\S+\s+[^\s;]*?:(\d{1,5})\s*(?:;|$)", first, re.ASCII)
    number = int(port[1]) if port else 5060
    return Origin(origin.address, number if 0 < number < 65_536 else origin.port)


def _readable(text: str) -> str:
    """Text off the wire as text that can be written anywhere."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _quotable(text: str) -> str:
    """Text inside a quoted string, of one line."""
    return " ".join(_readable(text).replace("\\", " ").replace('"', "'").split())
