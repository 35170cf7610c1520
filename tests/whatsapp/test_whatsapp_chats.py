"""Chats on the platform: who may write what and when, requests and their answers, call buttons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators.whatsapp.entry_points import ButtonKind
from simulators.whatsapp.ledger import Event, EventKind
from simulators.whatsapp.people import AppMode
from simulators.whatsapp.protocol import ChatMessageKind, MessageDelivered, PermissionAnswer
from simulators.whatsapp.refusals import Refused
from simulators.whatsapp.rules import published_rules
from tests.whatsapp.platform_rig import ANA, BEN, OFF, SHOP, START, Refusal, Rig
from tests.whatsapp.whatsapp_rig import DAY

WRITE = [
    lambda rig, template: rig.platform.send_text(SHOP.number, ANA.number, "Hello", template=template),
    lambda rig, template: rig.platform.request_permission(SHOP.number, ANA.number, template=template),
    lambda rig, template: rig.platform.send_call_button(
        SHOP.number, ANA.number, "Call us", kind=ButtonKind.TEMPLATE if template else ButtonKind.INTERACTIVE
    ),
]


def refused(wanted: Refusal, code: int):
    return pytest.raises(Refused, check=lambda r: r.refusal is wanted and r.answer.graph_code == code)


@pytest.mark.parametrize("write", WRITE, ids=["text", "request", "button"])
def test_only_templates_reach_a_user_who_has_not_written(write) -> None:
    rig = Rig()
    with refused(Refusal.OUTSIDE_WINDOW, 131047):
        write(rig, False)
    assert rig.events == []
    write(rig, True)
    assert [event.message.user for event in rig.of(MessageDelivered)] == [ANA.number]


@pytest.mark.parametrize("write", WRITE, ids=["text", "request", "button"])
def test_the_window_is_24_hours_from_the_users_last_message(write) -> None:
    rig = Rig()
    rig.platform.write_to_business(ANA.number, SHOP.number, "Where is my parcel?")
    rig.now += DAY - 1
    write(rig, False)
    rig.now += 1
    with refused(Refusal.OUTSIDE_WINDOW, 131047):
        write(rig, False)


def test_the_window_is_the_chats_own() -> None:
    rig = Rig()
    rig.platform.write_to_business(BEN.number, SHOP.number, "Hello")
    with refused(Refusal.OUTSIDE_WINDOW, 131047):
        rig.platform.send_text(SHOP.number, ANA.number, "Hello")


def test_the_window_can_be_switched_off() -> None:
    rig = Rig(rules=published_rules().changed(customer_service_window=OFF))
    rig.platform.send_text(SHOP.number, ANA.number, "Hello")


def test_an_answer_to_a_request_opens_the_window() -> None:
    rig = Rig()
    request = rig.platform.request_permission(SHOP.number, ANA.number, template=True)
    rig.platform.answer_request(ANA.number, request.id, PermissionAnswer.DECLINE)
    rig.platform.send_text(SHOP.number, ANA.number, "Sorry")


def test_a_users_call_opens_the_window_even_when_missed() -> None:
    rig = Rig()
    assert rig.user_calls().allowed
    rig.platform.send_text(SHOP.number, ANA.number, "We missed you")
    off = Rig(rules=published_rules().changed(calls_open_window=OFF))
    assert off.user_calls().allowed
    with refused(Refusal.OUTSIDE_WINDOW, 131047):
        off.platform.send_text(SHOP.number, ANA.number, "We missed you")


def test_a_text_of_the_user_is_a_webhook() -> None:
    rig = Rig()
    rig.platform.put_user(replace(ANA, profile_name="Ana", user_id="ES.123", username="ana"))
    message = rig.platform.write_to_business(ANA.number, SHOP.number, "¿Hola?")
    (webhook,) = rig.webhooks
    assert webhook["object"] == "whatsapp_business_account"
    (entry,) = webhook["entry"]
    assert entry["id"] == SHOP.account_id
    (change,) = entry["changes"]
    assert change == {
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "34910000001", "phone_number_id": SHOP.phone_number_id},
            "contacts": [{"profile": {"name": "Ana", "username": "ana"}, "wa_id": "34600000001", "user_id": "ES.123"}],
            "messages": [
                {
                    "from": "34600000001",
                    "from_user_id": "ES.123",
                    "id": message,
                    "timestamp": str(int(START)),
                    "type": "text",
                    "text": {"body": "¿Hola?"},
                }
            ],
        },
    }


def test_numbers_and_their_ids_belong_together() -> None:
    rig = Rig()
    assert rig.platform.put_business(SHOP) == SHOP.phone_number_id
    assert rig.platform.business_of_id(SHOP.phone_number_id) == SHOP
    assert SHOP.phone_number_id.isdigit()
    assert SHOP.phone_number_id != SHOP.account_id
    with refused(Refusal.UNKNOWN_BUSINESS, 100):
        rig.platform.business_of_id("1")


@pytest.mark.parametrize("write", WRITE[1:], ids=["request", "button"])
def test_an_old_client_takes_no_buttons(write) -> None:
    rig = Rig()
    rig.platform.put_user(replace(ANA, client_supports_calls=False))
    with refused(Refusal.UNDELIVERABLE, 131026):
        write(rig, True)
    WRITE[0](rig, True)


def test_a_user_whom_nobody_knows_gets_no_message() -> None:
    with refused(Refusal.UNDELIVERABLE, 131026):
        Rig().platform.send_text(SHOP.number, "+4915100000", "Hello", template=True)


def test_an_app_that_is_not_live_writes_to_its_test_recipients_only() -> None:
    rig = Rig()
    rig.set(app_mode=AppMode.SANDBOX, allow_list=frozenset({BEN.key}))
    with refused(Refusal.NOT_ON_ALLOW_LIST, 131030):
        WRITE[0](rig, True)
    rig.platform.send_text(SHOP.number, BEN.number, "Hello", template=True)
    rig.set(app_mode=AppMode.LIVE)
    WRITE[0](rig, True)


def test_a_request_is_answered_once_and_for_all_to_see() -> None:
    rig = Rig()
    request = rig.platform.request_permission(SHOP.number, ANA.number, "May we call?", template=True)
    assert (request.kind, request.text) == (ChatMessageKind.PERMISSION_REQUEST, "May we call?")
    rig.platform.answer_request(ANA.number, request.id, PermissionAnswer.ALLOW)
    assert rig.replies() == [
        {
            "response": "accept",
            "is_permanent": False,
            "response_source": "user_action",
            "expiration_timestamp": str(int(START + 7 * DAY)),
        }
    ]
    (message,) = rig.values("messages")[0]["messages"]
    assert message["context"] == {"from": "34910000001", "id": request.id}
    assert rig.platform.permission(SHOP.number, ANA.number).call is None


@pytest.mark.parametrize(
    ("answer", "response", "permanent"),
    [(PermissionAnswer.ALLOW_ALWAYS, "accept", True), (PermissionAnswer.DECLINE, "reject", False)],
)
def test_what_the_webhook_says_of_an_answer(answer: PermissionAnswer, response: str, permanent: bool) -> None:
    rig = Rig()
    request = rig.platform.request_permission(SHOP.number, ANA.number, template=True)
    rig.platform.answer_request(ANA.number, request.id, answer)
    assert rig.replies() == [{"response": response, "is_permanent": permanent, "response_source": "user_action"}]


def test_a_request_cannot_be_answered_by_somebody_else_nor_when_closed() -> None:
    rig = Rig()
    request = rig.platform.request_permission(SHOP.number, ANA.number, template=True)
    with refused(Refusal.REQUEST_CLOSED, 0):
        rig.platform.answer_request(BEN.number, request.id, PermissionAnswer.ALLOW)
    rig.now += 7 * DAY
    with refused(Refusal.REQUEST_CLOSED, 0):
        rig.platform.answer_request(ANA.number, request.id, PermissionAnswer.ALLOW)


def test_the_request_limit_counts_and_a_refused_request_is_not_delivered() -> None:
    rig = Rig()
    rig.platform.request_permission(SHOP.number, ANA.number, template=True)
    with refused(Refusal.REQUEST_LIMIT, 138009):
        rig.platform.request_permission(SHOP.number, ANA.number, template=True)
    assert len(rig.of(MessageDelivered)) == 1


def test_a_request_from_a_history_can_be_answered() -> None:
    rig = Rig()
    rig.platform.add_history([Event(EventKind.REQUEST_SENT, START, SHOP.number, ANA.number, "old")])
    rig.platform.answer_request(ANA.number, "old", PermissionAnswer.ALLOW)
    assert rig.replies()[0]["response"] == "accept"


def test_a_history_that_the_rules_forbid_says_which_event() -> None:
    rig = Rig()
    asked = Event(EventKind.REQUEST_SENT, START, SHOP.number, ANA.number, "one")
    with pytest.raises(Refused, match=r"event 2, request_sent: The user has been asked too often"):
        rig.platform.add_history([asked, replace(asked, id="two")])
    assert rig.webhooks == []
    assert rig.events == []


def test_a_revocation_in_the_profile_is_told() -> None:
    rig = Rig()
    rig.permit()
    rig.platform.change_in_profile(ANA.number, SHOP.number, allowed=False)
    assert [reply["response"] for reply in rig.replies()] == ["accept", "reject"]
    assert "context" not in rig.values("messages")[0]["messages"][0]


@pytest.mark.parametrize(
    "wrong", [{"button_text": "x" * 21}, {"button_text": ""}, {"ttl_minutes": 0.5}, {"payload": "a\r\nTo: b"}]
)
def test_a_wrong_button_is_an_invalid_parameter(wrong: dict[str, object]) -> None:
    with refused(Refusal.INVALID_PARAMETER, 100):
        Rig().platform.send_call_button(
            SHOP.number, ANA.number, "Call", kind=ButtonKind.TEMPLATE, **({"ttl_minutes": 1440.0} | wrong)
        )


def test_a_number_without_calling_sends_no_buttons() -> None:
    rig = Rig()
    rig.set(calling_enabled=False)
    with refused(Refusal.BUTTON_UNSUPPORTED, 131009):
        WRITE[2](rig, True)


def test_look_ups_of_permissions_have_a_rate() -> None:
    rig = Rig(rules=published_rules().changed(permission_lookups_per_second={"value": 2}))
    for _ in range(2):
        rig.platform.look_up_permission(SHOP.number, ANA.number)
    with refused(Refusal.LOOKUP_RATE, 613):
        rig.platform.look_up_permission(SHOP.number, ANA.number)
    rig.platform.permission(SHOP.number, ANA.number)
    rig.now += 1
    rig.platform.look_up_permission(SHOP.number, ANA.number)
    rig.platform.move_clock(-DAY)
    rig.platform.look_up_permission(SHOP.number, ANA.number)


def test_anew_means_that_nobody_is_known() -> None:
    rig = Rig()
    rig.permit()
    rig.platform.other_settings(SHOP.number)["codecs"] = ["PCMU"]
    rig.platform.move_clock(DAY)
    rig.platform.begin_anew()
    assert rig.platform.time() == START
    assert rig.platform.businesses() == ()
    with refused(Refusal.UNKNOWN_BUSINESS, 100):
        rig.platform.business_of_id(SHOP.phone_number_id)
    rig.platform.put_business(SHOP)
    rig.platform.put_user(ANA)
    assert rig.platform.other_settings(SHOP.number) == {}
    assert rig.platform.permission(SHOP.number, ANA.number).call is Refusal.NO_PERMISSION
