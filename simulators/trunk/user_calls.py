"""User-initiated calls: a customer's phone calls a business number, and the PBX gets an INVITE."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.call_policy import CallAsked, CallDecided, Direction
from harness.sip.reasons import reason_of
from harness.wacid import make_wacid
from simulators.trunk.entrance import Entrance
from simulators.trunk.gate import Gate
from simulators.trunk.leg import LegUserAgent
from simulators.trunk.numbers import in_e164
from simulators.trunk.passed_call import PassedCall
from simulators.trunk.protocol import ENTRY_HEADER, Leg
from simulators.trunk.sdp import NoCommonCodecError
from simulators.trunk.sippy_text import as_received, unquoted
from simulators.trunk.switchboard import Switchboard, uri_of


class UserCalls:
    """Takes INVITEs of customers' phones."""

    def __init__(self, board: Switchboard, gate: Gate, waiting: set[Entrance]) -> None:
        self._board = board
        self._gate = gate
        self._waiting = waiting

    def take(self, request: Any, transaction: Any) -> Any:
        """An INVITE that starts a call. Returns what sippy's transaction layer wants."""
        try:
            offer = self._board.shaped(request.getBody(), Leg.PBX)
        except NoCommonCodecError as none:
            return self._gate.refused(request, 488, str(none))
        sender = request.getHFBody("from")
        user = sender.getUrl().username or ""
        business = in_e164(request.getRURI().username or "")
        shown = unquoted(sender.getUri().name or "")
        asked = CallAsked(
            call=make_wacid(user, business),
            direction=Direction.USER_INITIATED,
            business=business,
            user=user,
            entry=_entry(request),
        )

        def let_in(decided: CallDecided, entrance: Entrance) -> None:
            board = self._board
            customer = board.customers.caller(user)
            if decided.user:
                customer = replace(customer, number=decided.user)
            values = board.values(customer, business, asked.call, shown=shown, decided=decided)
            call = PassedCall(
                board.facts(asked.direction, customer, business, asked.call),
                values,
                entrance.report_for(decided),
                board.surroundings(),
                outgoing=board.to_pbx(values, customer),
                offer=offer,
                translate=self._translated,
            )
            board.enrol(call)
            call.begin(entrance.agent, uri_of(business, board.places.customer_side))

        entrance = Entrance(self._board, self._gate, asked, request, let_in, self._waiting)
        return entrance.take(self._leg(entrance, business), transaction)

    def _leg(self, entrance: Entrance, business: str) -> LegUserAgent:
        return self._board.customer_leg(entrance, business)

    def _translated(self, code: int, reason: str) -> tuple[int, str]:
        if code >= 400:
            return code, reason
        code = self._board.profile.dialog.redirect_code
        return code, reason_of(code)


def _entry(request: Any) -> str:
    """What the user tapped, as their app tells it."""
    return as_received(str(request.getHFBody(ENTRY_HEADER.lower()))) if request.countHFs(ENTRY_HEADER.lower()) else ""
