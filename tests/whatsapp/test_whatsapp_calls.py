"""Calls on the platform: from the trunk's question or the business's order to the last webhook."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.call_policy import CallEndOrdered, CallOrdered, CallStep
from simulators.whatsapp.entry_points import ButtonKind, DeepLink
from simulators.whatsapp.ledger import Event, EventKind, Ledger
from simulators.whatsapp.ledger_store import StoredLedger
from simulators.whatsapp.people import AppMode, CallHours, Directory, IconVisibility
from simulators.whatsapp.protocol import CallJudged, CallWentOn, ChatMessageKind, MessageDelivered
from simulators.whatsapp.refusals import Refused
from simulators.whatsapp.rules import published_rules
from simulators.whatsapp.service import Platform
from tests.whatsapp.platform_rig import ANA, BEN, NO_PERMISSION, SHOP, START, FakeTrunk, Refusal, Rig
from tests.whatsapp.whatsapp_rig import DAY

S = CallStep


def connected(rig: Rig) -> None:
    for _ in range(2):
        rig.move(rig.business_calls().call, S.ANSWERED, S.ENDED)


REFUSED_BUSINESS_CALLS = {
    Refusal.NO_PERMISSION: (lambda rig: rig.platform.change_in_profile(ANA.key, SHOP.number, allowed=False), 403),
    Refusal.DUPLICATE_CALL: (lambda rig: rig.business_calls(), 403),
    Refusal.CLOSED_COUNTRY: (lambda rig: rig.set(country="US"), 403),
    Refusal.SANCTIONED_BUSINESS: (lambda rig: rig.set(country="IR"), 403),
    Refusal.BUSINESS_CALLS_DISABLED: (lambda rig: rig.set(business_calls=False), 403),
    Refusal.CALLING_DISABLED: (lambda rig: rig.set(calling_enabled=False), 403),
    Refusal.APP_NOT_LIVE: (lambda rig: rig.set(app_mode=AppMode.DEVELOPMENT), 403),
    Refusal.NO_PAYMENT_METHOD: (lambda rig: rig.set(payment_method=False), 403),
    Refusal.MESSAGING_LIMIT: (lambda rig: rig.set(messaging_limit=250), 403),
    Refusal.NOT_SUBSCRIBED: (lambda rig: rig.set(sip=False, subscribed_to_calls=False), 403),
    Refusal.NOT_ON_ALLOW_LIST: (lambda rig: rig.set(app_mode=AppMode.SANDBOX, allow_list=frozenset()), 403),
    Refusal.CLIENT_TOO_OLD: (lambda rig: rig.platform.put_user(replace(ANA, client_supports_calls=False)), 403),
    Refusal.CONNECTED_LIMIT: (connected, 403),
    Refusal.CALL_RATE: (lambda rig: [rig.move(rig.business_calls().call, S.CANCELLED) for _ in range(3)], 503),
    Refusal.TOO_MANY_CALLS: (lambda rig: (rig.permit(BEN.key), rig.business_calls(user=BEN.key)), 503),
}


@pytest.mark.parametrize("wanted", REFUSED_BUSINESS_CALLS)
def test_a_business_call_against_a_rule_gets_the_documented_answer(wanted: Refusal) -> None:
    low = published_rules().changed(
        connected_per_day={"value": 2}, new_calls_per_day={"value": 3}, concurrent_calls={"value": 1}
    )
    rig = Rig(rules=low)
    rig.permit()
    prepare, code = REFUSED_BUSINESS_CALLS[wanted]
    prepare(rig)
    before = len(rig.webhooks)
    decided = rig.business_calls()
    assert not decided.allowed
    (judged,) = rig.of(CallJudged)[-1:]
    assert judged.refusal is wanted
    assert (decided.code, decided.text) == (judged.code, judged.text)
    assert decided.code == code
    assert decided.text
    assert len(rig.webhooks) == before


@pytest.mark.parametrize("user", ["+4915100000", "", "ES.1", "nobody", "+" + "9" * 100])
def test_who_is_not_on_whatsapp_is_not_told_apart_from_who_has_not_permitted(user: str) -> None:
    decided = Rig().business_calls(user=user)
    assert (decided.code, decided.text) == NO_PERMISSION


def test_a_number_that_is_no_business_is_an_unknown_asset() -> None:
    rig = Rig()
    rig.platform.begin_anew()
    assert rig.business_calls().code == 400


def test_a_permitted_call_knows_the_user_however_addressed() -> None:
    rig = Rig()
    rig.platform.put_user(replace(ANA, user_id="ES.77"))
    rig.permit()
    decided = rig.business_calls(user="ES.77")
    assert (decided.allowed, decided.user, decided.user_id) == (True, ANA.number, "ES.77")


def test_a_conversation_from_question_to_terminate() -> None:
    rig = Rig()
    rig.permit()
    call = rig.business_calls().call
    (created,) = rig.calls()
    assert created == {
        "id": call,
        "from": "34910000001",
        "to": "34600000001",
        "event": "call_created",
        "timestamp": str(int(START)),
        "direction": "BUSINESS_INITIATED",
    }
    rig.now += 5
    rig.move(call, S.ANSWERED)
    rig.now += 30
    rig.move(call, S.ENDED, duration_s=29.6)
    terminated = rig.calls()[-1]
    assert terminated["event"] == "terminate"
    assert terminated["status"] == "COMPLETED"
    assert terminated["start_time"] == str(int(START + 5))
    assert terminated["end_time"] == str(int(START + 34))
    assert terminated["duration"] == 29
    assert [event.step for event in rig.of(CallWentOn)] == [S.ANSWERED, S.ENDED]
    assert rig.of(CallWentOn)[-1].duration_s == pytest.approx(29.6)
    assert rig.statuses() == []
    record = rig.platform.call(call)
    assert record is not None
    assert record.duration_s == pytest.approx(29.6)
    assert rig.platform.active_calls() == ()


@pytest.mark.parametrize("end", [S.DECLINED, S.UNANSWERED, S.CANCELLED])
def test_a_call_that_nobody_took_has_no_times(end: CallStep) -> None:
    rig = Rig()
    rig.permit()
    rig.move(rig.business_calls().call, end)
    terminated = rig.calls()[-1]
    assert terminated["status"] == "COMPLETED"
    assert not {"start_time", "end_time", "duration"} & set(terminated)


def test_number_without_call_webhooks_gets_none() -> None:
    rig = Rig()
    rig.permit()
    rig.set(webhook_delivery=False)
    rig.move(rig.business_calls().call, S.CANCELLED)
    assert rig.calls() == []
    rig.set(webhook_delivery=False, sip=False)
    rig.move(rig.business_calls().call, S.CANCELLED)
    assert [call["event"] for call in rig.calls()] == ["call_created", "terminate"]
    rig.set(webhook_delivery=True, sip=True, subscribed_to_calls=False)
    rig.move(rig.business_calls().call, S.CANCELLED)
    assert len(rig.calls()) == 2


def test_two_unanswered_calls_bring_advice_and_four_end_the_permission() -> None:
    rig = Rig()
    rig.permit()
    rig.webhooks.clear()
    seen = []
    for _ in range(4):
        rig.move(rig.business_calls().call, S.DECLINED)
        seen.append((len(rig.of(MessageDelivered)), len(rig.replies())))
    assert seen == [(0, 0), (1, 0), (1, 0), (1, 1)]
    assert rig.of(MessageDelivered)[0].message.kind is ChatMessageKind.SYSTEM
    assert rig.replies() == [{"response": "reject", "is_permanent": False, "response_source": "automatic"}]
    assert not rig.business_calls().allowed


def test_a_users_call_permits_a_callback() -> None:
    rig = Rig()
    decided = rig.user_calls()
    assert decided.allowed
    rig.move(decided.call, S.UNANSWERED)
    (reply,) = rig.replies()
    assert (reply["response"], reply["response_source"]) == ("accept", "automatic")
    (message,) = rig.values("messages")[0]["messages"]
    assert message["context"]["id"] == decided.call
    assert rig.business_calls().allowed


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"icon_visibility": IconVisibility.DISABLE_ALL}, Refusal.ICON_HIDDEN),
        ({"icon_visibility": IconVisibility.HIDE_IN_CHAT}, Refusal.ICON_HIDDEN),
        ({"restrict_to_user_countries": frozenset({"FR"})}, Refusal.ICON_NOT_IN_COUNTRY),
        ({"call_hours": CallHours("Europe/Madrid", ())}, Refusal.OUTSIDE_CALL_HOURS),
        ({"country": "CU"}, Refusal.SANCTIONED_BUSINESS),
        ({"calling_enabled": False}, Refusal.ICON_HIDDEN),
    ],
)
def test_a_users_refused_call_tells_the_app_why_and_nobody_else(change: dict[str, object], wanted: Refusal) -> None:
    rig = Rig()
    rig.set(**change)
    decided = rig.user_calls()
    (judged,) = rig.of(CallJudged)
    assert (decided.allowed, decided.code, judged.refusal) == (False, 403, wanted)
    assert decided.text == Refused(wanted).says
    assert rig.webhooks == []


def test_a_caller_with_a_number_is_taken_at_their_word() -> None:
    rig = Rig()
    assert rig.user_calls(user="+33612345678").user == "+33612345678"
    assert rig.platform.user("+33612345678").country == "FR"
    for nobody in ("33698765432", "anonymous", "", "+0", "FR.123456789012345678901234567890123"):
        assert rig.user_calls(user=nobody).code == 403


def button(rig: Rig, **more: object) -> str:
    made = rig.platform.send_call_button(
        SHOP.number, ANA.number, "Call us", kind=ButtonKind.TEMPLATE, **({"payload": "order=7"} | more)
    )
    return made.id


def test_a_tapped_button_brings_its_payload() -> None:
    rig = Rig()
    decided = rig.user_calls(entry=button(rig))
    assert (decided.allowed, decided.button_payload, decided.link_payload) == (True, "order=7", "")


def test_a_button_expires_and_belongs_to_one_user() -> None:
    rig = Rig()
    tapped = button(rig, ttl_minutes=1440.0)
    assert rig.user_calls(entry=tapped, user=BEN.number).text == Refused(Refusal.NOT_YOUR_BUTTON).says
    rig.now += DAY
    assert rig.user_calls(entry=tapped).text == Refused(Refusal.BUTTON_EXPIRED).says
    rig.platform.move_clock(-1.0)
    assert rig.user_calls(entry=tapped).allowed


@pytest.mark.parametrize("entry", ["wamid.nothing", " ", "http://wa.me/call/34910000001", "x" * 9000])
def test_what_is_no_button_cannot_be_tapped(entry: str) -> None:
    assert rig_refusal(Rig(), entry) is Refusal.NO_SUCH_BUTTON


def rig_refusal(rig: Rig, entry: str) -> Refusal | None:
    rig.user_calls(entry=entry)
    return rig.of(CallJudged)[-1].refusal


def test_a_text_is_no_button() -> None:
    rig = Rig()
    text = rig.platform.send_text(SHOP.number, ANA.number, "Hello", template=True)
    assert rig_refusal(rig, text.id) is Refusal.NO_SUCH_BUTTON


def test_a_deep_link_brings_its_payload_to_its_own_number() -> None:
    rig = Rig()
    decided = rig.user_calls(entry=str(DeepLink(SHOP.number, "campaña&1")))
    assert (decided.allowed, decided.link_payload) == (True, "campaña&1")
    for wrong in ("https://wa.me/call/34910000009", "https://wa.me/other", "https://[", "https:"):
        assert rig_refusal(rig, wrong) is Refusal.INVALID_PARAMETER


def test_a_trunk_that_talks_nonsense_changes_nothing() -> None:
    rig = Rig()
    rig.permit()
    call = rig.business_calls().call
    rig.move("wacid.unknown", S.ENDED)
    rig.move(call, S.ENDED)
    rig.move(call, S.ANSWERED, S.ANSWERED, S.DECLINED)
    rig.move(call, S.ENDED, S.ENDED, S.ANSWERED)
    assert [event.step for event in rig.of(CallWentOn)] == [S.ANSWERED, S.ENDED]


def test_an_ordered_call_goes_to_the_newest_trunk() -> None:
    rig = Rig()
    rig.permit()
    newer = FakeTrunk()
    rig.platform.trunk_connected(newer)
    call = rig.platform.order_call(SHOP.number, ANA.number, "case 7")
    assert newer.sent == [CallOrdered(call=call, business=SHOP.number, user=ANA.number, context="case 7")]
    assert rig.trunk.sent == []
    assert call.startswith("wacid.")
    rig.move(call, S.ANSWERED, S.ENDED, duration_s=3)
    assert rig.statuses() == ["RINGING", "ACCEPTED"]
    assert [(c["event"], c["biz_opaque_callback_data"]) for c in rig.calls()] == [
        ("call_created", "case 7"),
        ("terminate", "case 7"),
    ]


def test_an_ordered_call_that_is_declined_or_never_rings() -> None:
    rig = Rig()
    rig.permit()
    rig.move(rig.platform.order_call(SHOP.number, ANA.number), S.DECLINED)
    assert rig.statuses() == ["RINGING", "REJECTED"]
    rig.platform.put_user(replace(ANA, online=False))
    rig.move(rig.platform.order_call(SHOP.number, ANA.number), S.UNANSWERED)
    assert rig.statuses() == ["RINGING", "REJECTED"]


def test_an_order_that_the_rules_forbid_or_nobody_can_carry_out() -> None:
    rig = Rig()
    with pytest.raises(Refused, check=lambda r: r.answer.graph_code == 138006):
        rig.platform.order_call(SHOP.number, ANA.number)
    rig.permit()
    with pytest.raises(Refused, check=lambda r: r.answer.graph_code == 100, match="context"):
        rig.platform.order_call(SHOP.number, ANA.number, "x" * 513)
    rig.platform.trunk_gone(rig.trunk)
    with pytest.raises(Refused, check=lambda r: (r.answer.graph_code, r.answer.graph_status) == (138004, 500)):
        rig.platform.order_call(SHOP.number, ANA.number)
    assert [judged.refusal for judged in rig.of(CallJudged)] == [
        Refusal.NO_PERMISSION,
        Refusal.INVALID_PARAMETER,
        Refusal.NO_TRUNK,
    ]
    assert rig.platform.permission(SHOP.number, ANA.number).call is None


def test_an_ordered_call_can_be_ended_and_no_other() -> None:
    rig = Rig()
    rig.permit()
    call = rig.platform.order_call(SHOP.number, ANA.number)
    rig.platform.end_call(call)
    assert rig.trunk.sent[-1] == CallEndOrdered(call=call)
    rig.move(call, S.CANCELLED)
    with pytest.raises(Refused, match="no such call"):
        rig.platform.end_call(call)
    with pytest.raises(Refused, match="no such call"):
        rig.platform.end_call(rig.business_calls().call)


def test_calls_end_with_their_trunk() -> None:
    rig = Rig()
    rig.permit()
    rig.permit(BEN.number)
    talking, ringing = rig.business_calls().call, rig.business_calls(user=BEN.number).call
    rig.move(talking, S.ANSWERED)
    rig.now += 9
    rig.platform.trunk_gone(rig.trunk)
    assert {(event.call, event.step) for event in rig.of(CallWentOn)[-2:]} == {
        (talking, S.ENDED),
        (ringing, S.CANCELLED),
    }
    errors = [value["errors"][0]["code"] for value in rig.values("calls") if "errors" in value]
    assert sorted(errors) == [138019, 138020]
    assert {call["status"] for call in rig.calls()[-2:]} == {"FAILED"}
    assert rig.platform.active_calls() == ()
    assert rig.business_calls().allowed


def test_calls_of_a_process_that_died_are_ended_at_the_start(tmp_path) -> None:
    path = tmp_path / "ledger.db"

    def ledger() -> StoredLedger:
        return StoredLedger(path, Ledger(Directory()))

    with ledger() as stored:
        rig = Rig(stored)
        rig.platform.put_user(replace(BEN, number="", user_id="GB.5"))
        rig.permit()
        rig.permit("GB.5")
        rig.move(rig.business_calls(call="talks").call, S.ANSWERED)
        rig.business_calls(call="rings", user="GB.5")
    with ledger() as stored:
        assert {call.id for _, _, call in stored.ledger.active_calls()} == {"talks", "rings"}
        platform = Platform(stored, now=lambda: START, emit=lambda _: None, deliver=lambda _: None)
        platform.end_calls_of_the_dead()
        assert list(stored.ledger.active_calls()) == []
        assert {event.kind for event, _ in list(stored.journal())[-2:]} == {EventKind.ENDED, EventKind.CANCELLED}
        assert platform.businesses() == ()
        assert Rig(stored).business_calls().allowed


def test_a_call_of_a_history_is_a_call_already() -> None:
    rig = Rig()
    rig.permit()
    rig.platform.add_history([Event(EventKind.BUSINESS_CALLED, START, SHOP.number, ANA.number, "old")])
    assert not rig.business_calls().allowed
    rig.platform.add_history([Event(EventKind.CANCELLED, START, SHOP.number, ANA.number, "old")])
    assert rig.business_calls().allowed


@pytest.mark.parametrize("by_s", [-START - 1, 1e12, float("nan"), float("inf")])
def test_the_clock_stays_within_the_calendar(by_s: float) -> None:
    rig = Rig()
    with pytest.raises(Exception, match="the clock cannot move"):
        rig.platform.move_clock(by_s)
    assert rig.platform.time() == START


def test_directions_are_told_as_meta_writes_them() -> None:
    rig = Rig()
    rig.user_calls()
    assert rig.calls()[0]["direction"] == "USER_INITIATED"
    assert (rig.calls()[0]["from"], rig.calls()[0]["to"]) == ("34600000001", "34910000001")
