"""A call of a light phone: what both directions have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from harness.errors import NO_STALL, PbxFault
from harness.load.records import Party
from harness.sip.message import SipMessage
from simulators.light_phones.call_media import CallMedia
from simulators.light_phones.dialog import Dialog, target_in
from simulators.light_phones.ports import Stream
from simulators.light_phones.sdp import UnacceptableSdpError
from simulators.light_phones.times import CallState, CallTimes, Ending
from simulators.light_phones.transactions import ServerTransaction
from simulators.light_phones.uris import display_of, uri_of, user_of
from simulators.light_phones.wording import ALLOW, SDP_TYPE, response

if TYPE_CHECKING:
    from simulators.light_phones.exchange import LightExchange


class Call:
    """One call. Callbacks are plain attributes, called on the loop: ``on_progress(code)`` for each response from 101 to
    199, ``on_answered()`` when media is agreed on (the 200 came; of an incoming call: its ACK), ``on_ended(ending)``
    once, when nothing of the call is left but repetitions."""

    incoming: bool

    def __init__(
        self, exchange: LightExchange, dialog: Dialog, own_user: str, own_tag: str, media: CallMedia, invite_at: float
    ) -> None:
        self.state = CallState.CALLING
        self.times = CallTimes(invite_at)
        self.media = media
        self.ending: Ending | None = None
        self.on_progress: Callable[[int], None] | None = None
        self.on_answered: Callable[[], None] | None = None
        self.on_ended: Callable[[Ending], None] | None = None
        self.challenges = 0
        self.own_user = own_user
        self.own_tag = own_tag
        self.invite: SipMessage
        self._exchange = exchange
        self._dialog = dialog
        self._contact = f"Contact: {exchange.contact(own_user)}"
        self._awaiting: list[asyncio.Future[None]] = []
        self._answer_awaited: ServerTransaction | None = None
        """A re-INVITE or INVITE without SDP whose ACK brings the answer to our offer."""

    @property
    def call_id(self) -> str:
        return self._dialog.call_id

    @property
    def from_user(self) -> str:
        """User in From of the INVITE."""
        return user_of(uri_of(self.invite.get("From")))

    @property
    def from_display(self) -> str:
        return display_of(self.invite.get("From"))

    @property
    def to_user(self) -> str:
        """User in the INVITE's Request-URI."""
        return user_of(self.invite.request_uri)

    @property
    def stream(self) -> Stream | None:
        """The engine's, once there was an SDP of ours; None again when the call is over (``media.report``)."""
        return self.media.stream

    @property
    def up(self) -> bool:
        return self.state is CallState.UP

    async def answered(self) -> bool:
        """Wait until the call is answered, or has ended without."""
        while self.state is CallState.CALLING:
            await self._change()
        return self.times.answered_at is not None

    async def ended(self) -> Ending:
        """Wait until the call has ended."""
        while self.ending is None:
            await self._change()
        return self.ending

    def hang_up(self, reason: str = "") -> None:
        """End the call, in whatever state it is. ``reason`` is the value of a Reason header (RFC 3326)."""
        if self.state is CallState.UP:
            self._send_bye([f"Reason: {reason}"] if reason else [], "hung up")

    def send_digits(self, digits: str) -> None:
        """Press keys (RFC 4733). Raises PbxFault when the far end agreed to no telephone-event."""
        if self.media.agreed is None or self.media.stream is None:
            return
        if self.media.agreed.event is None:
            raise PbxFault("keys cannot be pressed: the PBX's SDP has no telephone-event/8000", stall_s=NO_STALL)
        self.media.stream.send_digits(digits)

    def stamp(self, call_number: int, party: Party) -> None:
        """What the packets say from now on."""
        self.media.stamp(call_number, party)

    # Requests within the dialog.

    def receive(self, request: SipMessage, transaction: ServerTransaction, at: float) -> None:
        """A request of the far end within the dialog."""
        number = int(request.get("CSeq").partition(" ")[0])
        if number < self._dialog.remote_number:
            # It has come out of order (section 12.2.2).
            self._respond(transaction, 500)
            return
        self._dialog.remote_number = number
        handlers = {"BYE": self._bye, "INVITE": self._reinvite, "UPDATE": self._update, "OPTIONS": self._options}
        handlers[request.method](request, transaction, at)

    def acknowledged(self, ack: SipMessage, at: float) -> bool:
        """An ACK to a 200 of ours; False when that has had its ACK before."""
        transaction = self._exchange.acknowledgeable(self, ack)
        if transaction is None:
            return False
        transaction.acknowledged()
        if self._answer_awaited is transaction:
            self._answer_awaited = None
            try:
                self.media.take_answer(ack.body)
            except UnacceptableSdpError as why:
                self._send_bye([], f"the SDP in the ACK: {why}")
        return True

    def _bye(self, request: SipMessage, transaction: ServerTransaction, at: float) -> None:
        self._respond(transaction, 200)
        if self.state is CallState.ENDING:
            # Theirs crossed ours.
            return
        self.times.bye_at, self.times.bye_answered_at = at, monotonic()
        given = request.get("Reason")
        self._end(Ending(200, f"BYE ({given})" if given else "BYE", by_us=False))

    def _reinvite(self, request: SipMessage, transaction: ServerTransaction, at: float) -> None:
        if self.state is not CallState.UP:
            self._respond(transaction, 481 if self.state is not CallState.CALLING else 491)
            return
        try:
            body = self.media.answer(request.body) if request.body else self.media.offer()
        except UnacceptableSdpError:
            self._respond(transaction, 488)
            return
        self._dialog.target = target_in(request, self._dialog.target)
        if not request.body:
            self._answer_awaited = transaction
        self._exchange.await_ack(self, request, transaction)
        octets = self._response(transaction, 200, [self._contact, ALLOW, SDP_TYPE], body)
        transaction.respond(octets, 200, self._unacknowledged)

    def _update(self, request: SipMessage, transaction: ServerTransaction, at: float) -> None:
        """RFC 3311; without SDP it refreshes a session timer or changes the target."""
        headers, body = [self._contact, ALLOW], ""
        if request.body:
            if self.media.agreed is None:
                self._respond(transaction, 500, ["Retry-After: 1"])
                return
            try:
                body = self.media.answer(request.body)
            except UnacceptableSdpError:
                self._respond(transaction, 488)
                return
            headers.append(SDP_TYPE)
        self._dialog.target = target_in(request, self._dialog.target)
        transaction.respond(self._response(transaction, 200, headers, body), 200)

    def _options(self, request: SipMessage, transaction: ServerTransaction, at: float) -> None:
        self._respond(transaction, 200, [ALLOW, "Accept: application/sdp"])

    # The end.

    def _unacknowledged(self) -> None:
        self._send_bye([], "our 200 was never acknowledged")

    def _send_bye(self, headers: list[str], reason: str) -> None:
        if self.state in (CallState.ENDING, CallState.ENDED):
            return
        self.state = CallState.ENDING
        self.media.silence()
        self.times.bye_at = monotonic()
        ending = Ending(200, reason, by_us=True)

        def done(answer: SipMessage | None, at: float) -> None:
            if answer is not None:
                self.times.bye_answered_at = at
            self._end(ending)

        self._exchange.ask(self._dialog, "BYE", headers, self._exchange.account(self.own_user), done)
        self._changed()

    def _end(self, ending: Ending) -> None:
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self.ending = ending
        self.times.ended_at = monotonic()
        self._exchange.forget(self)
        self.media.close()
        self._changed()
        if self.on_ended is not None:
            self.on_ended(ending)
        self.on_progress = self.on_answered = self.on_ended = None

    # Help

    def _response(
        self, transaction: ServerTransaction, code: int, headers: list[str] | None = None, body: str = ""
    ) -> bytes:
        return response(transaction.request, transaction.source, code, self.own_tag, headers or (), body)

    def _respond(self, transaction: ServerTransaction, code: int, headers: list[str] | None = None) -> None:
        transaction.respond(self._response(transaction, code, headers), code)

    def _answered_now(self) -> None:
        self.state = CallState.UP
        self._changed()
        if self.on_answered is not None:
            self.on_answered()

    def _changed(self) -> None:
        awaiting, self._awaiting = self._awaiting, []
        for future in awaiting:
            if not future.done():
                future.set_result(None)

    async def _change(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._awaiting.append(future)
        await future
