"""What a trunk asks WhatsApp's platform about a call, and what the platform has the trunk do.

The two are processes that know nothing of each other. They meet in these messages: one JSON object per line over
a Unix-domain stream socket, on which the platform listens and the trunk connects. A call has the id that WhatsApp
gives it (``wacid.…``); points in time do not pass, the platform has a clock of its own.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

LONGEST_LINE = 65536
"""Octets of a message at most, line feed included."""


class Direction(StrEnum):
    """Meta's terms: who started the call."""

    USER_INITIATED = "user_initiated"
    BUSINESS_INITIATED = "business_initiated"


class CallStep(StrEnum):
    """What happened to a call that was let through."""

    ANSWERED = "answered"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    """Rung out, or the called side could not be reached."""
    CANCELLED = "cancelled"
    """Given up by the side that called, before the answer."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAsked:
    """Trunk to platform: somebody calls; may they? ``user`` is the user's address as it was dialled or sent.

    ``entry`` names what the user tapped (a message's id or a deep link); empty: the call icon.
    """

    call: str
    direction: Direction
    business: str
    user: str
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDecided:
    """Platform to trunk: the answer to ``CallAsked``.

    ``code`` and ``text`` are the SIP status that the caller gets when the call is refused. ``user`` is the user's
    number (or id when they have none). The payloads are what the tapped button or deep link carries.
    """

    call: str
    allowed: bool
    code: int = 0
    text: str = ""
    user: str = ""
    user_id: str = ""
    button_payload: str = ""
    link_payload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrdered:
    """Platform to trunk: call the user first and, once they have answered, the PBX (8x8's documented flow).

    The platform has let the call through already. ``context`` is what the backend wants the PBX to know.
    """

    call: str
    business: str
    user: str
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEndOrdered:
    """Platform to trunk: end a call that was ordered, whatever its state."""

    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMoved:
    """Trunk to platform: what became of a call that was let through or ordered. ``duration_s`` with ENDED only.

    Each call ends with exactly one of DECLINED, UNANSWERED, CANCELLED and ENDED; ENDED follows ANSWERED.
    """

    call: str
    direction: Direction
    business: str
    user: str
    step: CallStep
    duration_s: float = 0.0


Message = CallAsked | CallDecided | CallOrdered | CallEndOrdered | CallMoved

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (CallAsked, CallDecided, CallOrdered, CallEndOrdered, CallMoved)
}
_ENUMS: dict[str, type[StrEnum]] = {"direction": Direction, "step": CallStep}
_TYPES: dict[Any, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (float, int)}
"""What JSON has for a field's annotation; text for all others."""


def encode(message: Message) -> bytes:
    """The message as one line."""
    return json.dumps({"kind": type(message).__name__} | asdict(message)).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line. Raises ValueError for anything that ``encode`` does not write."""
    try:
        values = json.loads(line)
        kind = _KINDS[values.pop("kind")]
        types = {field.name: _TYPES.get(field.type, (str,)) for field in fields(kind)}
        for name, value in values.items():
            if not isinstance(value, types[name]):
                raise ValueError(f"{name} is {value!r:.40}")
            if isinstance(value, float | int) and not math.isfinite(value):
                raise ValueError(f"{name} has no end")
        made: Message = kind(
            **{name: _ENUMS[name](value) if name in _ENUMS else value for name, value in values.items()}
        )
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as wrong:
        raise ValueError(f"no message between trunk and platform: {line[:80]!r} ({wrong})") from None
    return made
