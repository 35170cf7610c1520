"""A platform with one Spanish shop and its customers, and a clock that moves when told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from simulators.whatsapp.availability import Availability
from simulators.whatsapp.consent import Effect
from simulators.whatsapp.ledger import Event, EventKind, Ledger, Outcome
from simulators.whatsapp.people import BusinessNumber, Directory, WhatsAppUser
from simulators.whatsapp.refusals import Refusal
from simulators.whatsapp.rules import Rules, published_rules

START = 1_767_225_600.0
"""2026-01-01 00:00 UTC, a Thursday."""
HOUR = 3600.0
DAY = 24 * HOUR
SHOP = BusinessNumber(number="+34910000001", country="ES", callback_permission=True)
ANA = WhatsAppUser(number="+34600000001", country="ES")
BEN = WhatsAppUser(number="+447700900001", country="GB")


@dataclass
class Platform:
    """A ledger, and short ways to make things happen in it. ``now`` is the clock."""

    shop: BusinessNumber = SHOP
    rules: Rules = field(default_factory=published_rules)
    availability: Availability | None = None
    now: float = START

    def __post_init__(self) -> None:
        self.directory = Directory.of([self.shop], [ANA, BEN])
        self.ledger = Ledger(self.directory, rules=self.rules, availability=self.availability)
        self._ids = 0
        self.last = ""

    def set(self, **settings: object) -> None:
        self.shop = replace(self.shop, **settings)
        self.directory.put_business(self.shop)

    def do(self, kind: EventKind, event_id: str = "", *, user: WhatsAppUser = ANA) -> Outcome:
        return self.ledger.handle(Event(kind, self.now, self.shop.number, user.key, event_id))

    def new(self, kind: EventKind, *, user: WhatsAppUser = ANA) -> Outcome:
        self._ids += 1
        self.last = f"id-{self._ids}"
        return self.do(kind, self.last, user=user)

    def ask(self) -> Refusal | None:
        return self.new(EventKind.REQUEST_SENT).refusal

    def reply(self, kind: EventKind = EventKind.REQUEST_ACCEPTED, request: str = "") -> Outcome:
        return self.do(kind, request or self.last)

    def permit(self, *, user: WhatsAppUser = ANA) -> None:
        """A permanent permission, without using up any limit."""
        assert self.do(EventKind.PROFILE_GRANTED, user=user).allowed

    def permit_for_a_while(self) -> None:
        assert self.ask() is None
        assert self.reply().allowed

    def call(self, *, user: WhatsAppUser = ANA) -> Refusal | None:
        return self.new(EventKind.BUSINESS_CALLED, user=user).refusal

    def call_that(self, end: EventKind) -> tuple[Effect, ...]:
        """A business call that is let through and ends in ``end``, after an answer if it was ENDED."""
        assert self.call() is None
        effects: tuple[Effect, ...] = ()
        if end is EventKind.ENDED:
            effects = self.do(EventKind.ANSWERED, self.last).effects
        return effects + self.do(end, self.last).effects

    def user_call_that(self, end: EventKind) -> tuple[Effect, ...]:
        assert self.new(EventKind.USER_CALLED).allowed
        effects: tuple[Effect, ...] = ()
        if end is EventKind.ENDED:
            effects = self.do(EventKind.ANSWERED, self.last).effects
        return effects + self.do(end, self.last).effects

    def may_call(self) -> Refusal | None:
        return self.ledger.may_call(self.shop.number, ANA.key, self.now).refusal


def with_rules(**changes: dict[str, object]) -> Platform:
    return Platform(rules=published_rules().changed(**changes))


OFF: dict[str, object] = {"enabled": False}
