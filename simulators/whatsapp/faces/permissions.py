"""The ledger's view of a permission in the form that Meta's and 8x8's answers share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from simulators.whatsapp.ledger import LimitUse, PermissionView

ActionName = Literal["send_call_permission_request", "start_call"]
DAY_S = 86400


@dataclass(frozen=True, slots=True)
class LimitShown:
    """``period`` is an ISO 8601 duration, ``frees_at`` in s since 1970-01-01 UTC."""

    period: str
    most: int
    used: int
    frees_at: int | None


@dataclass(frozen=True, slots=True)
class ActionShown:
    name: ActionName
    possible: bool
    limits: tuple[LimitShown, ...]


def actions(view: PermissionView) -> Iterator[ActionShown]:
    """What the business may do, with the limits that are in force."""
    yield ActionShown("send_call_permission_request", view.request is None, _limits(view.request_limits))
    yield ActionShown("start_call", view.call is None, _limits(view.call_limits))


def period(seconds: float) -> str:
    """An ISO 8601 duration as Meta writes them: a day is PT24H, a week P7D."""
    days, rest = divmod(round(seconds), DAY_S)
    if rest or not days:
        return f"PT{round(seconds)}S"
    return "PT24H" if days == 1 else f"P{days}D"


def _limits(uses: tuple[LimitUse, ...]) -> tuple[LimitShown, ...]:
    return tuple(
        LimitShown(period(use.period_s), int(use.most), use.used, None if use.frees_at is None else int(use.frees_at))
        for use in uses
        if math.isfinite(use.most)
    )
