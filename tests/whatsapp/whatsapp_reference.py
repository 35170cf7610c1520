"""The consent rules once more, as plainly as possible: every answer is computed from the whole history.

Shares no state machine with the ledger; only the words for events, refusals and effects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from simulators.whatsapp.consent import Effect, PermissionReply, UnansweredWarning
from simulators.whatsapp.ledger import Event, EventKind, Outcome
from simulators.whatsapp.refusals import Refusal
from simulators.whatsapp.rules import Rules

K = EventKind
STARTS = (K.BUSINESS_CALLED, K.USER_CALLED)
ENDS = (K.DECLINED, K.UNANSWERED, K.CANCELLED, K.ENDED)
REPLIES = (K.REQUEST_ACCEPTED, K.REQUEST_ACCEPTED_FOR_GOOD, K.REQUEST_REJECTED)
HOUR = 3600.0


@dataclass
class Reference:
    """What happened between numbers and users, all of it, oldest first."""

    rules: Rules
    callback: bool
    history: list[Event] = field(default_factory=list)

    def handle(self, event: Event) -> Outcome:
        refusal = self.refusal(event)
        if refusal is not None:
            return Outcome(refusal)
        before = list(self.history)
        self.history.append(event)
        return Outcome(None, tuple(self.effects(before, event)))

    def refusal(self, event: Event) -> Refusal | None:
        mine = [e for e in self.history if (e.business, e.user) == (event.business, event.user)]
        if event.kind is K.BUSINESS_CALLED:
            return self.business_call(mine, event)
        if event.kind is K.USER_CALLED:
            return self.duplicate(mine) or self.crowd(event)
        if event.kind is K.REQUEST_SENT:
            return self.request(mine, event.at)
        if event.kind in REPLIES:
            return None if self.open_request(mine, event) else Refusal.REQUEST_CLOSED
        if event.kind in (K.PROFILE_GRANTED, K.PROFILE_REVOKED):
            return None
        course = [e.kind for e in mine if e.id == event.id]
        before_answer = len(course) == 1 and course[0] in STARTS and event.kind is not K.ENDED
        after_answer = len(course) == 2 and course[1] is K.ANSWERED and event.kind is K.ENDED
        return None if before_answer or after_answer else Refusal.NO_SUCH_CALL

    def business_call(self, mine: list[Event], event: Event) -> Refusal | None:
        found = self.duplicate(mine)
        if found:
            return found
        if self.rules.permission_required.enabled and self.permission(mine, event.at) == "none":
            return Refusal.NO_PERMISSION
        limit = self.rules.connected_per_day
        connected = [
            e for e in mine
            if e.kind is K.ANSWERED and started_by_business(mine, e) and event.at - e.at < limit.window_s
        ]  # fmt: skip
        if limit.enabled and len(connected) >= limit.value:
            return Refusal.CONNECTED_LIMIT
        found = self.crowd(event)
        if found:
            return found
        limit = self.rules.new_calls_per_day
        placed = [
            e for e in self.history
            if e.kind is K.BUSINESS_CALLED and e.business == event.business and event.at - e.at < limit.window_s
        ]  # fmt: skip
        return Refusal.CALL_RATE if limit.enabled and len(placed) >= limit.value else None

    def duplicate(self, mine: list[Event]) -> Refusal | None:
        return Refusal.DUPLICATE_CALL if self.rules.one_call_per_pair.enabled and active(mine) else None

    def crowd(self, event: Event) -> Refusal | None:
        limit = self.rules.concurrent_calls
        here = active([e for e in self.history if e.business == event.business])
        return Refusal.TOO_MANY_CALLS if limit.enabled and here >= limit.value else None

    def request(self, mine: list[Event], now: float) -> Refusal | None:
        if self.rules.no_request_when_permanent.enabled and self.permission(mine, now) == "permanent":
            return Refusal.PERMANENT_PERMISSION
        last_connected = max((i for i, e in enumerate(mine) if e.kind is K.ANSWERED), default=-1)
        if not self.rules.connected_call_resets_requests.enabled:
            last_connected = -1
        for limit in (self.rules.requests_per_day, self.rules.requests_per_week):
            counted = [
                e for e in mine[last_connected + 1 :] if e.kind is K.REQUEST_SENT and now - e.at < limit.window_s
            ]
            if limit.enabled and len(counted) >= limit.value:
                return Refusal.REQUEST_LIMIT
        return None

    def open_request(self, mine: list[Event], event: Event) -> bool:
        sent = [i for i, e in enumerate(mine) if e.kind is K.REQUEST_SENT and e.id == event.id]
        if not sent:
            return False
        newer = {e.id for e in mine[sent[0] + 1 :] if e.kind is K.REQUEST_SENT}
        if self.rules.newer_request_closes_older.enabled and any(e.kind in REPLIES and e.id in newer for e in mine):
            return False
        replies = [e.at for e in mine if e.kind in REPLIES and e.id == event.id]
        rule = self.rules.request_open_after_reply if replies else self.rules.request_open_unanswered
        since = replies[-1] if replies else mine[sent[0]].at
        return not rule.enabled or event.at < since + rule.value * HOUR

    def permission(self, mine: list[Event], now: float) -> str:
        """``none``, ``temporary`` or ``permanent``: the last word that was said on it."""
        return self.word(mine, now)[0]

    def word(self, mine: list[Event], now: float) -> tuple[str, float | None]:
        for place in reversed(range(len(mine))):
            said = self.said(mine[: place + 1])
            if said == "temporary":
                if not self.rules.temporary_grant.enabled:
                    return said, None
                ends = mine[place].at + self.rules.temporary_grant.value * HOUR
                return (said, ends) if now < ends else ("none", None)
            if said is not None:
                return said, None
        return "none", None

    def said(self, until: list[Event]) -> str | None:
        """What the last of these events says about permission, if anything."""
        event = until[-1]
        for_good = "permanent" if self.rules.permanent_grant.enabled else "temporary"
        plain = {
            K.REQUEST_ACCEPTED: "temporary",
            K.REQUEST_ACCEPTED_FOR_GOOD: for_good,
            K.REQUEST_REJECTED: "none",
            K.PROFILE_GRANTED: for_good,
            K.PROFILE_REVOKED: "none",
        }
        if event.kind in plain:
            return plain[event.kind]
        if self.is_callback(until):
            return "temporary" if self.permission(until[:-1], event.at) != "permanent" else None
        return "none" if self.revokes(until) else None

    def is_callback(self, until: list[Event]) -> bool:
        event = until[-1]
        of_user = any(e.kind is K.USER_CALLED and e.id == event.id for e in until)
        told = event.kind in (K.ANSWERED, K.DECLINED, K.UNANSWERED, K.CANCELLED)
        return self.callback and self.rules.callback_permission.enabled and of_user and told

    def row(self, until: list[Event]) -> int:
        """Which one in a row the last event is, when it is an unanswered business call; else 0. Revocations pass."""
        if until[-1].kind not in (K.DECLINED, K.UNANSWERED) or not started_by_business(until, until[-1]):
            return 0
        count = 0
        for event in reversed(until):
            own = started_by_business(until, event)
            if event.kind is K.ANSWERED and (own or self.rules.user_call_ends_unanswered_row.enabled):
                break
            count += event.kind in (K.DECLINED, K.UNANSWERED) and own
        return count

    def revokes(self, until: list[Event]) -> bool:
        row, rule = self.row(until), self.rules.unanswered_revocation
        return rule.enabled and row > 0 and row % rule.value == 0

    def effects(self, before: list[Event], event: Event) -> list[Effect]:
        mine = [e for e in [*before, event] if (e.business, e.user) == (event.business, event.user)]
        found: list[Effect] = []
        row, warning, limit = self.row(mine), self.rules.unanswered_warning, self.rules.unanswered_revocation
        in_a_row = (row - 1) % limit.value + 1 if row and limit.enabled else row
        if row and warning.enabled and in_a_row == warning.value:
            found.append(UnansweredWarning(int(in_a_row)))
        had = self.permission(mine[:-1], event.at)
        automatic = event.kind not in (*REPLIES, K.PROFILE_GRANTED, K.PROFILE_REVOKED)
        told = self.said(mine) is not None
        if told and self.revokes(mine) and automatic:
            told = had != "none"
        if told:
            status, ends = self.word(mine, event.at)
            found.append(
                PermissionReply(
                    accepted=status != "none",
                    permanent=status == "permanent",
                    expires_at=ends,
                    automatic=automatic,
                    context="" if event.kind in (K.PROFILE_GRANTED, K.PROFILE_REVOKED) else event.id,
                )
            )
        return found


def started_by_business(events: list[Event], event: Event) -> bool:
    return any(e.kind is K.BUSINESS_CALLED and e.id == event.id for e in events)


def active(events: list[Event]) -> int:
    return len({e.id for e in events if e.kind in STARTS} - {e.id for e in events if e.kind in ENDS})


def same(expires_at: float | None, other: float | None) -> bool:
    """Whether two ends are the same moment, but for rounding."""
    if expires_at is None or other is None:
        return expires_at is other
    return math.isclose(expires_at, other)
