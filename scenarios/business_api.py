"""How the business's backend talks to WhatsApp: Meta's own HTTP interface, or 8x8's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from harness.errors import Inconclusive

GRAPH_VERSION = "v23.0"
TIMEOUT_S = 5.0
TEMPLATE = "call_offer"
LANGUAGE = "en_US"

_META_CODE = re.compile(r"Meta error (\d+)")


class ApiRefused(Exception):
    """The platform refused a request. ``code`` is Meta's error code, 0 when none was given."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(f"HTTP {status}, error {code}: {text}")
        self.status = status
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffer:
    """A message with a call button. ``template``: sent as a template, which may go out at any time."""

    text: str
    payload: str
    ttl_minutes: int | None = None
    template: bool = False


class BusinessApi(Protocol):
    """What the business asks of WhatsApp. ``business`` is the platform's id of a number, ``user`` E.164.

    All raise ApiRefused when the platform says no, Inconclusive when it does not answer.
    """

    def ask_permission(self, business: str, user: str, text: str) -> None: ...

    def offer_call(self, business: str, user: str, offer: CallOffer) -> None: ...

    def permission(self, business: str, user: str) -> str:
        """``temporary``, ``permanent``, or empty for none."""

    def call(self, business: str, user: str, context: str) -> str:
        """Have the platform call the user; the call's id."""

    def close(self) -> None: ...


class _Http:
    """Requests with a bearer token, and answers as JSON objects."""

    def __init__(self, base: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S, trust_env=False
        )

    def send(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        try:
            answer = self._client.request(method, path, **options)
            content = answer.json()
        except (httpx.HTTPError, ValueError) as broken:
            raise Inconclusive(f"the platform's HTTP interface does not answer: {broken}") from None
        if not isinstance(content, dict):
            raise Inconclusive(f"the platform's HTTP interface answered {content!r}")
        return answer.status_code, content

    def close(self) -> None:
        self._client.close()


class GraphApi:
    """Meta's Graph API (Meta: calls reference, user call permissions)."""

    def __init__(self, base: str, token: str) -> None:
        self._http = _Http(base, token)

    def close(self) -> None:
        self._http.close()

    def ask_permission(self, business: str, user: str, text: str) -> None:
        interactive = {
            "type": "call_permission_request",
            "action": {"name": "call_permission_request"},
            "body": {"text": text},
        }
        self._message(business, user, {"type": "interactive", "interactive": interactive})

    def offer_call(self, business: str, user: str, offer: CallOffer) -> None:
        if offer.template:
            self._message(business, user, {"type": "template", "template": self._template(offer)})
            return
        parameters: dict[str, Any] = {"payload": offer.payload}
        if offer.ttl_minutes is not None:
            parameters["ttl_minutes"] = offer.ttl_minutes
        interactive = {
            "type": "voice_call",
            "action": {"name": "voice_call", "parameters": parameters},
            "body": {"text": offer.text},
        }
        self._message(business, user, {"type": "interactive", "interactive": interactive})

    def permission(self, business: str, user: str) -> str:
        content = self._send("GET", business, "call_permissions", params={"user_wa_id": user.lstrip("+")})
        status = str(content["permission"]["status"])
        return "" if status == "no_permission" else status

    def call(self, business: str, user: str, context: str) -> str:
        content = self._send(
            "POST",
            business,
            "calls",
            json={
                "messaging_product": "whatsapp",
                "action": "connect",
                "to": user.lstrip("+"),
                "biz_opaque_callback_data": context,
            },
        )
        return str(content["calls"][0]["id"])

    @staticmethod
    def _template(offer: CallOffer) -> dict[str, Any]:
        parameters: list[dict[str, Any]] = [{"type": "payload", "payload": offer.payload}]
        if offer.ttl_minutes is not None:
            parameters.append({"type": "ttl_minutes", "ttl_minutes": offer.ttl_minutes})
        button = {"type": "button", "sub_type": "voice_call", "index": "0", "parameters": parameters}
        return {"name": TEMPLATE, "language": {"code": LANGUAGE}, "components": [button]}

    def _message(self, business: str, user: str, content: dict[str, Any]) -> None:
        who = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": user.lstrip("+")}
        self._send("POST", business, "messages", json=who | content)

    def _send(self, method: str, business: str, what: str, **options: Any) -> dict[str, Any]:
        status, content = self._http.send(method, f"/{GRAPH_VERSION}/{business}/{what}", **options)
        if status >= 400:
            error = content.get("error", {})
            raise ApiRefused(status, int(error.get("code", 0)), str(error.get("message", content)))
        return content


class CpaasApi:
    """8x8's interfaces. A subaccount has one number; that for calls is not published, so its form is assumed."""

    def __init__(self, base: str, token: str) -> None:
        self._http = _Http(base, token)

    def close(self) -> None:
        self._http.close()

    def ask_permission(self, business: str, user: str, text: str) -> None:
        interactive = {"type": "call_permission_request", "body": {"text": text}}
        self._message(business, user, {"type": "interactive", "content": {"interactive": interactive}})

    def offer_call(self, business: str, user: str, offer: CallOffer) -> None:
        if offer.template:
            self._message(business, user, {"type": "template", "content": {"template": self._template(offer)}})
            return
        parameters: dict[str, Any] = {"payload": offer.payload}
        if offer.ttl_minutes is not None:
            parameters["ttlMinutes"] = offer.ttl_minutes
        interactive = {
            "type": "voice_call",
            "action": {"name": "voice_call", "parameters": parameters},
            "body": {"text": offer.text},
        }
        self._message(business, user, {"type": "interactive", "content": {"interactive": interactive}})

    def permission(self, business: str, user: str) -> str:
        path = f"/api/v1/whatsapp/subaccounts/{business}/channels/{business}/callPermissions"
        status = str(self._send("GET", path, params={"destination": user})["status"])
        return "" if status == "not_granted" else status

    def call(self, business: str, user: str, context: str) -> str:
        path = f"/api/v1/whatsapp/subaccounts/{business}/channels/{business}/calls"
        return str(self._send("POST", path, json={"destination": user, "context": context})["callId"])

    @staticmethod
    def _template(offer: CallOffer) -> dict[str, Any]:
        parameters: list[dict[str, Any]] = [{"type": "payload", "payload": offer.payload}]
        if offer.ttl_minutes is not None:
            parameters.append({"type": "ttlMinutes", "ttlMinutes": offer.ttl_minutes})
        button = {"type": "button", "subType": "VoiceCall", "index": 0, "parameters": parameters}
        return {"name": TEMPLATE, "language": LANGUAGE, "components": [button]}

    def _message(self, business: str, user: str, content: dict[str, Any]) -> None:
        path = f"/api/v1/subaccounts/{business}/messages"
        self._send("POST", path, json={"user": {"msisdn": user}} | content)

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        status, content = self._http.send(method, path, **options)
        if status >= 400:
            text = str(content.get("message", content))
            found = _META_CODE.search(text)
            raise ApiRefused(status, int(found[1]) if found else 0, text)
        return content
