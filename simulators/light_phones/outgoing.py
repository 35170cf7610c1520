"""Calls that light phones place (RFC 3261 sections 13.2 and 9.1)."""

from __future__ import annotations

import contextlib
from time import monotonic
from typing import TYPE_CHECKING

from harness.sip.message import CHALLENGES, SipMessage, parse
from simulators.light_phones.accounts import Account, authorization, is_stale
from simulators.light_phones.call import Call
from simulators.light_phones.call_media import CallMedia
from simulators.light_phones.dialog import Dialog, routes_in, target_in
from simulators.light_phones.sdp import UnacceptableSdpError
from simulators.light_phones.times import CallState, Ending
from simulators.light_phones.transactions import ClientTransaction, client_key
from simulators.light_phones.uris import Address, tag_of
from simulators.light_phones.wording import ALLOW, SDP_TYPE, request

if TYPE_CHECKING:
    from simulators.light_phones.exchange import LightExchange

MOST_CHALLENGES = 3
"""Of one call; who asks more often asks for ever."""


class OutgoingCall(Call):
    """A call that we place. It begins with ``place``."""

    incoming = False

    def __init__(
        self,
        exchange: LightExchange,
        dialog: Dialog,
        own_user: str,
        own_tag: str,
        media: CallMedia,
        *,
        next_hop: Address,
        account: Account | None,
        headers: list[str],
    ) -> None:
        super().__init__(exchange, dialog, own_user, own_tag, media, monotonic())
        self._next_hop = next_hop
        self._account = account
        self._headers = headers
        self._authorizations: list[str] = []
        self._sdp = ""
        self._uri = dialog.target
        self._to = dialog.remote
        self._via = ""
        self._transaction: ClientTransaction | None = None
        self._ack = b"", next_hop
        self._heard = False
        self._gives_up = False
        self._cancelled = False
        self._reason: list[str] = []

    def place(self) -> None:
        """Send the INVITE. Raises whatever the engine raises when it has no stream."""
        self._sdp = self.media.offer()
        self.times.invite_at = monotonic()
        self._send_invite()

    def hang_up(self, reason: str = "") -> None:
        if self.state is CallState.CALLING:
            self.cancel(reason)
        else:
            super().hang_up(reason)

    def cancel(self, reason: str = "") -> None:
        """Take the INVITE back; when the answer crosses it, BYE follows."""
        if self.state is not CallState.CALLING or self._gives_up:
            return
        self._gives_up = True
        self._reason = [f"Reason: {reason}"] if reason else []
        if self._heard:
            self._send_cancel()

    def _send_invite(self) -> None:
        dialog = self._dialog
        dialog.local_number += 1
        branch = self._exchange.branch()
        self._via = self._exchange.via(branch)
        octets = request(
            "INVITE",
            self._uri,
            [
                self._via,
                "Max-Forwards: 70",
                f"From: {dialog.local}",
                f"To: {self._to}",
                f"Call-ID: {dialog.call_id}",
                f"CSeq: {dialog.local_number} INVITE",
                self._contact,
                ALLOW,
                *self._authorizations,
                *self._headers,
                SDP_TYPE,
            ],
            self._sdp,
        )
        self.invite = parse(octets)
        self._heard = False
        self._transaction = self._exchange.begin(
            client_key(branch, "INVITE"),
            octets,
            self._next_hop,
            invite=True,
            respond=self._responded,
            time_out=self._nothing_came,
        )

    def _responded(self, message: SipMessage, at: float) -> None:
        code = message.code
        if self.times.first_response_at is None:
            self.times.first_response_at = at
        if code < 200:
            self._provisional(message, code, at)
        elif code < 300:
            self._accepted(message, at)
        else:
            self._acknowledge_refusal(message)
            if code in CHALLENGES and self._proves_itself(message):
                return
            phrase = message.first_line.split(" ", 2)[2:] or [""]
            self._end(Ending(code, phrase[0], by_us=self._gives_up))

    def _provisional(self, message: SipMessage, code: int, at: float) -> None:
        if self.state is not CallState.CALLING:
            return
        self._heard = True
        if code > 100 and self.times.provisional_at is None:
            self.times.provisional_at = at
        if self._gives_up:
            self._send_cancel()
            return
        if code == 100:
            return
        if tag_of(message.get("To")):
            self._take_dialog(message)
        if message.body:
            # If it is of no use, the 200 has the say.
            with contextlib.suppress(UnacceptableSdpError):
                self.media.take_answer(message.body)
        if self.on_progress is not None:
            self.on_progress(code)

    def _accepted(self, message: SipMessage, at: float) -> None:
        if self.state is not CallState.CALLING:
            self._accepted_again(message)
            return
        self.times.answered_at = at
        self._take_dialog(message)
        self._ack = self._acknowledge(self._dialog)
        self.times.acknowledged_at = monotonic()
        if self._gives_up:
            self._send_bye([], "answered while it was being cancelled")
            return
        try:
            if message.body or self.media.agreed is None:
                self.media.take_answer(message.body)
        except UnacceptableSdpError as why:
            self._send_bye([], f"the SDP in the 200: {why}")
            return
        self._answered_now()

    def _accepted_again(self, message: SipMessage) -> None:
        """A repetition, or another branch's 200 (section 13.2.2.4)."""
        if tag_of(message.get("To")) == self._dialog.remote_tag:
            self._exchange.counts.repeated += 1
            self._exchange.send(*self._ack)
            return
        fork = Dialog(
            self._dialog.call_id,
            self._dialog.local,
            message.get("To"),
            target_in(message, self._uri),
            self._next_hop,
            routes_in(message, upwards=True),
            self._dialog.local_number,
        )
        self._acknowledge(fork)
        self._exchange.ask(fork, "BYE", [], self._account, lambda *_: None)

    def _take_dialog(self, message: SipMessage) -> None:
        self._dialog.remote = message.get("To")
        self._dialog.target = target_in(message, self._uri)
        self._dialog.route = routes_in(message, upwards=True)

    def _acknowledge(self, dialog: Dialog) -> tuple[bytes, Address]:
        via = self._exchange.via(self._exchange.branch())
        # With the credentials of the INVITE (section 13.2.2.4).
        headers = [*self._authorizations, self._contact]
        ack = dialog.compose("ACK", via, headers, number=self._dialog.local_number)
        self._exchange.send(*ack)
        return ack

    def _of_invite(self, method: str, to: str, headers: list[str]) -> bytes:
        """ACK to a refusal, and CANCEL: of the INVITE's own transaction (sections 17.1.1.3 and 9.1)."""
        dialog = self._dialog
        lines = [self._via, "Max-Forwards: 70", f"From: {dialog.local}", f"To: {to}", f"Call-ID: {dialog.call_id}"]
        return request(method, self._uri, [*lines, f"CSeq: {dialog.local_number} {method}", *headers])

    def _acknowledge_refusal(self, message: SipMessage) -> None:
        if self._transaction is not None:
            self._transaction.acknowledge(self._of_invite("ACK", message.get("To"), []))

    def _proves_itself(self, message: SipMessage) -> bool:
        """Answer a challenge; False when it cannot be, or when the answer was not good enough."""
        self.challenges += 1
        if self._gives_up or self._account is None or self.challenges > MOST_CHALLENGES:
            return False
        if self.challenges > 1 and not is_stale(message):
            return False
        line = authorization(message, self._account, "INVITE", self._uri)
        if not line:
            return False
        self._authorizations = [line]
        self._send_invite()
        return True

    def _send_cancel(self) -> None:
        if self._transaction is None or self._cancelled:
            return
        self._cancelled = True
        octets = self._of_invite("CANCEL", self._to, self._reason)
        branch = self._via.partition(";branch=")[2]
        self._transaction.expect_end()
        self._exchange.begin(
            client_key(branch, "CANCEL"),
            octets,
            self._next_hop,
            invite=False,
            respond=lambda *_: None,
            time_out=lambda: None,
        )

    def _nothing_came(self) -> None:
        what = "no final response after CANCEL" if self._gives_up else "no response to INVITE"
        self._end(Ending(0, f"{what} within 32 s", by_us=self._gives_up))
