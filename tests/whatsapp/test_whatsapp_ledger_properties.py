"""Random histories: the ledger lets through exactly what the rules, read naively, allow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from simulators.whatsapp.ledger import Event, EventKind, Ledger
from simulators.whatsapp.ledger_store import StoredLedger, pair_from_json, pair_to_json
from simulators.whatsapp.people import Directory
from simulators.whatsapp.refusals import Refusal
from simulators.whatsapp.rules import Rules, published_rules
from tests.whatsapp.whatsapp_reference import ENDS, REPLIES, STARTS, Reference
from tests.whatsapp.whatsapp_rig import ANA, BEN, DAY, HOUR, SHOP, START

OTHER_SHOP = replace(SHOP, number="+34910000002")
USERS = (ANA.key, BEN.key)
SHOPS = (SHOP.number, OTHER_SHOP.number)
# The edges of the windows are what goes wrong; whole seconds keep sums exact.
STEPS = (0.0, 1.0, HOUR, DAY - 1.0, DAY, 2 * DAY, 6 * DAY, 7 * DAY - 1.0, 7 * DAY)
SWITCHES = (
    "connected_call_resets_requests", "no_request_when_permanent", "newer_request_closes_older", "permission_required",
    "permanent_grant", "callback_permission", "user_call_ends_unanswered_row", "one_call_per_pair", "temporary_grant",
    "request_open_unanswered", "request_open_after_reply",
)  # fmt: skip
LIMITS = {
    "requests_per_day": 2, "requests_per_week": 4, "unanswered_warning": 3, "unanswered_revocation": 4,
    "connected_per_day": 2, "concurrent_calls": 2, "new_calls_per_day": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Try:
    """One thing to try. ``pick`` chooses among the calls or requests there have been, the newest first."""

    kind: EventKind
    later: float
    user: int
    shop: int
    pick: int


K = EventKind
# Courses as they happen, so that many calls get through; and anything at any time.
COURSES: list[tuple[EventKind, ...]] = [
    *((K.BUSINESS_CALLED, end) for end in (K.DECLINED, K.DECLINED, K.UNANSWERED, K.CANCELLED)),
    *((K.USER_CALLED, end) for end in (K.DECLINED, K.UNANSWERED, K.CANCELLED)),
    *((K.BUSINESS_CALLED, K.ANSWERED, K.ENDED),) * 4,
    (K.USER_CALLED, K.ANSWERED, K.ENDED),
    *((K.REQUEST_SENT, reply) for reply in REPLIES),
    (K.REQUEST_SENT, K.REQUEST_REJECTED, K.REQUEST_ACCEPTED),
    (K.PROFILE_GRANTED, K.BUSINESS_CALLED, K.DECLINED),
    *((kind,) for kind in K),
]


@st.composite
def some_tries(draw: st.DrawFn) -> list[Try]:
    tries = [Try(K.PROFILE_GRANTED, 0.0, 0, 0, 0)] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(2, 12))):
        user, shop = draw(st.sampled_from((0, 0, 0, 1))), draw(st.sampled_from((0, 0, 0, 0, 1)))
        course = draw(st.sampled_from(COURSES)) * draw(st.sampled_from((1, 1, 1, 2, 4, 5)))
        for place, kind in enumerate(course):
            later = draw(st.sampled_from((0.0, 0.0, 0.0, 0.0, *STEPS) if place == 0 else (0.0,) * 20 + STEPS))
            tries.append(Try(kind, later, user, shop, draw(st.sampled_from((0, 0, 0, 0, 0, 0, 1, 2)))))
    return tries


@st.composite
def some_rules(draw: st.DrawFn) -> Rules:
    """The published rules, or rules with low limits of which some are switched off."""
    if draw(st.integers(0, 3)) == 0:
        return published_rules()
    changes: dict[str, dict[str, object]] = {
        name: {"value": draw(st.integers(1, most)), "enabled": draw(st.integers(0, 4)) > 0}
        for name, most in LIMITS.items()
    }
    off = draw(st.sets(st.sampled_from(SWITCHES), max_size=3))
    return published_rules().changed(**changes, **{name: {"enabled": False} for name in off})


def events_of(tries: list[Try]) -> list[Event]:
    """Events with ids of their own for what begins, and ids of what there has been for the rest."""
    events: list[Event] = []
    calls: dict[tuple[int, int], list[str]] = {}
    requests: dict[tuple[int, int], list[str]] = {}
    now = START
    for number, each in enumerate(tries):
        now += each.later
        pair = (each.user, each.shop)
        known = requests if each.kind in (*REPLIES, EventKind.REQUEST_SENT) else calls
        ids = known.setdefault(pair, [])
        if each.kind in (*STARTS, EventKind.REQUEST_SENT):
            ids.append(f"{number}")
            event_id = ids[-1]
        elif each.kind in (EventKind.PROFILE_GRANTED, EventKind.PROFILE_REVOKED):
            event_id = ""
        else:
            event_id = ids[-1 - each.pick] if each.pick < len(ids) else "never"
        events.append(Event(each.kind, now, SHOPS[each.shop], USERS[each.user], event_id))
    return events


def fresh_ledger(rules: Rules, *, callback: bool) -> Ledger:
    shops = [replace(shop, callback_permission=callback) for shop in (SHOP, OTHER_SHOP)]
    return Ledger(Directory.of(shops, [ANA, BEN]), rules=rules)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules=some_rules(), callback=st.booleans(), tries=some_tries())
def test_it_decides_as_the_rules_say(rules: Rules, callback: bool, tries: list[Try]) -> None:
    ledger = fresh_ledger(rules, callback=callback)
    reference = Reference(rules, callback)
    for each in events_of(tries):
        outcome = ledger.handle(each)
        assert outcome == reference.handle(each), each
        event(f"{each.kind}: {outcome.refusal or 'allowed'}")
    now = reference.history[-1].at if reference.history else START
    for later in STEPS:
        for shop in SHOPS:
            for user in USERS:
                call = Event(EventKind.BUSINESS_CALLED, now + later, shop, user, "last")
                assert ledger.may_call(shop, user, now + later).refusal is reference.refusal(call)
                ask = Event(EventKind.REQUEST_SENT, now + later, shop, user, "last")
                assert ledger.may_request(shop, user, now + later).refusal is reference.refusal(ask)


@settings(max_examples=100, deadline=None)
@given(rules=some_rules(), tries=some_tries())
def test_no_history_leaves_what_cannot_be(rules: Rules, tries: list[Try]) -> None:
    ledger = fresh_ledger(rules, callback=True)
    history = events_of(tries)
    for each in history:
        ledger.handle(each)
    for number, user, pair in ledger.pairs():
        assert number in SHOPS
        assert user in USERS
        assert pair.expires_at is None or pair.grant == "temporary"
        assert pair_from_json(pair_to_json(pair)) == pair
        if rules.one_call_per_pair.enabled:
            assert len(pair.calls) <= 1
    open_calls = {e.id for e in history if e.kind in STARTS} - {e.id for e in history if e.kind in ENDS}
    assert {call.id for _, _, call in ledger.active_calls()} <= open_calls | {e.id for e in history}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=some_rules(), tries=some_tries(), cut=st.integers(0, 60))
def test_a_restart_in_between_changes_no_decision(
    rules: Rules, tries: list[Try], cut: int, tmp_path_factory: object
) -> None:
    directory: Path = tmp_path_factory.mktemp("ledger")  # type: ignore[attr-defined]
    events = events_of(tries)
    unbroken = fresh_ledger(rules, callback=True)
    expected = [unbroken.handle(each) for each in events]
    outcomes = []
    for part in (events[:cut], events[cut:]):
        with StoredLedger(directory / "ledger.db", fresh_ledger(rules, callback=True)) as stored:
            outcomes += [stored.handle(each) for each in part]
            journal = list(stored.journal())
    assert outcomes == expected
    assert journal == [(each, outcome.refusal) for each, outcome in zip(events, expected, strict=True)]
    refusals: list[Refusal | None] = [refusal for _, refusal in journal]
    assert refusals == [outcome.refusal for outcome in expected]
