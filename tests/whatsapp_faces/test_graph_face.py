"""Meta's Graph face: settings, permissions, messages, calls."""

from __future__ import annotations

import pytest

from harness.call_policy import CallEndOrdered, CallOrdered, CallStep
from simulators.whatsapp.people import IconVisibility
from simulators.whatsapp.protocol import ChatMessageKind, PermissionAnswer
from tests.whatsapp_faces.faces_rig import (
    ANA,
    CONNECT,
    DAY,
    GRAPH,
    REQUEST,
    REQUEST_TEMPLATE,
    START,
    TEXT,
    TOKEN,
    Rig,
    button,
    graph_code,
    template_button,
)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_settings_as_they_are(rig: Rig) -> None:
    calling = rig.get(f"{GRAPH}/settings").json()["calling"]
    assert calling["status"] == "ENABLED"
    assert calling["sip"] == {
        "status": "DISABLED",
        "servers": [{"hostname": "pbx.example.com", "port": 5061}],
        "webhook_delivery": "ENABLED",
    }
    # Never set: Meta leaves it out.
    assert "srtp_key_exchange_protocol" not in calling


def test_credentials_are_shown_only_when_asked_for(rig: Rig) -> None:
    shown = rig.get(f"{GRAPH}/settings", include_sip_credentials="true").json()["calling"]["sip"]["servers"][0]
    assert shown["sip_user_password"] == "a password"
    assert "a password" not in rig.get(f"{GRAPH}/settings").text


def test_settings_that_are_written_are_read(rig: Rig) -> None:
    hours = {
        "status": "ENABLED",
        "timezone_id": "Europe/Madrid",
        "weekly_operating_hours": [{"day_of_week": "MONDAY", "open_time": "0900", "close_time": "1730"}],
        "holiday_schedule": [{"date": "2026-12-25", "start_time": "0000", "end_time": "0000"}],
    }
    change = {
        "status": "ENABLED",
        "call_icon_visibility": "HIDE_IN_CHAT",
        "call_icons": {"restrict_to_user_countries": ["ES", "PT"]},
        "call_hours": hours,
        "callback_permission_status": "ENABLED",
        "sip": {
            "status": "ENABLED",
            "servers": [{"hostname": "sbc.example.com", "port": 5071, "request_uri_user_params": {"tgrp": "wa"}}],
            "webhook_delivery": "DISABLED",
        },
        "srtp_key_exchange_protocol": "SDES",
        "audio": {"additional_codecs": ["PCMA"]},
    }
    assert rig.post(f"{GRAPH}/settings", {"calling": change}).json() == {"success": True}
    assert rig.get(f"{GRAPH}/settings").json()["calling"] == change
    business = rig.platform.business(rig.shop.number)
    assert business.callback_permission and business.sip and not business.webhook_delivery
    assert business.icon_visibility is IconVisibility.HIDE_IN_CHAT
    assert business.call_hours is not None and business.call_hours.open_at(START + 4 * DAY + 9 * 3600)


def test_settings_change_only_what_is_named(rig: Rig) -> None:
    rig.set(callback_permission=True)
    rig.post(f"{GRAPH}/settings", {"calling": {"sip": {"webhook_delivery": "DISABLED"}}})
    calling = rig.get(f"{GRAPH}/settings").json()["calling"]
    assert calling["callback_permission_status"] == "ENABLED"
    assert calling["sip"]["status"] == "DISABLED"
    assert calling["sip"]["servers"][0]["hostname"] == "pbx.example.com"


@pytest.mark.parametrize(
    "change",
    [
        {"call_hours": {"status": "ENABLED", "timezone_id": "Mars/Olympus"}},
        {"call_hours": {"status": "ENABLED", "timezone_id": "../../etc/passwd"}},
        {
            "call_hours": {
                "status": "ENABLED",
                "weekly_operating_hours": [{"day_of_week": "MONDAY", "open_time": "1800", "close_time": "0900"}],
            }
        },
        {
            "call_hours": {
                "status": "ENABLED",
                "holiday_schedule": [{"date": "2026-02-30", "start_time": "0000", "end_time": "0000"}],
            }
        },
        {"call_icons": {"restrict_to_user_countries": ["Spain"]}},
        {"status": "on"},
        {"sip": {"servers": [{"hostname": "a"}, {"hostname": "b"}]}},
        {"sip": {"servers": [{"hostname": "a b"}]}},
        {"sip": {"servers": [{"hostname": "a", "port": 0}]}},
    ],
)
def test_wrong_settings_change_nothing(rig: Rig, change: dict[str, object]) -> None:
    before = rig.get(f"{GRAPH}/settings").json()
    answer = rig.post(f"{GRAPH}/settings", {"calling": {"callback_permission_status": "ENABLED"} | change})
    assert (answer.status_code, graph_code(answer)) == (400, 100)
    assert rig.get(f"{GRAPH}/settings").json() == before


def test_permission_from_nothing_to_temporary(rig: Rig) -> None:
    before = rig.get(f"{GRAPH}/call_permissions", user_wa_id=ANA.number.lstrip("+")).json()
    assert before["permission"] == {"status": "no_permission"}
    assert [(action["action_name"], action["can_perform_action"]) for action in before["actions"]] == [
        ("send_call_permission_request", True),
        ("start_call", False),
    ]
    asked = rig.post(f"{GRAPH}/messages", REQUEST_TEMPLATE).json()
    rig.platform.answer_request(ANA.key, asked["messages"][0]["id"], PermissionAnswer.ALLOW)
    after = rig.get(f"{GRAPH}/call_permissions", recipient=ANA.user_id).json()
    assert after["permission"] == {"status": "temporary", "expiration_time": int(START + 7 * DAY)}
    request, call = after["actions"]
    assert request["limits"][0] == {
        "time_period": "PT24H",
        "max_allowed": 1,
        "current_usage": 1,
        "limit_expiration_time": int(START + DAY),
    }
    assert call == {
        "action_name": "start_call",
        "can_perform_action": True,
        "limits": [{"time_period": "PT24H", "max_allowed": 100, "current_usage": 0}],
    }


def test_who_is_not_on_whatsapp_has_given_no_permission(rig: Rig) -> None:
    answer = rig.get(f"{GRAPH}/call_permissions", user_wa_id="34699999999")
    assert answer.status_code == 200
    assert answer.json()["permission"] == {"status": "no_permission"}


def test_messages_arrive_in_the_chat(rig: Rig) -> None:
    rig.hear()
    sent = rig.post(f"{GRAPH}/messages", TEXT).json()
    assert sent["contacts"] == [{"input": ANA.number, "wa_id": "34600000001"}]
    rig.post(f"{GRAPH}/messages", REQUEST)
    rig.post(f"{GRAPH}/messages", button(display_text="Call the shop", ttl_minutes=10, payload="case 7"))
    text, request, call = rig.messages()
    assert (text.id, text.kind, text.text) == (sent["messages"][0]["id"], ChatMessageKind.TEXT, "hello")
    assert (request.kind, request.text) == (ChatMessageKind.PERMISSION_REQUEST, "May we call?")
    assert (call.kind, call.text, call.button_text) == (ChatMessageKind.CALL_BUTTON, "Talk to us", "Call the shop")
    assert call.expires_at_s == START + 600


def test_templates_arrive_without_a_word_of_the_user(rig: Rig) -> None:
    rig.post(f"{GRAPH}/messages", REQUEST_TEMPLATE)
    lifetime = {"type": "ttl_minutes", "ttl_minutes": 1440}
    rig.post(f"{GRAPH}/messages", template_button(lifetime, {"type": "payload", "payload": "case 7"}))
    plain = {"type": "template", "template": {"name": "hello", "language": {"code": "en"}}}
    rig.post(f"{GRAPH}/messages", TEXT | plain)
    request, call, text = rig.messages()
    assert (request.kind, request.text) == (ChatMessageKind.PERMISSION_REQUEST, "[may_we_call] · Ana")
    assert (call.kind, call.expires_at_s) == (ChatMessageKind.CALL_BUTTON, START + DAY)
    assert (text.kind, text.text) == (ChatMessageKind.TEXT, "[hello]")


def test_a_request_needs_no_words_of_its_own(rig: Rig) -> None:
    rig.hear()
    bare = {"type": "call_permission_request", "action": {"name": "call_permission_request"}}
    assert rig.post(f"{GRAPH}/messages", REQUEST | {"interactive": bare}).status_code == 200
    assert rig.messages()[0].text


def test_a_user_is_addressed_by_user_id(rig: Rig) -> None:
    rig.hear()
    by_id = {key: value for key, value in TEXT.items() if key != "to"} | {"recipient": ANA.user_id}
    assert rig.post(f"{GRAPH}/messages", by_id).status_code == 200
    assert rig.messages()[0].user == ANA.key


def test_a_call_is_ordered_and_ended(rig: Rig) -> None:
    rig.permit()
    call = rig.post(f"{GRAPH}/calls", CONNECT | {"biz_opaque_callback_data": "case 7"}).json()["calls"][0]["id"]
    assert rig.trunk is not None
    assert rig.trunk.orders == [CallOrdered(call=call, business=rig.shop.number, user=ANA.key, context="case 7")]
    rig.move(call, CallStep.ANSWERED)
    ended = rig.post(f"{GRAPH}/calls", {"messaging_product": "whatsapp", "action": "terminate", "call_id": call})
    assert ended.json() == {"success": True}
    assert rig.trunk.orders[1:] == [CallEndOrdered(call=call)]


def test_what_needs_media_over_graph_says_so(rig: Rig) -> None:
    rig.permit()
    call = rig.post(f"{GRAPH}/calls", CONNECT).json()["calls"][0]["id"]
    answer = rig.post(f"{GRAPH}/calls", {"messaging_product": "whatsapp", "action": "accept", "call_id": call})
    assert (answer.status_code, graph_code(answer)) == (400, 100)
    assert "accept" in answer.json()["error"]["error_data"]["details"]


def test_calls_of_other_numbers_cannot_be_ended(rig: Rig) -> None:
    rig.permit()
    call = rig.post(f"{GRAPH}/calls", CONNECT).json()["calls"][0]["id"]
    other = rig.platform.put_business(type(rig.shop)(number="+34910000002", sip=False))
    body = {"messaging_product": "whatsapp", "action": "terminate", "call_id": call}
    assert graph_code(rig.post(f"/v23.0/{other}/calls", body)) == 100


def test_the_token_may_be_in_the_query(rig: Rig) -> None:
    path = f"{GRAPH}/settings"
    assert rig.ask("GET", path, "", params={"access_token": TOKEN}).status_code == 200
    assert rig.ask("GET", path, "", params={"access_token": "wrong"}).status_code == 401
    assert rig.ask("GET", path, "wrong", params={"access_token": TOKEN}).status_code == 401


def test_any_version_of_graph_is_the_same(rig: Rig) -> None:
    for version in ("v17.0", "v24.0"):
        assert rig.get(f"/{version}/{rig.shop.phone_number_id}/settings").status_code == 200
    assert graph_code(rig.get(f"/vX/{rig.shop.phone_number_id}/settings")) == 100
