"""Business-initiated calls that WhatsApp's platform orders: the customer first, then the PBX (as at 8x8)."""

from __future__ import annotations

import logging
from functools import partial

from harness.call_policy import CallEndOrdered, CallOrdered, Direction
from simulators.trunk.call_report import Happening
from simulators.trunk.numbers import in_e164
from simulators.trunk.ordered_call import OrderedCall
from simulators.trunk.protocol import Leg
from simulators.trunk.switchboard import Switchboard

log = logging.getLogger(__name__)


class OrderedCalls:
    """Carries out the platform's orders."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    def order(self, ordered: CallOrdered) -> None:
        """Call a customer for a business number."""
        board = self._board
        if self._find(ordered.call) is not None:
            log.warning("WhatsApp's platform ordered %s a second time", ordered.call)
            return
        direction, business = Direction.BUSINESS_INITIATED, in_e164(ordered.business)
        report = board.report(ordered.call, direction, ordered.business, ordered.user)
        customer = board.customers.find(ordered.user)
        if customer is None or customer.contact is None:
            report.happened(Happening.CALLED_NOT_REACHED, board.at())
            return
        values = {**board.values(customer, business, ordered.call), "context": ordered.context}
        call = OrderedCall(
            board.facts(direction, customer, business, ordered.call),
            values,
            report,
            board.surroundings(),
            to_customer=board.to_customer(customer, customer.contact, business, ""),
            to_pbx=board.to_pbx(values, customer),
            shaped=partial(board.shaped, to=Leg.PBX),
        )
        board.enrol(call)
        call.begin()

    def end(self, ordered: CallEndOrdered) -> None:
        """End a call, whatever its state; one that is over already is none of ours."""
        call = self._find(ordered.call)
        if call is not None:
            call.end_as_ordered()

    def _find(self, wacid: str) -> OrderedCall | None:
        return next(
            (c for c in self._board.calls.values() if isinstance(c, OrderedCall) and c.facts.wacid == wacid), None
        )
