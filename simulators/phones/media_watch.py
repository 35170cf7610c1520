"""When WhatsApp's app gives up on a call that brings no media (Meta, SIP troubleshooting)."""

from __future__ import annotations

from collections.abc import Hashable
from math import inf

# As the app says it to Meta's platform, which passes it on (RFC 3326).
NO_MEDIA_REASON = (
    'SIP;cause=500;text="WhatsApp client terminated the call due to not receiving any media for a long time."'
)


class MediaWatch:
    """Tells when a call has brought nothing for too long. Times in s; 0 as a limit: never.

    What was heard is told as any value that changes with each packet. Between two looks nothing is known,
    so a packet counts as heard at the look after it: at most a twentieth of the limit, or 1 s, late.
    """

    _LOOKS_PER_LIMIT = 20
    _LONGEST_WAIT_S = 1.0

    def __init__(self, silent_after_s: float, stalled_after_s: float) -> None:
        self._silent_after_s = silent_after_s or inf
        self._stalled_after_s = stalled_after_s or inf
        self.on = bool(silent_after_s or stalled_after_s)
        """Whether there is any limit."""
        self._wait_s = min(self._LONGEST_WAIT_S, stalled_after_s / self._LOOKS_PER_LIMIT) or inf
        self._heard: Hashable = None
        self._give_up_at = inf
        self._look_at = inf

    def start(self, now: float, heard: Hashable) -> None:
        """The call is confirmed; what was ``heard`` before, early media, does not count."""
        self._heard = heard
        self._give_up_at = now + self._silent_after_s
        self._look_at = min(now + self._wait_s, self._give_up_at)

    def due(self, now: float) -> bool:
        """Whether it is time to look."""
        return now >= self._look_at

    def gone(self, now: float, heard: Hashable) -> bool:
        """Look: whether the media has been missing for as long as the app bears it."""
        if heard != self._heard:
            self._heard = heard
            self._give_up_at = now + self._stalled_after_s
        self._look_at = min(now + self._wait_s, self._give_up_at)
        return now >= self._give_up_at
