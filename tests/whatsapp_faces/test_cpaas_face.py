"""8x8's face: call permissions, messages, and the (assumed) calls."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from harness.call_policy import CallEndOrdered, CallOrdered
from simulators.whatsapp.protocol import ChatMessageKind, PermissionAnswer
from tests.whatsapp_faces.faces_rig import (
    ANA,
    CHANNEL,
    CPAAS_MESSAGES,
    DAY,
    SHOP,
    START,
    TOKEN,
    Rig,
    cpaas_code,
)

USER = {"user": {"msisdn": ANA.number}}


def interactive(kind: str, **more: object) -> dict[str, Any]:
    return USER | {"type": "interactive", "content": {"interactive": {"type": kind, "body": {"text": "Hi"}} | more}}


def template(*components: dict[str, Any]) -> dict[str, Any]:
    return USER | {
        "type": "template",
        "content": {"template": {"name": "offer", "language": "en_US", "components": list(components)}},
    }


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_permission_from_nothing_to_temporary(rig: Rig) -> None:
    before = rig.get(f"{CHANNEL}/callPermissions", destination=ANA.number).json()
    assert before["status"] == "not_granted" and "expirationTime" not in before
    rig.post(CPAAS_MESSAGES, template({"type": "call_permission_request"}))
    rig.platform.answer_request(ANA.key, rig.messages()[0].id, PermissionAnswer.ALLOW)
    after = rig.get(f"{CHANNEL}/callPermissions", destination=ANA.number).json()
    assert (after["status"], after["expirationTime"]) == ("temporary", "2026-01-08T00:00:00Z")
    assert after["actions"][0] == {
        "actionName": "send_call_permission_request",
        "canPerformAction": False,
        "limits": [
            {"timePeriod": "PT24H", "maxAllowed": 1, "currentUsage": 1},
            {"timePeriod": "P7D", "maxAllowed": 2, "currentUsage": 1},
        ],
    }
    assert after["actions"][1]["canPerformAction"]


def test_messages_arrive_in_the_chat(rig: Rig) -> None:
    rig.hear()
    text = USER | {"type": "text", "content": {"text": "Good day"}, "clientMessageId": "mine"}
    sent = rig.post(CPAAS_MESSAGES, text).json()
    assert (sent["user"], sent["clientMessageId"]) == ({"msisdn": ANA.number}, "mine")
    assert sent["status"] == {"state": "queued", "timestamp": "2026-01-01T00:00:00Z"}
    rig.post(CPAAS_MESSAGES, interactive("call_permission_request"))
    action = {"name": "voice_call", "parameters": {"display_text": "Call the shop", "ttlMinutes": 10}}
    rig.post(CPAAS_MESSAGES, interactive("voice_call", action=action))
    shown, request, call = rig.messages()
    assert (shown.kind, shown.text) == (ChatMessageKind.TEXT, "Good day")
    assert request.kind is ChatMessageKind.PERMISSION_REQUEST
    assert (call.button_text, call.expires_at_s) == ("Call the shop", START + 600)


def test_a_template_has_a_call_button(rig: Rig) -> None:
    parameters = [{"type": "ttlMinutes", "ttlMinutes": 1440}, {"type": "payload", "payload": "case 7"}]
    words = {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}
    call = {"type": "button", "subType": "VoiceCall", "index": 0, "parameters": parameters}
    assert rig.post(CPAAS_MESSAGES, template(words, call)).status_code == 200
    message = rig.messages()[0]
    assert (message.kind, message.text) == (ChatMessageKind.CALL_BUTTON, "[offer] · Ana")
    assert message.expires_at_s == START + DAY


def test_a_call_is_ordered_and_ended(rig: Rig) -> None:
    rig.permit()
    order = {"destination": ANA.number, "clientReferenceId": "mine", "context": "case 7"}
    answer = rig.post(f"{CHANNEL}/calls", order)
    call = answer.json()["callId"]
    assert (answer.status_code, answer.json()) == (
        202,
        {"callId": call, "destination": ANA.number, "clientReferenceId": "mine", "status": "queued"},
    )
    assert rig.trunk is not None
    assert rig.trunk.orders == [CallOrdered(call=call, business=rig.shop.number, user=ANA.key, context="case 7")]
    assert rig.ask("DELETE", f"{CHANNEL}/calls/{quote(call, safe='')}").status_code == 204
    assert rig.trunk.orders[1:] == [CallEndOrdered(call=call)]


def test_calls_go_over_sip_too(rig: Rig) -> None:
    """Meta's 131055 is for Graph callers; 8x8 speaks SIP to the PBX and places the call itself."""
    rig.set(sip=True)
    rig.permit()
    assert rig.post(f"{CHANNEL}/calls", {"destination": ANA.user_id}).status_code == 202


def test_a_refusal_brings_metas_code(rig: Rig) -> None:
    answer = rig.post(f"{CHANNEL}/calls", {"destination": ANA.number})
    assert (answer.status_code, cpaas_code(answer)) == (403, 1201)
    assert answer.json()["message"].endswith("(Meta error 138006)")


def test_a_call_that_is_not_there_cannot_be_ended(rig: Rig) -> None:
    answer = rig.ask("DELETE", f"{CHANNEL}/calls/wacid.none")
    assert (answer.status_code, cpaas_code(answer)) == (403, 1201)


@pytest.mark.parametrize("name", [SHOP.number.lstrip("+"), SHOP.phone_number_id])
def test_a_subaccount_is_named_by_number_or_id(rig: Rig, name: str) -> None:
    path = f"/api/v1/whatsapp/subaccounts/{name}/channels/{SHOP.phone_number_id}/callPermissions"
    assert rig.get(path, destination=ANA.number).status_code == 200


@pytest.mark.parametrize(("account", "channel"), [("nobody", SHOP.phone_number_id), (SHOP.phone_number_id, "nobody")])
def test_an_unknown_subaccount_or_channel(rig: Rig, account: str, channel: str) -> None:
    path = f"/api/v1/whatsapp/subaccounts/{account}/channels/{channel}/callPermissions"
    answer = rig.get(path, destination=ANA.number)
    assert (answer.status_code, cpaas_code(answer)) == (400, 1001)


@pytest.mark.parametrize("destination", ["", "34600000001", "Ana", "+", "+34600000001\x00", "+34 600 000 001"])
def test_a_destination_that_is_no_number(rig: Rig, destination: str) -> None:
    answer = rig.get(f"{CHANNEL}/callPermissions", destination=destination)
    assert (answer.status_code, cpaas_code(answer)) == (400, 1000)


def test_a_message_to_nobody(rig: Rig) -> None:
    answer = rig.post(CPAAS_MESSAGES, {"user": {}, "type": "text", "content": {"text": "x"}})
    assert (answer.status_code, cpaas_code(answer)) == (400, 1000)


def test_the_key_is_not_taken_from_the_query(rig: Rig) -> None:
    query = {"destination": ANA.number, "access_token": TOKEN}
    assert rig.ask("GET", f"{CHANNEL}/callPermissions", "", params=query).status_code == 401
