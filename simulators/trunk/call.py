"""One call through the trunk: two legs, and what passes between them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventPreConnect,
    CCEventRedirect,
    CCEventRing,
    CCEventTry,
)
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL

from harness.messages import Event
from simulators.trunk.call_state import CallState, Side, Signal
from simulators.trunk.leg import LegUserAgent, signal_of
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import CallFinished, CallStarted, Direction, Leg
from simulators.trunk.reasons import reason_of
from simulators.trunk.sippy_text import quotable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLeg:
    """The INVITE that the trunk will send: URIs as text, Call-ID, display name, and who makes the leg."""

    leg: Leg
    request_uri: str
    to_uri: str
    from_uri: str
    contact_uri: str
    display_name: str
    call_id: str
    make: Callable[[Call], LegUserAgent]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """Who calls whom, in E.164 with ``+`` where they are numbers."""

    name: str
    direction: Direction
    customer: str
    business: str
    wacid: str


class _Setup(CCEventTry):
    """sippy's set-up event, with the URIs that its own fields cannot express."""

    outgoing: OutgoingLeg

    def onUacSetupComplete(self, uac: Any) -> None:
        out = self.outgoing
        uac.rTarget = SipURL(out.request_uri)
        uac.rUri = SipTo(address=SipAddress(url=SipURL(out.to_uri), hadbrace=True))
        name = quotable(out.display_name) or None
        uac.lUri = SipFrom(address=SipAddress(url=SipURL(out.from_uri), hadbrace=True, name=name))
        uac.lUri.setTag(uac.lTag)
        uac.lContact = contact_of(out.contact_uri)


class Call:
    """Joins the leg that called with the leg that is called.

    ``offer`` is the caller's SDP as the trunk sends it on, None when it made none (RFC 3261 section
    13.2.1: then the callee offers). ``values`` are the call's placeholders. ``emit`` takes the call's
    events, ``finished`` is called once after the last. Everything runs on the loop's thread; ``at`` says
    when the message that is being handled came.
    """

    def __init__(
        self,
        facts: CallFacts,
        profile: Profile,
        outgoing: OutgoingLeg,
        offer: MsgBody | None,
        values: dict[str, str],
        *,
        emit: Callable[[Event], None],
        finished: Callable[[Call], None],
        at: Callable[[], float],
        later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
    ) -> None:
        self.facts = facts
        self.values = values
        self._profile = profile
        self._outgoing = outgoing
        self._offer = offer
        self._emit = emit
        self._finished = finished
        self._at = at
        self._later = later
        self._state = CallState(facts.name, facts.direction)
        self._legs: dict[Leg, LegUserAgent] = {}
        self._response_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._connected_at: float | None = None

    @property
    def called_leg(self) -> Leg:
        return self._outgoing.leg

    @property
    def calling_leg(self) -> Leg:
        return other(self._outgoing.leg)

    def take(self, caller: LegUserAgent, request: Any, transaction: Any) -> Any:
        """Start with the caller's INVITE. Returns what sippy's transaction layer wants."""
        self._legs[caller.leg] = caller
        return caller.recvRequest(request, transaction)

    def hang_up(self, why: str) -> None:
        """The trunk ends the call on both legs."""
        self._state.blame(Leg.CUSTOMER, why)
        for leg, agent in self._legs.items():
            self._end(leg, agent, 480)

    def abandon(self, why: str) -> None:
        """Be over, whatever state the legs are in: something unforeseen went wrong."""
        self._clear_timers()
        self._state.blame(self.calling_leg, why)
        for leg in (self.calling_leg, self.called_leg):
            self.signalled(leg, Signal.RELEASED, Side.TRUNK, 500, reason_of(500))

    # LegListener

    def partner(self, leg: Leg) -> LegUserAgent | None:
        return self._legs.get(other(leg))

    def signalled(self, leg: Leg, signal: Signal, side: Side, code: int, reason: str) -> None:
        at = self._at()
        for event in self._state.observe(leg, signal, side=side, at=at, code=code, reason=reason):
            if isinstance(event, CallFinished):
                self._clear_timers()
                self._finished(self)
            self._emit(event)
        if self._connected_at is None and self._state.answered:
            self._connected_at = at

    def happened(self, event: Any, agent: LegUserAgent) -> None:
        """sippy's user agent of one leg tells what its far end did."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(self, event, agent)
        else:
            self._pass_on(event, agent)

    # What the legs' far ends do.

    def _on_try(self, event: CCEventTry, agent: LegUserAgent) -> None:
        _, calling, called, _, _, name = event.getData()
        out = self._outgoing
        callee = out.make(self)
        self._legs[callee.leg] = callee
        setup = _Setup((SipCallId(out.call_id), calling, called, self._offer, None, name), rtime=event.rtime)
        setup.max_forwards = self._profile.headers.max_forwards
        setup.outgoing = out
        self._emit_started(agent)
        self._start_leg(agent.leg)
        self._start_leg(callee.leg)
        dialog = self._profile.dialog
        self._response_timer = self._later(dialog.no_response_s, self._no_response)
        self._answer_timer = self._later(dialog.no_answer_s, self._rang_out)
        callee.recvEvent(setup)

    def _on_ring(self, event: CCEventRing, agent: LegUserAgent) -> None:
        code, reason, body = event.getData()
        if agent.leg is self.called_leg and self._response_timer is not None:
            self._response_timer.cancel()
        if code == 100:
            return
        if not agent.answered:
            self.signalled(agent.leg, signal_of(code, body is not None), Side.FAR_END, code, reason)
            if body is not None and self._profile.media.early_media == "ringing_only":
                event = CCEventRing((180, reason_of(180), None), rtime=event.rtime, origin=event.origin)
        self._pass_on(event, agent)

    def _on_connect(self, event: Any, agent: LegUserAgent) -> None:
        code, reason, _ = event.getData()
        if agent.leg is self.called_leg and isinstance(code, int):
            self._clear_timers()
            self.signalled(agent.leg, Signal.ANSWER, Side.FAR_END, code, reason)
        self._pass_on(event, agent)

    def _on_fail(self, event: Any, agent: LegUserAgent) -> None:
        code, reason = event.getData()[:2]
        calling = self._legs[self.calling_leg]
        if agent.leg is self.called_leg and not calling.answered:
            self._clear_timers()
            self.signalled(agent.leg, Signal.REFUSAL, Side.FAR_END, code, reason)
            if code < 400:
                code = self._profile.dialog.redirect_code
                reason = reason_of(code)
            refusal = CCEventFail((code, reason), rtime=event.rtime, origin=event.origin)
            refusal.reason_rfc3326 = event.reason_rfc3326
            event = refusal
        self._pass_on(event, agent)

    def _on_disconnect(self, event: CCEventDisconnect, agent: LegUserAgent) -> None:
        self._clear_timers()
        self._note_duration()
        if agent.cause is not None:
            self.signalled(agent.leg, agent.cause, Side.FAR_END, 0, agent.cause.name)
        else:
            # The far end never acknowledged our 200, or a re-INVITE died: sippy has sent BYE.
            self._state.blame(agent.leg, "the dialog was given up")
        partner = self._legs.get(other(agent.leg))
        if partner is not None:
            self._end(partner.leg, partner, 480, event)

    _handlers: ClassVar[dict[type, Callable[[Call, Any, LegUserAgent], None]]] = {
        CCEventTry: _on_try,
        CCEventRing: _on_ring,
        CCEventConnect: _on_connect,
        CCEventPreConnect: _on_connect,
        CCEventFail: _on_fail,
        CCEventRedirect: _on_fail,
        CCEventDisconnect: _on_disconnect,
    }

    # What the trunk does by itself.

    def _no_response(self) -> None:
        code = self._profile.dialog.no_response_code
        why = f"nothing came within {self._profile.dialog.no_response_s:g} s"
        self._give_up(code, why)
        # There will be no answer to CANCEL either, which cannot even be sent (RFC 3261 section 9.1).
        self.signalled(self.called_leg, Signal.RELEASED, Side.TRUNK, code, why)

    def _rang_out(self) -> None:
        dialog = self._profile.dialog
        self._give_up(dialog.no_answer_code, f"no answer within {dialog.no_answer_s:g} s")

    def _give_up(self, code: int, why: str) -> None:
        self._clear_timers()
        self._state.blame(self.called_leg, why)
        self._legs[self.called_leg].recvEvent(CCEventDisconnect())
        self._legs[self.calling_leg].recvEvent(CCEventFail((code, reason_of(code))))

    def _end(self, leg: Leg, agent: LegUserAgent, code: int, cause: CCEventDisconnect | None = None) -> None:
        if leg is self.calling_leg and not agent.answered:
            agent.recvEvent(CCEventFail((code, reason_of(code))))
            return
        event = CCEventDisconnect() if cause is None else cause.getCopy()
        # A transfer target (REFER, Also) never passes: there is no transfer through the trunk.
        event.data = None
        agent.recvEvent(event)

    def _pass_on(self, event: Any, agent: LegUserAgent) -> None:
        partner = self._legs.get(other(agent.leg))
        if partner is not None:
            partner.recvEvent(event)

    def _emit_started(self, caller: LegUserAgent) -> None:
        call_ids = {caller.leg: str(caller.cId), self.called_leg: self._outgoing.call_id}
        self._emit(
            CallStarted(
                at=self._at(),
                call=self.facts.name,
                direction=self.facts.direction,
                customer=self.facts.customer,
                business=self.facts.business,
                wacid=self.facts.wacid,
                customer_call_id=call_ids[Leg.CUSTOMER],
                pbx_call_id=call_ids[Leg.PBX],
            )
        )

    def _start_leg(self, leg: Leg) -> None:
        side = Side.FAR_END if leg is self.calling_leg else Side.TRUNK
        self.signalled(leg, Signal.INVITE, side, 0, "INVITE")

    def _note_duration(self) -> None:
        if self._connected_at is not None:
            self.values["duration_s"] = str(int(self._at() - self._connected_at))

    def _clear_timers(self) -> None:
        for timer in (self._response_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()


def other(leg: Leg) -> Leg:
    """The leg on the other side of the trunk."""
    return Leg.PBX if leg is Leg.CUSTOMER else Leg.CUSTOMER


def contact_of(uri: str) -> SipContact:
    """A Contact header for our own URI."""
    return SipContact(address=SipAddress(url=SipURL(uri), hadbrace=True))
