"""What the trunk knows of each call, by the Call-ID on the PBX's side."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from harness.sip.message import SipMessage

MOST_UP = 4096
MOST_OVER = 256
"""Messages that are sent again come within 32 s (timers H and J of RFC 3261); of more calls than that in so short a
time they are nobody's."""

Known = TypeVar("Known")


class Remembered(Generic[Known]):
    """Something of each call that is up, and of the latest that are over, whose messages may come late.

    A call of which it is never said that it is over is forgotten when ``MOST_UP`` others have come since.
    """

    def __init__(self) -> None:
        self._up: OrderedDict[str, Known] = OrderedDict()
        self._over: OrderedDict[str, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._up) + len(self._over)

    def get(self, call_id: str) -> Known | None:
        """None: there is no such call, or none any more."""
        known = self._up.get(call_id)
        return self._over.get(call_id) if known is None else known

    def keep(self, call_id: str, known: Known) -> Known:
        """In place of what was known before."""
        self._over.pop(call_id, None)
        self._up[call_id] = known
        if len(self._up) > MOST_UP:
            self._up.popitem(last=False)
        return known

    def is_over(self, call_id: str) -> None:
        """The call has ended. May be said again, and of calls of which nothing is known."""
        known = self._up.pop(call_id, None)
        if known is None:
            return
        self._over[call_id] = known
        if len(self._over) > MOST_OVER:
            self._over.popitem(last=False)

    def forget(self, call_id: str) -> None:
        """Messages of this call that come late are nobody's."""
        self._up.pop(call_id, None)
        self._over.pop(call_id, None)


def ends_call(message: SipMessage) -> bool:
    """Whether a call is over with this message: a BYE is answered with 2xx, whoever sent it."""
    return not message.is_request and message.method == "BYE" and 200 <= message.code < 300
