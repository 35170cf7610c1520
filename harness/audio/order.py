"""What comes first in a recording: the consent announcement or the first word?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.audio.prompt import PromptMatch

TOLERANCE_S = 0.1
"""Ends of prompts are known to 0.1 s (``PromptMatch``)."""


class Order(StrEnum):
    """``FIRST``: the announcement was over before the first word. ``NO_ANNOUNCEMENT``: it was not heard, or not
    whole. ``NO_VOICE``: there was no word, so none came too early."""

    FIRST = "announcement first"
    TOO_EARLY = "voice before the announcement's end"
    NO_ANNOUNCEMENT = "no whole announcement"
    NO_VOICE = "no voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The order, and ``margin_s``, by how much the announcement's end came before the first word (negative: after;
    None: one of the two is missing)."""

    order: Order
    margin_s: float | None = None


def announced_first(
    announcement: PromptMatch, first_voice_s: float | None, *, tolerance_s: float = TOLERANCE_S
) -> Announced:
    """Judge the order. Both times are on one clock: that of one recording, or the call's.

    An announcement that is clipped announces nothing: it counts only when it is ``whole``.
    """
    if not announcement.whole() or announcement.last_sound_s is None:
        return Announced(order=Order.NO_ANNOUNCEMENT)
    if first_voice_s is None:
        return Announced(order=Order.NO_VOICE)
    margin_s = first_voice_s - announcement.last_sound_s
    order = Order.FIRST if margin_s >= -tolerance_s else Order.TOO_EARLY
    return Announced(order=order, margin_s=margin_s)
