"""WhatsApp's platform as a scenario sees it: who is on it, what stands in the chats, what time it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from harness.errors import Inconclusive
from harness.messages import Event
from harness.process import AwaitExpired, Simulator
from harness.target import Target
from simulators.phones.customers import Customer as Identity
from simulators.whatsapp.ledger import Event as LedgerEvent
from simulators.whatsapp.ledger import EventKind
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import (
    AnswerRequest,
    BeginAnew,
    ChangeInProfile,
    ChatMessage,
    ChatMessageKind,
    DeliverWebhooksTo,
    History,
    MessageDelivered,
    MoveClock,
    PermissionAnswer,
    PutBusiness,
    PutUser,
    WebhookDelivered,
    WhatRules,
    WriteToBusiness,
)
from simulators.whatsapp.rules import Rules

if TYPE_CHECKING:
    from scenarios.customer import Customer

DELIVERY_S = 3.0
"""How long a message or a webhook of the platform may take to arrive, in s: it is all on this machine."""

SECONDS_PER_MINUTE = 60.0
OK = range(200, 300)


class WhatsApp:
    """The platform, made anew for one scenario: every number of the target is a business on it."""

    def __init__(self, platform: Simulator, target: Target, webhooks: str) -> None:
        self._platform = platform
        self._businesses = {
            number: BusinessNumber(number=number, name=target.name) for number in target.business_numbers()
        }
        platform.call(BeginAnew())
        self.mark = platform.mark()
        self._ids: dict[str, str] = {
            number: platform.call(PutBusiness(business=business)) for number, business in self._businesses.items()
        }
        platform.call(DeliverWebhooksTo(url=webhooks))
        self._rules: Rules | None = None

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        if self._rules is None:
            self._rules = self._platform.call(WhatRules())
        return self._rules

    @property
    def silence_limits_s(self) -> tuple[float, float]:
        """After how long without media a customer's app gives up a call: from its start, and later; 0: never."""
        limits = (self.rules.silence_at_start, self.rules.silence_in_call)
        at_start, later = (float(rule.value or 0.0) if rule.enabled else 0.0 for rule in limits)
        return at_start, later

    def id_of(self, number: str) -> str:
        """The platform's id of a business number (Meta: phone number id)."""
        return self._ids[number]

    # People

    def join(self, identity: Identity, *, online: bool = True) -> None:
        """A person is on WhatsApp, online or not."""
        user = WhatsAppUser(
            number=identity.number,
            profile_name=identity.profile_name,
            country=identity.country,
            language=identity.language,
            online=online,
        )
        self._platform.call(PutUser(user=user))

    def set_business(self, number: str, change: Callable[[BusinessNumber], BusinessNumber]) -> None:
        """Change the settings of a business number."""
        self._businesses[number] = change(self._businesses[number])
        self._platform.call(PutBusiness(business=self._businesses[number]))

    # Chats

    def writes(self, customer: Customer, business: str, text: str) -> None:
        """The customer writes to the business."""
        self._platform.call(WriteToBusiness(user=customer.identity.number, business=business, text=text))

    def message(
        self, customer: Customer, kind: ChatMessageKind, *, business: str = "", since: int | None = None
    ) -> ChatMessage:
        """The latest message of a kind in the customer's chat. Raises Inconclusive when there is none in time."""

        def wanted(event: MessageDelivered) -> bool:
            message = event.message
            return (
                message.kind is kind and message.user == customer.identity.number and business in ("", message.business)
            )

        mark = self.mark if since is None else since
        try:
            first = self._platform.wait_for(MessageDelivered, wanted, timeout_s=DELIVERY_S, since=mark)
        except AwaitExpired:
            raise Inconclusive(
                f"the platform delivered no {kind.value.replace('_', ' ')} to {customer.label}"
            ) from None
        found = [e for e in self.events() if isinstance(e, MessageDelivered) and wanted(e)]
        return (found or [first])[-1].message

    def answers(self, customer: Customer, request: ChatMessage, answer: PermissionAnswer) -> None:
        """The customer taps an answer under a permission request."""
        self._platform.call(AnswerRequest(user=customer.identity.number, request=request.id, answer=answer))

    def takes_back(self, customer: Customer, business: str) -> None:
        """The customer takes the permission back in the business's profile."""
        self._platform.call(ChangeInProfile(user=customer.identity.number, business=business, allowed=False))

    # Time and history

    def passes(self, seconds: float) -> float:
        """Let time pass on the platform; its new time in s since 1970."""
        return float(self._platform.call(MoveClock(by_s=seconds)))

    def has_talked(self, customer: Customer, business: str, times: int) -> None:
        """The business has called the customer and talked with them so many times just now."""
        now = self.passes(0)
        steps = (EventKind.BUSINESS_CALLED, EventKind.ANSWERED, EventKind.ENDED)
        history = tuple(
            LedgerEvent(kind, now, business, customer.identity.number, f"wacid.earlier-{count}")
            for count in range(times)
            for kind in steps
        )
        self._platform.call(History(events=history))

    # What it told the business

    def events(self) -> list[Event]:
        """The platform's events of this scenario."""
        return self._platform.events(self.mark)

    def webhooks(self) -> Iterable[str]:
        """Bodies of the webhooks that the business took, oldest first."""
        return [e.body for e in self.events() if isinstance(e, WebhookDelivered) and e.status in OK]

    def webhook(self, wanted: Callable[[str], bool]) -> str | None:
        """The first webhook taken by the business whose body is ``wanted``; None when none comes in time."""
        try:
            return self._platform.wait_for(
                WebhookDelivered,
                lambda event: event.status in OK and wanted(event.body),
                timeout_s=DELIVERY_S,
                since=self.mark,
            ).body
        except AwaitExpired:
            return None
