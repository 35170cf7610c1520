"""An INVITE between its 100 Trying and the platform's decision: nobody else knows of it yet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sippy.CCEvents import CCEventDisconnect, CCEventFail, CCEventRing, CCEventTry
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader

from harness.call_policy import CallAsked, CallDecided, Direction
from harness.sip.reasons import reason_of
from simulators.trunk.call_report import CallReport, Happening
from simulators.trunk.call_state import Side, Signal
from simulators.trunk.gate import Gate
from simulators.trunk.header_rules import without_controls
from simulators.trunk.leg import LegUserAgent
from simulators.trunk.policy import Decision, NoDecision
from simulators.trunk.protocol import Leg
from simulators.trunk.switchboard import Switchboard

NOT_LET_THROUGH = 403
"""For refusals of the platform that name no final SIP code: the caller's app knows no more either."""

log = logging.getLogger(__name__)


class Entrance:
    """One INVITE at the door.

    ``let_in`` makes a call of it, with the platform's decision, or refuses it with ``refuse``. Entrances that
    still wait are in ``waiting``.
    """

    def __init__(
        self,
        board: Switchboard,
        gate: Gate,
        asked: CallAsked,
        request: Any,
        let_in: Callable[[CallDecided, Entrance], None],
        waiting: set[Entrance],
    ) -> None:
        self.asked = asked
        self._board = board
        self._gate = gate
        self._request = request
        self._let_in = let_in
        self._waiting = waiting

    def take(self, agent: LegUserAgent, transaction: Any) -> Any:
        """Start. Returns what sippy's transaction layer wants."""
        self.agent = agent
        return agent.recvRequest(self._request, transaction)

    def report_for(self, decided: CallDecided) -> CallReport:
        asked = self.asked
        return self._board.report(asked.call, asked.direction, asked.business, decided.user or asked.user)

    def refuse(self, code: int, why: str, phrase: str = "", *, cause: int = 0) -> None:
        """Refuse the INVITE, with ``why`` in Warning and a ``cause`` of Q.850 in Reason (0: none)."""
        self._waiting.discard(self)
        self._gate.note_refusal(self._request, code, why, phrase)
        refusal = CCEventFail((code, without_controls(phrase) or reason_of(code)))
        refusal.extra_headers = (self._gate.warning(why),)
        if cause:
            refusal.extra_headers += (SipHeader(name="Reason", body=SipGenericHF(f"Q.850;cause={cause}", "Reason")),)
        self.agent.recvEvent(refusal)

    def _refused_by_platform(self, decided: CallDecided) -> None:
        why = decided.text or "WhatsApp's platform refuses the call"
        business_calls = self.asked.direction is Direction.BUSINESS_INITIATED
        told = self._board.profile.business_calls.rewording(decided.text) if business_calls else None
        if told is None:
            code = decided.code if 400 <= decided.code <= 699 else NOT_LET_THROUGH
            self.refuse(code, why, decided.text)
            return
        if told.rings:
            self.agent.recvEvent(CCEventRing((180, reason_of(180), None)))
        self.refuse(told.code, why, told.text, cause=told.cause)

    def refuse_unreached(self, decided: CallDecided, code: int, why: str) -> None:
        """Refuse a call that the platform let through, since there is nobody to be called."""
        self.report_for(decided).happened(Happening.CALLED_NOT_REACHED, self._board.at())
        self.refuse(code, why)

    def turn_away(self, why: str) -> None:
        """The trunk stops before there is a decision."""
        self._board.platform.withdraw(self.asked.call)
        self.refuse(503, why)

    # LegListener

    def partner(self, leg: Leg) -> LegUserAgent | None:
        return None

    def signalled(self, leg: Leg, signal: Signal, side: Side, code: int, reason: str) -> None:
        """Nothing of it is told: there is no call."""

    def happened(self, event: Any, agent: LegUserAgent) -> None:
        if isinstance(event, CCEventTry):
            self._waiting.add(self)
            self._board.platform.ask(self.asked, self._decided)
        elif isinstance(event, CCEventDisconnect) and self in self._waiting:
            # CANCEL: sippy has answered 487.
            self._waiting.discard(self)
            self._board.platform.withdraw(self.asked.call)

    def _decided(self, decision: Decision) -> None:
        self._waiting.discard(self)
        if isinstance(decision, NoDecision):
            self.refuse(self._board.profile.business_calls.no_decision_code, decision.why)
        elif not decision.allowed:
            self._refused_by_platform(decision)
        else:
            self._admit(decision)

    def _admit(self, decided: CallDecided) -> None:
        before = set(self._board.calls)
        try:
            self._let_in(decided, self)
        except Exception:
            log.exception("the call %s could not be made", self.asked.call)
            for name in set(self._board.calls) - before:
                self._board.calls[name].abandon("the trunk could not handle its INVITE")
                self._board.drop(name)
            self.agent.recvEvent(CCEventFail((500, reason_of(500))))
