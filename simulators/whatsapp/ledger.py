"""The consent ledger: events in, decisions out.

Every event either happens or is refused for a reason of ``refusals``; nothing here waits, and no clock is read:
each event carries its time in s since 1970-01-01 UTC. A window of 24 h that is full at 10:00:00 is free again
exactly 24 h later.

``Ledger.plan`` decides without changing anything, ``Ledger.apply`` makes the change; what lies between is the
place of ``ledger_store``, so that memory never knows more than the disk.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum, auto

from simulators.whatsapp.availability import Availability, published_availability
from simulators.whatsapp.consent import (
    CALL_TRANSITIONS,
    STRANGERS,
    Call,
    CallSignal,
    Effect,
    Grant,
    GrantSignal,
    Pair,
    Terms,
    call_went_on,
    called,
    granted,
    replied,
    reply_of,
    requested,
    settled,
    within,
)
from simulators.whatsapp.people import AppMode, BusinessNumber, Directory, WhatsAppUser
from simulators.whatsapp.refusals import ANSWERS, Answer, Refusal
from simulators.whatsapp.rules import Rule, Rules, published_rules


class EventKind(StrEnum):
    """What may happen between a business number and a user."""

    REQUEST_SENT = auto()
    REQUEST_ACCEPTED = auto()
    REQUEST_ACCEPTED_FOR_GOOD = auto()
    REQUEST_REJECTED = auto()
    PROFILE_GRANTED = auto()
    """The user permits calls for good in the business's profile."""
    PROFILE_REVOKED = auto()
    """The user takes the permission back in the business's profile."""
    BUSINESS_CALLED = auto()
    USER_CALLED = auto()
    ANSWERED = auto()
    DECLINED = auto()
    UNANSWERED = auto()
    """Rung out, or the called side is unreachable."""
    CANCELLED = auto()
    """Given up by the side that called."""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens, or is tried, at ``at``. ``id`` is the call's or the request's."""

    kind: EventKind
    at: float
    business: str
    user: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an event."""

    refusal: Refusal | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.refusal is None

    @property
    def answer(self) -> Answer | None:
        """SIP and Graph codes of a refusal."""
        return None if self.refusal is None else ANSWERS[self.refusal]


@dataclass(frozen=True, slots=True)
class Change:
    """An event decided upon, and all that it changes."""

    event: Event
    outcome: Outcome
    user: str = ""
    pair: Pair | None = None
    """The pair afterwards; None: nothing changes."""
    active: int = 0
    """By how much the number's active calls change."""
    places: bool = False
    """Whether it counts as a new business call of the number."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of a limit is used. ``frees_at`` is when some of it becomes free, if none is now."""

    period_s: float
    most: float
    used: int
    frees_at: float | None


@dataclass(frozen=True, slots=True)
class PermissionView:
    """What a business may know of its permission (Meta, ``call_permissions``)."""

    grant: Grant
    expires_at: float | None
    request: Refusal | None
    """Why no request may be sent; None: it may."""
    request_limits: tuple[LimitUse, ...]
    call: Refusal | None
    """Why no call may be started; None: it may."""
    call_limits: tuple[LimitUse, ...]


@dataclass(slots=True)
class _Load:
    """What counts for a business number as a whole."""

    active: int = 0
    placed: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at. The pair is settled: expired what has expired."""

    event: Event
    rules: Rules
    availability: Availability
    business: BusinessNumber
    user: WhatsAppUser
    pair: Pair
    active: int
    placed: int

    @property
    def call(self) -> Call | None:
        return self.pair.call(self.event.id)


def _used(times: tuple[float, ...], now: float, rule: Rule) -> int:
    return len(within(times, now, rule.window_s))


def _full(case: Case, rule: Rule, used: int) -> bool:
    return used >= rule.most(sandbox=case.business.sandbox)


def _closed(case: Case) -> Refusal | None:
    """Business-initiated calls are open in the business number's country."""
    return case.availability.business_call(case.business)


def _closed_to_user(case: Case) -> Refusal | None:
    """Calling is available to the user, and the business takes calls at this hour."""
    return case.availability.user_call(case.business, case.user, case.event.at)


def _calling(case: Case) -> Refusal | None:
    """Calling is enabled for the business number."""
    return None if case.business.calling_enabled else Refusal.CALLING_DISABLED


def _feature(case: Case) -> Refusal | None:
    """Business-initiated calls are open to the business number."""
    return None if case.business.business_calls else Refusal.BUSINESS_CALLS_DISABLED


def _app(case: Case) -> Refusal | None:
    """The app is live (or a sandbox)."""
    wrong = case.rules.app_live.enabled and case.business.app_mode is AppMode.DEVELOPMENT
    return Refusal.APP_NOT_LIVE if wrong else None


def _subscribed(case: Case) -> Refusal | None:
    """Somebody learns of calls: SIP is enabled, or the app subscribes to webhooks about calls."""
    return None if case.business.sip or case.business.subscribed_to_calls else Refusal.NOT_SUBSCRIBED


def _allow_list(case: Case) -> Refusal | None:
    """An app that is not live reaches only the users on its allow-list."""
    return None if case.business.may_reach(case.user) else Refusal.NOT_ON_ALLOW_LIST


def _client(case: Case) -> Refusal | None:
    """The user's client is new enough for calls."""
    return None if case.user.client_supports_calls else Refusal.CLIENT_TOO_OLD


def _payment(case: Case) -> Refusal | None:
    """There is a payment method."""
    wrong = case.rules.payment_method.enabled and not case.business.payment_method
    return Refusal.NO_PAYMENT_METHOD if wrong else None


def _messaging(case: Case) -> Refusal | None:
    """The messaging limit is high enough."""
    least = case.rules.messaging_limit.least(sandbox=case.business.sandbox)
    return Refusal.MESSAGING_LIMIT if case.business.messaging_limit < least else None


def _duplicate(case: Case) -> Refusal | None:
    """No call is active between the two."""
    known = case.call is not None
    busy = case.rules.one_call_per_pair.enabled and bool(case.pair.calls)
    return Refusal.DUPLICATE_CALL if known or busy else None


def _permission(case: Case) -> Refusal | None:
    """The user permits calls."""
    missing = case.rules.permission_required.enabled and case.pair.grant is Grant.NONE
    return Refusal.NO_PERMISSION if missing else None


def _connected(case: Case) -> Refusal | None:
    """The limit of connected calls to this user is not reached."""
    rule = case.rules.connected_per_day
    return Refusal.CONNECTED_LIMIT if _full(case, rule, _used(case.pair.connected, case.event.at, rule)) else None


def _concurrent(case: Case) -> Refusal | None:
    """The limit of calls at the same time is not reached."""
    return Refusal.TOO_MANY_CALLS if _full(case, case.rules.concurrent_calls, case.active) else None


def _rate(case: Case) -> Refusal | None:
    """The limit of new calls is not reached."""
    return Refusal.CALL_RATE if _full(case, case.rules.new_calls_per_day, case.placed) else None


def _permanent(case: Case) -> Refusal | None:
    """No permanent permission stands."""
    standing = case.rules.no_request_when_permanent.enabled and case.pair.grant is Grant.PERMANENT
    return Refusal.PERMANENT_PERMISSION if standing else None


def _requests(case: Case) -> Refusal | None:
    """The user has not been asked too often."""
    limits = (case.rules.requests_per_day, case.rules.requests_per_week)
    full = any(_full(case, rule, _used(case.pair.requested, case.event.at, rule)) for rule in limits)
    return Refusal.REQUEST_LIMIT if full else None


def _new_request(case: Case) -> Refusal | None:
    """The request's id is new."""
    return None if case.pair.request(case.event.id) is None else Refusal.INVALID_PARAMETER


def _open_request(case: Case) -> Refusal | None:
    """The request is still open for a reply."""
    return Refusal.REQUEST_CLOSED if case.pair.request(case.event.id) is None else None


def _call_step(case: Case) -> Refusal | None:
    """The call exists, and this can happen to it now."""
    call = case.call
    possible = call is not None and (call.phase, CallSignal(case.event.kind)) in CALL_TRANSITIONS
    return None if possible else Refusal.NO_SUCH_CALL


Check = Callable[[Case], Refusal | None]

_REPLY: tuple[Check, ...] = (_open_request,)
_CALL_STEP: tuple[Check, ...] = (_call_step,)

CHECKS: dict[EventKind, tuple[Check, ...]] = {
    EventKind.REQUEST_SENT: (
        _calling, _feature, _closed, _allow_list, _client, _permanent, _requests, _new_request,
    ),
    EventKind.REQUEST_ACCEPTED: _REPLY,
    EventKind.REQUEST_ACCEPTED_FOR_GOOD: _REPLY,
    EventKind.REQUEST_REJECTED: _REPLY,
    EventKind.PROFILE_GRANTED: (_calling, _feature, _closed),
    EventKind.PROFILE_REVOKED: (),
    EventKind.BUSINESS_CALLED: (
        _calling, _feature, _closed, _app, _subscribed, _payment, _messaging, _allow_list, _client,
        _duplicate, _permission, _connected, _concurrent, _rate,
    ),
    EventKind.USER_CALLED: (_calling, _closed_to_user, _duplicate, _concurrent),
    EventKind.ANSWERED: _CALL_STEP,
    EventKind.DECLINED: _CALL_STEP,
    EventKind.UNANSWERED: _CALL_STEP,
    EventKind.CANCELLED: _CALL_STEP,
    EventKind.ENDED: _CALL_STEP,
}  # fmt: skip
"""What is asked before an event happens, in this order; the first refusal counts. Meta does not say its order."""

REPLIES = {
    EventKind.REQUEST_ACCEPTED: GrantSignal.ACCEPTED,
    EventKind.REQUEST_ACCEPTED_FOR_GOOD: GrantSignal.ACCEPTED_FOR_GOOD,
    EventKind.REQUEST_REJECTED: GrantSignal.REJECTED,
}
PROFILE = {
    EventKind.PROFILE_GRANTED: GrantSignal.ACCEPTED_FOR_GOOD,
    EventKind.PROFILE_REVOKED: GrantSignal.REVOKED_BY_USER,
}
_BEGINNINGS = frozenset({EventKind.BUSINESS_CALLED, EventKind.USER_CALLED})


class Ledger:
    """Consent between all business numbers and users of a directory, in memory."""

    def __init__(
        self, directory: Directory, *, rules: Rules | None = None, availability: Availability | None = None
    ) -> None:
        self.directory = directory
        self.rules = rules or published_rules()
        self.availability = availability or published_availability()
        self._pairs: dict[str, dict[str, Pair]] = {}
        self._loads: dict[str, _Load] = {}

    def handle(self, event: Event) -> Outcome:
        """Decide upon an event and, if it is allowed, let it happen."""
        change = self.plan(event)
        self.apply(change)
        return change.outcome

    def plan(self, event: Event) -> Change:
        """Decide upon an event; nothing changes."""
        case = self._case(event)
        if isinstance(case, Refusal):
            return Change(event, Outcome(case))
        for check in CHECKS[event.kind]:
            refusal = check(case)
            if refusal is not None:
                return Change(event, Outcome(refusal))
        pair, effects = _happen(case)
        return Change(
            event,
            Outcome(None, tuple(effects)),
            user=case.user.key,
            pair=pair,
            active=len(pair.calls) - len(case.pair.calls),
            places=event.kind is EventKind.BUSINESS_CALLED,
        )

    def apply(self, change: Change) -> None:
        """Let a planned change happen; it must be the last one planned."""
        if change.pair is None:
            return
        number = self._number(change.event.business)
        self.restore(number, change.user, change.pair)
        if change.active or change.places:
            load = self._load(number)
            load.active += change.active
            if change.places:
                self.restore_placed(number, change.event.at)
                gone = bisect_right(load.placed, change.event.at - self.rules.new_calls_per_day.window_s)
                del load.placed[:gone]

    def may_call(self, business: str, user: str, now: float) -> Outcome:
        """Whether a business call would be let through."""
        return self.plan(Event(EventKind.BUSINESS_CALLED, now, business, user)).outcome

    def may_request(self, business: str, user: str, now: float) -> Outcome:
        """Whether a permission request could be sent."""
        return self.plan(Event(EventKind.REQUEST_SENT, now, business, user)).outcome

    def pair(self, business: str, user: str, now: float) -> Pair:
        """What stands between the two at ``now``."""
        person = self.directory.user(user)
        known = self._pairs.get(self._number(business), {}).get(person.key if person else user, STRANGERS)
        return settled(known, now, self.rules)

    def permission(self, business: str, user: str, now: float) -> PermissionView:
        """Permission, limits and what may be done. Who cannot be called has given no permission."""
        number = self.directory.business(business)
        sandbox = number is not None and number.sandbox
        pair = self.pair(business, user, now)
        rules = self.rules
        known = number is not None and self.directory.user(user) is not None
        return PermissionView(
            grant=pair.grant if known else Grant.NONE,
            expires_at=pair.expires_at if known else None,
            request=self.may_request(business, user, now).refusal,
            request_limits=_uses((rules.requests_per_day, rules.requests_per_week), pair.requested, now, sandbox),
            call=self.may_call(business, user, now).refusal,
            call_limits=_uses((rules.connected_per_day,), pair.connected, now, sandbox),
        )

    def pairs(self) -> Iterator[tuple[str, str, Pair]]:
        """Business number, user's key and pair as last written, for every pair."""
        return ((number, user, pair) for number, users in self._pairs.items() for user, pair in users.items())

    def active_calls(self) -> Iterator[tuple[str, str, Call]]:
        """Business number, user's key and call. After a crash they are calls that nobody ended."""
        return ((number, user, call) for number, user, pair in self.pairs() for call in pair.calls)

    def restore(self, number: str, user: str, pair: Pair) -> None:
        """Put a pair as it was written."""
        users = self._pairs.setdefault(number, {})
        if pair == STRANGERS:
            users.pop(user, None)
        else:
            users[user] = pair

    def restore_placed(self, number: str, at: float) -> None:
        """Count a business call of the number at ``at``."""
        insort(self._load(number).placed, at)

    def restore_active(self) -> None:
        """Count active calls anew, after pairs were restored."""
        for load in self._loads.values():
            load.active = 0
        for number, _, _ in self.active_calls():
            self._load(number).active += 1

    def forget(self) -> None:
        """As if nothing had ever happened; the directory stays."""
        self._pairs.clear()
        self._loads.clear()

    def _case(self, event: Event) -> Case | Refusal:
        business = self.directory.business(event.business)
        if business is None:
            return Refusal.UNKNOWN_BUSINESS
        user = self.directory.user(event.user)
        if user is None:
            return Refusal.UNKNOWN_USER
        pair = self._pairs.get(business.number, {}).get(user.key, STRANGERS)
        load = self._loads.get(business.number)
        return Case(
            event,
            self.rules,
            self.availability,
            business,
            user,
            settled(pair, event.at, self.rules),
            active=load.active if load else 0,
            placed=self._placed(load, event.at) if load else 0,
        )

    def _placed(self, load: _Load, now: float) -> int:
        return len(load.placed) - bisect_right(load.placed, now - self.rules.new_calls_per_day.window_s)

    def _number(self, business: str) -> str:
        known = self.directory.business(business)
        return known.number if known else business

    def _load(self, number: str) -> _Load:
        return self._loads.setdefault(number, _Load())


def _happen(case: Case) -> tuple[Pair, list[Effect]]:
    """The pair after an event that nothing forbids."""
    event, rules = case.event, case.rules
    if event.kind is EventKind.REQUEST_SENT:
        return requested(case.pair, event.id, event.at), []
    if event.kind in _BEGINNINGS:
        return called(case.pair, event.id, CallSignal(event.kind)), []
    if event.kind in PROFILE:
        after = granted(case.pair, PROFILE[event.kind], event.at, rules)
        return after, [reply_of(after, automatic=False, context="")]
    request = case.pair.request(event.id)
    if event.kind in REPLIES and request is not None:
        return replied(case.pair, request, REPLIES[event.kind], event.at, rules)
    call = case.call
    if call is None:
        raise LookupError(f"no check of {event.kind} asked for its call")
    terms = Terms(rules, case.business.sandbox, case.business.callback_permission)
    return call_went_on(case.pair, call, CallSignal(event.kind), event.at, terms)


def _uses(rules: tuple[Rule, ...], times: tuple[float, ...], now: float, sandbox: bool) -> tuple[LimitUse, ...]:
    uses = []
    for rule in rules:
        counted = sorted(within(times, now, rule.window_s))
        most = rule.most(sandbox=sandbox)
        full = len(counted) >= most and counted and math.isfinite(most)
        frees_at = counted[len(counted) - int(most)] + rule.window_s if full and most >= 1 else None
        uses.append(LimitUse(rule.window_s, most, len(counted), frees_at))
    return tuple(uses)
