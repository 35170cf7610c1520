"""Calls that come to light phones (RFC 3261 sections 13.3 and 9.2)."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from harness.load.records import Party
from harness.sip.message import SipMessage
from harness.sip.reasons import reason_of
from simulators.light_phones.call import Call
from simulators.light_phones.call_media import NO_CALL, CallMedia
from simulators.light_phones.dialog import Dialog
from simulators.light_phones.sdp import Codec, Security, UnacceptableSdpError
from simulators.light_phones.times import CallState, Ending
from simulators.light_phones.transactions import ServerTransaction
from simulators.light_phones.wording import ALLOW, SDP_TYPE

if TYPE_CHECKING:
    from simulators.light_phones.exchange import LightExchange


class IncomingCall(Call):
    """A call that came. It waits for ``ring``, ``answer`` or ``decline``."""

    incoming = True

    def __init__(
        self,
        exchange: LightExchange,
        dialog: Dialog,
        own_user: str,
        own_tag: str,
        media: CallMedia,
        transaction: ServerTransaction,
        at: float,
    ) -> None:
        super().__init__(exchange, dialog, own_user, own_tag, media, at)
        self.invite = transaction.request
        self._transaction = transaction
        self._acknowledged = False
        self._hang_up_later: list[str] | None = None
        self._routes = [f"Record-Route: {value}" for value in transaction.request.values("Record-Route")]
        transaction.cancelled = self._cancelled

    @property
    def responded(self) -> bool:
        """Whether anything was answered yet."""
        return self._transaction.code > 0

    def ring(self) -> None:
        """180."""
        if self.state is CallState.CALLING:
            self._answer_invite(180, [self._contact, ALLOW])
            if self.times.provisional_at is None:
                self.times.provisional_at = monotonic()

    def answer(
        self,
        *,
        call_number: int = NO_CALL,
        party: Party = Party.AGENT,
        codecs: tuple[Codec, ...] = (),
        security: Security = Security.NONE,
    ) -> bool:
        """200 with an answer to the INVITE's offer, or with our offer when it has none (``security`` is that one's).
        False: its offer has nothing for us and was refused with 488, or the call is not there any more."""
        if self.state is not CallState.CALLING:
            return False
        media = self.media
        media.call_number, media.party = call_number, party
        media.codecs = codecs or media.codecs
        offer = self.invite.body
        try:
            if offer:
                body = media.answer(offer)
            else:
                media.security = security
                body = media.offer()
                self._answer_awaited = self._transaction
        except UnacceptableSdpError as why:
            self._answer_invite(488, [])
            self._end(Ending(488, str(why), by_us=True))
            return False
        self._exchange.await_ack(self, self.invite, self._transaction)
        self._answer_invite(200, [self._contact, ALLOW, SDP_TYPE], body)
        self.times.answered_at = monotonic()
        self.state = CallState.UP
        self._changed()
        return True

    def decline(self, code: int = 486) -> None:
        """Refuse it, with a code from 300 to 699."""
        if self.state is CallState.CALLING:
            self._answer_invite(code, [])
            self._end(Ending(code, reason_of(code), by_us=True))

    def hang_up(self, reason: str = "") -> None:
        if self.state is CallState.CALLING:
            self.decline(480)
        elif self._acknowledged or self.state is not CallState.UP:
            super().hang_up(reason)
        else:
            # Not before the ACK (section 15).
            self._hang_up_later = [reason]

    def acknowledged(self, ack: SipMessage, at: float) -> bool:
        if not super().acknowledged(ack, at) or self._acknowledged or self.state is not CallState.UP:
            return False
        self._acknowledged = True
        self.times.acknowledged_at = at
        self._answered_now()
        if self._hang_up_later is not None:
            super().hang_up(*self._hang_up_later)
        return True

    def trying(self) -> None:
        """100: who is called takes its time (section 17.2.1)."""
        self._answer_invite(100, [])

    def _bye(self, request: SipMessage, transaction: ServerTransaction, at: float) -> None:
        if self.state is CallState.CALLING:
            self._answer_invite(487, [])
        elif not self._acknowledged:
            self._transaction.acknowledged()
        super()._bye(request, transaction, at)

    def _cancelled(self) -> None:
        if self.state is CallState.CALLING:
            self._answer_invite(487, [])
            self._end(Ending(487, "CANCEL", by_us=False))

    def _answer_invite(self, code: int, headers: list[str], body: str = "") -> None:
        lines = [*self._routes, *headers] if 100 < code < 300 else headers
        octets = self._response(self._transaction, code, lines, body)
        self._transaction.respond(octets, code, self._unacknowledged if code < 300 else None)
