"""Asterisk's scheduler under a clock that is set back by weeks."""

from __future__ import annotations

from collections.abc import Iterable

_HALF_MS = 1 << 31
_RUN_MS = 6 * 3_600_000
"""Longer than a run: a moment that was so far behind its bounds when the clock was set can come within them."""
_DELAY_MS = 60_000
"""So far ahead are the moments of what Asterisk does regularly."""


def would_spin(earlier_s: Iterable[int], offset_s: int) -> bool:
    """Whether a thread of Asterisk runs without end from now on, with its clock ``offset_s`` from the real one.

    ``earlier_s`` are the distances of its clock from the real one at which it ran before. What it is to do next has
    its moment by one of these. Asterisk (22, ``ast_sched_wait``) takes the time until then for a signed number of 32
    bits, in ms. From 24.9 to 49.7 days that is negative, and so on every 49.7 days: it does not wait at all, and finds
    nothing to do.
    """
    for earlier in earlier_s:
        back_ms = (earlier - offset_s) * 1000
        if back_ms <= 0:
            continue
        nearest, furthest = max(back_ms - _RUN_MS, 0) // _HALF_MS, (back_ms + _DELAY_MS) // _HALF_MS
        if any(half % 2 for half in range(nearest, furthest + 1)):
            return True
    return False
