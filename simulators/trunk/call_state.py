"""The course of one call as a table: what happens on its legs, and the events that follow.

No sockets, no timers, no clock: every signal comes with its time. A leg is one INVITE dialog
(RFC 3261 sections 13 to 15); the trunk joins two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from simulators.trunk.protocol import CallFinished, Direction, Leg, LegChanged, LegPhase


class Signal(Enum):
    """What can happen on a leg, whichever way the message goes."""

    INVITE = auto()
    RINGING = auto()
    EARLY_MEDIA = auto()
    ANSWER = auto()
    REFUSAL = auto()
    CANCEL = auto()
    BYE = auto()
    RELEASED = auto()
    """Our BYE was answered, or nobody answered it in time."""


class Side(Enum):
    """Who did it: the leg's far end, or the trunk on the other leg's or its own account."""

    FAR_END = auto()
    TRUNK = auto()


_T, _R, _E, _C, _X = (
    LegPhase.TRYING,
    LegPhase.RINGING,
    LegPhase.EARLY_MEDIA,
    LegPhase.CONNECTED,
    LegPhase.ENDED,
)

TRANSITIONS: dict[tuple[LegPhase | None, Signal], LegPhase] = {
    (None, Signal.INVITE): _T,
    (_T, Signal.RINGING): _R,
    (_T, Signal.EARLY_MEDIA): _E,
    (_R, Signal.EARLY_MEDIA): _E,
    (_T, Signal.ANSWER): _C,
    (_R, Signal.ANSWER): _C,
    (_E, Signal.ANSWER): _C,
    (_T, Signal.REFUSAL): _X,
    (_R, Signal.REFUSAL): _X,
    (_E, Signal.REFUSAL): _X,
    (_T, Signal.CANCEL): _X,
    (_R, Signal.CANCEL): _X,
    (_E, Signal.CANCEL): _X,
    (_T, Signal.BYE): _X,
    (_R, Signal.BYE): _X,
    (_E, Signal.BYE): _X,
    (_C, Signal.BYE): _X,
    (_T, Signal.RELEASED): _X,
    (_R, Signal.RELEASED): _X,
    (_E, Signal.RELEASED): _X,
    (_C, Signal.RELEASED): _X,
}
"""Phase after a signal. Pairs that are not here change nothing: a 180 after early media, an answer that
crossed our CANCEL, a second BYE."""

ENDS_THE_CALL = frozenset({Signal.REFUSAL, Signal.CANCEL, Signal.BYE})
"""Signals by which a far end can be the one that ended the call."""

NORMAL_CODE = 200


@dataclass(slots=True)
class _LegState:
    phase: LegPhase | None = None
    final_code: int = 0
    final_reason: str = ""


class CallState:
    """State of one call; ``observe`` returns the events that a signal causes.

    Times are CLOCK_MONOTONIC in s.
    """

    def __init__(self, name: str, direction: Direction) -> None:
        self._name = name
        self._direction = direction
        self._legs = {leg: _LegState() for leg in Leg}
        self._ended_by: Leg | None = None
        self._why = ""
        self._connected_at: float | None = None
        self._ended_at: float | None = None
        self._finished = False

    @property
    def finished(self) -> bool:
        return self._finished

    @property
    def answered(self) -> bool:
        return self._connected_at is not None

    def phase(self, leg: Leg) -> LegPhase | None:
        return self._legs[leg].phase

    def blame(self, leg: Leg, why: str = "") -> None:
        """The call ends on this leg's account although its far end sent nothing: it rang out, for instance.

        ``why`` becomes the reason in CallFinished. Whoever ended the call before stays the one who did.
        """
        if self._ended_by is None:
            self._ended_by, self._why = leg, why

    def observe(
        self, leg: Leg, signal: Signal, *, side: Side, at: float, code: int = 0, reason: str = ""
    ) -> list[LegChanged | CallFinished]:
        """A signal on a leg. ``code`` is the SIP code behind it, 0 when it was a request."""
        state = self._legs[leg]
        following = TRANSITIONS.get((state.phase, signal))
        if following is None or self._finished:
            return []
        if signal in ENDS_THE_CALL and side is Side.FAR_END:
            self.blame(leg)
        if following is LegPhase.ENDED and self._ended_at is None:
            self._ended_at = at
        state.phase = following
        if following is LegPhase.ENDED:
            state.final_code, state.final_reason = code, reason
        events: list[LegChanged | CallFinished] = [
            LegChanged(at=at, call=self._name, leg=leg, phase=following, code=code, reason=reason)
        ]
        if self._connected_at is None and self._both(LegPhase.CONNECTED):
            self._connected_at = at
        if following is LegPhase.ENDED and self._nothing_left():
            self._finished = True
            events.append(self._finish(at))
        return events

    def _both(self, phase: LegPhase) -> bool:
        return all(state.phase is phase for state in self._legs.values())

    def _nothing_left(self) -> bool:
        """No leg is open: one that was never called (the customer declined an ordered call) does not count."""
        return all(state.phase in (None, LegPhase.ENDED) for state in self._legs.values())

    def _finish(self, at: float) -> CallFinished:
        # An ordered call that never got to the PBX has the customer's final code.
        last = self._legs[Leg.PBX if self._legs[Leg.PBX].phase else Leg.CUSTOMER]
        normal = self._connected_at is not None
        ended_at = at if self._ended_at is None else self._ended_at
        return CallFinished(
            at=at,
            call=self._name,
            ended_by=self._ended_by if self._ended_by is not None else Leg.CUSTOMER,
            code=NORMAL_CODE if normal else last.final_code,
            reason=self._why or ("OK" if normal else last.final_reason),
            connected_s=max(0.0, ended_at - self._connected_at) if self._connected_at is not None else 0.0,
        )
