"""Commands and events of the business's backend: the server that gets WhatsApp's webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from harness.messages import Command, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendConfig:
    """``app_secret`` checks signatures (``X-Hub-Signature-256``), ``verify_token`` Meta's subscription check."""

    name: str
    address: str
    port: int = 0
    app_secret: str = ""
    verify_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereWebhooks(Command):
    """Reply: the URL to which webhooks shall be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWith(Command):
    """From now on answer webhooks with ``status`` (200: take them), ``times`` times; 0: for good."""

    status: int
    times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReceived(Event):
    """A webhook came. ``body`` is its text as received; ``signed`` whether its signature is right;
    ``status`` what the backend answered."""

    path: str
    body: str
    signed: bool
    status: int
