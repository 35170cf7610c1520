"""Business-initiated calls that begin with an INVITE of the PBX (as at Meta)."""

from __future__ import annotations

from typing import Any

from sippy.MsgBody import MsgBody

from harness.call_policy import CallAsked, CallDecided, Direction
from harness.sip.reasons import reason_of
from harness.wacid import make_wacid
from simulators.trunk.admission import broken
from simulators.trunk.call_report import DECLINING
from simulators.trunk.customers import Customer
from simulators.trunk.entrance import Entrance
from simulators.trunk.gate import Gate
from simulators.trunk.header_rules import fill
from simulators.trunk.numbers import in_e164
from simulators.trunk.passed_call import PassedCall
from simulators.trunk.profile import BusinessCallsTable
from simulators.trunk.protocol import Leg
from simulators.trunk.sdp import NoCommonCodecError
from simulators.trunk.sippy_text import unquoted
from simulators.trunk.switchboard import Switchboard

NOT_ACCEPTABLE = 488
"""Of the customer's phone: the PBX's offer does not suit it, and the PBX should know."""


class BusinessCalls:
    """Takes INVITEs of the PBX. ``asks`` tells whether there is a platform that knows all users."""

    def __init__(self, board: Switchboard, gate: Gate, waiting: set[Entrance], *, asks: bool) -> None:
        self._board = board
        self._gate = gate
        self._waiting = waiting
        self._asks = asks

    @property
    def _rules(self) -> BusinessCallsTable:
        return self._board.profile.business_calls

    @property
    def _unknown_code(self) -> int:
        return self._rules.offline_customer_code if self._asks else self._rules.unknown_customer_code

    def take(self, request: Any, transaction: Any) -> Any:
        """An INVITE that starts a call. Returns what sippy's transaction layer wants."""
        if not self._rules.accept:
            return self._gate.refused(request, self._rules.not_accepted_code, "the trunk takes no calls from the PBX")
        unproven = self._gate.unproven(request)
        if unproven is not None:
            return unproven
        for refusal in self._rules.refusals:
            given = broken(refusal.rule, request, self._board.no_call["pbx_host"])
            if given is not None:
                why = refusal.text.format(given=given)
                return self._gate.refused(request, refusal.code, why, why, rule=refusal.rule.value)
        try:
            offer = self._board.shaped(request.getBody(), Leg.CUSTOMER)
        except NoCommonCodecError as none:
            return self._gate.refused(request, NOT_ACCEPTABLE, str(none))
        sender = request.getHFBody("from")
        business = in_e164(sender.getUrl().username or "")
        shown = unquoted(sender.getUri().name or "")
        user = request.getRURI().username or ""
        asked = CallAsked(
            call=make_wacid(user, business), direction=Direction.BUSINESS_INITIATED, business=business, user=user
        )

        def let_in(decided: CallDecided, entrance: Entrance) -> None:
            customer = self._board.customers.find(decided.user) or self._board.customers.find(user)
            if customer is None:
                entrance.refuse_unreached(decided, self._unknown_code, "no such customer")
            elif customer.contact is None:
                code = self._rules.offline_customer_code
                entrance.refuse_unreached(decided, code, "the customer's phone is off")
            else:
                self._call(customer, shown, offer, decided, entrance)

        values = self._board.values(Customer(in_e164(user)), business, asked.call)
        entrance = Entrance(self._board, self._gate, asked, request, let_in, self._waiting)
        return entrance.take(self._board.pbx_leg(entrance, values, business), transaction)

    def _call(
        self, customer: Customer, shown: str, offer: MsgBody | None, decided: CallDecided, entrance: Entrance
    ) -> None:
        board, asked = self._board, entrance.asked
        assert customer.contact is not None
        values = board.values(customer, asked.business, asked.call, decided=decided)
        board.remember(str(entrance.agent.cId), values, customer)
        call = PassedCall(
            board.facts(asked.direction, customer, asked.business, asked.call),
            values,
            entrance.report_for(decided),
            board.surroundings(),
            outgoing=board.to_customer(customer, customer.contact, asked.business, shown),
            offer=offer,
            translate=self._translated,
        )
        board.enrol(call)
        call.begin(entrance.agent, fill(board.profile.uris.contact, values))

    def _translated(self, code: int, reason: str) -> tuple[int, str]:
        """The codes of customers' phones are the app's own affair; the PBX sees WhatsApp's."""
        if code in DECLINING[Leg.CUSTOMER]:
            return self._rules.declined_code, self._rules.declined_text
        if code == NOT_ACCEPTABLE:
            return code, reason
        code = self._rules.offline_customer_code
        return code, reason_of(code)
