"""What a business number and a user are to each other: permission, requests, calls; as transition tables.

Three machines per pair (Meta, user call permissions): the permission, each permission request, each call.
A pair of state and signal that is not in a table cannot happen. All states are values: a step returns new ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from simulators.whatsapp.rules import Rules


class Grant(StrEnum):
    """The permission of a user for a business number."""

    NONE = "no_permission"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"


class GrantSignal(StrEnum):
    """What changes a permission."""

    ACCEPTED = auto()
    ACCEPTED_FOR_GOOD = auto()
    REJECTED = auto()
    USER_CALLED = auto()
    REVOKED_BY_USER = auto()
    REVOKED_UNANSWERED = auto()
    EXPIRED = auto()


_N, _T, _P = Grant
_S = GrantSignal

GRANT_TRANSITIONS: dict[tuple[Grant, GrantSignal], Grant] = {
    (_N, _S.ACCEPTED): _T,
    (_N, _S.ACCEPTED_FOR_GOOD): _P,
    (_N, _S.REJECTED): _N,
    (_N, _S.USER_CALLED): _T,
    (_N, _S.REVOKED_BY_USER): _N,
    (_T, _S.ACCEPTED): _T,
    (_T, _S.ACCEPTED_FOR_GOOD): _P,
    (_T, _S.REJECTED): _N,
    (_T, _S.USER_CALLED): _T,
    (_T, _S.REVOKED_BY_USER): _N,
    (_T, _S.REVOKED_UNANSWERED): _N,
    (_T, _S.EXPIRED): _N,
    (_P, _S.ACCEPTED): _T,
    (_P, _S.ACCEPTED_FOR_GOOD): _P,
    (_P, _S.REJECTED): _N,
    (_P, _S.USER_CALLED): _P,
    (_P, _S.REVOKED_BY_USER): _N,
    (_P, _S.REVOKED_UNANSWERED): _N,
}
"""The user's latest word counts, whatever was before (ours: Meta does not say it of a later rejection)."""


class RequestPhase(StrEnum):
    """A permission request in the user's chat."""

    OPEN = auto()
    REPLIED = auto()
    CLOSED = auto()


class RequestSignal(StrEnum):
    """What happens to a request."""

    REPLY = auto()
    REPLY_TO_NEWER = auto()
    AGED = auto()


REQUEST_TRANSITIONS: dict[tuple[RequestPhase, RequestSignal], RequestPhase] = {
    (RequestPhase.OPEN, RequestSignal.REPLY): RequestPhase.REPLIED,
    (RequestPhase.OPEN, RequestSignal.REPLY_TO_NEWER): RequestPhase.CLOSED,
    (RequestPhase.OPEN, RequestSignal.AGED): RequestPhase.CLOSED,
    (RequestPhase.REPLIED, RequestSignal.REPLY): RequestPhase.REPLIED,
    (RequestPhase.REPLIED, RequestSignal.REPLY_TO_NEWER): RequestPhase.CLOSED,
    (RequestPhase.REPLIED, RequestSignal.AGED): RequestPhase.CLOSED,
}


class CallPhase(StrEnum):
    """A call between the two; the first word says who started it."""

    NONE = auto()
    BUSINESS_RINGS = auto()
    BUSINESS_TALKS = auto()
    USER_RINGS = auto()
    USER_TALKS = auto()


class CallSignal(StrEnum):
    """What happens to a call."""

    BUSINESS_CALLED = auto()
    USER_CALLED = auto()
    ANSWERED = auto()
    DECLINED = auto()
    UNANSWERED = auto()
    CANCELLED = auto()
    ENDED = auto()


_C = CallPhase
_K = CallSignal

CALL_TRANSITIONS: dict[tuple[CallPhase, CallSignal], CallPhase] = {
    (_C.NONE, _K.BUSINESS_CALLED): _C.BUSINESS_RINGS,
    (_C.NONE, _K.USER_CALLED): _C.USER_RINGS,
    (_C.BUSINESS_RINGS, _K.ANSWERED): _C.BUSINESS_TALKS,
    (_C.BUSINESS_RINGS, _K.DECLINED): _C.NONE,
    (_C.BUSINESS_RINGS, _K.UNANSWERED): _C.NONE,
    (_C.BUSINESS_RINGS, _K.CANCELLED): _C.NONE,
    (_C.BUSINESS_TALKS, _K.ENDED): _C.NONE,
    (_C.USER_RINGS, _K.ANSWERED): _C.USER_TALKS,
    (_C.USER_RINGS, _K.DECLINED): _C.NONE,
    (_C.USER_RINGS, _K.UNANSWERED): _C.NONE,
    (_C.USER_RINGS, _K.CANCELLED): _C.NONE,
    (_C.USER_TALKS, _K.ENDED): _C.NONE,
}


class Consequence(StrEnum):
    """What a step of a call does beyond the call itself."""

    COUNT_CONNECTED = "counts as a connected business call"
    RESET_REQUESTS = "empties the request counters"
    COUNT_UNANSWERED = "counts into the row of unanswered business calls"
    RESET_UNANSWERED = "ends the row of unanswered business calls"
    RESET_UNANSWERED_BY_USER = "ends the row of unanswered business calls, by rule user_call_ends_unanswered_row"
    CALLBACK = "permits a callback, if the number is set to take it so"


_Q = Consequence

CONSEQUENCES: dict[tuple[CallPhase, CallSignal], tuple[Consequence, ...]] = {
    (_C.BUSINESS_RINGS, _K.ANSWERED): (_Q.COUNT_CONNECTED, _Q.RESET_REQUESTS, _Q.RESET_UNANSWERED),
    (_C.BUSINESS_RINGS, _K.DECLINED): (_Q.COUNT_UNANSWERED,),
    (_C.BUSINESS_RINGS, _K.UNANSWERED): (_Q.COUNT_UNANSWERED,),
    (_C.USER_RINGS, _K.ANSWERED): (_Q.RESET_REQUESTS, _Q.RESET_UNANSWERED_BY_USER, _Q.CALLBACK),
    (_C.USER_RINGS, _K.DECLINED): (_Q.CALLBACK,),
    (_C.USER_RINGS, _K.UNANSWERED): (_Q.CALLBACK,),
    (_C.USER_RINGS, _K.CANCELLED): (_Q.CALLBACK,),
}
"""A business call that the PBX cancels has none: Meta counts declined and unanswered calls."""


@dataclass(frozen=True, slots=True)
class PermissionReply:
    """The webhook ``call_permission_reply``. ``context`` is the request's id or the user's call's."""

    accepted: bool
    permanent: bool
    expires_at: float | None
    automatic: bool
    context: str


@dataclass(frozen=True, slots=True)
class UnansweredWarning:
    """WhatsApp's message to the user after unanswered calls, asking to reconsider."""

    in_a_row: int


Effect = PermissionReply | UnansweredWarning


@dataclass(frozen=True, slots=True)
class Request:
    """A permission request that can still be replied to."""

    id: str
    sent_at: float
    replied_at: float | None = None

    @property
    def phase(self) -> RequestPhase:
        return RequestPhase.OPEN if self.replied_at is None else RequestPhase.REPLIED

    def closes_at(self, rules: Rules) -> float:
        """When it can no longer be replied to."""
        if self.replied_at is None:
            return self.sent_at + rules.request_open_unanswered.hours_s
        return self.replied_at + rules.request_open_after_reply.hours_s


@dataclass(frozen=True, slots=True)
class Call:
    """An active call."""

    id: str
    phase: CallPhase


@dataclass(frozen=True, slots=True)
class Pair:
    """All that is known of one business number and one user."""

    grant: Grant = Grant.NONE
    expires_at: float | None = None
    """End of a temporary permission; None: no end."""
    requests: tuple[Request, ...] = ()
    """Those that can be replied to, oldest first."""
    requested: tuple[float, ...] = ()
    """When requests were sent that still count."""
    connected: tuple[float, ...] = ()
    """When business calls connected that still count."""
    unanswered: int = 0
    """Business calls in a row that the user declined or did not answer."""
    calls: tuple[Call, ...] = ()

    def call(self, call_id: str) -> Call | None:
        return next((call for call in self.calls if call.id == call_id), None)

    def request(self, request_id: str) -> Request | None:
        return next((request for request in self.requests if request.id == request_id), None)


STRANGERS = Pair()
"""The pair before anything happened."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a step depends on beside the pair."""

    rules: Rules
    sandbox: bool
    callback_permission: bool


def within(times: tuple[float, ...], now: float, window_s: float) -> tuple[float, ...]:
    """Those that lie less than ``window_s`` back."""
    if not times or now - times[0] < window_s:
        return times
    return tuple(at for at in times if now - at < window_s)


def settled(pair: Pair, now: float, rules: Rules) -> Pair:
    """The pair at ``now``: expired what has expired, forgotten what no longer counts."""
    grant, expires_at = pair.grant, pair.expires_at
    if expires_at is not None and now >= expires_at:
        grant, expires_at = GRANT_TRANSITIONS[grant, GrantSignal.EXPIRED], None
    requests = pair.requests
    if any(now >= request.closes_at(rules) for request in requests):
        requests = _kept(
            request if now < request.closes_at(rules) else _advanced(request, RequestSignal.AGED, now)
            for request in requests
        )
    longest = max(rules.requests_per_day.window_s, rules.requests_per_week.window_s)
    requested = within(pair.requested, now, longest)
    connected = within(pair.connected, now, rules.connected_per_day.window_s)
    kept = (grant, expires_at, requests, requested, connected)
    if kept == (pair.grant, pair.expires_at, pair.requests, pair.requested, pair.connected):
        return pair
    return Pair(*kept, pair.unanswered, pair.calls)


def _advanced(request: Request, signal: RequestSignal, at: float) -> Request | None:
    """The request after a signal; None: it is closed."""
    phase = REQUEST_TRANSITIONS[request.phase, signal]
    if phase is RequestPhase.CLOSED:
        return None
    return replace(request, replied_at=at) if phase is RequestPhase.REPLIED else request


def _kept(requests: Iterable[Request | None]) -> tuple[Request, ...]:
    return tuple(request for request in requests if request is not None)


def granted(pair: Pair, signal: GrantSignal, at: float, rules: Rules) -> Pair:
    """After a change of the permission."""
    if signal is GrantSignal.ACCEPTED_FOR_GOOD and not rules.permanent_grant.enabled:
        signal = GrantSignal.ACCEPTED
    grant = GRANT_TRANSITIONS[pair.grant, signal]
    ends_at = at + rules.temporary_grant.hours_s
    expires_at = ends_at if grant is Grant.TEMPORARY and math.isfinite(ends_at) else None
    return replace(pair, grant=grant, expires_at=expires_at)


def requested(pair: Pair, request_id: str, at: float) -> Pair:
    """After a request was sent."""
    return replace(pair, requests=(*pair.requests, Request(request_id, at)), requested=(*pair.requested, at))


def replied(pair: Pair, request: Request, signal: GrantSignal, at: float, rules: Rules) -> tuple[Pair, list[Effect]]:
    """After the user's reply to a request that was open or replied to."""
    place = pair.requests.index(request)
    older = pair.requests[:place]
    if rules.newer_request_closes_older.enabled:
        older = _kept(_advanced(each, RequestSignal.REPLY_TO_NEWER, at) for each in older)
    own = _kept([_advanced(request, RequestSignal.REPLY, at)])
    kept = (*older, *own, *pair.requests[place + 1 :])
    after = granted(replace(pair, requests=kept), signal, at, rules)
    return after, [reply_of(after, automatic=False, context=request.id)]


def reply_of(pair: Pair, *, automatic: bool, context: str) -> PermissionReply:
    """The webhook that tells of the pair's permission."""
    return PermissionReply(
        accepted=pair.grant is not Grant.NONE,
        permanent=pair.grant is Grant.PERMANENT,
        expires_at=pair.expires_at,
        automatic=automatic,
        context=context,
    )


def called(pair: Pair, call_id: str, signal: CallSignal) -> Pair:
    """After a call began."""
    return replace(pair, calls=(*pair.calls, Call(call_id, CALL_TRANSITIONS[CallPhase.NONE, signal])))


def call_went_on(pair: Pair, call: Call, signal: CallSignal, at: float, terms: Terms) -> tuple[Pair, list[Effect]]:
    """After a step of a call; the step is in the table."""
    phase = CALL_TRANSITIONS[call.phase, signal]
    left = [Call(each.id, phase) if each is call else each for each in pair.calls]
    after = replace(pair, calls=tuple(each for each in left if each.phase is not CallPhase.NONE))
    effects: list[Effect] = []
    for consequence in CONSEQUENCES.get((call.phase, signal), ()):
        after, more = _CONSEQUENT[consequence](after, call, at, terms)
        effects += more
    return after, effects


def _count_connected(pair: Pair, _: Call, at: float, __: Terms) -> tuple[Pair, list[Effect]]:
    return replace(pair, connected=(*pair.connected, at)), []


def _reset_requests(pair: Pair, _: Call, __: float, terms: Terms) -> tuple[Pair, list[Effect]]:
    if not terms.rules.connected_call_resets_requests.enabled or not pair.requested:
        return pair, []
    return replace(pair, requested=()), []


def _count_unanswered(pair: Pair, call: Call, at: float, terms: Terms) -> tuple[Pair, list[Effect]]:
    row = pair.unanswered + 1
    effects: list[Effect] = []
    if row == terms.rules.unanswered_warning.most(sandbox=terms.sandbox):
        effects.append(UnansweredWarning(row))
    if row < terms.rules.unanswered_revocation.most(sandbox=terms.sandbox):
        return replace(pair, unanswered=row), effects
    # A permission given later begins a row of its own.
    after = replace(pair, unanswered=0)
    if pair.grant is not Grant.NONE:
        after = granted(after, GrantSignal.REVOKED_UNANSWERED, at, terms.rules)
        effects.append(reply_of(after, automatic=True, context=call.id))
    return after, effects


def _reset_unanswered(pair: Pair, _: Call, __: float, ___: Terms) -> tuple[Pair, list[Effect]]:
    return (replace(pair, unanswered=0) if pair.unanswered else pair), []


def _reset_unanswered_by_user(pair: Pair, call: Call, at: float, terms: Terms) -> tuple[Pair, list[Effect]]:
    if not terms.rules.user_call_ends_unanswered_row.enabled:
        return pair, []
    return _reset_unanswered(pair, call, at, terms)


def _callback(pair: Pair, call: Call, at: float, terms: Terms) -> tuple[Pair, list[Effect]]:
    if not terms.callback_permission or not terms.rules.callback_permission.enabled:
        return pair, []
    after = granted(pair, GrantSignal.USER_CALLED, at, terms.rules)
    if after.grant is Grant.PERMANENT:
        return pair, []
    return after, [reply_of(after, automatic=True, context=call.id)]


_CONSEQUENT = {
    Consequence.COUNT_CONNECTED: _count_connected,
    Consequence.RESET_REQUESTS: _reset_requests,
    Consequence.COUNT_UNANSWERED: _count_unanswered,
    Consequence.RESET_UNANSWERED: _reset_unanswered,
    Consequence.RESET_UNANSWERED_BY_USER: _reset_unanswered_by_user,
    Consequence.CALLBACK: _callback,
}
