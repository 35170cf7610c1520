"""Which customers' phones are reachable, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulators.trunk.numbers import in_e164, spellings
from simulators.trunk.protocol import CustomerOnline, MediaRule, MediaWay
from simulators.trunk.relay_rules import RelayWay
from simulators.trunk.wire import Address


@dataclass(frozen=True, slots=True)
class Customer:
    """A WhatsApp customer; ``contact`` is None while the phone is off."""

    number: str
    profile_name: str = ""
    country: str = ""
    contact: Address | None = None
    media_lost: bool = False
    """What the PBX sends to this customer goes nowhere."""
    answer_late_s: float = 0.0
    """How long the PBX's answer is under way to this customer, in s."""
    media_rules: tuple[MediaRule, ...] | None = None
    """By which the media of this customer's calls is relayed; None: it is not."""


class Customers:
    """All customers that were ever online on this trunk."""

    def __init__(self) -> None:
        self._by_number: dict[str, Customer] = {}
        self._by_spelling: dict[str, str] = {}

    def online(self, command: CustomerOnline) -> None:
        """Raises ValueError when the contact is not ``ip:port`` or a media rule cannot be followed."""
        host, _, port = command.contact.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"contact {command.contact!r} is not ip:port")
        for way in MediaWay:
            RelayWay(way, command.media_rules or ())
        self._by_number[command.number] = Customer(
            command.number,
            command.profile_name,
            command.country,
            (host, int(port)),
            command.media_lost,
            command.answer_late_s,
            command.media_rules,
        )
        for spelling in spellings(command.number):
            self._by_spelling[spelling] = command.number

    def offline(self, number: str) -> None:
        known = self._by_number.get(number)
        if known is not None:
            self._by_number[number] = replace(known, contact=None)

    def find(self, user: str) -> Customer | None:
        """The customer that a user part of a URI stands for, in any of the number formats."""
        for spelling in (user, in_e164(user)):
            if spelling in self._by_spelling:
                return self._by_number[self._by_spelling[spelling]]
        return None

    def caller(self, user: str) -> Customer:
        """Whom a call from a phone with this user part is from; unknown ones are taken at their word."""
        return self.find(user) or Customer(in_e164(user))
