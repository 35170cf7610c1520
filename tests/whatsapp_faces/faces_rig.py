"""Both faces over a platform with one Spanish shop, two customers, a clock that moves when told, and no network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from harness.call_policy import CallEndOrdered, CallMoved, CallOrdered, CallStep, Direction
from harness.messages import Event
from simulators.whatsapp.availability import Availability
from simulators.whatsapp.faces.app import FaceSettings, make_app
from simulators.whatsapp.ledger import Ledger
from simulators.whatsapp.people import BusinessNumber, Directory, WhatsAppUser
from simulators.whatsapp.protocol import ChatMessage, MessageDelivered
from simulators.whatsapp.rules import Rules, published_rules
from simulators.whatsapp.service import Platform

START = 1_767_225_600.0
"""2026-01-01 00:00 UTC."""
HOUR = 3600.0
DAY = 24 * HOUR
TOKEN = "a token"
SHOP = BusinessNumber(number="+34910000001", sip=False)
ANA = WhatsAppUser(number="+34600000001", user_id="ES.13491208655302741918", profile_name="Ana Ångström")
BEN = WhatsAppUser(number="+447700900001")
GRAPH = f"/v23.0/{SHOP.phone_number_id}"
CHANNEL = f"/api/v1/whatsapp/subaccounts/{SHOP.phone_number_id}/channels/{SHOP.phone_number_id}"
CPAAS_MESSAGES = f"/api/v1/subaccounts/{SHOP.phone_number_id}/messages"

GRAPH_ANA: dict[str, Any] = {"messaging_product": "whatsapp", "to": ANA.number}
CONNECT = GRAPH_ANA | {"action": "connect"}
TEXT = GRAPH_ANA | {"type": "text", "text": {"body": "hello"}}
REQUEST = GRAPH_ANA | {
    "type": "interactive",
    "interactive": {
        "type": "call_permission_request",
        "action": {"name": "call_permission_request"},
        "body": {"text": "May we call?"},
    },
}
REQUEST_TEMPLATE = GRAPH_ANA | {
    "type": "template",
    "template": {
        "name": "may_we_call",
        "language": {"code": "en_US"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]},
            {"type": "call_permission_request"},
        ],
    },
}


def button(**parameters: object) -> dict[str, Any]:
    """An interactive call button as Graph takes it."""
    return GRAPH_ANA | {
        "type": "interactive",
        "interactive": {
            "type": "voice_call",
            "body": {"text": "Talk to us"},
            "action": {"name": "voice_call", "parameters": parameters},
        },
    }


def template_button(*parameters: dict[str, Any]) -> dict[str, Any]:
    """A template's call button as Graph takes it."""
    component = {"type": "button", "sub_type": "voice_call", "index": "0", "parameters": list(parameters)}
    template = {"name": "call_us", "language": {"code": "es_ES"}, "components": [component]}
    return GRAPH_ANA | {"type": "template", "template": template}


@dataclass
class FakeTrunk:
    """Keeps its orders."""

    orders: list[CallOrdered | CallEndOrdered] = field(default_factory=list)

    def send(self, message: CallOrdered | CallEndOrdered) -> None:
        self.orders.append(message)


@dataclass
class Rig:
    """See the module. ``now`` is the clock."""

    shop: BusinessNumber = SHOP
    rules: Rules = field(default_factory=published_rules)
    availability: Availability | None = None
    trunk: FakeTrunk | None = field(default_factory=FakeTrunk)
    now: float = START

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self.webhooks: list[dict[str, Any]] = []
        self.ledger = Ledger(Directory.of([self.shop], [ANA, BEN]), rules=self.rules, availability=self.availability)
        self.platform = Platform(
            self.ledger, now=lambda: self.now, emit=self.events.append, deliver=self.webhooks.append
        )
        if self.trunk is not None:
            self.platform.trunk_connected(self.trunk)
        settings = FaceSettings(access_token=TOKEN, sip_password="a password", sip_hostname="pbx.example.com")
        self.app = make_app(self.platform, settings)

    def set(self, **settings: object) -> None:
        self.shop = replace(self.shop, **settings)  # type: ignore[arg-type]
        self.platform.put_business(self.shop)

    def permit(self) -> None:
        """Ana permits calls for good."""
        self.platform.change_in_profile(ANA.key, self.shop.number, allowed=True)

    def hear(self) -> None:
        """Ana writes: the shop may answer freely."""
        self.platform.write_to_business(ANA.key, self.shop.number, "hello")

    def move(self, call: str, step: CallStep, duration_s: float = 0.0) -> None:
        """The trunk tells a step of a business call to Ana."""
        self.platform.moved(
            CallMoved(
                call=call,
                direction=Direction.BUSINESS_INITIATED,
                business=self.shop.number,
                user=ANA.key,
                step=step,
                duration_s=duration_s,
            )
        )

    def messages(self) -> list[ChatMessage]:
        """What is in the users' chats, oldest first."""
        return [event.message for event in self.events if isinstance(event, MessageDelivered)]

    def ask(self, method: str, path: str, token: str = TOKEN, **request: Any) -> httpx.Response:
        """One request, answered."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://platform", headers=headers) as client:
                return await client.request(method, path, **request)

        return asyncio.run(exchange())

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: object) -> httpx.Response:
        return self.ask("POST", path, json=body)


def graph_code(response: httpx.Response) -> int:
    """Code of an error in Meta's envelope, whose shape is checked on the way."""
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"message", "type", "code", "error_data", "fbtrace_id"}
    assert set(error["error_data"]) == {"messaging_product", "details"}
    assert error["message"].startswith(f"(#{error['code']}) ")
    return int(error["code"])


def cpaas_code(response: httpx.Response) -> int:
    """Code of an error in 8x8's envelope, whose shape is checked on the way."""
    body = response.json()
    assert set(body) == {"code", "message", "errorId", "timestamp"}
    return int(body["code"])
