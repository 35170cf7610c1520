"""When what happened in a call, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CallState(StrEnum):
    """How far a call is."""

    CALLING = "calling"
    """The INVITE has no final response yet."""
    UP = "up"
    ENDING = "ending"
    """Our BYE is on its way."""
    ENDED = "ended"


@dataclass(slots=True)
class CallTimes:
    """CLOCK_MONOTONIC in s, at the socket: of what came the kernel's time of arrival. None: it has not happened.

    ``invite_at`` is the first INVITE; one that was challenged and its repetition are one attempt. ``provisional_at`` is
    the first response from 101 to 199, ``first_response_at`` the first of all.
    """

    invite_at: float
    first_response_at: float | None = None
    provisional_at: float | None = None
    answered_at: float | None = None
    acknowledged_at: float | None = None
    bye_at: float | None = None
    bye_answered_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """``code`` is the final response to the INVITE, 0 when none came; ``reason`` says in one line what ended the call,
    with its Reason header when the far end gave one. ``by_us``: we hung up, cancelled or declined."""

    code: int
    reason: str
    by_us: bool
