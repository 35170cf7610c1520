"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at and what came of it.

    ``ok`` is True, False when a run is impossible with this, or None when a run is possible but
    something is missing. ``advice`` says what to do, and is empty only if ``ok`` is True.
    """

    name: str
    ok: bool | None
    detail: str
    advice: str = ""
