"""The trunk's core: takes INVITEs of both sides, joins legs, answers everything else. No sockets here."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sippy.MsgBody import MsgBody
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader

from harness.messages import Event
from harness.wacid import make_wacid
from simulators.trunk.call import Call, CallFacts, OutgoingLeg, contact_of
from simulators.trunk.customers import Customer, Customers
from simulators.trunk.digest import Challenger
from simulators.trunk.header_rules import fill
from simulators.trunk.keep_alive import KeepAlives
from simulators.trunk.leg import LegPolicy, LegUserAgent
from simulators.trunk.numbers import formatted, in_e164
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import Direction, KeepAlive, Leg, Refused, TrunkConfig
from simulators.trunk.reasons import KNOWN_METHODS, reason_of
from simulators.trunk.sdp import NoCommonCodecError, SdpPolicy, shape_offer
from simulators.trunk.sippy_clock import SippyClock
from simulators.trunk.sippy_text import install
from simulators.trunk.transactions import Outlet, SideTransactions
from simulators.trunk.wire import Address

REMEMBERED_CALLS = 4096
"""Calls whose placeholders are kept for late messages (a repeated BYE, its answer)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Addresses of this trunk: its two sides and the PBX (``pbx`` resolved, ``pbx_name`` as told)."""

    customer_side: Address
    pbx_side: Address
    pbx: Address
    pbx_name: str
    pbx_transport: str


class TrunkCore:
    """Calls of one trunk. All methods must be called on the loop's thread."""

    def __init__(self, config: TrunkConfig, profile: Profile, emit: Callable[[Event], None]) -> None:
        install()
        self._config = config
        self._profile = profile
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._clock = SippyClock(self._loop)
        self.customers = Customers()
        self._calls: dict[str, Call] = {}
        self._values: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._count = 0
        self._message_at = 0.0
        self._no_call: dict[str, str] = {}
        self._refusal = profile.method_codes

    def start(self, places: Places, to_customer: Outlet, to_pbx: Outlet) -> None:
        """Begin to handle messages; the sockets are bound now."""
        self._places = places
        domain = self._profile.uris.from_host or places.pbx_side[0]
        self._no_call = {
            "address": places.pbx_side[0],
            "port": str(places.pbx_side[1]),
            "from_host": domain,
            "pbx_host": self._config.business_hostname or places.pbx_name,
            "pbx_port": str(places.pbx[1]),
            "transport_parameter": _transport_parameter(places.pbx_transport),
        }
        self._sides = {
            Leg.CUSTOMER: SideTransactions(places.customer_side, to_customer, self._guarded(self._customer_asks)),
            Leg.PBX: SideTransactions(places.pbx_side, to_pbx, self._guarded(self._pbx_asks)),
        }
        security = self._profile.security
        self._challenger = (
            Challenger(
                security.realm or domain,
                self._config.digest_username,
                self._config.digest_password,
                tuple(security.algorithms),
            )
            if security.challenge_pbx
            else None
        )
        self._accepted = {places.pbx[0], *security.accepted_addresses}
        self._keep_alives = KeepAlives(
            self._sides[Leg.PBX],
            places.pbx,
            pbx_uri=fill("sip:{pbx_host}:{pbx_port}{transport_parameter}", self._no_call),
            own_uri=fill("sip:{from_host}", self._no_call),
            at=self._at,
            later=self._later,
        )

    def close(self) -> None:
        self._clock.close()

    # From the edge.

    def receive(self, leg: Leg, text: str, source: Address, transport: str, at: float) -> None:
        """A message of one side. Raises UnparsableError."""
        self._message_at = at
        try:
            self._clock.enter(self._sides[leg].receive, text, source, transport)
        finally:
            self._message_at = 0.0

    def unreachable(self, leg: Leg, destination: Address, why: str) -> None:
        self._clock.enter(self._sides[leg].unreachable, destination, why)

    def values_of(self, call_id: str) -> Mapping[str, str]:
        found = self._values.get(call_id, self._no_call)
        return {**found, "uuid": secrets.token_hex(16)}

    # From the harness.

    def probe(self, timeout_s: float, done: Callable[[KeepAlive], None]) -> None:
        """One OPTIONS to the PBX; ``done`` is called once."""
        self._clock.enter(self._keep_alives.send, timeout_s, done)

    def open_calls(self) -> tuple[str, ...]:
        return tuple(self._calls)

    def hang_up_all(self, why: str) -> None:
        for call in list(self._calls.values()):
            self._clock.enter(call.hang_up, why)

    # Requests outside dialogs, from sippy's transaction layer.

    def _guarded(self, handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """``handle``, but a request that it cannot cope with is answered 500 and its call is over."""

        def asked(request: Any, transaction: Any) -> Any:
            before = set(self._calls)
            try:
                return handle(request, transaction)
            except Exception:
                log.exception("%s could not be handled", request.getMethod())
                for name in set(self._calls) - before:
                    self._calls[name].abandon("the trunk could not handle its INVITE")
                    self._calls.pop(name, None)
                return _refusal(request, 500)

        return asked

    def _customer_asks(self, request: Any, transaction: Any) -> Any:
        refusal = self._not_a_new_call(request)
        if refusal is not None:
            return refusal
        try:
            offer = self._shaped(request.getBody())
        except NoCommonCodecError as none:
            return _refusal(request, 488, str(none))
        user = request.getHFBody("from").getUrl().username or ""
        customer = self.customers.caller(user)
        business = in_e164(request.getRURI().username or "")
        shown = request.getHFBody("from").getUri().name or ""
        call = self._user_initiated(customer, business, _unquoted(shown), offer)
        policy = LegPolicy()
        caller = LegUserAgent(
            Leg.CUSTOMER,
            self._sides[Leg.CUSTOMER],
            call,
            policy,
            contact=contact_of(_uri(business, self._places.customer_side)),
            refusal_of=self._refusal_code,
        )
        return call.take(caller, request, transaction)

    def _pbx_asks(self, request: Any, transaction: Any) -> Any:
        source: Address = request.getSource()
        security = self._profile.security
        if security.check_source and source[0] not in self._accepted:
            if request.getMethod() == "INVITE":
                return self._refused(request, security.stranger_code, f"{source[0]} is not the PBX's address")
            return _refusal(request, security.stranger_code)
        refusal = self._not_a_new_call(request)
        return refusal if refusal is not None else self._business_calls(request, transaction)

    def _business_calls(self, request: Any, transaction: Any) -> Any:
        rules = self._profile.business_calls
        if not rules.accept:
            return self._refused(request, rules.not_accepted_code, "the trunk takes no calls from the PBX")
        if self._challenger is not None and not self._authenticated(request, self._challenger):
            return self._challenged(request, self._challenger)
        customer = self.customers.find(request.getRURI().username or "")
        if customer is None:
            return self._refused(request, rules.unknown_customer_code, "no such customer")
        if customer.contact is None:
            return self._refused(request, rules.offline_customer_code, "the customer's phone is off")
        try:
            offer = self._shaped(request.getBody())
        except NoCommonCodecError as none:
            return self._refused(request, 488, str(none))
        sender = request.getHFBody("from")
        business = in_e164(sender.getUrl().username or "")
        call = self._business_initiated(
            customer, customer.contact, business, _unquoted(sender.getUri().name or ""), offer
        )
        caller = LegUserAgent(
            Leg.PBX,
            self._sides[Leg.PBX],
            call,
            self._pbx_policy(),
            contact=contact_of(fill(self._profile.uris.contact, call.values)),
            credentials=self._credentials(),
            refusal_of=self._refusal_code,
        )
        self._remember(str(request.getHFBody("call-id")), call.values)
        return call.take(caller, request, transaction)

    def _not_a_new_call(self, request: Any) -> Any:
        """The answer to a request that starts no call, None for an INVITE that does."""
        method = request.getMethod()
        if request.getHFBody("to").getTag() is not None:
            return _refusal(request, 481)
        if method == "INVITE":
            return None
        if method == "OPTIONS":
            return _refusal(request, 200)
        return _refusal(request, self._refusal_code(method))

    def _refusal_code(self, method: str) -> int:
        """The code for a method that the trunk does not take."""
        return self._refusal.get(method, 405 if method in KNOWN_METHODS else 501)

    def _refused(self, request: Any, code: int, why: str) -> Any:
        source = request.getSource()
        self._emit(
            Refused(
                at=self._at(),
                source=f"{source[0]}:{source[1]}",
                code=code,
                reason=why,
                called=request.getRURI().username or "",
            )
        )
        return _refusal(request, code, why)

    def _authenticated(self, request: Any, challenger: Challenger) -> bool:
        given = [str(header.body) for header in request.getHFs("proxy-authorization")]
        return any(challenger.accepts(value, "INVITE", self._at()) for value in given)

    def _challenged(self, request: Any, challenger: Challenger) -> Any:
        if request.countHFs("proxy-authorization"):
            # Credentials came and were wrong: that is a refusal; a first INVITE without them is not.
            answer = self._refused(request, 407, "wrong digest credentials")
        else:
            answer = _refusal(request, 407)
        for value in challenger.challenges(self._at()):
            body = SipGenericHF(value, "Proxy-Authenticate")
            answer[0].appendHeader(SipHeader(name="Proxy-Authenticate", body=body))
        return answer

    # Calls.

    def _user_initiated(self, customer: Customer, business: str, shown: str, offer: MsgBody | None) -> Call:
        values = self._call_values(customer, business, shown)
        names = {"profile_name": values["profile_name"], "number": values["caller"], "none": ""}
        uris = self._profile.uris
        call_id = fill(self._profile.headers.call_id, {**values, "uuid": secrets.token_hex(16)})
        outgoing = OutgoingLeg(
            leg=Leg.PBX,
            request_uri=fill(uris.request_uri, values),
            to_uri=fill(uris.to, values),
            from_uri=fill(uris.from_uri, values),
            contact_uri=fill(uris.contact, values),
            display_name=names[self._profile.identity.display_name],
            call_id=call_id,
            make=self._pbx_leg,
        )
        self._remember(call_id, values)
        return self._new_call(Direction.USER_INITIATED, customer, business, values, outgoing, offer)

    def _business_initiated(
        self, customer: Customer, contact: Address, business: str, shown: str, offer: MsgBody | None
    ) -> Call:
        values = self._call_values(customer, business, customer.profile_name)
        side = self._places.customer_side

        def make(call: Call) -> LegUserAgent:
            return LegUserAgent(
                Leg.CUSTOMER,
                self._sides[Leg.CUSTOMER],
                call,
                LegPolicy(),
                contact=contact_of(_uri(business, side)),
                next_hop=contact,
                refusal_of=self._refusal_code,
            )

        outgoing = OutgoingLeg(
            leg=Leg.CUSTOMER,
            request_uri=_uri(customer.number, contact),
            to_uri=_uri(customer.number, contact),
            from_uri=_uri(business, side),
            contact_uri=_uri(business, side),
            display_name=shown,
            call_id=f"{secrets.token_hex(16)}@{side[0]}",
            make=make,
        )
        return self._new_call(Direction.BUSINESS_INITIATED, customer, business, values, outgoing, offer)

    def _new_call(
        self,
        direction: Direction,
        customer: Customer,
        business: str,
        values: dict[str, str],
        outgoing: OutgoingLeg,
        offer: MsgBody | None,
    ) -> Call:
        self._count += 1
        name = f"{self._config.name}-{self._count}"
        facts = CallFacts(
            name=name, direction=direction, customer=customer.number, business=business, wacid=values["wacid"]
        )
        call = Call(
            facts,
            self._profile,
            outgoing,
            offer,
            values,
            emit=self._emit,
            finished=self._finished,
            at=self._at,
            later=self._later,
        )
        self._calls[name] = call
        return call

    def _finished(self, call: Call) -> None:
        del self._calls[call.facts.name]

    def _call_values(self, customer: Customer, business: str, shown: str) -> dict[str, str]:
        uris = self._profile.uris
        return {
            **self._no_call,
            "customer": customer.number,
            "customer_digits": customer.number.removeprefix("+"),
            "business": business,
            "business_digits": business.removeprefix("+"),
            "caller": formatted(customer.number, uris.caller_format),
            "called": formatted(business, uris.called_format),
            "country": customer.country,
            "profile_name": shown or customer.profile_name,
            "wacid": make_wacid(customer.number, business),
        }

    def _pbx_leg(self, call: Call) -> LegUserAgent:
        return LegUserAgent(
            Leg.PBX,
            self._sides[Leg.PBX],
            call,
            self._pbx_policy(),
            contact=contact_of(fill(self._profile.uris.contact, call.values)),
            next_hop=self._places.pbx,
            credentials=self._credentials(),
            refusal_of=self._refusal_code,
        )

    def _pbx_policy(self) -> LegPolicy:
        dialog = self._profile.dialog
        return LegPolicy(
            reinvite=None if dialog.reinvite == "pass" else dialog.reinvite,
            update=None if dialog.update == "pass" else dialog.update,
            info=None if dialog.info == "pass" else dialog.info,
        )

    def _credentials(self) -> tuple[str, str] | None:
        if not (self._profile.security.answer_challenges and self._config.digest_username):
            return None
        return self._config.digest_username, self._config.digest_password

    def _shaped(self, body: Any) -> MsgBody | None:
        """The caller's offer as the trunk sends it on. Raises NoCommonCodecError."""
        if body is None or body.getType() != "application/sdp":
            return body
        media = self._profile.media
        policy = SdpPolicy(
            codecs=tuple(media.codecs),
            reorder=media.order == "profile",
            event_clocks=tuple(media.telephone_event_clocks_hz),
            ptime_ms=media.ptime_ms,
        )
        return MsgBody(shape_offer(body.localStr(), policy))

    def _remember(self, call_id: str, values: dict[str, str]) -> None:
        self._values[call_id] = values
        if len(self._values) > REMEMBERED_CALLS:
            self._values.popitem(last=False)

    def _at(self) -> float:
        """When the message being handled came, else now (CLOCK_MONOTONIC, s)."""
        return self._message_at or self._loop.time()

    def _later(self, delay_s: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, self._clock.enter, function)


def _refusal(request: Any, code: int, why: str = "") -> Any:
    """What sippy's transaction layer wants for a request that is answered at once."""
    answer = request.genResponse(code, reason_of(code))
    if why:
        warning = SipGenericHF(f'399 trunk "{why}"', "Warning")
        answer.appendHeader(SipHeader(name="Warning", body=warning))
    return [answer, None, None]


def _transport_parameter(transport: str) -> str:
    return "" if transport == "udp" else f";transport={transport}"


def _uri(user: str, place: Address) -> str:
    return f"sip:{user}@{place[0]}:{place[1]}" if user else f"sip:{place[0]}:{place[1]}"


def _unquoted(name: str) -> str:
    """A display name without the quoted-pairs of its header (RFC 3261 section 25.1)."""
    plain, escaped = [], False
    for char in name:
        if char == "\\" and not escaped:
            escaped = True
            continue
        plain.append(char)
        escaped = False
    return "".join(plain)
