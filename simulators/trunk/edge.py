"""The trunk's edge: sockets, the trace, header rules. What is on the wire is made here.

Two sides, the customers' (UDP) and the PBX's (every transport of ``PBX_WIRES``), both seen by the core
as plain messages; the core never learns which transport carried them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from harness.sip.message import (
    MalformedMessageError,
    SipMessage,
    answer_to,
    check_headers,
    parameter,
    parse,
    salvage,
)
from harness.sip.reasons import reason_of
from harness.trace import SipTraceEntry, SipTraceWriter, decode_octets
from simulators.trunk.conduct import Conduct
from simulators.trunk.dress import change_sdp, dress, dress_for_customer
from simulators.trunk.header_rules import HeaderRule, RuleDirection, apply_rules
from simulators.trunk.kept_trace import HeldMessage, KeptTrace
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import BrokenRule, Leg, TracedCalls
from simulators.trunk.proxies import Passage, Proxies
from simulators.trunk.sdp import without_ear
from simulators.trunk.second_way import SecondWay
from simulators.trunk.sippy_text import for_sippy, from_sippy
from simulators.trunk.slow_way import SlowWay
from simulators.trunk.tcp import TcpWire
from simulators.trunk.tls import DEFAULT_PORT, TlsSettings, TlsWire
from simulators.trunk.tls_faults import TlsFault
from simulators.trunk.transactions import UnparsableError
from simulators.trunk.udp import UdpWire
from simulators.trunk.wire import Address, Wire, WireListener

PLAIN_WIRES: dict[str, Callable[[Address, WireListener], Wire]] = {"udp": UdpWire, "tcp": TcpWire}
"""Transports towards the PBX by their names in ``;transport=``; TLS stands alone, since Meta has no other."""
TRANSPORTS = (*PLAIN_WIRES, TlsWire.name)

REMEMBERED = 8192
"""Messages remembered for the way back and against repetition: more than pass in the 32 s they matter."""

_PORT = re.compile(r":\d+$")

log = logging.getLogger(__name__)
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class MediaRelay(Protocol):
    """Through which the media of a call flows."""

    def pass_sdp(self, to: Leg, sdp: str) -> str:
        """An SDP on its way to a leg, as it goes on."""


class Tap(Protocol):
    """Who may take a message of the PBX's side before the trunk does."""

    def takes(self, octets: bytes, source: Address, at: float) -> bool:
        """Whether it has been taken."""


class Core(Protocol):
    """What the edge delivers to."""

    def receive(self, leg: Leg, text: str, source: Address, transport: str, at: float) -> None:
        """A message as text for sippy. Raises UnparsableError."""

    def seen(self, message: SipMessage, at: float, *, sent: bool) -> None:
        """A message of the PBX's side, which came or was sent at this time (CLOCK_MONOTONIC, s)."""

    def unreachable(self, leg: Leg, destination: Address, why: str) -> None:
        """Nothing that is sent to ``destination`` arrives."""

    def values_of(self, call_id: str) -> Mapping[str, str]:
        """Placeholders' values in the call that has this Call-ID on the PBX's side."""

    def relay_of(self, call_id: str) -> MediaRelay | None:
        """The media relay of the call that has this Call-ID on one of its sides; None: its media does not pass us."""

    def is_deaf(self, call_id: str) -> bool:
        """Whether the customer of that call hears nothing, since what the PBX sends is lost."""

    def answer_late_s(self, call_id: str) -> float:
        """How long the PBX's answer to that call is under way to the customer, in s."""

    def rule_broken(self, call_id: str, rule: BrokenRule, why: str) -> None:
        """The PBX broke a rule of the trunk in the call that has this Call-ID on its side."""

    def tls_failed(self, peer: Address, opened_here: bool, fault: TlsFault) -> None:
        """TLS with the PBX's side failed, on a connection of the trunk's or of the peer's."""


class Trace:
    """The trace file, fed with octets. ``kept`` decides what of them is written, None: all are."""

    def __init__(self, writer: SipTraceWriter, traced: TracedCalls = TracedCalls.ALL) -> None:
        self._writer = writer
        self.kept = KeptTrace(self._write) if traced == TracedCalls.KEPT else None

    def record(self, octets: bytes, source: Address, destination: Address, transport: str, at: float) -> None:
        """``at`` is CLOCK_MONOTONIC in s, taken at the socket."""
        take = self._write if self.kept is None else self.kept.record
        take(HeldMessage(octets, source, destination, transport, at))

    def close(self) -> None:
        if self.kept is not None:
            self.kept.close()
        self._writer.close()

    def _write(self, message: HeldMessage) -> None:
        source, destination = message.source, message.destination
        self._writer.write(
            SipTraceEntry(
                at=message.at,
                wall=time.time() - (time.monotonic() - message.at),
                source=f"{source[0]}:{source[1]}",
                destination=f"{destination[0]}:{destination[1]}",
                transport=message.transport,
                raw=decode_octets(message.octets),
            )
        )


class EdgeSide:
    """Sockets of one side and what happens to its messages. Its far end is ``delay_s`` away, each way."""

    def __init__(self, leg: Leg, profile: Profile, trace: Trace, core: Core, delay_s: float = 0.0) -> None:
        self._leg = leg
        self._profile = profile
        self.trace = trace
        self.tap: Tap | None = None
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._delay_s = delay_s
        self._ways = (SlowWay(self._loop), SlowWay(self._loop)) if delay_s else ()
        self.rules: tuple[HeaderRule, ...] = profile.header_rules if leg is Leg.PBX else ()
        self._proxies = Proxies(profile.proxies, core.rule_broken)
        self._conduct = Conduct(core.rule_broken, pbx_begins_dtls=profile.media.dtls_client == "pbx")
        self._second_way = SecondWay()
        self.wires: dict[str, Wire] = {}
        self.default_transport = "udp"
        self.elsewhere: Wire | None = None
        """A wire of the default transport at another address, by which requests go while it is there."""
        self.known_places: dict[Address, Address] = {}
        """Addresses of names that need not be looked up."""
        # By branch: what a request came over, for its responses (RFC 3261 section 18.2.2).
        self._came_over: OrderedDict[str, tuple[Wire, object | None]] = OrderedDict()
        self._sent_reliably: OrderedDict[tuple[str, str, int], Address] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def local(self) -> Address:
        return self._default_wire().local

    def use(self, profile: Profile) -> None:
        """Go on by another profile."""
        self._profile = profile
        self._proxies.use(profile.proxies)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for way in self._ways:
            way.close()
        for wire in (*self.wires.values(), self.elsewhere):
            if wire is not None:
                await wire.close()

    async def drop_connections(self) -> int:
        """Close all connections of this side; how many there were."""
        return sum([await wire.drop_connections() for wire in self.wires.values() if isinstance(wire, TcpWire)])

    # From the sockets to the core.

    def received(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object | None
    ) -> None:
        """A message came; whatever it is, the trunk goes on."""
        if not octets.strip():
            return
        if not self._ways:
            self._take(wire, octets, source, local, at, connection)
            return
        at += self._delay_s
        self._ways[0].put(at, partial(self._take, wire, octets, source, local, at, connection))

    def _take(
        self, wire: Wire, octets: bytes, source: Address, local: Address, at: float, connection: object | None
    ) -> None:
        self.trace.record(octets, source, local, wire.name, at)
        if self.tap is not None and self.tap.takes(octets, source, at):
            return
        try:
            message = parse(octets)
            check_headers(message)
            if self._second_way.takes(message):
                for request in self._second_way.follows(message):
                    self._let_go(partial(wire.send, request.to_bytes(), source, connection))
                return
            if self._leg is Leg.PBX:
                self._core.seen(message, at, sent=False)
                self._conduct.received(message, at)
                passage = self._proxies.receive(message)
                if not passage.goes_on:
                    self._turn_back(wire, message, source, connection, passage)
                    return
                apply_rules(self.rules, RuleDirection.FROM_PBX, message, self._core.values_of(message.get("Call-ID")))
            if message.is_request:
                _remember(self._came_over, message.branch, (wire, connection))
            late_s = self._late_s(message)
            if late_s:
                self._loop.call_later(late_s, self._deliver_late, message, source, wire.name)
            else:
                self._core.receive(self._leg, for_sippy(message), source, wire.name, at)
        except MalformedMessageError as malformed:
            self._reject(wire, octets, source, connection, str(malformed))
        except UnparsableError as unparsable:
            self._reject(wire, octets, source, connection, str(unparsable), unparsable.code)
        except Exception:
            log.exception("%s: a message of %s:%s could not be handled", self._leg, *source)

    def _late_s(self, message: SipMessage) -> float:
        if self._leg is not Leg.PBX or message.is_request or message.method != "INVITE" or message.code < 200:
            return 0.0
        return self._core.answer_late_s(message.get("Call-ID"))

    def _deliver_late(self, message: SipMessage, source: Address, transport: str) -> None:
        try:
            self._core.receive(self._leg, for_sippy(message), source, transport, time.monotonic())
        except UnparsableError as malformed:
            log.warning("%s: malformed message from %s:%s over %s: %s", self._leg, *source, transport, malformed)

    def _turn_back(
        self, wire: Wire, request: SipMessage, source: Address, connection: object | None, passage: Passage
    ) -> None:
        """A request that the proxies do not let through is answered by them, if at all."""
        if passage.code:
            answer = answer_to(request, passage.code, reason_of(passage.code))
            quoted = passage.why.replace('"', "'")
            answer.add("Warning", f'399 {self.local[0]} "{quoted}"')
            self._let_go(partial(wire.send, answer.to_bytes(), source, connection))

    def broken(
        self,
        wire: Wire,
        octets: bytes,
        source: Address,
        local: Address,
        at: float,
        connection: object,
        why: str,
    ) -> None:
        """A stream went out of step; its connection will be closed."""
        self.trace.record(octets, source, local, wire.name, at)
        self._reject(wire, octets, source, connection, why)

    def sent(self, wire: Wire, octets: bytes, local: Address, destination: Address, at: float) -> None:
        self.trace.record(octets, local, destination, wire.name, at - self._delay_s)

    def unreachable(self, destination: Address, why: str) -> None:
        # Not at once: the core may be in the middle of sending this very message.
        self._loop.call_soon(self._core.unreachable, self._leg, destination, why)

    def disconnected(self, peer: Address) -> None:
        """A connection is gone, and perhaps what was just sent over it: sippy's next repetition may pass."""
        for key in [key for key, destination in self._sent_reliably.items() if destination == peer]:
            del self._sent_reliably[key]

    def _reject(
        self, wire: Wire, octets: bytes, source: Address, connection: object | None, why: str, code: int = 400
    ) -> None:
        log.warning("%s: malformed message from %s:%s over %s: %s", self._leg, *source, wire.name, why)
        request = salvage(octets)
        if not request.is_request or request.method == "ACK" or not request.get("Via"):
            return
        answer = answer_to(request, code, f"{reason_of(code)} - {why}"[:120])
        if not parameter(answer.get("To"), "tag"):
            answer.set("To", f"{answer.get('To')};tag={secrets.token_hex(8)}")
        self._let_go(partial(wire.send, answer.to_bytes(), source, connection))

    # From the core to the sockets.

    def send(self, text: str, destination: Address) -> None:
        """A message of sippy's, to be made what the profile and the transport want."""
        message = from_sippy(text)
        wire, connection = self._way(message)
        if message.is_request and self.elsewhere is not None and self.elsewhere.name == wire.name:
            wire = self.elsewhere
        if message.is_request and wire.name == "tls":
            destination = self._tls_place(message, destination)
        if message.is_request and wire.name != "udp":
            via = message.get("Via")
            message.headers[0] = ("Via", via.replace("SIP/2.0/UDP", f"SIP/2.0/{wire.name.upper()}", 1))
        comes_twice = False
        relay = self._core.relay_of(message.get("Call-ID"))
        if relay is not None:
            change_sdp(message, partial(relay.pass_sdp, self._leg))
        if self._leg is Leg.PBX:
            values = self._core.values_of(message.get("Call-ID"))
            dress(message, self._profile, values)
            if self._core.is_deaf(message.get("Call-ID")):
                change_sdp(message, without_ear)
            apply_rules(self.rules, RuleDirection.TO_PBX, message, values)
            if not self._proxies.send(message, values):
                return
            self._conduct.sent(message, time.monotonic())
            comes_twice = self._comes_twice(message, wire)
        else:
            dress_for_customer(message, self._profile)
        if wire.reliable and self._is_repetition(message, destination):
            return
        for _ in range(1 + comes_twice):
            self._let_go(partial(self._transmit, wire, message.to_bytes(), destination, connection))
        if self._leg is Leg.PBX:
            self._core.seen(message, time.monotonic(), sent=True)
            if self._profile.proxies.second_way and (copy := self._second_way.copy_of(message)) is not None:
                self._let_go(partial(self._transmit, wire, copy.to_bytes(), destination, connection))

    def _comes_twice(self, message: SipMessage, wire: Wire) -> bool:
        proxies = self._profile.proxies
        if message.is_request:
            return message.method in proxies.repeats
        # Over a stream nothing but a 200 ever comes again (RFC 3261 sections 13.3.1.4, 17.2.1).
        may = message.code >= 200 and (message.code < 300 or not wire.reliable)
        return may and message.method == "INVITE" and proxies.repeats_answers

    def _let_go(self, send: Callable[[], None]) -> None:
        """Something leaves here, and is at the wire when it has been under way."""
        if self._ways:
            self._ways[1].put(self._loop.time() + self._delay_s, send)
        else:
            send()

    def _way(self, message: SipMessage) -> tuple[Wire, object | None]:
        if not message.is_request:
            found = self._came_over.get(message.branch)
            return found if found is not None else (self._default_wire(), None)
        named = parameter(_next_hop(message), "transport").lower()
        return self.wires.get(named) or self._default_wire(), None

    def _tls_place(self, message: SipMessage, destination: Address) -> Address:
        """Where a request goes over TLS: sippy takes 5060 for the port of every URI that names none."""
        if destination[1] == 5060 and not _PORT.search(_next_hop(message).partition(";")[0]):
            destination = (destination[0], DEFAULT_PORT)
        return self.known_places.get(destination, destination)

    def _default_wire(self) -> Wire:
        return self.wires[self.default_transport]

    def _is_repetition(self, message: SipMessage, destination: Address) -> bool:
        """Whether sippy, which knows only UDP, repeats what TCP has delivered (RFC 3261 section 17.1.1.2).

        A 2xx and its ACK are repeated end to end over every transport (section 13.3.1.4).
        """
        if message.method == "ACK" and message.is_request:
            return False
        if not message.is_request and message.code < 300:
            return False
        key = (message.branch, message.method, message.code)
        if key in self._sent_reliably:
            return True
        _remember(self._sent_reliably, key, destination)
        return False

    def _transmit(self, wire: Wire, octets: bytes, destination: Address, connection: object | None) -> None:
        if _is_address(destination[0]):
            wire.send(octets, destination, connection)
            return
        task = self._loop.create_task(self._resolve_and_send(wire, octets, destination, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve_and_send(
        self, wire: Wire, octets: bytes, destination: Address, connection: object | None
    ) -> None:
        try:
            found = await self._loop.getaddrinfo(*destination, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        except OSError as unknown:
            self.unreachable(destination, f"{destination[0]}: {unknown.strerror}")
            return
        wire.send(octets, (str(found[0][4][0]), destination[1]), connection)


class Edge:
    """Both sides. Must be made and used on the loop's thread. The PBX is ``pbx_delay_s`` away, each way."""

    def __init__(self, profile: Profile, trace: Trace, core: Core, pbx_delay_s: float = 0.0) -> None:
        self.trace = trace
        self._profile = profile
        self._core = core
        self.customer = EdgeSide(Leg.CUSTOMER, profile, trace, core)
        self.pbx = EdgeSide(Leg.PBX, profile, trace, core, pbx_delay_s)
        self._added: tuple[HeaderRule, ...] = ()
        self._tls: TlsSettings | None = None

    async def start(
        self,
        address: str,
        customer_port: int,
        pbx_side_port: int,
        pbx_transport: str,
        tls: TlsSettings | None = None,
    ) -> None:
        """Bind; with ``tls`` the PBX's side is TLS and nothing else. Raises OSError that names the port."""
        self.customer.wires["udp"] = UdpWire((address, customer_port), self.customer)
        self.pbx.default_transport = pbx_transport
        self._tls = tls
        if tls is not None:
            wire: Wire = TlsWire((address, pbx_side_port), self.pbx, tls, self._core.tls_failed)
            await wire.start()
            self.pbx.wires[wire.name] = wire
            return
        port = pbx_side_port
        for name, make in PLAIN_WIRES.items():
            wire = make((address, port), self.pbx)
            await wire.start()
            self.pbx.wires[name] = wire
            port = port or wire.local[1]

    def add_rules(self, rules: Sequence[HeaderRule]) -> None:
        """Apply ``rules`` after the profile's own, in place of those added before."""
        self._added = tuple(rules)
        self.pbx.rules = (*self._profile.header_rules, *self._added)

    def use(self, profile: Profile) -> None:
        """Go on by another profile; sockets and rules that were added stay."""
        self._profile = profile
        self.customer.use(profile)
        self.pbx.use(profile)
        self.add_rules(self._added)

    async def call_from(self, address: str) -> None:
        """Send requests to the PBX from another address; empty: from the trunk's own. Raises OSError."""
        side = self.pbx
        before, side.elsewhere = side.elsewhere, None
        if before is not None:
            await before.close()
        if not address:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((address, 0))
        # Only what connects does not need to listen: answers come back over the connection.
        if self._tls is not None:
            side.elsewhere = TlsWire((address, 0), side, self._tls, self._core.tls_failed)
        else:
            side.elsewhere = PLAIN_WIRES[side.default_transport]((address, 0), side)

    async def close(self) -> None:
        await self.customer.close()
        await self.pbx.close()
        self.trace.close()


def _remember(table: OrderedDict[KeyT, ValueT], key: KeyT, value: ValueT) -> None:
    table[key] = value
    if len(table) > REMEMBERED:
        table.popitem(last=False)


def _next_hop(message: SipMessage) -> str:
    """The URI that a request goes to (RFC 3261 section 8.1.2), without the brackets around it."""
    route = message.get("Route").partition("<")[2].partition(">")[0]
    return route or message.request_uri


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
