"""A call that somebody makes with an INVITE, which the trunk passes on to the other side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sippy.CCEvents import CCEventDisconnect, CCEventFail, CCEventRing
from sippy.MsgBody import MsgBody

from harness.sip.reasons import reason_of
from simulators.trunk.call import Call, CallFacts, OutgoingLeg, Surroundings, contact_of, other
from simulators.trunk.call_report import CallReport
from simulators.trunk.call_state import Side, Signal
from simulators.trunk.leg import LegUserAgent
from simulators.trunk.protocol import Leg

Translation = Callable[[int, str], tuple[int, str]]
"""What the caller is told (code and reason phrase) when the called side refused with these."""


class PassedCall(Call):
    """Begin with ``begin``.

    ``offer`` is the caller's SDP as the trunk sends it on, None when it made none (RFC 3261 section 13.2.1: then
    the callee offers).
    """

    def __init__(
        self,
        facts: CallFacts,
        values: dict[str, str],
        report: CallReport,
        surroundings: Surroundings,
        *,
        outgoing: OutgoingLeg,
        offer: MsgBody | None,
        translate: Translation,
    ) -> None:
        super().__init__(facts, values, report, surroundings)
        self._outgoing = outgoing
        self._offer = offer
        self._translate = translate

    @property
    def _called_leg(self) -> Leg:
        return self._outgoing.leg

    @property
    def _calling_leg(self) -> Leg:
        return other(self._outgoing.leg)

    def begin(self, caller: LegUserAgent, contact_uri: str) -> None:
        """Take over the caller's INVITE, which has got its 100, and call the other side."""
        caller.belong_to(self, contact_of(contact_uri))
        self._legs[caller.leg] = caller
        self._emit_started({caller.leg: str(caller.cId), self._called_leg: self._outgoing.call_id})
        self.signalled(caller.leg, Signal.INVITE, Side.FAR_END, 0, "INVITE")
        dialog = self._profile.dialog
        self._response_timer = self._wait(dialog.no_response_s, self._no_response)
        self._wait(dialog.no_answer_s, self._rang_out)
        self._launch(self._outgoing, self._offer)

    def _on_ring(self, event: CCEventRing, agent: LegUserAgent) -> None:
        code, _, body = event.getData()
        if agent.leg is self._called_leg:
            self._response_timer.cancel()
        if code == 100:
            return
        if not agent.answered:
            self._note_ringing(event, agent)
            if body is not None and self._profile.media.early_media == "ringing_only":
                event = CCEventRing((180, reason_of(180), None), rtime=event.rtime, origin=event.origin)
        self._pass_on(event, agent)

    def _on_connect(self, event: Any, agent: LegUserAgent) -> None:
        code, reason, _ = event.getData()
        if agent.leg is self._called_leg and isinstance(code, int):
            self._clear_timers()
            self.signalled(agent.leg, Signal.ANSWER, Side.FAR_END, code, reason)
        self._pass_on(event, agent)

    def _on_fail(self, event: Any, agent: LegUserAgent) -> None:
        code, reason = event.getData()[:2]
        calling = self._legs[self._calling_leg]
        if agent.leg is self._called_leg and not calling.answered:
            self._clear_timers()
            self.signalled(agent.leg, Signal.REFUSAL, Side.FAR_END, code, reason)
            refusal = CCEventFail(self._translate(code, reason), rtime=event.rtime, origin=event.origin)
            refusal.reason_rfc3326 = event.reason_rfc3326
            event = refusal
        self._pass_on(event, agent)

    def _no_response(self) -> None:
        code = self._profile.dialog.no_response_code
        why = f"nothing came within {self._profile.dialog.no_response_s:g} s"
        self._give_up(code, why)
        # There will be no answer to CANCEL either, which cannot even be sent (RFC 3261 section 9.1).
        self.signalled(self._called_leg, Signal.RELEASED, Side.TRUNK, code, why)

    def _rang_out(self) -> None:
        dialog = self._profile.dialog
        self._give_up(dialog.no_answer_code, f"no answer within {dialog.no_answer_s:g} s")

    def _give_up(self, code: int, why: str) -> None:
        self._clear_timers()
        self._state.blame(self._called_leg, why)
        self._legs[self._called_leg].recvEvent(CCEventDisconnect())
        self._legs[self._calling_leg].recvEvent(CCEventFail(self._translate(code, reason_of(code))))
