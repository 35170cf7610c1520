"""Each rule of the consent ledger at its published value, just below, just above, and switched off."""

from __future__ import annotations

import pytest

from simulators.whatsapp.consent import Grant, PermissionReply, UnansweredWarning
from simulators.whatsapp.ledger import CHECKS, Event, EventKind, Ledger
from simulators.whatsapp.people import AppMode, Directory, WhatsAppUser
from simulators.whatsapp.refusals import ANSWERS, CALL_ENDS, CallEnd, Refusal
from tests.whatsapp.whatsapp_rig import ANA, BEN, DAY, HOUR, OFF, SHOP, START, Platform, with_rules

SANDBOX = {"app_mode": AppMode.SANDBOX}


def test_a_stranger_may_not_be_called() -> None:
    platform = Platform()
    outcome = platform.new(EventKind.BUSINESS_CALLED)
    assert outcome.refusal is Refusal.NO_PERMISSION
    answer = outcome.answer
    assert answer is not None
    assert (answer.sip_code, answer.graph_code, answer.graph_status) == (403, 138006, 401)
    assert answer.sip_text.startswith("No Approved Call Permission Found")


def test_permission_need_not_be_asked_when_that_rule_is_off() -> None:
    assert with_rules(permission_required=OFF).call() is None


def test_an_allowed_outcome_has_no_answer() -> None:
    platform = Platform()
    assert platform.new(EventKind.REQUEST_SENT).answer is None


class TestRequests:
    def test_one_a_day(self) -> None:
        platform = Platform()
        assert platform.ask() is None
        platform.now += DAY - 0.001
        assert platform.ask() is Refusal.REQUEST_LIMIT
        platform.now += 0.001
        assert platform.ask() is None

    def test_two_a_week(self) -> None:
        platform = Platform()
        assert platform.ask() is None
        platform.now += DAY
        assert platform.ask() is None
        platform.now = START + 7 * DAY - 0.001
        assert platform.ask() is Refusal.REQUEST_LIMIT
        platform.now = START + 7 * DAY
        assert platform.ask() is None

    def test_the_day_switched_off_leaves_the_week(self) -> None:
        platform = with_rules(requests_per_day=OFF)
        assert [platform.ask() for _ in range(3)] == [None, None, Refusal.REQUEST_LIMIT]

    def test_the_week_switched_off_leaves_the_day(self) -> None:
        platform = with_rules(requests_per_week=OFF)
        for _ in range(4):
            assert platform.ask() is None
            assert platform.ask() is Refusal.REQUEST_LIMIT
            platform.now += DAY

    @pytest.mark.parametrize("direction", ["business", "user"])
    def test_a_connected_call_resets_them(self, direction: str) -> None:
        platform = Platform()
        platform.ask()
        platform.reply()
        assert platform.ask() is Refusal.REQUEST_LIMIT
        calls = {"business": platform.call_that, "user": platform.user_call_that}
        calls[direction](EventKind.DECLINED)
        assert platform.ask() is Refusal.REQUEST_LIMIT
        calls[direction](EventKind.ENDED)
        assert platform.ask() is None
        assert platform.ask() is Refusal.REQUEST_LIMIT

    def test_a_connected_call_resets_nothing_when_that_rule_is_off(self) -> None:
        platform = with_rules(connected_call_resets_requests=OFF)
        platform.permit_for_a_while()
        platform.call_that(EventKind.ENDED)
        assert platform.ask() is Refusal.REQUEST_LIMIT

    def test_a_sandbox_has_limits_of_its_own(self) -> None:
        platform = Platform()
        platform.set(**SANDBOX)
        assert [platform.ask() for _ in range(26)] == [None] * 25 + [Refusal.REQUEST_LIMIT]
        for _ in range(3):
            platform.now += DAY
            assert [platform.ask() for _ in range(25)] == [None] * 25
        platform.now += DAY
        assert platform.ask() is Refusal.REQUEST_LIMIT

    def test_none_while_a_permanent_permission_stands(self) -> None:
        platform = Platform()
        platform.permit()
        assert platform.ask() is Refusal.PERMANENT_PERMISSION
        assert ANSWERS[Refusal.PERMANENT_PERMISSION].graph_code == 138017
        off = with_rules(no_request_when_permanent=OFF)
        off.permit()
        assert off.ask() is None

    def test_one_may_follow_a_temporary_permission(self) -> None:
        platform = Platform()
        platform.permit_for_a_while()
        platform.now += DAY
        assert platform.ask() is None

    def test_an_id_is_used_once(self) -> None:
        platform = with_rules(requests_per_day=OFF)
        platform.do(EventKind.REQUEST_SENT, "a")
        assert platform.do(EventKind.REQUEST_SENT, "a").refusal is Refusal.INVALID_PARAMETER

    @pytest.mark.parametrize(("later", "refusal"), [(7 * DAY - 0.001, None), (7 * DAY, Refusal.REQUEST_CLOSED)])
    def test_an_unanswered_one_stays_open_for_a_week(self, later: float, refusal: Refusal | None) -> None:
        platform = Platform()
        platform.ask()
        platform.now += later
        assert platform.reply().refusal is refusal

    @pytest.mark.parametrize(("later", "refusal"), [(7 * DAY - 0.001, None), (7 * DAY, Refusal.REQUEST_CLOSED)])
    def test_a_reply_can_be_changed_for_a_week(self, later: float, refusal: Refusal | None) -> None:
        platform = Platform()
        platform.ask()
        platform.now += 6 * DAY
        platform.reply(EventKind.REQUEST_REJECTED)
        platform.now += later
        assert platform.reply().refusal is refusal

    def test_they_never_close_when_those_rules_are_off(self) -> None:
        platform = with_rules(request_open_unanswered=OFF, request_open_after_reply=OFF)
        platform.ask()
        platform.now += 400 * DAY
        assert platform.reply(EventKind.REQUEST_REJECTED).allowed
        platform.now += 400 * DAY
        assert platform.reply().allowed

    def test_a_reply_to_a_newer_one_closes_the_older(self) -> None:
        platform = Platform()
        platform.ask()
        older = platform.last
        platform.now += DAY
        platform.ask()
        assert platform.reply(EventKind.REQUEST_REJECTED, request=older).allowed
        assert platform.reply().allowed
        assert platform.reply(request=older).refusal is Refusal.REQUEST_CLOSED

    def test_a_reply_to_a_newer_one_closes_nothing_when_that_rule_is_off(self) -> None:
        platform = with_rules(newer_request_closes_older=OFF)
        platform.ask()
        older = platform.last
        platform.now += DAY
        platform.ask()
        assert platform.reply().allowed
        assert platform.reply(request=older).allowed

    def test_a_reply_to_no_request(self) -> None:
        assert Platform().reply(request="never sent").refusal is Refusal.REQUEST_CLOSED


class TestPermission:
    @pytest.mark.parametrize(("later", "refusal"), [(7 * DAY - 0.001, None), (7 * DAY, Refusal.NO_PERMISSION)])
    def test_a_temporary_one_lasts_seven_days(self, later: float, refusal: Refusal | None) -> None:
        platform = Platform()
        platform.permit_for_a_while()
        platform.now += later
        assert platform.may_call() is refusal

    def test_a_temporary_one_does_not_end_when_that_rule_is_off(self) -> None:
        platform = with_rules(temporary_grant=OFF)
        platform.permit_for_a_while()
        platform.now += 1000 * DAY
        assert platform.may_call() is None

    def test_the_reply_is_told(self) -> None:
        platform = Platform()
        platform.ask()
        assert platform.reply().effects == (
            PermissionReply(
                accepted=True, permanent=False, expires_at=START + 7 * DAY, automatic=False, context=platform.last
            ),
        )
        assert platform.reply(EventKind.REQUEST_ACCEPTED_FOR_GOOD).effects == (
            PermissionReply(accepted=True, permanent=True, expires_at=None, automatic=False, context=platform.last),
        )
        assert platform.reply(EventKind.REQUEST_REJECTED).effects == (
            PermissionReply(accepted=False, permanent=False, expires_at=None, automatic=False, context=platform.last),
        )
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_a_permanent_one_does_not_end(self) -> None:
        platform = Platform()
        platform.ask()
        platform.reply(EventKind.REQUEST_ACCEPTED_FOR_GOOD)
        platform.now += 1000 * DAY
        assert platform.may_call() is None

    def test_permanent_becomes_temporary_when_that_rule_is_off(self) -> None:
        platform = with_rules(permanent_grant=OFF)
        platform.ask()
        platform.reply(EventKind.REQUEST_ACCEPTED_FOR_GOOD)
        assert platform.ledger.pair(SHOP.number, ANA.key, platform.now).grant is Grant.TEMPORARY
        platform.now += 7 * DAY
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_the_user_takes_it_back_in_the_profile(self) -> None:
        platform = Platform()
        platform.permit()
        assert platform.do(EventKind.PROFILE_REVOKED).allowed
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_it_is_one_users_alone(self) -> None:
        platform = Platform()
        platform.permit()
        assert platform.call(user=BEN) is Refusal.NO_PERMISSION

    def test_a_user_is_the_same_by_number_and_by_user_id(self) -> None:
        both = WhatsAppUser(number="+34600000009", user_id="ES.123456", country="ES")
        ledger = Ledger(Directory.of([SHOP], [both]))
        ledger.handle(Event(EventKind.PROFILE_GRANTED, START, SHOP.number, "ES.123456"))
        assert ledger.may_call(SHOP.number, "34600000009", START).allowed
        assert ledger.pair(SHOP.number, "ES.123456", START).grant is Grant.PERMANENT


class TestUnanswered:
    @pytest.mark.parametrize("end", [EventKind.DECLINED, EventKind.UNANSWERED])
    def test_the_second_warns_and_the_fourth_revokes(self, end: EventKind) -> None:
        platform = Platform()
        platform.permit()
        assert platform.call_that(end) == ()
        assert platform.call_that(end) == (UnansweredWarning(2),)
        assert platform.call_that(end) == ()
        assert platform.may_call() is None
        assert platform.call_that(end) == (
            PermissionReply(accepted=False, permanent=False, expires_at=None, automatic=True, context=platform.last),
        )
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_in_a_sandbox_the_fifth_and_the_tenth(self) -> None:
        platform = Platform()
        platform.set(**SANDBOX)
        platform.permit()
        effects = [platform.call_that(EventKind.DECLINED) for _ in range(10)]
        assert [bool(each) for each in effects] == [n in (5, 10) for n in range(1, 11)]
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_revocation_switched_off(self) -> None:
        platform = with_rules(unanswered_revocation=OFF)
        platform.permit()
        effects = [platform.call_that(EventKind.DECLINED) for _ in range(9)]
        assert [each for each in effects if each] == [(UnansweredWarning(2),)]
        assert platform.may_call() is None

    def test_warning_switched_off(self) -> None:
        platform = with_rules(unanswered_warning=OFF)
        platform.permit()
        effects = [platform.call_that(EventKind.DECLINED) for _ in range(4)]
        assert [len(each) for each in effects] == [0, 0, 0, 1]

    def test_a_cancelled_call_counts_neither_way(self) -> None:
        platform = Platform()
        platform.permit()
        for end in (EventKind.DECLINED,) * 3 + (EventKind.CANCELLED,):
            platform.call_that(end)
        assert platform.may_call() is None
        platform.call_that(EventKind.DECLINED)
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_a_connected_call_ends_the_row(self) -> None:
        platform = Platform()
        platform.permit()
        for end in (EventKind.DECLINED,) * 3 + (EventKind.ENDED,) + (EventKind.DECLINED,) * 3:
            platform.call_that(end)
        assert platform.may_call() is None

    @pytest.mark.parametrize("enabled", [True, False])
    def test_a_connected_call_of_the_user_ends_the_row_by_rule(self, enabled: bool) -> None:
        platform = with_rules(user_call_ends_unanswered_row={"enabled": enabled})
        platform.permit()
        for _ in range(3):
            platform.call_that(EventKind.DECLINED)
        platform.user_call_that(EventKind.ENDED)
        platform.call_that(EventKind.DECLINED)
        assert platform.may_call() is (None if enabled else Refusal.NO_PERMISSION)

    def test_after_revocation_the_row_begins_anew(self) -> None:
        platform = Platform()
        platform.permit()
        for _ in range(4):
            platform.call_that(EventKind.DECLINED)
        platform.permit()
        for _ in range(3):
            platform.call_that(EventKind.DECLINED)
        assert platform.may_call() is None

    def test_nothing_is_revoked_that_expired_while_it_rang(self) -> None:
        platform = Platform()
        platform.permit_for_a_while()
        for _ in range(3):
            platform.call_that(EventKind.DECLINED)
        assert platform.call() is None
        platform.now += 7 * DAY
        assert platform.do(EventKind.UNANSWERED, platform.last).effects == ()


class TestCallback:
    @pytest.mark.parametrize("end", [EventKind.ENDED, EventKind.DECLINED, EventKind.UNANSWERED, EventKind.CANCELLED])
    def test_the_users_own_call_permits_one_for_a_while(self, end: EventKind) -> None:
        platform = Platform()
        assert platform.user_call_that(end) == (
            PermissionReply(
                accepted=True, permanent=False, expires_at=START + 7 * DAY, automatic=True, context=platform.last
            ),
        )
        platform.now += 7 * DAY - 0.001
        assert platform.may_call() is None
        platform.now += 0.001
        assert platform.may_call() is Refusal.NO_PERMISSION

    def test_it_prolongs_a_temporary_permission_and_leaves_a_permanent_one(self) -> None:
        platform = Platform()
        platform.permit_for_a_while()
        platform.now += 6 * DAY
        platform.user_call_that(EventKind.CANCELLED)
        platform.now += 6 * DAY
        assert platform.may_call() is None
        platform.permit()
        assert platform.user_call_that(EventKind.CANCELLED) == ()
        platform.now += 100 * DAY
        assert platform.may_call() is None

    def test_not_when_the_number_is_not_set_to_it_or_the_rule_is_off(self) -> None:
        platform = Platform()
        platform.set(callback_permission=False)
        assert platform.user_call_that(EventKind.ENDED) == ()
        assert platform.may_call() is Refusal.NO_PERMISSION
        off = with_rules(callback_permission=OFF)
        assert off.user_call_that(EventKind.ENDED) == ()
        assert off.may_call() is Refusal.NO_PERMISSION


class TestLimits:
    def test_a_hundred_connected_calls_in_a_day(self) -> None:
        platform = Platform()
        platform.permit()
        for _ in range(99):
            platform.call_that(EventKind.ENDED)
        platform.now += HOUR
        platform.call_that(EventKind.ENDED)
        assert platform.call() is Refusal.CONNECTED_LIMIT
        answer = ANSWERS[Refusal.CONNECTED_LIMIT]
        assert (answer.sip_code, answer.sip_text, answer.graph_code) == (
            403, "Business Initiated Connected Call Per Day Limit Hit", 138012,
        )  # fmt: skip
        platform.now = START + DAY - 0.001
        assert platform.call() is Refusal.CONNECTED_LIMIT
        platform.now = START + DAY
        assert platform.call() is None

    def test_calls_that_do_not_connect_and_calls_of_the_user_do_not_count(self) -> None:
        platform = with_rules(connected_per_day={"value": 1}, unanswered_revocation=OFF)
        platform.permit()
        for end in (EventKind.DECLINED, EventKind.CANCELLED):
            platform.call_that(end)
        platform.user_call_that(EventKind.ENDED)
        assert platform.may_call() is None

    def test_connected_calls_without_limit_when_that_rule_is_off(self) -> None:
        platform = with_rules(connected_per_day=OFF)
        platform.permit()
        for _ in range(101):
            platform.call_that(EventKind.ENDED)
        assert platform.may_call() is None

    @pytest.mark.parametrize("kind", [EventKind.BUSINESS_CALLED, EventKind.USER_CALLED])
    def test_one_call_at_a_time(self, kind: EventKind) -> None:
        platform = Platform()
        platform.permit()
        assert platform.new(kind).allowed
        first = platform.last
        assert platform.call() is Refusal.DUPLICATE_CALL
        assert platform.new(EventKind.USER_CALLED).refusal is Refusal.DUPLICATE_CALL
        platform.do(EventKind.ANSWERED, first)
        assert platform.call() is Refusal.DUPLICATE_CALL
        platform.do(EventKind.ENDED, first)
        assert platform.call() is None

    def test_several_at_a_time_when_that_rule_is_off_but_never_with_one_id(self) -> None:
        platform = with_rules(one_call_per_pair=OFF)
        platform.permit()
        assert platform.call() is None
        assert platform.call() is None
        assert platform.do(EventKind.BUSINESS_CALLED, platform.last).refusal is Refusal.DUPLICATE_CALL
        assert platform.do(EventKind.ANSWERED, "id-1").allowed
        assert platform.do(EventKind.DECLINED, "id-2").allowed

    def test_calls_at_the_same_time_of_one_number(self) -> None:
        platform = with_rules(concurrent_calls={"value": 1})
        platform.permit()
        platform.permit(user=BEN)
        assert platform.new(EventKind.USER_CALLED).allowed
        first = platform.last
        assert platform.call(user=BEN) is Refusal.TOO_MANY_CALLS
        assert platform.new(EventKind.USER_CALLED, user=BEN).refusal is Refusal.TOO_MANY_CALLS
        platform.do(EventKind.CANCELLED, first)
        assert platform.call(user=BEN) is None

    def test_new_calls_of_one_number_in_a_day(self) -> None:
        platform = with_rules(new_calls_per_day={"value": 2})
        platform.permit()
        platform.permit(user=BEN)
        platform.call_that(EventKind.CANCELLED)
        assert platform.call(user=BEN) is None
        platform.now += DAY - 0.001
        assert platform.call() is Refusal.CALL_RATE
        platform.now += 0.001
        assert platform.call() is None

    @pytest.mark.parametrize(("rule", "value"), [("concurrent_calls", 1000), ("new_calls_per_day", 10_000)])
    def test_their_published_values_and_switches(self, rule: str, value: float) -> None:
        platform = Platform()
        assert getattr(platform.rules, rule).most() == value
        off = with_rules(**{rule: {"value": 0, "enabled": False}})
        off.permit()
        assert off.call() is None


class TestPrerequisites:
    @pytest.mark.parametrize(
        ("settings", "refusal", "rule"),
        [
            ({"calling_enabled": False}, Refusal.CALLING_DISABLED, None),
            ({"business_calls": False}, Refusal.BUSINESS_CALLS_DISABLED, None),
            ({"country": "US"}, Refusal.CLOSED_COUNTRY, None),
            ({"country": "CU"}, Refusal.SANCTIONED_BUSINESS, None),
            ({"app_mode": AppMode.DEVELOPMENT}, Refusal.APP_NOT_LIVE, "app_live"),
            ({"payment_method": False}, Refusal.NO_PAYMENT_METHOD, "payment_method"),
            ({"messaging_limit": 1999}, Refusal.MESSAGING_LIMIT, "messaging_limit"),
        ],
    )
    def test_each_is_needed(self, settings: dict[str, object], refusal: Refusal, rule: str | None) -> None:
        platform = with_rules(**{rule: OFF}) if rule else Platform()
        platform.permit()
        platform.set(**settings)
        assert platform.may_call() is (None if rule else refusal)
        published = Platform()
        published.permit()
        published.set(**settings)
        assert published.call() is refusal

    def test_a_sandbox_needs_no_live_app_and_no_messaging_limit(self) -> None:
        platform = Platform()
        platform.permit()
        platform.set(messaging_limit=0, **SANDBOX)
        assert platform.may_call() is None

    @pytest.mark.parametrize("settings", [{"calling_enabled": False}, {"business_calls": False}, {"country": "VN"}])
    def test_permission_cannot_be_asked_where_it_would_be_of_no_use(self, settings: dict[str, object]) -> None:
        platform = Platform()
        platform.set(**settings)
        assert platform.ask() is not None

    def test_an_unknown_number_and_an_unknown_user(self) -> None:
        ledger = Platform().ledger
        assert ledger.may_call("+34000000000", ANA.key, START).refusal is Refusal.UNKNOWN_BUSINESS
        assert ledger.may_call(SHOP.number, "nobody", START).refusal is Refusal.UNKNOWN_USER
        # Meta hides who is on WhatsApp: over SIP the two look the same.
        unknown, unpermitted = ANSWERS[Refusal.UNKNOWN_USER], ANSWERS[Refusal.NO_PERMISSION]
        assert (unknown.sip_code, unknown.sip_text) == (unpermitted.sip_code, unpermitted.sip_text)

    def test_a_user_call_needs_calling_enabled(self) -> None:
        platform = Platform()
        platform.set(calling_enabled=False)
        assert platform.new(EventKind.USER_CALLED).refusal is Refusal.CALLING_DISABLED


STEPS = [EventKind.ANSWERED, EventKind.DECLINED, EventKind.UNANSWERED, EventKind.CANCELLED, EventKind.ENDED]


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_of_a_call_that_is_not(kind: EventKind) -> None:
    assert Platform().do(kind, "nothing").refusal is Refusal.NO_SUCH_CALL


@pytest.mark.parametrize("kind", [k for k in STEPS if k is not EventKind.ENDED])
def test_a_step_that_cannot_follow(kind: EventKind) -> None:
    platform = Platform()
    platform.permit()
    platform.call()
    assert platform.do(EventKind.ENDED, platform.last).refusal is Refusal.NO_SUCH_CALL
    platform.do(EventKind.ANSWERED, platform.last)
    assert platform.do(kind, platform.last).refusal is Refusal.NO_SUCH_CALL


def test_every_event_has_its_checks_and_every_refusal_its_answer() -> None:
    assert set(CHECKS) == set(EventKind)
    assert set(ANSWERS) == set(Refusal)
    assert set(CALL_ENDS) == set(CallEnd)


def test_deciding_changes_nothing() -> None:
    platform = Platform()
    platform.permit()
    platform.call_that(EventKind.ENDED)
    before = list(platform.ledger.pairs())
    for now in (START - DAY, START, START + 30 * DAY):
        for kind in EventKind:
            platform.ledger.plan(Event(kind, now, SHOP.number, ANA.key, "id-1"))
    assert list(platform.ledger.pairs()) == before


def test_a_clock_that_jumps_back_is_survived() -> None:
    platform = Platform()
    platform.permit_for_a_while()
    platform.call_that(EventKind.ENDED)
    platform.now -= 100 * DAY
    assert platform.may_call() is None
    platform.call_that(EventKind.DECLINED)
    platform.now += 200 * DAY
    assert platform.may_call() is Refusal.NO_PERMISSION


class TestView:
    def test_of_a_stranger(self) -> None:
        platform = Platform()
        view = platform.ledger.permission(SHOP.number, ANA.key, START)
        assert (view.grant, view.expires_at) == (Grant.NONE, None)
        assert (view.request, view.call) == (None, Refusal.NO_PERMISSION)
        assert [(use.period_s, use.most, use.used, use.frees_at) for use in view.request_limits] == [
            (DAY, 1, 0, None),
            (7 * DAY, 2, 0, None),
        ]
        assert [(use.period_s, use.most, use.used) for use in view.call_limits] == [(DAY, 100, 0)]

    def test_of_somebody_asked_twice(self) -> None:
        platform = Platform()
        platform.ask()
        platform.now += 2 * DAY
        platform.permit_for_a_while()
        view = platform.ledger.permission(SHOP.number, ANA.key, platform.now)
        assert (view.grant, view.expires_at) == (Grant.TEMPORARY, platform.now + 7 * DAY)
        assert (view.request, view.call) == (Refusal.REQUEST_LIMIT, None)
        assert [(use.used, use.frees_at) for use in view.request_limits] == [(1, START + 3 * DAY), (2, START + 7 * DAY)]

    def test_of_nobody(self) -> None:
        view = Platform().ledger.permission(SHOP.number, "nobody", START)
        assert (view.grant, view.call) == (Grant.NONE, Refusal.UNKNOWN_USER)


def test_active_calls_are_known() -> None:
    platform = Platform()
    platform.permit()
    platform.call()
    assert [(number, user, call.id) for number, user, call in platform.ledger.active_calls()] == [
        (SHOP.number, ANA.key, platform.last)
    ]
    platform.do(EventKind.CANCELLED, platform.last)
    assert list(platform.ledger.active_calls()) == []
