"""OPTIONS to the PBX: is it there, and how fast does it answer (RFC 3261 section 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipFrom import SipFrom
from sippy.SipRequest import SipRequest
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL

from simulators.trunk.protocol import KeepAlive
from simulators.trunk.transactions import Address, SideTransactions, is_local_answer

UNREACHABLE = 503
"""What our own transaction layer answers, with the reason, when nothing can be sent."""


class KeepAlives:
    """Sends single OPTIONS; ``done`` gets exactly one KeepAlive for each."""

    def __init__(
        self,
        transactions: SideTransactions,
        destination: Address,
        *,
        pbx_uri: str,
        own_uri: str,
        at: Callable[[], float],
        later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
    ) -> None:
        self._transactions = transactions
        self._destination = destination
        self._pbx_uri = pbx_uri
        self._own_uri = own_uri
        self._at = at
        self._later = later

    def send(self, timeout_s: float, done: Callable[[KeepAlive], None]) -> None:
        """Send OPTIONS now. No answer within ``timeout_s``: code 0."""
        sender = SipFrom(address=SipAddress(url=SipURL(self._own_uri), hadbrace=True))
        sender.genTag()
        request = SipRequest(
            method="OPTIONS",
            ruri=SipURL(self._pbx_uri),
            to=SipTo(address=SipAddress(url=SipURL(self._pbx_uri), hadbrace=True)),
            fr0m=sender,
            callid=SipCallId(),
            target=(self._destination, "udp"),
        )
        started = self._at()
        ended = False

        def end(code: int, at: float, why: str = "") -> None:
            nonlocal ended
            if not ended:
                ended = True
                timer.cancel()
                done(KeepAlive(at=at, code=code, round_trip_ms=(at - started) * 1000 if code else 0.0, why=why))

        def answered(response: Any) -> None:
            code, reason = response.getSCode()
            if is_local_answer(response):
                end(0, self._at(), reason if code == UNREACHABLE else "")
            elif code >= 200:
                end(code, self._at())

        timer = self._later(timeout_s, lambda: end(0, self._at()))
        self._transactions.newTransaction(request, resp_cb=answered)
