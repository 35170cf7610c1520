"""A call that WhatsApp's platform orders: the customer first, then the PBX (third-party call control).

RFC 3725 flow I: the customer's INVITE carries no SDP, the offer in the 200 becomes that of the INVITE to the PBX,
and the PBX's answer goes into the ACK that the customer has been waiting for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sippy.CCEvents import CCEventConnect, CCEventDisconnect, CCEventRing
from sippy.MsgBody import MsgBody

from simulators.trunk.call import Call, CallFacts, OutgoingLeg, Surroundings
from simulators.trunk.call_report import CallReport, Happening
from simulators.trunk.call_state import Side, Signal
from simulators.trunk.leg import LegUserAgent
from simulators.trunk.protocol import Leg
from simulators.trunk.sdp import NoCommonCodecError, rejecting

AT_ONCE = 0.0
"""After the message that is being handled, in s: sippy has not taken note of a 200 while it tells of it."""


class OrderedCall(Call):
    """Begin with ``begin``. ``shaped`` makes the customer's offer what the trunk carries."""

    def __init__(
        self,
        facts: CallFacts,
        values: dict[str, str],
        report: CallReport,
        surroundings: Surroundings,
        *,
        to_customer: OutgoingLeg,
        to_pbx: OutgoingLeg,
        shaped: Callable[[MsgBody], MsgBody | None],
    ) -> None:
        super().__init__(facts, values, report, surroundings)
        self._to_customer = to_customer
        self._to_pbx = to_pbx
        self._shaped = shaped
        self._offer = ""

    def begin(self) -> None:
        """Ring the customer."""
        call_ids = {Leg.CUSTOMER: self._to_customer.call_id, Leg.PBX: self._to_pbx.call_id}
        self._emit_started(call_ids, answer_first=True)
        dialog = self._profile.dialog
        self._response_timer = self._wait(dialog.no_response_s, self._no_response)
        self._wait(dialog.no_answer_s, self._rang_out)
        self._launch(self._to_customer, None)

    def end_as_ordered(self) -> None:
        """The platform ends the call, which is the business's wish."""
        self._report.happened(Happening.CALLER_GIVES_UP, self._at())
        self.hang_up("WhatsApp's platform ended the call", Leg.PBX)

    def _on_ring(self, event: CCEventRing, agent: LegUserAgent) -> None:
        self._response_timer.cancel()
        if event.getData()[0] > 100:
            self._note_ringing(event, agent)

    def _on_connect(self, event: Any, agent: LegUserAgent) -> None:
        code, reason, body = event.getData()
        first_answer = isinstance(code, int) and not self._state.answered
        if not first_answer:
            self._pass_on(event, agent)
            return
        self._clear_timers()
        self.signalled(agent.leg, Signal.ANSWER, Side.FAR_END, code, reason)
        if body is None:
            self._fail_later(agent.leg, f"the {agent.leg}'s 200 has no SDP")
        elif agent.leg is Leg.CUSTOMER:
            self._call_pbx(body)
        else:
            self._pass_on(event, agent)

    def _call_pbx(self, offer: MsgBody) -> None:
        self._offer = offer.localStr()
        try:
            shaped = self._shaped(offer)
        except NoCommonCodecError as none:
            self._fail_later(Leg.CUSTOMER, str(none))
            return
        rules = self._profile.business_calls
        why = f"the PBX did not answer within {rules.pbx_answer_s:g} s"
        self._wait(rules.pbx_answer_s, lambda: self.hang_up(why, Leg.PBX))
        self._launch(self._to_pbx, shaped)

    def _on_fail(self, event: Any, agent: LegUserAgent) -> None:
        if self._state.answered:
            # A re-INVITE that was refused.
            self._pass_on(event, agent)
            return
        self._clear_timers()
        code, reason = event.getData()[:2]
        self.signalled(agent.leg, Signal.REFUSAL, Side.FAR_END, code, reason)
        customer = self._legs[Leg.CUSTOMER]
        if agent.leg is Leg.PBX:
            self._end(customer, code)

    def _end(self, agent: LegUserAgent, code: int, cause: CCEventDisconnect | None = None) -> None:
        if agent.waits_for_answer:
            # No offer stays without an answer, and no BYE comes before the ACK (RFC 3725 section 6).
            agent.recvEvent(CCEventConnect((200, "OK", MsgBody(rejecting(self._offer)))))
        super()._end(agent, code, cause)

    def _fail_later(self, blame: Leg, why: str) -> None:
        self._wait(AT_ONCE, lambda: self.hang_up(why, blame))

    def _no_response(self) -> None:
        why = f"nothing came within {self._profile.dialog.no_response_s:g} s"
        self.hang_up(why)
        # There will be no answer to CANCEL either, which cannot even be sent (RFC 3261 section 9.1).
        self.signalled(Leg.CUSTOMER, Signal.RELEASED, Side.TRUNK, self._profile.dialog.no_response_code, why)

    def _rang_out(self) -> None:
        self.hang_up(f"no answer within {self._profile.dialog.no_answer_s:g} s")
