"""What happens on a platform, as lines of a terminal: requests, messages, calls, webhooks."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rich.text import Text

from harness.call_policy import CallStep, Direction
from harness.messages import Event
from simulators.whatsapp.protocol import (
    CallJudged,
    CallWentOn,
    ChatMessage,
    ChatMessageKind,
    MessageDelivered,
    RequestAnswered,
    WebhookDelivered,
)

LONGEST_TEXT = 60
WHAT = 9
"""Characters of the column that says what kind of thing happened."""
_DIMMED = "dim"
_COLOURS = {"2": "green", "3": "yellow", "4": "red", "5": "red"}
_SAYS = {
    ChatMessageKind.TEXT: "",
    ChatMessageKind.PERMISSION_REQUEST: "may we call? ",
    ChatMessageKind.CALL_BUTTON: "call button ",
    ChatMessageKind.SYSTEM: "WhatsApp: ",
}


class PlatformView:
    """Makes lines of events. ``names`` has the name of each number or user id that has one."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._calls: dict[str, str] = {}

    def line(self, event: Event, now: datetime) -> Text | None:
        """The line of an event, None for those that are nobody's business."""
        match event:
            case RequestAnswered():
                return self._row(now, "request", _answered(event))
            case MessageDelivered(message=message):
                return self._row(now, "message", self._message(message))
            case CallJudged():
                return self._row(now, "call", self._judged(event))
            case CallWentOn():
                return self._row(now, "call", self._went_on(event))
            case WebhookDelivered():
                return self._row(now, "webhook", _webhook(event))
        return None

    def who(self, address: str) -> str:
        """An address with its name."""
        name = self._names.get(address, "")
        return f"{name} {address}" if name else address

    @staticmethod
    def _row(now: datetime, what: str, text: Text) -> Text:
        return Text(f"{now:%H:%M:%S} ", style=_DIMMED).append(what.ljust(WHAT), style="not dim bold").append_text(text)

    def _message(self, message: ChatMessage) -> Text:
        said = f"“{shortened(message.text)}”"
        if message.button_text:
            said += f" [{message.button_text}]"
        ends = f"{self.who(message.business)} ▶ {self.who(message.user)}  "
        return Text(ends, style="not dim").append(_SAYS[message.kind], style="not dim cyan").append(said)

    def _judged(self, event: CallJudged) -> Text:
        ends = (event.business, event.user)
        caller, called = ends if event.direction is Direction.BUSINESS_INITIATED else reversed(ends)
        about = f"{self.who(caller)} ▶ {self.who(called)}"
        self._calls[event.call] = about
        line = Text(f"{about}  ", style="not dim")
        if event.refusal is None:
            return line.append("let through", style="green")
        sip = f" ({event.code} {event.text})" if event.code else ""
        return line.append(f"refused: {event.refusal.value.replace('_', ' ')}{sip}", style="red")

    def _went_on(self, event: CallWentOn) -> Text:
        line = Text(f"{self._calls.get(event.call, event.call)}  ", style="not dim")
        lasted = f" after {event.duration_s:.1f} s" if event.step is CallStep.ENDED else ""
        return line.append(f"{event.step.value}{lasted}", style="cyan")


def shortened(text: str) -> str:
    """A text on one line, without what could steer a terminal."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"


def _answered(event: RequestAnswered) -> Text:
    # The end of a path says more than its beginning.
    path = shortened(event.path[::-1])[::-1]
    line = Text(f"{event.method} {path}  ", style="not dim")
    line.append(str(event.status), style=_COLOURS.get(str(event.status)[0], ""))
    return line.append(f"  {event.code} {shortened(event.text)}", style="red") if event.code else line


def _webhook(event: WebhookDelivered) -> Text:
    line = Text(f"{_about(event.body)}  ", style="not dim")
    status = str(event.status) if event.status else "no answer"
    line.append(status, style=_COLOURS.get(status[0], "red"))
    return line.append(f"  attempt {event.attempt}", style=_DIMMED) if event.attempt > 1 else line


def _about(body: str) -> str:
    """What a webhook is about: its field, and what of it."""
    try:
        change = json.loads(body)["entry"][0]["changes"][0]
        return f"{change['field']}: {_what(change['value'])}"
    except (ValueError, LookupError, TypeError):
        return shortened(body)


def _what(value: dict[str, Any]) -> str:
    for call in value.get("calls", ()):
        return f"{call['event']} {call.get('status', '')}".strip()
    for status in value.get("statuses", ()):
        return str(status["status"])
    message = value["messages"][0]
    if message["type"] != "interactive":
        return str(message["type"])
    kind = message["interactive"]["type"]
    return f"{kind} {message['interactive'][kind].get('response', '')}".strip()
