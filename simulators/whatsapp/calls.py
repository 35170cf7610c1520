"""Calls that the platform let through, from the first word about them to the last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from harness.call_policy import CallEndOrdered, CallOrdered, CallStep, Direction

REMEMBERED_CALLS = 10_000

LAST_STEPS = frozenset({CallStep.DECLINED, CallStep.UNANSWERED, CallStep.CANCELLED, CallStep.ENDED})


class Trunk(Protocol):
    """A trunk that is connected."""

    def send(self, message: CallOrdered | CallEndOrdered) -> None:
        """Have the trunk do something; never waits, never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call as the platform knows it. Times are the platform's; ``user`` is the user's key."""

    id: str
    direction: Direction
    business: str
    user: str
    begun_at: float
    ordered: bool = False
    """Whether it was ordered over an API; else it came from the trunk."""
    context: str = ""
    """What the business gave an ordered call along."""
    trunk: Trunk | None = None
    answered_at: float | None = None
    last_step: CallStep | None = None
    """How it ended; None: it is active."""
    ended_at: float | None = None

    @property
    def active(self) -> bool:
        return self.last_step is None

    @property
    def duration_s(self) -> float | None:
        """Length of the conversation; None: there was none, or it goes on."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.answered_at)


def went_on(record: CallRecord, step: CallStep, now: float, duration_s: float | None) -> CallRecord:
    """The record after a step that the ledger allowed. Without ``duration_s`` a conversation lasted until ``now``."""
    if step not in LAST_STEPS:
        return replace(record, answered_at=now)
    ended_at = now if record.answered_at is None or duration_s is None else record.answered_at + max(0.0, duration_s)
    return replace(record, last_step=step, ended_at=ended_at)


class Calls:
    """The active calls, and the last of those that ended."""

    def __init__(self) -> None:
        self._records: dict[str, CallRecord] = {}

    def put(self, record: CallRecord) -> None:
        """Add a call or replace what is known of it."""
        self._records[record.id] = record
        if len(self._records) > REMEMBERED_CALLS:
            oldest = next((call for call, known in self._records.items() if not known.active), None)
            if oldest is not None:
                del self._records[oldest]

    def get(self, call: str) -> CallRecord | None:
        return self._records.get(call)

    def active(self) -> tuple[CallRecord, ...]:
        return tuple(record for record in self._records.values() if record.active)

    def clear(self) -> None:
        self._records.clear()
