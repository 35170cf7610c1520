"""Lines of the platform's live view."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from harness.call_policy import CallStep, Direction
from harness.messages import Event, Ready
from simulators.whatsapp.protocol import (
    CallJudged,
    CallWentOn,
    ChatMessage,
    ChatMessageKind,
    MessageDelivered,
    RequestAnswered,
    WebhookDelivered,
)
from simulators.whatsapp.refusals import Refusal
from trunkproof.platform_view import PlatformView

NOW = datetime(2026, 1, 1, 12, 30, 5)
SHOP, ANA = "+34910000001", "+34600000001"


def message(kind: ChatMessageKind, text: str, button: str = "") -> MessageDelivered:
    return MessageDelivered(
        message=ChatMessage(id="m", kind=kind, business=SHOP, user=ANA, text=text, at_s=0.0, button_text=button)
    )


def webhook(field: str, value: dict[str, object], status: int = 200, attempt: int = 1) -> WebhookDelivered:
    body = json.dumps({"entry": [{"changes": [{"field": field, "value": value}]}]})
    return WebhookDelivered(body=body, status=status, attempt=attempt)


REPLY = {
    "type": "interactive",
    "interactive": {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}},
}

COMPLETED = {"id": "wacid.1", "event": "terminate", "status": "COMPLETED"}


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (RequestAnswered(method="GET", path="/v23.0/1/settings", status=200), "GET /v23.0/1/settings  200"),
        (
            RequestAnswered(method="POST", path="/v23.0/1/calls", status=401, code=138006, text="No permission."),
            "POST /v23.0/1/calls  401  138006 No permission.",
        ),
        (message(ChatMessageKind.TEXT, "hello"), f"{SHOP} ▶ Ana {ANA}  “hello”"),
        (message(ChatMessageKind.PERMISSION_REQUEST, "please"), f"{SHOP} ▶ Ana {ANA}  may we call? “please”"),
        (
            message(ChatMessageKind.CALL_BUTTON, "talk", "Call Now"),
            f"{SHOP} ▶ Ana {ANA}  call button “talk” [Call Now]",
        ),
        (webhook("messages", {"messages": [REPLY]}), "messages: call_permission_reply accept  200"),
        (webhook("messages", {"messages": [{"type": "text"}]}, 503, 2), "messages: text  503  attempt 2"),
        (
            webhook("calls", {"calls": [COMPLETED]}, 0),
            "terminate COMPLETED  no answer",
        ),
        (webhook("calls", {"statuses": [{"status": "RINGING"}]}), "calls: RINGING  200"),
        (WebhookDelivered(body="{", status=200, attempt=1), "{  200"),
    ],
)
def test_a_line(event: Event, shown: str) -> None:
    line = PlatformView({ANA: "Ana"}).line(event, NOW)
    assert line is not None
    assert line.plain.startswith("12:30:05 ")
    assert line.plain.endswith(shown)


def test_a_call_from_beginning_to_end() -> None:
    view = PlatformView({})
    call = CallJudged(call="c", direction=Direction.USER_INITIATED, business=SHOP, user=ANA, refusal=None)
    steps = [
        call,
        CallWentOn(call="c", step=CallStep.ANSWERED),
        CallWentOn(call="c", step=CallStep.ENDED, duration_s=7),
    ]
    lines = [view.line(step, NOW) for step in steps]
    assert [line.plain[18:] for line in lines if line] == [
        f"{ANA} ▶ {SHOP}  let through",
        f"{ANA} ▶ {SHOP}  answered",
        f"{ANA} ▶ {SHOP}  ended after 7.0 s",
    ]


def test_a_refused_call_has_its_reason() -> None:
    refused = CallJudged(
        call="c",
        direction=Direction.BUSINESS_INITIATED,
        business=SHOP,
        user=ANA,
        refusal=Refusal.NO_PERMISSION,
        code=403,
        text="No Approved Call Permission Found",
    )
    line = PlatformView({}).line(refused, NOW)
    assert line is not None
    assert line.plain.endswith("refused: no permission (403 No Approved Call Permission Found)")


def test_what_could_steer_a_terminal_is_not_shown() -> None:
    line = PlatformView({}).line(message(ChatMessageKind.TEXT, "a\x1b[2Jb\r\n" + "x" * 500), NOW)
    assert line is not None
    assert "\x1b" not in line.plain and "\n" not in line.plain
    assert len(line.plain) < 140


def test_the_rest_is_nobodys_business() -> None:
    assert PlatformView({}).line(Ready(), NOW) is None
