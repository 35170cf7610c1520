"""What all of the platform's service needs: who there is, what time it is, what has happened.

Part of ``service.Platform``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from harness.errors import HarnessMisuse
from harness.messages import Event
from simulators.whatsapp import webhooks
from simulators.whatsapp.calls import Calls, Trunk
from simulators.whatsapp.chats import Chats, make_message_id
from simulators.whatsapp.consent import Effect, PermissionReply
from simulators.whatsapp.ledger import Event as LedgerEvent
from simulators.whatsapp.ledger import EventKind, Ledger
from simulators.whatsapp.ledger_store import StoredLedger
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import (
    ChatMessage,
    ChatMessageKind,
    MessageDelivered,
)
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.rules import Rules
from simulators.whatsapp.webhooks import Webhook

ADVICE = "You have not answered recent calls of this business. You can stop its calls in its profile."
"""WhatsApp's message after unanswered calls; Meta does not publish the words."""
_END_OF_TIME = 253_370_764_800.0
"""9999-01-01 UTC: calendars end soon after."""


class ServiceCore:
    """People, time, settings, and the one way in which something happens."""

    def __init__(
        self,
        ledger: Ledger | StoredLedger,
        *,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        deliver: Callable[[Webhook], None],
    ) -> None:
        self._book = ledger
        self._ledger = ledger.ledger if isinstance(ledger, StoredLedger) else ledger
        self._directory = self._ledger.directory
        self._now = now
        self._emit = emit
        self._deliver = deliver
        self._offset_s = 0.0
        self._chats = Chats()
        self._calls = Calls()
        self._trunks: list[Trunk] = []
        self._lookups: dict[str, deque[float]] = {}
        self._other_settings: dict[str, dict[str, Any]] = {}

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._ledger.rules

    def time(self) -> float:
        """The platform's time."""
        return self._now() + self._offset_s

    def move_clock(self, by_s: float) -> float:
        """Let time pass (negative: go back). Returns the platform's time. Raises HarnessMisuse: out of reach."""
        if not 0 <= self.time() + by_s < _END_OF_TIME:
            raise HarnessMisuse(f"the clock cannot move by {by_s:g} s: it shows the years 1970 to 9998")
        self._offset_s += by_s
        return self.time()

    def begin_anew(self) -> None:
        """Forget people, permissions, chats, calls and settings; trunks stay connected."""
        self._book.forget()
        self._directory.clear()
        self._chats.clear()
        self._calls.clear()
        self._lookups.clear()
        self._other_settings.clear()
        self._offset_s = 0.0

    def put_business(self, business: BusinessNumber) -> str:
        """Add a number or replace its settings. Returns Meta's phone number id."""
        self._directory.put_business(business)
        return business.phone_number_id

    def put_user(self, user: WhatsAppUser) -> None:
        """Add a user or replace what is known of them. Raises HarnessMisuse: an address of somebody else."""
        self._directory.put_user(user)

    def business(self, number: str) -> BusinessNumber:
        """By number. Raises Refused."""
        found = self._directory.business(number)
        if found is None:
            raise Refused(Refusal.UNKNOWN_BUSINESS)
        return found

    def business_of_id(self, phone_number_id: str) -> BusinessNumber:
        """By Meta's phone number id. Raises Refused."""
        found = self._directory.business_of_id(phone_number_id)
        if found is None:
            raise Refused(Refusal.UNKNOWN_BUSINESS)
        return found

    def businesses(self) -> tuple[BusinessNumber, ...]:
        """All business numbers."""
        return tuple(self._directory.businesses())

    def user(self, address: str) -> WhatsAppUser:
        """By number or user id. Raises Refused."""
        found = self._directory.user(address)
        if found is None:
            raise Refused(Refusal.UNKNOWN_USER)
        return found

    def other_settings(self, number: str) -> dict[str, Any]:
        """Settings of a business number that decide about no call (codecs, voicemail, SRTP): kept for the API,
        which reads and changes them in place. Raises Refused."""
        return self._other_settings.setdefault(self.business(number).number, {})

    def _happen(self, kind: EventKind, business: BusinessNumber, user: WhatsAppUser, event_id: str) -> None:
        outcome = self._book.handle(LedgerEvent(kind, self.time(), business.number, user.key, event_id))
        if outcome.refusal is not None:
            raise Refused(outcome.refusal)
        for effect in outcome.effects:
            self._tell(business, user, effect)

    def _tell(self, business: BusinessNumber, user: WhatsAppUser, effect: Effect) -> None:
        if isinstance(effect, PermissionReply):
            message_id = make_message_id(user)
            self._deliver(webhooks.permission_reply(business, user, message_id, effect, self.time()))
        else:
            self._delivered(business, user, ChatMessageKind.SYSTEM, ADVICE)

    def _delivered(
        self, business: BusinessNumber, user: WhatsAppUser, kind: ChatMessageKind, text: str, message_id: str = ""
    ) -> ChatMessage:
        message = ChatMessage(
            id=message_id or make_message_id(user),
            kind=kind,
            business=business.number,
            user=user.key,
            text=text,
            at_s=self.time(),
        )
        self._chats.put(message)
        self._emit(MessageDelivered(message=message))
        return message
