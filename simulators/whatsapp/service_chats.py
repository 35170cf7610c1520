"""Messages and consent: what users and businesses do in a chat. Part of ``service.Platform``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from simulators.whatsapp import webhooks
from simulators.whatsapp.chats import make_message_id
from simulators.whatsapp.entry_points import (
    DEFAULT_TEXT,
    ButtonKind,
    InvalidParameter,
    call_button,
)
from simulators.whatsapp.ledger import Event as LedgerEvent
from simulators.whatsapp.ledger import EventKind, PermissionView
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import (
    ChatMessage,
    ChatMessageKind,
    MessageDelivered,
    PermissionAnswer,
)
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.service_core import ServiceCore

PERMISSION_TEXT = "This business would like to call you."
"""Body of a permission request that brings none."""
_ANSWERS = {
    PermissionAnswer.ALLOW: EventKind.REQUEST_ACCEPTED,
    PermissionAnswer.ALLOW_ALWAYS: EventKind.REQUEST_ACCEPTED_FOR_GOOD,
    PermissionAnswer.DECLINE: EventKind.REQUEST_REJECTED,
}


class ServiceChats(ServiceCore):
    """Who writes what to whom, and who permits what."""

    def write_to_business(self, user: str, business: str, text: str) -> str:
        """The user writes. Returns the message's id. Raises Refused."""
        number, person, now = self.business(business), self.user(user), self.time()
        message = ChatMessage(
            id=make_message_id(person),
            kind=ChatMessageKind.TEXT,
            business=number.number,
            user=person.key,
            text=text,
            at_s=now,
        )
        self._chats.put(message)
        self._chats.heard(number, person, now)
        self._deliver(webhooks.text_received(number, person, message.id, text, now))
        return message.id

    def send_text(self, business: str, user: str, text: str, *, template: bool = False) -> ChatMessage:
        """A business's message without buttons. Raises Refused."""
        number, person = self._may_write(business, user, template=template)
        return self._delivered(number, person, ChatMessageKind.TEXT, text)

    def request_permission(
        self, business: str, user: str, text: str = PERMISSION_TEXT, *, template: bool = False
    ) -> ChatMessage:
        """A business's request for permission to call; its id is the request's. Raises Refused."""
        number, person = self._may_write(business, user, template=template, calls=True)
        request = make_message_id(person)
        self._happen(EventKind.REQUEST_SENT, number, person, request)
        return self._delivered(number, person, ChatMessageKind.PERMISSION_REQUEST, text, message_id=request)

    def send_call_button(
        self,
        business: str,
        user: str,
        text: str,
        *,
        kind: ButtonKind,
        button_text: str = DEFAULT_TEXT,
        ttl_minutes: float | None = None,
        payload: str = "",
    ) -> ChatMessage:
        """A business's message with a call button. Raises Refused."""
        template = kind is ButtonKind.TEMPLATE
        number, person = self._may_write(business, user, template=template, calls=True)
        if not number.calling_enabled:
            raise Refused(Refusal.BUTTON_UNSUPPORTED)
        made = call_button(
            kind,
            business=number.number,
            user=person,
            sent_at=self.time(),
            rules=self.rules,
            text=button_text,
            ttl_minutes=ttl_minutes,
            payload=payload,
        )
        if isinstance(made, InvalidParameter):
            raise made.refused
        message = ChatMessage(
            id=make_message_id(person),
            kind=ChatMessageKind.CALL_BUTTON,
            business=number.number,
            user=person.key,
            text=text,
            at_s=made.sent_at,
            button_text=made.text,
            expires_at_s=made.expires_at,
        )
        self._chats.put(message, made)
        self._emit(MessageDelivered(message=message))
        return message

    def permission(self, business: str, user: str) -> PermissionView:
        """What the business may do, as of now. People need not be known."""
        return self._ledger.permission(business, user, self.time())

    def look_up_permission(self, business: str, user: str) -> PermissionView:
        """The same for a business that asks over an API: the rate of look-ups counts. Raises Refused."""
        number, now = self.business(business).number, self.time()
        recent = self._lookups.setdefault(number, deque())
        while recent and not 0 <= now - recent[0] < 1:
            recent.popleft()
        if len(recent) >= self.rules.permission_lookups_per_second.most():
            raise Refused(Refusal.LOOKUP_RATE)
        recent.append(now)
        return self.permission(number, user)

    def answer_request(self, user: str, request: str, answer: PermissionAnswer) -> None:
        """The user answers a permission request. Raises Refused."""
        person = self.user(user)
        number = self._who_asked(person, request)
        self._happen(_ANSWERS[answer], number, person, request)
        self._chats.heard(number, person, self.time())

    def change_in_profile(self, user: str, business: str, *, allowed: bool) -> None:
        """The user permits calls for good in the business's profile, or takes it back. Raises Refused."""
        kind = EventKind.PROFILE_GRANTED if allowed else EventKind.PROFILE_REVOKED
        self._happen(kind, self.business(business), self.user(user), "")

    def add_history(self, events: Iterable[LedgerEvent]) -> None:
        """Let events have happened, without messages and webhooks. Raises Refused at the first that the rules
        forbid; those before it have happened."""
        for place, event in enumerate(events, 1):
            refusal = self._book.handle(event).refusal
            if refusal is not None:
                raise Refused(refusal, f"event {place}, {event.kind}: {Refused(refusal).says}")

    def _may_write(
        self, business: str, user: str, *, template: bool, calls: bool = False
    ) -> tuple[BusinessNumber, WhatsAppUser]:
        number = self.business(business)
        person = self._directory.user(user)
        if person is None or (calls and not person.client_supports_calls):
            raise Refused(Refusal.UNDELIVERABLE)
        if not number.may_reach(person):
            raise Refused(Refusal.NOT_ON_ALLOW_LIST)
        if not template and not self._chats.window_open(number, person, self.time(), self.rules):
            raise Refused(Refusal.OUTSIDE_WINDOW)
        return number, person

    def _who_asked(self, user: WhatsAppUser, request: str) -> BusinessNumber:
        message = self._chats.message(request)
        if message is not None and message.user == user.key:
            return self.business(message.business)
        # A request of an earlier process, or of a history.
        for number, key, pair in self._ledger.pairs():
            if key == user.key and pair.request(request) is not None:
                return self.business(number)
        raise Refused(Refusal.REQUEST_CLOSED)
