"""Commands and events of the platform's process, and what it knows of chats.

Points in time (``at_s``, ``expires_at_s``) are the platform's own, in s since 1970-01-01 UTC; only ``Event.at`` is
CLOCK_MONOTONIC as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.call_policy import CallStep, Direction
from harness.messages import Command, Event
from simulators.whatsapp.ledger import Event as LedgerEvent
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """What a platform process needs to start.

    ``policy_socket`` is the path of the Unix-domain socket for the trunk (empty: none). The HTTP faces listen on
    ``address`` and ``port`` (0: ephemeral), Meta's under ``/v<version>/`` and 8x8's under ``/api/``.
    ``access_token`` is Meta's and 8x8's bearer token, ``app_secret`` signs webhooks, ``webhook_url`` gets them
    (empty: nobody). ``rules`` and ``availability`` are files that override the published ones, ``ledger`` the
    SQLite file that survives the process (empty: memory only).
    """

    name: str
    address: str
    port: int = 0
    policy_socket: str = ""
    access_token: str
    app_secret: str
    sip_password: str = ""
    """Meta's ``sip_user_password``, the same for every number."""
    sip_hostname: str = ""
    """Host of the PBX as Meta's settings name it."""
    webhook_url: str = ""
    rules: str = ""
    availability: str = ""
    ledger: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """Where the HTTP faces are. ``graph`` and ``cpaas`` are base URLs without a slash at the end."""

    graph: str
    cpaas: str


class ChatMessageKind(StrEnum):
    """What a message in the user's chat is."""

    TEXT = "text"
    PERMISSION_REQUEST = "permission_request"
    CALL_BUTTON = "call_button"
    SYSTEM = "system"
    """WhatsApp's own words, such as the advice after unanswered calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """A message as the user sees it. ``text`` is its body, ``button_text`` the call button's label."""

    id: str
    kind: ChatMessageKind
    business: str
    user: str
    text: str
    at_s: float
    button_text: str = ""
    expires_at_s: float | None = None


class PermissionAnswer(StrEnum):
    """What a user taps under a permission request."""

    ALLOW = "allow"
    ALLOW_ALWAYS = "allow_always"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHabits:
    """How the platform delivers webhooks. Meta promises neither order nor that each comes once.

    ``duplicates``: each is delivered twice. ``reordered``: pairs of webhooks change places.
    ``retry_delays_s``: pauses before further attempts after an answer other than 2xx, or none within
    ``timeout_s``.
    """

    duplicates: bool = False
    reordered: bool = False
    retry_delays_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    timeout_s: float = 20.0


# Commands. Unless said otherwise the reply is None.


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereFaces(Command):
    """Reply: Faces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginAnew(Command):
    """Forget all people, permissions, messages and webhooks; the clock shows the machine's time again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBusiness(Command):
    """Add a business number or replace its settings. Reply: its phone number id (Meta) as text."""

    business: BusinessNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class PutUser(Command):
    """Add a WhatsApp user or replace what is known of them."""

    user: WhatsAppUser


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveClock(Command):
    """Let ``by_s`` seconds pass on the platform (negative: back). Reply: the platform's time in s."""

    by_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteToBusiness(Command):
    """The user writes ``text`` in the chat: the 24 h in which the business may write freely begin. Reply: id."""

    user: str
    business: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest(Command):
    """The user taps an answer under a permission request. Refused with the reason when it is closed."""

    user: str
    request: str
    answer: PermissionAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeInProfile(Command):
    """The user allows calls for good, or takes the permission back, in the business's profile."""

    user: str
    business: str
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Command):
    """Let these events have happened, in order. Refused with the reason when the rules forbid one."""

    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPermission(Command):
    """Reply: PermissionView of the ledger, as of now."""

    business: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatRules(Command):
    """Reply: the Rules in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverWebhooksTo(Command):
    """From now on webhooks go to ``url`` (empty: nowhere)."""

    url: str
    habits: WebhookHabits = WebhookHabits()


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivered(Event):
    """A message is in the user's chat."""

    message: ChatMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class CallJudged(Event):
    """A call was let through or refused. ``code`` and ``text`` as the caller's SIP side gets them."""

    call: str
    direction: Direction
    business: str
    user: str
    refusal: Refusal | None
    code: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWentOn(Event):
    """A step of a call, as the trunk told it."""

    call: str
    step: CallStep
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivered(Event):
    """An attempt to deliver a webhook ended. ``status`` is the HTTP status, 0 when there was no answer."""

    body: str
    status: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered(Event):
    """An HTTP request was answered with ``status``; ``code`` and ``text`` are the error's, 0 and empty without."""

    method: str
    path: str
    status: int
    code: int = 0
    text: str = ""
