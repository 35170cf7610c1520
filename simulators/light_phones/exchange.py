"""The SIP side of all light phones of a process: one UDP socket, and whose message is whose.

Customers and agents are told apart by the user in the Request-URI; all have the exchange's address. The protocol is
RFC 3261's core of a user agent: what it does not know it refuses as that says.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from time import monotonic, time
from typing import Protocol

from harness.load.records import Party
from harness.sip.message import MalformedMessageError, SipMessage, check_headers, parse
from harness.trace import SipTraceEntry, decode_octets
from simulators.light_phones.accounts import Account, Registration
from simulators.light_phones.call import Call
from simulators.light_phones.call_media import JITTER_BUFFER_MS, NO_CALL, CallMedia
from simulators.light_phones.dialog import Dialog, routes_in, target_in
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.inquiry import Done, Inquiry
from simulators.light_phones.outgoing import OutgoingCall
from simulators.light_phones.ports import MediaEngine
from simulators.light_phones.sdp import Codec, Security
from simulators.light_phones.transactions import (
    ClientTransaction,
    Counts,
    Memory,
    Responded,
    ServerTransaction,
    branch_of,
    client_key,
    server_key,
)
from simulators.light_phones.uris import Address, name_addr, sip_uri, tag_of, uri_of, user_of
from simulators.light_phones.wire import Wire
from simulators.light_phones.wording import ALLOW, COOKIE, METHODS, answer_to, as_lines, response

ALL_CODECS = (Codec.OPUS, Codec.PCMU, Codec.PCMA)
_KNOWN = frozenset(METHODS.split(", "))
_OTHERS = frozenset({"INFO", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE"})
"""Methods that SIP has and light phones have not: 405. What SIP has not is 501."""
_SCHEMES = ("sip:", "sips:", "tel:")
_FORGET_EVERY_S = 1.0


class Trace(Protocol):
    """Keeps messages: ``harness.trace.SipTraceWriter``, or what is chosen about them."""

    def write(self, entry: SipTraceEntry, /) -> None: ...


class LightExchange:
    """``on_incoming`` gets each call that comes, and must see to it: ring, answer or decline, now or later. ``counts``
    says what passed the socket."""

    def __init__(
        self,
        address: str,
        engine: MediaEngine,
        *,
        port: int = 0,
        trace: Trace | None = None,
        jitter_buffer_ms: int = JITTER_BUFFER_MS,
    ) -> None:
        self.on_incoming: Callable[[IncomingCall], None] | None = None
        self.counts = Counts()
        self.loop: asyncio.AbstractEventLoop
        self.local: Address = (address, port)
        self._engine = engine
        self._jitter_buffer_ms = jitter_buffer_ms
        self._trace = trace
        self._wire: Wire
        self._started = False
        self._memory = Memory()
        self._calls: dict[tuple[str, str], Call] = {}
        self._invited: dict[tuple[str, str], IncomingCall] = {}
        self._awaiting_ack: dict[tuple[str, str], ServerTransaction] = {}
        self._registrations: dict[str, Registration] = {}
        self._forgetting: asyncio.TimerHandle | None = None
        self._salt = secrets.token_hex(5)
        self._count = 0

    async def start(self) -> None:
        """Bind the socket. Raises Inconclusive when that cannot be."""
        self.loop = asyncio.get_running_loop()
        self._wire = Wire(self.local[0], self.local[1], self._received)
        self.local = self._wire.local
        self._started = True
        self._forget_old()

    async def close(self) -> None:
        """End at once: calls that are up are left to the far end's own care (``hang_up`` them before)."""
        if not self._started:
            return
        self._started = False
        for registration in self._registrations.values():
            registration.stop()
        for call in list(self._calls.values()):
            call.media.close()
        self._memory.clear()
        self._calls.clear()
        self._invited.clear()
        self._awaiting_ack.clear()
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._wire.close()

    @property
    def unsent(self) -> int:
        """Datagrams that the kernel did not take."""
        return self._wire.unsent

    @property
    def dropped(self) -> int:
        """Datagrams that the kernel dropped because the socket was not read in time."""
        return self._wire.dropped

    @property
    def calls(self) -> int:
        """Calls that have not ended."""
        return len(self._calls)

    # Users

    async def register(self, account: Account, expires_s: int = 300) -> int:
        """Register at the account's registrar and stay so. The code of the final response, 0 when none came."""
        known = self._registrations.get(account.user)
        if known is not None:
            known.stop()
        registration = self._registrations[account.user] = Registration(self, account, expires_s)
        return await registration.begin()

    async def unregister(self, user: str) -> int:
        """End a registration. The code of the final response; 200 when there was none to end."""
        registration = self._registrations.pop(user, None)
        return await registration.end() if registration is not None else 200

    def registration(self, user: str) -> Registration | None:
        return self._registrations.get(user)

    def account(self, user: str) -> Account | None:
        known = self._registrations.get(user)
        return known.account if known is not None else None

    # Calls

    def dial(
        self,
        from_user: str,
        to_uri: str,
        next_hop: Address,
        *,
        codecs: tuple[Codec, ...] = ALL_CODECS,
        security: Security = Security.NONE,
        headers: Iterable[tuple[str, str]] = (),
        display: str = "",
        call_number: int = NO_CALL,
        party: Party = Party.CUSTOMER,
        account: Account | None = None,
    ) -> OutgoingCall:
        """Place a call. A user that is registered calls from its account unless another is given; who has none calls
        from the exchange's address."""
        account = account or self.account(from_user)
        tag = self.new_tag()
        own = sip_uri(from_user, account.domain if account is not None else self.local[0])
        dialog = Dialog(self.new_call_id(), f"{name_addr(display, own)};tag={tag}", f"<{to_uri}>", to_uri, next_hop)
        media = self._media(codecs, security)
        media.call_number, media.party = call_number, party
        call = OutgoingCall(
            self, dialog, from_user, tag, media, next_hop=next_hop, account=account, headers=as_lines(headers)
        )
        self._calls[dialog.call_id, tag] = call
        try:
            call.place()
        except BaseException:
            self.forget(call)
            raise
        return call

    def _media(self, codecs: tuple[Codec, ...], security: Security) -> CallMedia:
        return CallMedia(self._engine, self.local[0], codecs, security, jitter_buffer_ms=self._jitter_buffer_ms)

    # What calls and registrations need.

    def send(self, octets: bytes, destination: Address) -> None:
        self.counts.sent += 1
        if self._trace is not None:
            self._note(octets, self.local, destination, monotonic())
        self._wire.send(octets, destination)

    def begin(
        self,
        key: str,
        octets: bytes,
        destination: Address,
        *,
        invite: bool,
        respond: Responded,
        time_out: Callable[[], None],
    ) -> ClientTransaction:
        def timed_out() -> None:
            self._memory.clients.pop(key, None)
            time_out()

        transaction = ClientTransaction(self, octets, destination, invite=invite, respond=respond, time_out=timed_out)
        self._memory.clients[key] = transaction
        return transaction

    def ask(
        self,
        dialog: Dialog,
        method: str,
        headers: list[str],
        account: Account | None,
        done: Done,
        destination: Address | None = None,
    ) -> None:
        """Send a request of a dialog, or one that is as if it were (REGISTER); ``done`` gets what came of it."""
        Inquiry(self, dialog, method, headers, account, done, destination).send([])

    def await_ack(self, call: Call, invite: SipMessage, transaction: ServerTransaction) -> None:
        """A 2xx is about to go; the ACK to it has the INVITE's number."""
        self._awaiting_ack[call.call_id + call.own_tag, _number(invite)] = transaction

    def acknowledgeable(self, call: Call, ack: SipMessage) -> ServerTransaction | None:
        """The INVITE whose 2xx this ACK is for, unless it has had one."""
        return self._awaiting_ack.pop((call.call_id + call.own_tag, _number(ack)), None)

    def forget(self, call: Call) -> None:
        """The call is over."""
        self._calls.pop((call.call_id, call.own_tag), None)
        if isinstance(call, IncomingCall):
            self._invited.pop(_origin(call.invite), None)
            if transaction := self._awaiting_ack.pop((call.call_id + call.own_tag, _number(call.invite)), None):
                transaction.acknowledged()

    def branch(self) -> str:
        self._count += 1
        return f"{COOKIE}{self._salt}{self._count:x}"

    def via(self, branch: str) -> str:
        return f"Via: SIP/2.0/UDP {self.local[0]}:{self.local[1]};rport;branch={branch}"

    def new_call_id(self) -> str:
        self._count += 1
        return f"{self._salt}-{self._count:x}@{self.local[0]}"

    def new_tag(self) -> str:
        self._count += 1
        return f"{self._salt}{self._count:x}"

    def contact(self, user: str) -> str:
        return f"<{sip_uri(user, self.local[0])}:{self.local[1]}>"

    # What comes.

    def _received(self, octets: bytes, source: Address, at: float) -> None:
        if len(octets) < 5 and not octets.strip(b"\r\n\0"):
            # A keep-alive (RFC 5626 section 3.5.1).
            return
        self.counts.received += 1
        if self._trace is not None:
            self._note(octets, source, self.local, at)
        try:
            message = parse(octets)
            check_headers(message)
        except MalformedMessageError:
            self.counts.malformed += 1
            return
        if not message.is_request:
            self._response(message, at)
        elif message.method == "ACK":
            self._ack(message, at)
        else:
            self._request(message, source, at)

    def _response(self, message: SipMessage, at: float) -> None:
        key = client_key(branch_of(message.get("Via")), message.method)
        transaction = self._memory.clients.get(key)
        if transaction is None:
            self.counts.stray += 1
            return
        before = transaction.done
        transaction.received(message, at)
        if transaction.done and not before:
            if transaction.invite:
                self._memory.keep(key, self.loop.time(), client=True)
            else:
                self._memory.clients.pop(key, None)

    def _ack(self, message: SipMessage, at: float) -> None:
        transaction = self._memory.servers.get(server_key(message))
        if transaction is not None and transaction.code >= 300:
            transaction.acknowledged()
            return
        call = self._calls.get((message.get("Call-ID"), tag_of(message.get("To"))))
        if call is None or not call.acknowledged(message, at):
            self.counts.stray += 1

    def _request(self, message: SipMessage, source: Address, at: float) -> None:
        key = server_key(message)
        known = self._memory.servers.get(key)
        if message.method == "CANCEL":
            self._cancel(message, source, known)
            return
        if known is not None:
            known.repeated()
            return
        transaction = ServerTransaction(
            self, message, source, answer_to(message, source), invite=message.method == "INVITE"
        )
        self._memory.servers[key] = transaction
        self._memory.keep(key, self.loop.time(), client=False)
        to_tag = tag_of(message.get("To"))
        unfit = _unfit(message)
        if unfit is not None:
            self._refuse(transaction, *unfit)
        elif to_tag:
            call = self._calls.get((message.get("Call-ID"), to_tag))
            if call is None:
                self._refuse(transaction, 481)
            else:
                call.receive(message, transaction, at)
        elif message.method == "INVITE":
            self._invite(message, transaction, at)
        elif message.method == "OPTIONS":
            self._refuse(transaction, 200, [ALLOW, "Accept: application/sdp"])
        else:
            self._refuse(transaction, 481)

    def _invite(self, message: SipMessage, transaction: ServerTransaction, at: float) -> None:
        origin = _origin(message)
        kind = message.get("Content-Type").partition(";")[0].strip().lower()
        if origin in self._invited:
            # The same INVITE on another way (section 8.2.2.2).
            self._refuse(transaction, 482)
            return
        if message.body and kind != "application/sdp":
            self._refuse(transaction, 415, ["Accept: application/sdp"])
            return
        if self.on_incoming is None:
            self._refuse(transaction, 480)
            return
        tag = self.new_tag()
        dialog = Dialog(
            message.get("Call-ID"),
            f"{message.get('To')};tag={tag}",
            message.get("From"),
            target_in(message, uri_of(message.get("From"))),
            transaction.source,
            routes_in(message, upwards=False),
            remote_number=int(_number(message)),
        )
        media = self._media(ALL_CODECS, Security.NONE)
        call = IncomingCall(self, dialog, user_of(message.request_uri), tag, media, transaction, at)
        self._calls[dialog.call_id, tag] = call
        self._invited[origin] = call
        self.on_incoming(call)
        if not call.responded:
            call.trying()

    def _cancel(self, message: SipMessage, source: Address, invite: ServerTransaction | None) -> None:
        code = 200 if invite is not None else 481
        self.send(response(message, source, code, self.new_tag()), answer_to(message, source))
        if invite is not None and invite.code < 200 and invite.cancelled is not None:
            invite.cancelled()

    def _refuse(self, transaction: ServerTransaction, code: int, headers: list[str] | None = None) -> None:
        """Answer a request that is none of a call's."""
        octets = response(transaction.request, transaction.source, code, self.new_tag(), headers or ())
        transaction.respond(octets, code)

    def _forget_old(self) -> None:
        self._memory.forget(self.loop.time())
        self._forgetting = self.loop.call_later(_FORGET_EVERY_S, self._forget_old)

    def _note(self, octets: bytes, source: Address, destination: Address, at: float) -> None:
        if self._trace is not None:
            entry = SipTraceEntry(
                at=at,
                wall=time() - monotonic() + at,
                source=f"{source[0]}:{source[1]}",
                destination=f"{destination[0]}:{destination[1]}",
                transport="udp",
                raw=decode_octets(octets),
            )
            self._trace.write(entry)


def _unfit(message: SipMessage) -> tuple[int, list[str]] | None:
    """What refuses a request whatever it is about (section 8.2), None: nothing does."""
    method = message.method
    if method not in _KNOWN:
        return (405 if method in _OTHERS else 501), [ALLOW]
    if not message.request_uri.lower().startswith(_SCHEMES):
        return 416, []
    if required := [value for value in message.values("Require") if value]:
        return 420, [f"Unsupported: {', '.join(required)}"]
    return None


def _number(message: SipMessage) -> str:
    """Sequence number of a request."""
    return message.get("CSeq").partition(" ")[0]


def _origin(invite: SipMessage) -> tuple[str, str]:
    """What an INVITE that came on two ways has in common."""
    return invite.get("Call-ID"), f"{tag_of(invite.get('From'))} {invite.get('CSeq')}"
