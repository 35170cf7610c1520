"""One call through the trunk: two legs, and what passes between them.

What is common to all calls is here; how a call comes about is in ``passed_call`` (somebody's INVITE is passed on)
and ``ordered_call`` (the customer is called first).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
from harness.sip.reasons import reason_of
from simulators.trunk.call_report import CallReport
from simulators.trunk.call_state import CallState, Side, Signal
from simulators.trunk.leg import LegUserAgent, signal_of
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import CallFinished, CallStarted, Direction, Leg
from simulators.trunk.sippy_text import quotable


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLeg:
    """An INVITE that the trunk will send: URIs as text, Call-ID, display name, and who makes the leg."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a call gets from its trunk.

    ``emit`` takes its events; ``started`` is called with its Call-IDs before the first message, ``finished`` with the
    last event, before that is emitted. ``at`` says when the message that is being handled came (CLOCK_MONOTONIC, s).
    """

    profile: Profile
    emit: Callable[[Event], None]
    started: Callable[[Call, Mapping[Leg, str]], None]
    finished: Callable[[Call, CallFinished], None]
    at: Callable[[], float]
    later: Callable[[float, Callable[[], None]], asyncio.TimerHandle]


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


class Call(ABC):
    """Two legs. ``values`` are the call's placeholders. Everything runs on the loop's thread."""

    def __init__(
        self, facts: CallFacts, values: dict[str, str], report: CallReport, surroundings: Surroundings
    ) -> None:
        self.facts = facts
        self.values = values
        self._report = report
        self._profile = surroundings.profile
        self._emit = surroundings.emit
        self._started = surroundings.started
        self._finished = surroundings.finished
        self._at = surroundings.at
        self._later = surroundings.later
        self._state = CallState(facts.name, facts.direction)
        self._legs: dict[Leg, LegUserAgent] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._connected_at: float | None = None
        self._handlers: dict[type, Callable[[Any, LegUserAgent], None]] = {
            CCEventRing: self._on_ring,
            CCEventConnect: self._on_connect,
            CCEventPreConnect: self._on_connect,
            CCEventFail: self._on_fail,
            CCEventRedirect: self._on_fail,
            CCEventDisconnect: self._on_disconnect,
        }

    def hang_up(self, why: str, blame: Leg = Leg.CUSTOMER) -> None:
        """The trunk ends the call on both legs, on the account of one side."""
        self._clear_timers()
        self._state.blame(blame, why)
        for agent in list(self._legs.values()):
            self._end(agent, 480)

    def abandon(self, why: str) -> None:
        """Be over, whatever state the legs are in: something unforeseen went wrong."""
        self._clear_timers()
        self._state.blame(Leg.CUSTOMER, why)
        for leg in Leg:
            self.signalled(leg, Signal.RELEASED, Side.TRUNK, 500, reason_of(500))

    # LegListener

    def partner(self, leg: Leg) -> LegUserAgent | None:
        return self._legs.get(other(leg))

    def signalled(self, leg: Leg, signal: Signal, side: Side, code: int, reason: str) -> None:
        at = self._at()
        for event in self._state.observe(leg, signal, side=side, at=at, code=code, reason=reason):
            if isinstance(event, CallFinished):
                self._clear_timers()
                self._finished(self, event)
            else:
                self._report.leg_changed(event)
            self._emit(event)
        if self._connected_at is None and self._state.answered:
            self._connected_at = at

    def happened(self, event: Any, agent: LegUserAgent) -> None:
        """sippy's user agent of one leg tells what its far end did."""
        self._handlers.get(type(event), self._pass_on)(event, agent)

    # What the legs' far ends do.

    @abstractmethod
    def _on_ring(self, event: CCEventRing, agent: LegUserAgent) -> None: ...

    @abstractmethod
    def _on_connect(self, event: Any, agent: LegUserAgent) -> None: ...

    @abstractmethod
    def _on_fail(self, event: Any, agent: LegUserAgent) -> None: ...

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
            self._end(partner, 480, event)

    # What the trunk does.

    def _launch(self, out: OutgoingLeg, offer: MsgBody | None) -> None:
        """Send an INVITE: with an offer, or without, so that the called side makes it (RFC 3261 section 13.2.1)."""
        agent = out.make(self)
        self._legs[agent.leg] = agent
        self.signalled(agent.leg, Signal.INVITE, Side.TRUNK, 0, "INVITE")
        setup = _Setup((SipCallId(out.call_id), None, None, offer, None, None))
        setup.max_forwards = self._profile.headers.max_forwards
        setup.outgoing = out
        agent.recvEvent(setup)

    def _note_ringing(self, event: CCEventRing, agent: LegUserAgent) -> None:
        code, reason, body = event.getData()
        self.signalled(agent.leg, signal_of(code, body is not None), Side.FAR_END, code, reason)

    def _end(self, agent: LegUserAgent, code: int, cause: CCEventDisconnect | None = None) -> None:
        """End one leg: refuse its INVITE with ``code``, cancel ours, or BYE."""
        if agent.invited and not agent.answered:
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

    def _emit_started(self, call_ids: dict[Leg, str], *, answer_first: bool = False) -> None:
        self._started(self, call_ids)
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
                answer_first=answer_first,
            )
        )

    def _note_duration(self) -> None:
        if self._connected_at is not None:
            self.values["duration_s"] = str(int(self._at() - self._connected_at))

    def _wait(self, delay_s: float, expired: Callable[[], None]) -> asyncio.TimerHandle:
        """A timer that runs until something final comes."""
        timer = self._later(delay_s, expired)
        self._timers.append(timer)
        return timer

    def _clear_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


def other(leg: Leg) -> Leg:
    """The leg on the other side of the trunk."""
    return Leg.PBX if leg is Leg.CUSTOMER else Leg.CUSTOMER


def contact_of(uri: str) -> SipContact:
    """A Contact header for our own URI."""
    return SipContact(address=SipAddress(url=SipURL(uri), hadbrace=True))
