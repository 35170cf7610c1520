"""The trunk's core: takes messages of both sides to who handles them. No sockets here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from harness.call_policy import CallAsked, CallEndOrdered, CallMoved, CallOrdered
from harness.messages import Event
from harness.sip.message import SipMessage
from simulators.trunk.business_calls import BusinessCalls
from simulators.trunk.call_times import CallTimes
from simulators.trunk.customers import Customers
from simulators.trunk.digest import Challenger
from simulators.trunk.dress import supported_tags
from simulators.trunk.entrance import Entrance
from simulators.trunk.gate import Gate, plain_answer
from simulators.trunk.header_rules import fill
from simulators.trunk.keep_alive import KeepAlives
from simulators.trunk.ordered_calls import OrderedCalls
from simulators.trunk.policy import Decision, OpenDoor, Platform
from simulators.trunk.profile import Profile
from simulators.trunk.protocol import (
    BrokenRule,
    KeepAlive,
    Leg,
    RuleBroken,
    TlsFailed,
    TrunkConfig,
    WayCounts,
)
from simulators.trunk.relay import Relay, Relays
from simulators.trunk.sippy_clock import SippyClock
from simulators.trunk.sippy_text import install
from simulators.trunk.switchboard import Clockwork, Places, Switchboard
from simulators.trunk.tls_faults import NOT_THERE, TlsFault
from simulators.trunk.transactions import Outlet, SideTransactions
from simulators.trunk.user_calls import UserCalls
from simulators.trunk.wire import Address

log = logging.getLogger(__name__)


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
        self._relays = Relays(config.address, emit)
        self._times = CallTimes()
        self._waiting: set[Entrance] = set()
        self._message_at = 0.0

    def start(self, places: Places, to_customer: Outlet, to_pbx: Outlet, platform: Platform | None = None) -> None:
        """Begin to handle messages; the sockets are bound now. Without a platform every call is let through."""
        extensions = supported_tags(self._profile)
        sides = {
            Leg.CUSTOMER: SideTransactions(
                places.customer_side, to_customer, self._guarded(self._customer_asks), extensions
            ),
            Leg.PBX: SideTransactions(places.pbx_side, to_pbx, self._guarded(self._pbx_asks), extensions),
        }
        self._sides = sides
        self._board = board = Switchboard(
            self._config,
            self._profile,
            places,
            sides,
            _InClock(platform or OpenDoor(), self._clock),
            customers=self.customers,
            relays=self._relays,
            times=self._times,
            clockwork=Clockwork(at=self._at, later=self._later),
            emit=self._emit,
        )
        self._gate = gate = Gate(
            self._profile,
            board.domain,
            accepted_addresses=frozenset({places.pbx[0], *self._profile.security.accepted_addresses}),
            challenger=self._challenger(board.domain),
            digest_user=board.digest_user,
            refusal_code=board.refusal_code,
            emit=self._emit,
            at=self._at,
        )
        self._user_calls = UserCalls(board, gate, self._waiting)
        self._business_calls = BusinessCalls(board, gate, self._waiting, asks=platform is not None)
        self._ordered_calls = OrderedCalls(board)
        self._keep_alives = KeepAlives(
            sides[Leg.PBX],
            places.pbx,
            pbx_uri=fill("sip:{pbx_host}:{pbx_port}{transport_parameter}", board.no_call),
            own_uri=fill("sip:{from_host}", board.no_call),
            at=self._at,
            later=self._later,
        )

    def _challenger(self, domain: str) -> Challenger | None:
        security = self._profile.security
        if not (security.challenge_pbx and self._config.digest_password):
            return None
        return Challenger(
            security.realm or domain,
            self._config.digest_password,
            tuple(security.algorithms),
            foreign=tuple(security.foreign_algorithms),
            whole_uri=security.digest_uri_check == "to",
        )

    def use(self, profile: Profile) -> None:
        """Go on by another profile, for calls that come from now on. Transport, addresses and names stay."""
        self._profile = self._board.profile = profile
        self._gate.use(profile, self._challenger(self._board.domain))

    def close(self) -> None:
        self._relays.close()
        self._clock.close()

    # From the edge.

    def receive(self, leg: Leg, text: str, source: Address, transport: str, at: float) -> None:
        """A message of one side. Raises UnparsableError."""
        self._message_at = at
        try:
            self._clock.enter(self._sides[leg].receive, text, source, transport)
        finally:
            self._message_at = 0.0

    def seen(self, message: SipMessage, at: float, *, sent: bool) -> None:
        self._times.seen(message, at, sent=sent)

    def unreachable(self, leg: Leg, destination: Address, why: str) -> None:
        self._clock.enter(self._sides[leg].unreachable, destination, why)

    def values_of(self, call_id: str) -> Mapping[str, str]:
        return self._board.values_of(call_id)

    def relay_of(self, call_id: str) -> Relay | None:
        return self._relays.of(call_id)

    def is_deaf(self, call_id: str) -> bool:
        return self._board.is_deaf(call_id)

    def answer_late_s(self, call_id: str) -> float:
        return self._board.answer_late_s(call_id)

    def rule_broken(self, call_id: str, rule: BrokenRule, why: str) -> None:
        self._emit(RuleBroken(at=self._at(), pbx_call_id=call_id, rule=rule, why=why))

    def tls_failed(self, peer: Address, opened_here: bool, fault: TlsFault) -> None:
        self._emit(
            TlsFailed(
                at=self._at(),
                peer=f"{peer[0]}:{peer[1]}",
                opened_here=opened_here,
                cause=fault.cause.value,
                why=fault.why,
                proven=fault.cause not in NOT_THERE,
            )
        )

    # From the harness and the platform.

    def probe(self, timeout_s: float, done: Callable[[KeepAlive], None]) -> None:
        """One OPTIONS to the PBX; ``done`` is called once."""
        self._clock.enter(self._keep_alives.send, timeout_s, done)

    def order(self, ordered: CallOrdered) -> None:
        self._clock.enter(self._ordered_calls.order, ordered)

    def end_order(self, ordered: CallEndOrdered) -> None:
        self._clock.enter(self._ordered_calls.end, ordered)

    def media_of(self, call: str) -> tuple[WayCounts, ...]:
        """Raises ValueError when the call's media is not relayed."""
        return self._relays.counts(call)

    def open_calls(self) -> tuple[str, ...]:
        return tuple(self._board.calls)

    def hang_up_all(self, why: str) -> None:
        for entrance in list(self._waiting):
            self._clock.enter(entrance.turn_away, why)
        for call in list(self._board.calls.values()):
            self._clock.enter(call.hang_up, why)

    # Requests outside dialogs, from sippy's transaction layer.

    def _guarded(self, handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """``handle``, but a request that it cannot cope with is answered 500."""

        def asked(request: Any, transaction: Any) -> Any:
            try:
                return handle(request, transaction)
            except Exception:
                log.exception("%s could not be handled", request.getMethod())
                return plain_answer(request, 500)

        return asked

    def _customer_asks(self, request: Any, transaction: Any) -> Any:
        answer = self._gate.not_a_new_call(request)
        return answer if answer is not None else self._user_calls.take(request, transaction)

    def _pbx_asks(self, request: Any, transaction: Any) -> Any:
        answer = self._gate.stranger(request) or self._gate.not_a_new_call(request)
        return answer if answer is not None else self._business_calls.take(request, transaction)

    def _at(self) -> float:
        """When the message being handled came, else now (CLOCK_MONOTONIC, s)."""
        return self._message_at or self._loop.time()

    def _later(self, delay_s: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, self._clock.enter, function)


class _InClock:
    """A platform whose decisions enter sippy as everything else does."""

    def __init__(self, platform: Platform, clock: SippyClock) -> None:
        self._platform = platform
        self._clock = clock
        self.withdraw = platform.withdraw
        self.moved: Callable[[CallMoved], None] = platform.moved

    def ask(self, asked: CallAsked, done: Callable[[Decision], None]) -> None:
        self._platform.ask(asked, lambda decision: self._clock.enter(done, decision))
