"""The two sides of a WhatsApp call: business numbers and the people who use WhatsApp.

Points in time are seconds since 1970-01-01 UTC everywhere in the platform; only call hours look at a calendar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import IntEnum, StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from harness.errors import HarnessMisuse
from simulators.whatsapp.rules import Rules

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_USER_ID = re.compile(r"(?P<country>[A-Z]{2})\.[0-9]{1,32}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LAST_MINUTE = time(23, 59)


class AppMode(StrEnum):
    """State of the app that a business number belongs to."""

    LIVE = "live"
    DEVELOPMENT = "development"
    SANDBOX = "sandbox"
    """Public test numbers and sandbox accounts: Meta relaxes the limits for them (Meta, calling overview)."""


class IconVisibility(StrEnum):
    """Where the call icon is shown (Meta, call settings; ``HIDE_IN_CHAT`` from Meta's FAQ)."""

    DEFAULT = "DEFAULT"
    HIDE_IN_CHAT = "HIDE_IN_CHAT"
    DISABLE_ALL = "DISABLE_ALL"


class Day(IntEnum):
    """Days of the week as ``datetime.weekday`` counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Open on ``day`` from ``opens`` (included) to ``closes`` (excluded; 23:59 is the end of the day)."""

    day: Day
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Holiday:
    """Hours of one date, instead of the weekly ones (Meta, call settings). ``opens == closes``: closed all day."""

    date: date
    opens: time = time(0)
    closes: time = time(0)


@dataclass(frozen=True, slots=True)
class CallHours:
    """When a business number takes calls of users, in its own time zone (Meta, call settings)."""

    timezone: str
    weekly: tuple[WeeklyHours, ...]
    holidays: tuple[Holiday, ...] = ()

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise HarnessMisuse(
                f"there is no time zone '{self.timezone}'", suggestion="write it as Europe/Madrid"
            ) from None

    def open_at(self, now: float) -> bool:
        """Whether the business takes calls at ``now``."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.timezone))
        special = [(h.opens, h.closes) for h in self.holidays if h.date == local.date()]
        spans = special or [(h.opens, h.closes) for h in self.weekly if h.day == local.weekday()]
        return any(opens <= local.time() and _before(local.time(), closes) for opens, closes in spans)


def _before(moment: time, closes: time) -> bool:
    return closes == _LAST_MINUTE or moment < closes


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessNumber:
    """A business phone number and its settings. Raises HarnessMisuse when the number is none."""

    number: str
    """E.164 with ``+``."""
    name: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2; empty: what the number says."""
    calling_enabled: bool = True
    business_calls: bool = True
    """Whether the feature of business-initiated calls is open to it."""
    messaging_limit: float = 2000
    payment_method: bool = True
    app_mode: AppMode = AppMode.LIVE
    callback_permission: bool = False
    """Meta's setting ``callback_permission_status``."""
    icon_visibility: IconVisibility = IconVisibility.DEFAULT
    restrict_to_user_countries: frozenset[str] = frozenset()
    """Countries of users who see the call icon; empty: all."""
    call_hours: CallHours | None = None
    sip: bool = True
    """Meta's setting ``sip.status``: calls come and go over SIP, not over the Graph API."""
    webhook_delivery: bool = True
    """Meta's setting ``sip.webhook_delivery``: webhooks about calls, although SIP is enabled."""
    subscribed_to_calls: bool = True
    """Whether the app subscribes to the webhook field ``calls``."""
    allow_list: frozenset[str] | None = None
    """Keys of the users whom an app that is not live may write to and call (Meta, error 131030); None: all."""

    def __post_init__(self) -> None:
        _check_number(self.number)
        object.__setattr__(self, "country", _country(self.country, self.number))

    @property
    def sandbox(self) -> bool:
        return self.app_mode is AppMode.SANDBOX

    @property
    def phone_number_id(self) -> str:
        """By which Meta's API names the number: digits that follow from it."""
        return _digits_of(f"phone number {self.number}")

    @property
    def account_id(self) -> str:
        """Of the WhatsApp Business Account: digits; each number has one of its own here."""
        return _digits_of(f"account {self.number}")

    def may_reach(self, user: WhatsAppUser) -> bool:
        """Whether the state of the app lets the number write to and call the user."""
        return self.app_mode is AppMode.LIVE or self.allow_list is None or user.key in self.allow_list


class Reaction(StrEnum):
    """What a user does with a ringing call."""

    ANSWERS = "answers"
    DECLINES = "declines"
    IGNORES = "ignores"


class RingResult(StrEnum):
    """How a ringing call ends at the user."""

    ANSWERED = "answered"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"


_RING_RESULTS = {
    Reaction.ANSWERS: RingResult.ANSWERED,
    Reaction.DECLINES: RingResult.DECLINED,
    Reaction.IGNORES: RingResult.UNANSWERED,
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a user and the client do with calls."""

    reaction: Reaction = Reaction.ANSWERS
    after_s: float = 2.0
    """When the user reacts, counted from the first ring."""
    drops_silent_calls: bool = True
    """The client ends calls in which no media comes from the business."""

    def silence_limit_s(self, rules: Rules, *, media_came: bool) -> float | None:
        """After how much silence the client ends the call; None: never (Meta, troubleshooting)."""
        rule = rules.silence_in_call if media_came else rules.silence_at_start
        return rule.value if self.drops_silent_calls and rule.enabled else None


DEFAULT_BEHAVIOUR = Behaviour()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppUser:
    """A person on WhatsApp, known by number, by business-scoped user id (``CC.<digits>``), or both."""

    number: str = ""
    user_id: str = ""
    profile_name: str = ""
    username: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2; empty: what the number or the user id says."""
    region: str = ""
    """ISO 3166-2, only where availability differs inside a country."""
    language: str = ""
    online: bool = True
    behaviour: Behaviour = DEFAULT_BEHAVIOUR
    client_supports_calls: bool = True
    """Whether the WhatsApp client is new enough for calls with businesses."""

    def __post_init__(self) -> None:
        if not self.number and not self.user_id:
            raise HarnessMisuse("a WhatsApp user needs a number or a user id")
        if self.number:
            _check_number(self.number)
        match = _USER_ID.fullmatch(self.user_id)
        if self.user_id and match is None:
            raise HarnessMisuse(f"'{self.user_id}' is no user id", suggestion="write it as ES.13491208655302741918")
        country = self.country or (match["country"] if match and not self.number else "")
        object.__setattr__(self, "country", _country(country, self.number))

    @property
    def key(self) -> str:
        """The one name under which the ledger knows the person, however they are addressed."""
        return self.number or self.user_id

    def ring(self, rules: Rules) -> tuple[RingResult, float]:
        """How a call ends that rings at this user, and after how many seconds."""
        if not self.online:
            return RingResult.UNREACHABLE, 0.0
        gives_up_s = rules.business_call_rings.most()
        if self.behaviour.reaction is Reaction.IGNORES or self.behaviour.after_s >= gives_up_s:
            return RingResult.UNANSWERED, gives_up_s
        return _RING_RESULTS[self.behaviour.reaction], self.behaviour.after_s


@dataclass(slots=True)
class Directory:
    """All business numbers and users of one platform."""

    _businesses: dict[str, BusinessNumber] = field(default_factory=dict)
    _ids: dict[str, BusinessNumber] = field(default_factory=dict)
    _users: dict[str, WhatsAppUser] = field(default_factory=dict)

    @classmethod
    def of(cls, businesses: Iterable[BusinessNumber] = (), users: Iterable[WhatsAppUser] = ()) -> Directory:
        directory = cls()
        for business in businesses:
            directory.put_business(business)
        for user in users:
            directory.put_user(user)
        return directory

    def put_business(self, business: BusinessNumber) -> None:
        """Add a number, or replace its settings."""
        self._businesses[business.number] = business
        self._ids[business.phone_number_id] = business

    def put_user(self, user: WhatsAppUser) -> None:
        """Add a person, or replace what is known of them. Raises HarnessMisuse: an address of somebody else."""
        addresses = [address for address in (user.number, user.user_id) if address]
        for address in addresses:
            other = self._users.get(address)
            if other is not None and other.key != user.key:
                raise HarnessMisuse(f"'{address}' belongs to another WhatsApp user ('{other.key}')")
        for address in addresses:
            self._users[address] = user

    def business(self, number: str) -> BusinessNumber | None:
        """By number, with or without ``+``."""
        return self._businesses.get(number) or self._businesses.get(f"+{number}")

    def business_of_id(self, phone_number_id: str) -> BusinessNumber | None:
        """By Meta's phone number id."""
        return self._ids.get(phone_number_id)

    def user(self, address: str) -> WhatsAppUser | None:
        """By number, with or without ``+``, or by user id."""
        return self._users.get(address) or self._users.get(f"+{address}")

    def businesses(self) -> Iterator[BusinessNumber]:
        return iter(self._businesses.values())

    def users(self) -> Iterator[WhatsAppUser]:
        return (user for address, user in self._users.items() if address == user.key)

    def remove_business(self, business: BusinessNumber) -> None:
        """Know a number no longer."""
        del self._businesses[business.number], self._ids[business.phone_number_id]

    def remove_user(self, user: WhatsAppUser) -> None:
        """Know a user no longer."""
        for address in (user.number, user.user_id):
            self._users.pop(address, None)

    def clear(self) -> None:
        """Know nobody any more."""
        self._businesses.clear()
        self._ids.clear()
        self._users.clear()


def _digits_of(text: str) -> str:
    """15 digits, always the same for a text, as Meta's ids have them."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return str(10**14 + number % (9 * 10**14))


def _check_number(number: str) -> None:
    if not _E164.fullmatch(number):
        raise HarnessMisuse(f"'{number}' is no E.164 number", suggestion="write it as +34600000001")


def _country(given: str, number: str) -> str:
    country = given or _country_of(number)
    if not _COUNTRY.fullmatch(country):
        raise HarnessMisuse(
            f"the country '{country}' of '{number}' is no ISO 3166-1 alpha-2 code", suggestion="write it as ES"
        )
    return country


def _country_of(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    # A number that is valid nowhere still says the country code's main country.
    return phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
