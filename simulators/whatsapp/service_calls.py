"""Calls: what trunks ask and tell, and what businesses order. Part of ``service.Platform``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

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
from harness.wacid import make_wacid
from simulators.whatsapp import webhooks
from simulators.whatsapp.calls import LAST_STEPS, CallRecord, Trunk, went_on
from simulators.whatsapp.consent import CallPhase
from simulators.whatsapp.entry_points import (
    BUTTON_PAYLOAD_HEADER,
    LINK_PAYLOAD_HEADER,
    CallIcon,
    InvalidParameter,
    parse_deep_link,
    wrong_payload,
)
from simulators.whatsapp.ledger import Event as LedgerEvent
from simulators.whatsapp.ledger import EventKind
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.protocol import (
    CallJudged,
    CallWentOn,
)
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.service_core import ServiceCore
from simulators.whatsapp.webhooks import CallStatus, Webhook

log = logging.getLogger(__name__)

REFUSED_CODE = 403
"""What a caller gets whose refusal has no SIP code of its own: a user's app, which shows its user the reason."""
_UNKNOWN_COUNTRY = "ZZ"
_LINK_SCHEME = "https:"
_ABANDONED = {
    CallPhase.BUSINESS_RINGS: CallStep.CANCELLED,
    CallPhase.USER_RINGS: CallStep.CANCELLED,
    CallPhase.BUSINESS_TALKS: CallStep.ENDED,
    CallPhase.USER_TALKS: CallStep.ENDED,
}
"""How a call ends that nobody is left to end. The user did not decline it: it must not count against a permission."""


class ServiceCalls(ServiceCore):
    """Who may call whom, and what becomes of it."""

    def trunk_connected(self, trunk: Trunk) -> None:
        """Ordered calls go to the trunk that connected last."""
        self._trunks.append(trunk)

    def trunk_gone(self, trunk: Trunk) -> None:
        """The trunk's calls end with it."""
        self._trunks.remove(trunk)
        for record in self._calls.active():
            if record.trunk is trunk:
                talking = record.answered_at is not None
                step = CallStep.ENDED if talking else CallStep.CANCELLED
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
                raise wrong.refused
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
                raise link.refused
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
