"""WhatsApp's platform as one object: people, consent, chats, calls. No I/O and no clock of its own.

What it has to say goes out through three callables that must not block: ``emit`` gets events for the scenario,
``deliver`` gets webhooks, and each trunk its orders. All methods are for one thread; what the rules forbid raises
``Refused``, whose ``answer`` has the SIP and Graph codes. A business is named by its number (with or without ``+``),
a user by number or business-scoped user id. Times are the platform's own, in s since 1970-01-01 UTC.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.call_policy import (
    CallAsked,
    CallDecided,
    CallEndOrdered,
    CallMoved,
    CallOrdered,
    CallStep,
    Direction,
)
from harness.errors import HarnessMisuse
from harness.messages import Event
from harness.wacid import make_wacid
from simulators.whatsapp import webhooks
from simulators.whatsapp.calls import LAST_STEPS, CallRecord, Calls, Trunk, went_on
from simulators.whatsapp.chats import Chats, make_message_id
from simulators.whatsapp.consent import CallPhase, Effect, PermissionReply
from simulators.whatsapp.entry_points import (
    BUTTON_PAYLOAD_HEADER,
    DEFAULT_TEXT,
    LINK_PAYLOAD_HEADER,
    ButtonKind,
    CallIcon,
    InvalidParameter,
    call_button,
    parse_deep_link,
    wrong_payload,
)
from simulators.whatsapp.ledger import Event as LedgerEvent
from simulators.whatsapp.ledger import EventKind, Ledger, PermissionView
from simulators.whatsapp.ledger_store import StoredLedger
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import (
    CallJudged,
    CallWentOn,
    ChatMessage,
    ChatMessageKind,
    MessageDelivered,
    PermissionAnswer,
)
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.rules import Rules
from simulators.whatsapp.webhooks import CallStatus, Webhook

log = logging.getLogger(__name__)

REFUSED_CODE = 403
"""What a caller gets whose refusal has no SIP code of its own: a user's app, which shows its user the reason."""
ADVICE = "You have not answered recent calls of this business. You can stop its calls in its profile."
"""WhatsApp's message after unanswered calls; Meta does not publish the words."""
PERMISSION_TEXT = "This business would like to call you."
"""Body of a permission request that brings none."""
_UNKNOWN_COUNTRY = "ZZ"
_LINK_SCHEME = "https:"
_END_OF_TIME = 253_370_764_800.0
"""9999-01-01 UTC: calendars end soon after."""

_ANSWERS = {
    PermissionAnswer.ALLOW: EventKind.REQUEST_ACCEPTED,
    PermissionAnswer.ALLOW_ALWAYS: EventKind.REQUEST_ACCEPTED_FOR_GOOD,
    PermissionAnswer.DECLINE: EventKind.REQUEST_REJECTED,
}
_ABANDONED = {
    CallPhase.BUSINESS_RINGS: CallStep.UNANSWERED,
    CallPhase.USER_RINGS: CallStep.UNANSWERED,
    CallPhase.BUSINESS_TALKS: CallStep.ENDED,
    CallPhase.USER_TALKS: CallStep.ENDED,
}
"""How a call ends that nobody is left to end."""


class Platform:
    """See the module. ``ledger`` decides; ``now`` is the machine's time in s since 1970-01-01 UTC."""

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

    # People, time, rules.

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

    # Chats.

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
            raise _invalid(made)
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

    # Consent.

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

    # Calls.

    def trunk_connected(self, trunk: Trunk) -> None:
        """Ordered calls go to the trunk that connected last."""
        self._trunks.append(trunk)

    def trunk_gone(self, trunk: Trunk) -> None:
        """The trunk's calls end with it."""
        self._trunks.remove(trunk)
        for record in self._calls.active():
            if record.trunk is trunk:
                talking = record.answered_at is not None
                step = CallStep.ENDED if talking else CallStep.UNANSWERED
                error = webhooks.CALL_RELAY_FAILED if talking else webhooks.CALL_SETUP_FAILED
                self._step(record, step, None, error)

    def decide(self, asked: CallAsked, trunk: Trunk | None = None) -> CallDecided:
        """May they call? Never raises Refused: the refusal is in the answer."""
        try:
            if asked.direction is Direction.USER_INITIATED:
                return self._user_calls(asked, trunk)
            return self._business_calls(asked, trunk)
        except Refused as refused:
            return self._refuse(asked, refused)

    def moved(self, moved: CallMoved) -> None:
        """What the trunk says of a call. Of calls that are unknown or over nothing is believed."""
        record = self._calls.get(moved.call)
        if record is None or not record.active:
            log.info("%s of a call that is not active: %s", moved.step, moved.call)
            return
        self._step(record, moved.step, moved.duration_s)

    def order_call(self, business: str, user: str, context: str = "") -> str:
        """Have the connected trunk call the user first and then the PBX. Returns the call's id. Raises Refused."""
        number, person = self.business(business), self.user(user)
        call = make_wacid(person.key, number.number)
        try:
            wrong = wrong_payload("context", context, self.rules.callback_data)
            if wrong is not None:
                raise _invalid(wrong)
            refusal = self._ledger.may_call(number.number, person.key, self.time()).refusal
            if refusal is not None:
                raise Refused(refusal)
            if not self._trunks:
                raise Refused(Refusal.NO_TRUNK)
            self._happen(EventKind.BUSINESS_CALLED, number, person, call)
        except Refused as refused:
            self._judged(call, Direction.BUSINESS_INITIATED, number.number, person.key, refused.refusal)
            raise
        trunk = self._trunks[-1]
        record = self._let_through(call, Direction.BUSINESS_INITIATED, number, person, trunk, context, ordered=True)
        trunk.send(CallOrdered(call=call, business=number.number, user=person.key, context=context))
        if person.online:
            self._tell_status(record, number, person, CallStatus.RINGING)
        return call

    def end_call(self, call: str) -> None:
        """Have the trunk end a call that was ordered. Raises Refused when there is no such active call."""
        record = self._calls.get(call)
        if record is None or not record.active or not record.ordered or record.trunk is None:
            raise Refused(Refusal.NO_SUCH_CALL)
        record.trunk.send(CallEndOrdered(call=call))

    def call(self, call: str) -> CallRecord | None:
        """What is known of a call that was let through."""
        return self._calls.get(call)

    def active_calls(self) -> tuple[CallRecord, ...]:
        """Calls that ring or talk, oldest first."""
        return self._calls.active()

    def end_calls_of_the_dead(self) -> None:
        """End the calls that a stored ledger brings from a process that is no more: nobody else will."""
        for number, key, call in tuple(self._ledger.active_calls()):
            with self._known(number, key):
                step = EventKind(_ABANDONED[call.phase])
                self._book.handle(LedgerEvent(step, self.time(), number, key, call.id))

    # The inside.

    @contextmanager
    def _known(self, number: str, key: str) -> Iterator[None]:
        """The ledger decides about known people only, and the directory is not stored: know them for a moment."""
        business = BusinessNumber(number=number, country=_UNKNOWN_COUNTRY)
        by_number = key.startswith("+")
        user = WhatsAppUser(number=key if by_number else "", user_id="" if by_number else key, country=_UNKNOWN_COUNTRY)
        new_business = self._directory.business(number) is None
        new_user = self._directory.user(key) is None
        if new_business:
            self._directory.put_business(business)
        if new_user:
            self._directory.put_user(user)
        try:
            yield
        finally:
            if new_business:
                self._directory.remove_business(business)
            if new_user:
                self._directory.remove_user(user)

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

    def _user_calls(self, asked: CallAsked, trunk: Trunk | None) -> CallDecided:
        number, person = self.business(asked.business), self._caller(asked.user)
        headers = self._tapped(number, person, asked.entry)
        self._happen(EventKind.USER_CALLED, number, person, asked.call)
        if self.rules.calls_open_window.enabled:
            self._chats.heard(number, person, self.time())
        self._let_through(asked.call, asked.direction, number, person, trunk)
        return CallDecided(
            call=asked.call,
            allowed=True,
            user=person.key,
            user_id=person.user_id,
            button_payload=headers.get(BUTTON_PAYLOAD_HEADER, ""),
            link_payload=headers.get(LINK_PAYLOAD_HEADER, ""),
        )

    def _business_calls(self, asked: CallAsked, trunk: Trunk | None) -> CallDecided:
        number, person = self.business(asked.business), self.user(asked.user)
        self._happen(EventKind.BUSINESS_CALLED, number, person, asked.call)
        self._let_through(asked.call, asked.direction, number, person, trunk)
        return CallDecided(call=asked.call, allowed=True, user=person.key, user_id=person.user_id)

    def _caller(self, address: str) -> WhatsAppUser:
        """Whoever calls with a number is taken at their word, so that a trunk can be used by hand."""
        known = self._directory.user(address)
        if known is not None:
            return known
        try:
            if not address.startswith("+"):
                raise Refused(Refusal.UNKNOWN_USER)
            stranger = WhatsAppUser(number=address)
        except HarnessMisuse:
            raise Refused(Refusal.UNKNOWN_USER) from None
        self._directory.put_user(stranger)
        return stranger

    def _tapped(self, business: BusinessNumber, user: WhatsAppUser, entry: str) -> dict[str, str]:
        """SIP headers of what the user tapped. Raises Refused."""
        if not entry:
            found = CallIcon(business).tap(user)
        elif entry.startswith(_LINK_SCHEME):
            link = parse_deep_link(entry, self.rules)
            if isinstance(link, InvalidParameter):
                raise _invalid(link)
            if link.business != business.number:
                raise Refused(Refusal.INVALID_PARAMETER, "The deep link belongs to another business number.")
            found = link.tap()
        else:
            button = self._chats.button(entry)
            if button is None or button.business != business.number:
                raise Refused(Refusal.NO_SUCH_BUTTON)
            found = button.tap(user, self.time())
        if isinstance(found, Refusal):
            raise Refused(found)
        return found

    def _refuse(self, asked: CallAsked, refused: Refused) -> CallDecided:
        answer = refused.answer
        # The reason of a user's refused call is nobody's business but the app's, which has no codes for it.
        known = asked.direction is Direction.BUSINESS_INITIATED and answer.sip_code
        code, text = (answer.sip_code, answer.sip_text) if known else (REFUSED_CODE, refused.says)
        self._judged(asked.call, asked.direction, asked.business, asked.user, refused.refusal, code, text)
        return CallDecided(call=asked.call, allowed=False, code=code, text=text)

    def _judged(
        self,
        call: str,
        direction: Direction,
        business: str,
        user: str,
        refusal: Refusal | None,
        code: int = 0,
        text: str = "",
    ) -> None:
        self._emit(
            CallJudged(
                call=call, direction=direction, business=business, user=user, refusal=refusal, code=code, text=text
            )
        )

    def _let_through(
        self,
        call: str,
        direction: Direction,
        business: BusinessNumber,
        user: WhatsAppUser,
        trunk: Trunk | None,
        context: str = "",
        *,
        ordered: bool = False,
    ) -> CallRecord:
        record = CallRecord(
            id=call,
            direction=direction,
            business=business.number,
            user=user.key,
            begun_at=self.time(),
            ordered=ordered,
            context=context,
            trunk=trunk,
        )
        self._calls.put(record)
        self._judged(call, direction, business.number, user.key, None)
        self._tell_calls(business, webhooks.call_created(business, user, record, self.time()))
        return record

    def _step(
        self, record: CallRecord, step: CallStep, duration_s: float | None, error: tuple[int, str] | None = None
    ) -> None:
        try:
            self._go_on(record, step, duration_s, error)
        except Refused as refused:
            log.warning("%s cannot happen to %s: %s", step, record.id, refused)

    def _go_on(
        self, record: CallRecord, step: CallStep, duration_s: float | None, error: tuple[int, str] | None
    ) -> None:
        number, person, now = self.business(record.business), self.user(record.user), self.time()
        self._happen(EventKind(step), number, person, record.id)
        after = went_on(record, step, now, duration_s)
        self._calls.put(after)
        self._emit(CallWentOn(call=record.id, step=step, duration_s=after.duration_s or 0.0))
        business_call = record.direction is Direction.BUSINESS_INITIATED
        if business_call and step is CallStep.ANSWERED and self.rules.calls_open_window.enabled:
            self._chats.heard(number, person, now)
        if record.ordered and step in webhooks.STATUS_OF_STEP:
            self._tell_status(after, number, person, webhooks.STATUS_OF_STEP[step])
        if step in LAST_STEPS:
            self._tell_calls(number, webhooks.call_terminated(number, person, after, now, error))

    def _tell_status(
        self, record: CallRecord, business: BusinessNumber, user: WhatsAppUser, status: CallStatus
    ) -> None:
        self._tell_calls(business, webhooks.call_status(business, user, record, status, self.time()))

    def _tell_calls(self, business: BusinessNumber, webhook: Webhook) -> None:
        if business.subscribed_to_calls and (business.webhook_delivery or not business.sip):
            self._deliver(webhook)


def _invalid(wrong: InvalidParameter) -> Refused:
    return Refused(wrong.refusal, f"{wrong.name} {wrong.says}.")
