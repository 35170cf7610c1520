"""The ways from a WhatsApp chat to a call of the user, and what of them arrives at the PBX.

Call icon, interactive ``voice_call`` button, a template's call button, deep link (Meta, call button messages and
deep links). Who taps is checked here; whether the call then goes through is the ledger's decision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, quote, urlsplit

from simulators.whatsapp.people import BusinessNumber, IconVisibility, WhatsAppUser
from simulators.whatsapp.refusals import Refusal, Refused
from simulators.whatsapp.rules import SECONDS_PER_MINUTE, Rule, Rules

BUTTON_PAYLOAD_HEADER = "x-wa-meta-cta-payload"
LINK_PAYLOAD_HEADER = "x-wa-meta-deeplink-payload"
DEFAULT_TEXT = "Call Now"
_LINK_HOST = "wa.me"
_LINK_PATH = "/call/"


class Place(StrEnum):
    """Where a user finds the call icon."""

    CHAT = "chat"
    PROFILE = "profile"


class ButtonKind(StrEnum):
    """Messages with a call button."""

    INTERACTIVE = "interactive"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class CallIcon:
    """The icon that a business number's chat and profile show."""

    business: BusinessNumber
    place: Place = Place.CHAT

    def tap(self, user: WhatsAppUser) -> Refusal | dict[str, str]:
        """SIP headers that the call brings to the PBX, or why there is no icon to tap."""
        visibility = self.business.icon_visibility
        if not self.business.calling_enabled or visibility is IconVisibility.DISABLE_ALL:
            return Refusal.ICON_HIDDEN
        if visibility is IconVisibility.HIDE_IN_CHAT and self.place is Place.CHAT:
            return Refusal.ICON_HIDDEN
        countries = self.business.restrict_to_user_countries
        if countries and user.country not in countries:
            return Refusal.ICON_NOT_IN_COUNTRY
        return {}


@dataclass(frozen=True, slots=True)
class CallButton:
    """A call button in a message to ``user``; made by ``call_button``."""

    kind: ButtonKind
    business: str
    user: str
    """The user's key."""
    sent_at: float
    text: str
    expires_at: float | None
    payload: str

    def tap(self, user: WhatsAppUser, now: float) -> Refusal | dict[str, str]:
        """SIP headers that the call brings to the PBX, or why there is no call."""
        if user.key != self.user:
            return Refusal.NOT_YOUR_BUTTON
        if self.expires_at is not None and now >= self.expires_at:
            return Refusal.BUTTON_EXPIRED
        return {BUTTON_PAYLOAD_HEADER: self.payload} if self.payload else {}


@dataclass(frozen=True, slots=True)
class DeepLink:
    """``https://wa.me/call/<number>?biz_payload=…``."""

    business: str
    payload: str = ""

    def tap(self, *, desktop: bool = False) -> Refusal | dict[str, str]:
        """SIP headers that the call brings to the PBX, or why there is no call."""
        if desktop:
            return Refusal.NOT_ON_DESKTOP
        return {LINK_PAYLOAD_HEADER: self.payload} if self.payload else {}

    def __str__(self) -> str:
        query = f"?biz_payload={quote(self.payload, safe='')}" if self.payload else ""
        return f"https://{_LINK_HOST}{_LINK_PATH}{self.business.removeprefix('+')}{query}"


@dataclass(frozen=True, slots=True)
class InvalidParameter:
    """What is wrong with a button or link that somebody wants to send: the platform's error, Graph code 100."""

    name: str
    says: str
    refusal: Refusal = Refusal.INVALID_PARAMETER

    @property
    def refused(self) -> Refused:
        """The same to be raised."""
        return Refused(self.refusal, f"{self.name} {self.says}.")


LEAST_LIFETIME = {
    ButtonKind.INTERACTIVE: lambda rules: rules.button_lifetime_least,
    ButtonKind.TEMPLATE: lambda rules: rules.template_lifetime_least,
}


def call_button(
    kind: ButtonKind,
    *,
    business: str,
    user: WhatsAppUser,
    sent_at: float,
    rules: Rules,
    text: str = DEFAULT_TEXT,
    ttl_minutes: float | None = None,
    payload: str = "",
) -> CallButton | InvalidParameter:
    """The button that the platform sends, or what is wrong with it."""
    least: Rule = LEAST_LIFETIME[kind](rules)
    minutes = rules.button_lifetime.most() if ttl_minutes is None else ttl_minutes
    given = ttl_minutes is not None
    if not text or len(text) > rules.button_text.most():
        return InvalidParameter("display_text", f"must have 1 to {rules.button_text.most():g} characters")
    if given and not least.least() <= minutes <= rules.button_lifetime_most.most():
        most = rules.button_lifetime_most.most()
        return InvalidParameter("ttl_minutes", f"must be {least.least():g} to {most:g}")
    wrong = wrong_payload("payload", payload, rules.payload)
    if wrong is not None:
        return wrong
    expires_at = sent_at + minutes * SECONDS_PER_MINUTE
    return CallButton(
        kind, business, user.key, sent_at, text, expires_at if math.isfinite(expires_at) else None, payload
    )


def deep_link(business: str, payload: str, rules: Rules) -> DeepLink | InvalidParameter:
    """The link, or what is wrong with its payload."""
    return wrong_payload("biz_payload", payload, rules.payload) or DeepLink(business, payload)


def parse_deep_link(text: str, rules: Rules) -> DeepLink | InvalidParameter:
    """A link as a user taps it; the business is ``+`` and digits."""
    try:
        parts = urlsplit(text)
        # More fields than the one that is looked at are somebody's attempt to keep us busy.
        fields = parse_qs(parts.query, keep_blank_values=True, max_num_fields=16)
    except ValueError:
        return InvalidParameter("link", "is no URL")
    number = parts.path.removeprefix(_LINK_PATH).removeprefix("+")
    shaped = parts.scheme == "https" and parts.netloc == _LINK_HOST and parts.path.startswith(_LINK_PATH)
    if not shaped or not (number.isascii() and number.isdigit()):
        return InvalidParameter("link", f"must be https://{_LINK_HOST}{_LINK_PATH}<number>")
    return deep_link(f"+{number}", fields.get("biz_payload", [""])[0], rules)


def wrong_payload(name: str, payload: str, length: Rule) -> InvalidParameter | None:
    """What is wrong with a text that is to reach the PBX; None: nothing."""
    if len(payload) > length.most():
        return InvalidParameter(name, f"must have at most {length.most():g} characters")
    # It becomes the value of a SIP header: a line break would begin another header, and half of a surrogate pair
    # has no octets at all.
    if any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in payload):
        return InvalidParameter(name, "must not have control characters or lone surrogates")
    return None
