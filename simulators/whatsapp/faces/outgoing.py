"""Messages that a business sends, as both faces understand them, on their way to the platform."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.whatsapp.entry_points import DEFAULT_TEXT, ButtonKind
from simulators.whatsapp.protocol import ChatMessage
from simulators.whatsapp.service import Platform


@dataclass(frozen=True, slots=True)
class Text:
    """Words, from a template or not."""

    text: str
    template: bool = False


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """Asks the user for permission to call. ``text`` empty: the platform's own words."""

    text: str = ""
    template: bool = False


@dataclass(frozen=True, slots=True)
class ButtonMessage:
    """Offers the user a call by a button. ``button_text`` is its label; None: the platform's own."""

    kind: ButtonKind
    text: str
    button_text: str | None = None
    ttl_minutes: int | None = None
    payload: str = ""


Outgoing = Text | PermissionRequest | ButtonMessage


def send(platform: Platform, business: str, user: str, message: Outgoing) -> ChatMessage:
    """Put a message into the user's chat. Raises Refused."""
    match message:
        case Text(text, template):
            return platform.send_text(business, user, text, template=template)
        case PermissionRequest(text, template):
            if not text:
                return platform.request_permission(business, user, template=template)
            return platform.request_permission(business, user, text, template=template)
        case ButtonMessage():
            return platform.send_call_button(
                business,
                user,
                message.text,
                kind=message.kind,
                button_text=DEFAULT_TEXT if message.button_text is None else message.button_text,
                ttl_minutes=message.ttl_minutes,
                payload=message.payload,
            )


def template_text(name: str, values: list[str]) -> str:
    """What the user reads of a template: templates have no words here, only a name and values."""
    return " · ".join([f"[{name}]", *values])
