"""What WhatsApp's platform is told of a call that it let through: its steps, as a table over the legs' events.

The called side decides: it is the PBX in a user-initiated call, the customer in a business-initiated one, also
when the platform has the customer called first.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from harness.call_policy import CallMoved, CallStep, Direction
from simulators.trunk.protocol import Leg, LegChanged, LegPhase


class Happening(Enum):
    """What can become of a call, whoever calls whom."""

    CALLED_ANSWERS = auto()
    CALLED_DECLINES = auto()
    CALLED_NOT_REACHED = auto()
    """Rung out, offline, unreachable, or whatever else the called side could not help."""
    CALLER_GIVES_UP = auto()


class Stage(Enum):
    """How far the report of a call is."""

    OPEN = auto()
    UP = auto()
    CLOSED = auto()


STEPS: dict[tuple[Stage, Happening], tuple[CallStep, Stage]] = {
    (Stage.OPEN, Happening.CALLED_ANSWERS): (CallStep.ANSWERED, Stage.UP),
    (Stage.OPEN, Happening.CALLED_DECLINES): (CallStep.DECLINED, Stage.CLOSED),
    (Stage.OPEN, Happening.CALLED_NOT_REACHED): (CallStep.UNANSWERED, Stage.CLOSED),
    (Stage.OPEN, Happening.CALLER_GIVES_UP): (CallStep.CANCELLED, Stage.CLOSED),
    (Stage.UP, Happening.CALLED_DECLINES): (CallStep.ENDED, Stage.CLOSED),
    (Stage.UP, Happening.CALLED_NOT_REACHED): (CallStep.ENDED, Stage.CLOSED),
    (Stage.UP, Happening.CALLER_GIVES_UP): (CallStep.ENDED, Stage.CLOSED),
}
"""The step to report and the stage after it. Pairs that are not here say nothing: an answer that crossed the
caller's CANCEL, the second leg's end."""

DECLINING = {
    Leg.CUSTOMER: frozenset({486, 600, 603}),
    Leg.PBX: frozenset({403, 486, 600, 603}),
}
"""Final codes by which a called side says that it does not want the call; all others: it was not reached."""

_CALLED = {Direction.USER_INITIATED: Leg.PBX, Direction.BUSINESS_INITIATED: Leg.CUSTOMER}


def happening_of(direction: Direction, event: LegChanged) -> Happening | None:
    """What a leg's event means for the call; None when it means nothing to the platform."""
    called = _CALLED[direction]
    if event.leg is called and event.phase is LegPhase.CONNECTED:
        return Happening.CALLED_ANSWERS
    if event.phase is not LegPhase.ENDED:
        return None
    if event.leg is not called:
        # With a code, it is the trunk that turned the caller away: there was no answer in time.
        return Happening.CALLED_NOT_REACHED if event.code >= 300 else Happening.CALLER_GIVES_UP
    return Happening.CALLED_DECLINES if event.code in DECLINING[called] else Happening.CALLED_NOT_REACHED


class CallReport:
    """Reports one call. Times are CLOCK_MONOTONIC in s.

    ``call`` is WhatsApp's id of it; ``business`` and ``user`` are as the platform knows them.
    """

    def __init__(
        self, call: str, direction: Direction, business: str, user: str, moved: Callable[[CallMoved], None]
    ) -> None:
        self._call = call
        self._direction = direction
        self._business = business
        self._user = user
        self._moved = moved
        self._stage = Stage.OPEN
        self._answered_at = 0.0

    def leg_changed(self, event: LegChanged) -> None:
        happening = happening_of(self._direction, event)
        if happening is not None:
            self.happened(happening, event.at)

    def happened(self, happening: Happening, at: float) -> None:
        """Something that no leg tells: nobody was there to be called, the caller is a backend."""
        step, following = STEPS.get((self._stage, happening), (None, self._stage))
        if step is None:
            return
        self._stage = following
        if step is CallStep.ANSWERED:
            self._answered_at = at
        self._moved(
            CallMoved(
                call=self._call,
                direction=self._direction,
                business=self._business,
                user=self._user,
                step=step,
                duration_s=max(0.0, at - self._answered_at) if step is CallStep.ENDED else 0.0,
            )
        )
