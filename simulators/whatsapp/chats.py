"""Chats between business numbers and users: messages, and when a business may write freely."""

from __future__ import annotations

import base64
import secrets
from typing import TypeVar

from simulators.whatsapp.entry_points import CallButton
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import ChatMessage
from simulators.whatsapp.rules import Rules

REMEMBERED_MESSAGES = 50_000
"""Messages and chats that are kept at most; the oldest go first."""

Kept = TypeVar("Kept")
Name = TypeVar("Name")


def make_message_id(user: WhatsAppUser) -> str:
    """A new id in the form of WhatsApp's (``wamid.`` and Base64; the layout is inferred from Meta's samples)."""
    unique = secrets.token_hex(10).upper().encode("ascii")
    key = user.key.removeprefix("+").encode("ascii")
    octets = b"\x1c\x18" + bytes([len(key)]) + key + b"\x15\x02\x00\x11\x18" + bytes([len(unique)]) + unique + b"\x00"
    return "wamid." + base64.b64encode(octets).decode("ascii")


class Chats:
    """All messages of all chats."""

    def __init__(self) -> None:
        self._messages: dict[str, ChatMessage] = {}
        self._buttons: dict[str, CallButton] = {}
        self._heard: dict[tuple[str, str], float] = {}

    def put(self, message: ChatMessage, button: CallButton | None = None) -> None:
        """Keep a message, with the call button that it carries."""
        _keep(self._messages, message.id, message)
        if button is not None:
            _keep(self._buttons, message.id, button)

    def message(self, message_id: str) -> ChatMessage | None:
        return self._messages.get(message_id)

    def button(self, message_id: str) -> CallButton | None:
        """The call button that a message carries, if it does."""
        return self._buttons.get(message_id)

    def heard(self, business: BusinessNumber, user: WhatsAppUser, now: float) -> None:
        """The user has written (or done what counts like it): the customer service window begins anew."""
        _keep(self._heard, (business.number, user.key), now)

    def window_open(self, business: BusinessNumber, user: WhatsAppUser, now: float, rules: Rules) -> bool:
        """Whether the business may write what is no template (Meta, customer service windows)."""
        if not rules.customer_service_window.enabled:
            return True
        heard_at = self._heard.get((business.number, user.key))
        return heard_at is not None and now - heard_at < rules.customer_service_window.hours_s

    def clear(self) -> None:
        self._messages.clear()
        self._buttons.clear()
        self._heard.clear()


def _keep(kept: dict[Name, Kept], name: Name, value: Kept) -> None:
    kept.pop(name, None)
    kept[name] = value
    if len(kept) > REMEMBERED_MESSAGES:
        del kept[next(iter(kept))]
