"""A request of a light phone other than INVITE, with the credentials that it turns out to need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.sip.message import CHALLENGES, SipMessage
from simulators.light_phones.accounts import Account, authorization, is_stale
from simulators.light_phones.dialog import Dialog
from simulators.light_phones.transactions import client_key
from simulators.light_phones.uris import Address

if TYPE_CHECKING:
    from simulators.light_phones.exchange import LightExchange

Done = Callable[[SipMessage | None, float], None]
"""Gets the final response and when it came; None when none came within 32 s."""
MOST_CHALLENGES = 3


class Inquiry:
    """One request, and its repetitions with credentials."""

    def __init__(
        self,
        exchange: LightExchange,
        dialog: Dialog,
        method: str,
        headers: list[str],
        account: Account | None,
        done: Done,
        destination: Address | None,
    ) -> None:
        self._exchange = exchange
        self._dialog = dialog
        self._method = method
        self._headers = headers
        self._account = account
        self._done = done
        self._destination = destination
        self._challenges = 0

    def send(self, authorizations: list[str]) -> None:
        branch = self._exchange.branch()
        headers = [*authorizations, *self._headers]
        octets, place = self._dialog.compose(self._method, self._exchange.via(branch), headers)
        self._exchange.begin(
            client_key(branch, self._method),
            octets,
            self._destination or place,
            invite=False,
            respond=self._responded,
            time_out=self._nothing_came,
        )

    def _responded(self, message: SipMessage, at: float) -> None:
        code = message.code
        if code < 200:
            return
        if code in CHALLENGES and self._account is not None and self._challenges < MOST_CHALLENGES:
            self._challenges += 1
            line = authorization(message, self._account, self._method, self._dialog.target)
            if line and (self._challenges == 1 or is_stale(message)):
                self.send([line])
                return
        self._done(message, at)

    def _nothing_came(self) -> None:
        self._done(None, 0.0)
