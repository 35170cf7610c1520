"""What all calls of a trunk share: who is where, how a leg is made, which calls there are."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sippy.MsgBody import MsgBody

from harness.call_policy import CallDecided, Direction
from harness.messages import Event
from simulators.trunk.call import Call, CallFacts, OutgoingLeg, Surroundings, contact_of
from simulators.trunk.call_report import CallReport
from simulators.trunk.call_times import CallTimes
from simulators.trunk.customers import Customer, Customers
from simulators.trunk.header_rules import fill
from simulators.trunk.leg import LegListener, LegPolicy, LegUserAgent
from simulators.trunk.numbers import formatted
from simulators.trunk.policy import Platform
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import CallFinished, Leg, TrunkConfig
from simulators.trunk.relay import Relays
from simulators.trunk.remembered import Remembered
from simulators.trunk.sdp import SdpPolicy, shape_offer
from simulators.trunk.transactions import SideTransactions
from simulators.trunk.wire import Address

KNOWN_METHODS = frozenset(
    [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "INFO",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "UPDATE",
        "MESSAGE",
        "REFER",
        "PUBLISH",
    ]
)
"""Methods of RFC 3261, 6086, 3262, 6665, 3311, 3428, 3515 and 3903."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Placeholders of a call, and how its customer is."""

    values: Mapping[str, str]
    deaf: bool
    answer_late_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Addresses of this trunk: its two sides and the PBX (``pbx`` resolved, ``pbx_name`` as told)."""

    customer_side: Address
    pbx_side: Address
    pbx: Address
    pbx_name: str
    pbx_transport: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """``at`` says when the message that is being handled came, else now (CLOCK_MONOTONIC, s); ``later`` is a timer."""

    at: Callable[[], float]
    later: Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class Switchboard:
    """Makes legs and keeps the calls. ``platform`` decides about them."""

    def __init__(
        self,
        config: TrunkConfig,
        profile: Profile,
        places: Places,
        sides: Mapping[Leg, SideTransactions],
        platform: Platform,
        *,
        customers: Customers,
        relays: Relays,
        times: CallTimes,
        clockwork: Clockwork,
        emit: Callable[[Event], None],
    ) -> None:
        self.profile = profile
        self.places = places
        self.sides = sides
        self.platform = platform
        self.customers = customers
        self._relays = relays
        self._times = times
        self.emit = emit
        self.at = clockwork.at
        self.later = clockwork.later
        self.calls: dict[str, Call] = {}
        self._pbx_call_ids: dict[str, str] = {}
        self._config = config
        self._count = 0
        self._known: Remembered[_Known] = Remembered()
        self.domain = profile.uris.from_host or places.pbx_side[0]
        self.no_call = {
            "address": places.pbx_side[0],
            "port": str(places.pbx_side[1]),
            "from_host": self.domain,
            "route_host": config.trunk_hostname or f"{places.pbx_side[0]}:{places.pbx_side[1]}",
            "pbx_host": config.business_hostname or places.pbx_name,
            "pbx_port": str(places.pbx[1]),
            "transport_parameter": "" if places.pbx_transport == "udp" else f";transport={places.pbx_transport}",
        }

    # Calls

    def facts(self, direction: Direction, customer: Customer, business: str, wacid: str) -> CallFacts:
        """Of a new call, which gets its name here."""
        self._count += 1
        name = f"{self._config.name}-{self._count}"
        return CallFacts(name=name, direction=direction, customer=customer.number, business=business, wacid=wacid)

    def enrol(self, call: Call) -> None:
        self.calls[call.facts.name] = call

    def surroundings(self) -> Surroundings:
        return Surroundings(
            profile=self.profile,
            emit=self.emit,
            started=self._started,
            finished=self._finished,
            at=self.at,
            later=self.later,
        )

    def _started(self, call: Call, call_ids: Mapping[Leg, str]) -> None:
        self._pbx_call_ids[call.facts.name] = call_ids[Leg.PBX]
        customer = self.customers.find(call.facts.customer)
        if customer is not None and customer.media_rules is not None:
            self._relays.open(call.facts.name, call_ids, customer.media_rules)

    def drop(self, call: str) -> None:
        """A call is over, or never came to be; what it held is free again."""
        self._pbx_call_ids.pop(call, None)
        self.calls.pop(call, None)
        self._relays.finished(call)

    def _finished(self, call: Call, finished: CallFinished) -> None:
        facts = call.facts
        pbx_call_id = self._pbx_call_ids.pop(facts.name, "")
        self._known.is_over(pbx_call_id)
        self.drop(facts.name)
        self.emit(self._times.of_call(facts.name, facts.direction, pbx_call_id, finished.at))

    def report(self, call: str, direction: Direction, business: str, user: str) -> CallReport:
        return CallReport(call, direction, business, user, self.platform.moved)

    # Placeholders

    def values(
        self, customer: Customer, business: str, wacid: str, *, shown: str = "", decided: CallDecided | None = None
    ) -> dict[str, str]:
        """Placeholders of a call; ``shown`` is the customer's name as their phone tells it."""
        uris = self.profile.uris
        return {
            **self.no_call,
            "customer": customer.number,
            "customer_digits": customer.number.removeprefix("+"),
            "business": business,
            "business_digits": business.removeprefix("+"),
            "caller": formatted(customer.number, uris.caller_format),
            "called": formatted(business, uris.called_format),
            "country": customer.country,
            "profile_name": shown or customer.profile_name,
            "wacid": wacid,
            "user_id": decided.user_id if decided else "",
            "button_payload": decided.button_payload if decided else "",
            "link_payload": decided.link_payload if decided else "",
        }

    def remember(self, pbx_call_id: str, values: dict[str, str], customer: Customer) -> None:
        """Messages with this Call-ID on the PBX's side belong to a call with these values."""
        self._known.keep(pbx_call_id, _Known(values, customer.media_lost, customer.answer_late_s))

    def values_of(self, call_id: str) -> Mapping[str, str]:
        known = self._known.get(call_id)
        return {**(known.values if known else self.no_call), "uuid": secrets.token_hex(16)}

    def is_deaf(self, call_id: str) -> bool:
        known = self._known.get(call_id)
        return known is not None and known.deaf

    def answer_late_s(self, call_id: str) -> float:
        known = self._known.get(call_id)
        return known.answer_late_s if known else 0.0

    # Legs

    def to_pbx(self, values: dict[str, str], customer: Customer) -> OutgoingLeg:
        """The INVITE to the PBX."""
        names = {"profile_name": values["profile_name"], "number": values["caller"], "none": ""}
        uris = self.profile.uris
        call_id = fill(self.profile.headers.call_id, {**values, "uuid": secrets.token_hex(16)})
        self.remember(call_id, values, customer)
        return OutgoingLeg(
            leg=Leg.PBX,
            request_uri=fill(uris.request_uri, values),
            to_uri=fill(uris.to, values),
            from_uri=fill(uris.from_uri, values),
            contact_uri=fill(uris.contact, values),
            display_name=names[self.profile.identity.display_name],
            call_id=call_id,
            make=lambda call: self.pbx_leg(call, call.values, call.facts.business, self.places.pbx),
        )

    def to_customer(self, customer: Customer, contact: Address, business: str, shown: str) -> OutgoingLeg:
        """The INVITE to a customer's phone at ``contact``; ``shown`` is the business's name."""
        side = self.places.customer_side
        return OutgoingLeg(
            leg=Leg.CUSTOMER,
            request_uri=uri_of(customer.number, contact),
            to_uri=uri_of(customer.number, contact),
            from_uri=uri_of(business, side),
            contact_uri=uri_of(business, side),
            display_name=shown,
            call_id=f"{secrets.token_hex(16)}@{side[0]}",
            make=lambda call: self.customer_leg(call, business, contact),
        )

    def customer_leg(self, listener: LegListener, business: str, next_hop: Address | None = None) -> LegUserAgent:
        """A leg with a customer's phone: it called us, or is called at ``next_hop``."""
        return LegUserAgent(
            Leg.CUSTOMER,
            self.sides[Leg.CUSTOMER],
            listener,
            LegPolicy(),
            contact=contact_of(uri_of(business, self.places.customer_side)),
            next_hop=next_hop,
            refusal_of=self.refusal_code,
        )

    def pbx_leg(
        self, listener: LegListener, values: Mapping[str, str], business: str, next_hop: Address | None = None
    ) -> LegUserAgent:
        """A leg with the PBX: it called us, or is called at ``next_hop``."""
        dialog = self.profile.dialog
        return LegUserAgent(
            Leg.PBX,
            self.sides[Leg.PBX],
            listener,
            LegPolicy(
                reinvite=None if dialog.reinvite == "pass" else dialog.reinvite,
                update=None if dialog.update == "pass" else dialog.update,
                info=None if dialog.info == "pass" else dialog.info,
            ),
            contact=contact_of(fill(self.profile.uris.contact, values)),
            next_hop=next_hop,
            credentials=self._credentials(business),
            digest_uri=fill(self.profile.security.digest_uri, values),
            refusal_of=self.refusal_code,
        )

    def refusal_code(self, method: str) -> int:
        """The code for a method that the trunk does not take."""
        return self.profile.method_codes.get(method, 405 if method in KNOWN_METHODS else 501)

    def digest_user(self, business: str) -> str:
        """Who authenticates for a business number, to the PBX or as the PBX (Meta's SIP page)."""
        return self._config.digest_username or business.removeprefix("+")

    def _credentials(self, business: str) -> tuple[str, str] | None:
        config = self._config
        if not (self.profile.security.answer_challenges and (config.digest_username or config.digest_password)):
            return None
        return self.digest_user(business), config.digest_password

    def shaped(self, body: Any, to: Leg) -> MsgBody | None:
        """The caller's offer as the trunk sends it on. Raises NoCommonCodecError."""
        if body is None or body.getType() != "application/sdp":
            return body
        media = self.profile.media
        session_lines, audio_lines = (media.session_lines, media.audio_lines) if to is Leg.PBX else ([], [])
        policy = SdpPolicy(
            codecs=tuple(media.codecs),
            reorder=media.order == "profile",
            event_clocks=tuple(media.telephone_event_clocks_hz),
            ptime_ms=media.ptime_ms,
            session_lines=tuple(fill(line, self.no_call | _fresh()) for line in session_lines),
            audio_lines=tuple(fill(line, self.no_call | _fresh()) for line in audio_lines),
            without=tuple(media.without),
        )
        return MsgBody(shape_offer(body.localStr(), policy))


def _fresh() -> dict[str, str]:
    return {"uuid": secrets.token_hex(16)}


def uri_of(user: str, place: Address) -> str:
    return f"sip:{user}@{place[0]}:{place[1]}" if user else f"sip:{place[0]}:{place[1]}"
