"""DTMF as RFC 4733 events: sent one after the other, reported once per press."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

DIGITS = frozenset("0123456789*#ABCD")

# Flags of pjsua2's OnDtmfEventParam (pjmedia_stream_dtmf_flags).
IS_UPDATE = 1
IS_END = 2


@dataclass(frozen=True, slots=True)
class Press:
    """A digit to send: how long its tone lasts and how long the pause after it."""

    digit: str
    tone_ms: int
    gap_ms: int


class Dialler:
    """Spaces the digits of a call: pjsua2 itself can only send them back to back."""

    def __init__(self) -> None:
        self._waiting: deque[Press] = deque()
        self._next_at = 0.0

    def add(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Queue digits behind those still to be sent. Raises ValueError for what is no DTMF digit."""
        unknown = sorted(set(digits.upper()) - DIGITS)
        if unknown:
            raise ValueError(f"{', '.join(map(repr, unknown))} is no DTMF digit (0-9, *, #, A-D)")
        if tone_ms <= 0 or gap_ms < 0:
            raise ValueError(f"a tone of {tone_ms} ms with a gap of {gap_ms} ms can't be sent")
        self._waiting.extend(Press(digit, tone_ms, gap_ms) for digit in digits.upper())

    def due(self, now: float) -> Press | None:
        """The digit whose turn it is, if any; it counts as sent from ``now`` on."""
        if not self._waiting or now < self._next_at:
            return None
        press = self._waiting.popleft()
        self._next_at = now + (press.tone_ms + press.gap_ms) / 1000
        return press

    def clear(self) -> None:
        """Forget what was not sent yet."""
        self._waiting.clear()


@dataclass(frozen=True, slots=True)
class HeardDigit:
    """One press as received; the duration in ms is 0 when the stack does not tell it."""

    digit: str
    duration_ms: int


class DigitListener:
    """Turns the events of pjsua2 (begin, update, end; the end may be lost) into presses."""

    def __init__(self) -> None:
        self._pressed = ""
        self._duration_ms = 0

    def heard(self, digit: str, duration_ms: int, flags: int) -> list[HeardDigit]:
        """Presses that are over by this event."""
        over = [] if flags & IS_UPDATE else self.finish()
        if not flags & IS_UPDATE or self._pressed:
            self._pressed, self._duration_ms = digit, duration_ms
        if flags & IS_END:
            over += self.finish()
        return over

    def finish(self) -> list[HeardDigit]:
        """The press whose end has not been seen, if any: the call is over or the next digit began."""
        if not self._pressed:
            return []
        press = HeardDigit(self._pressed, self._duration_ms)
        self._pressed, self._duration_ms = "", 0
        return [press]
