"""The media relay: sockets of the calls whose media passes through the trunk."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from harness.messages import Event
from simulators.trunk.protocol import Leg, MediaRelayed, MediaRule, MediaWay, WayCounts
from simulators.trunk.relay_rules import RelayWay
from simulators.trunk.sdp import media_place, with_media_at
from simulators.trunk.slow_way import SlowWay
from simulators.trunk.wire import Address

PAIR_TRIES = 100
"""How many ports are tried for one whose neighbour is free, too."""
MAX_DATAGRAM = 65535

_TO = {Leg.PBX: MediaWay.TO_PBX, Leg.CUSTOMER: MediaWay.TO_CUSTOMER}
_OTHER = {Leg.PBX: Leg.CUSTOMER, Leg.CUSTOMER: Leg.PBX}


@dataclass(slots=True)
class _Side:
    """The relay's ports towards one leg's far end, and where that wants RTP and RTCP; None: not told yet."""

    rtp: socket.socket
    rtcp: socket.socket
    rtp_wanted_at: Address | None = None
    rtcp_wanted_at: Address | None = None

    @property
    def ports(self) -> tuple[int, int]:
        return self.rtp.getsockname()[1], self.rtcp.getsockname()[1]


class Relay:
    """One call's media between customer and PBX. Raises OSError when no ports are left, ValueError for a bad rule."""

    def __init__(self, address: str, rules: Iterable[MediaRule]) -> None:
        self._address = address
        rules = tuple(rules)
        self._ways = {leg: RelayWay(_TO[leg], rules) for leg in Leg}
        self._loop = asyncio.get_running_loop()
        self._slow = {leg: SlowWay(self._loop) for leg, way in self._ways.items() if way.is_slow}
        self._sides: dict[Leg, _Side] = {}
        try:
            for leg in Leg:
                self._sides[leg] = _Side(*_bound_pair(address))
        except OSError:
            self.close()
            raise
        for leg, side in self._sides.items():
            self._loop.add_reader(side.rtp, partial(self._rtp, side.rtp, self._sides[_OTHER[leg]], _OTHER[leg]))
            self._loop.add_reader(side.rtcp, partial(self._rtcp, side.rtcp, self._sides[_OTHER[leg]], _OTHER[leg]))

    def pass_sdp(self, to: Leg, sdp: str) -> str:
        """An offer or answer on its way to a leg: where its sender wants media is noted, and by which keys it protects
        its own (RFC 4568 section 5.1), and the relay put there."""
        place = media_place(sdp)
        if place is None:
            return sdp
        sender = self._sides[_OTHER[to]]
        sender.rtp_wanted_at, sender.rtcp_wanted_at = place.rtp, place.rtcp
        self._ways[_OTHER[to]].know(place.event_types, place.clocks)
        self._ways[to].expect(protected=place.protected, keys=place.keys)
        return with_media_at(sdp, self._address, *self._sides[to].ports)

    def counts(self) -> tuple[WayCounts, ...]:
        return tuple(way.counts() for way in self._ways.values())

    def close(self) -> None:
        """Give the ports back; what is under way is lost. May be called twice."""
        for slow in self._slow.values():
            slow.close()
        for side in self._sides.values():
            for one in (side.rtp, side.rtcp):
                if one.fileno() >= 0:
                    self._loop.remove_reader(one)
                    one.close()

    def _rtp(self, source: socket.socket, side: _Side, leg: Leg) -> None:
        octets = _read(source)
        if octets is None:
            return
        way = self._ways[leg]
        begun = bool(way.first_at)
        at = self._loop.time()
        self._pass_on(leg, at, side.rtp, way.rtp(octets, at), side.rtp_wanted_at)
        if not begun and way.first_at:
            self._ways[_OTHER[leg]].other_has_begun()

    def _rtcp(self, source: socket.socket, side: _Side, leg: Leg) -> None:
        if (octets := _read(source)) is not None:
            self._pass_on(leg, self._loop.time(), side.rtcp, self._ways[leg].rtcp(octets), side.rtcp_wanted_at)

    def _pass_on(
        self, leg: Leg, at: float, through: socket.socket, packets: list[bytes], destination: Address | None
    ) -> None:
        slow = self._slow.get(leg)
        if slow is None:
            _send(through, packets, destination)
            return
        for octets in packets:
            slow.put(self._ways[leg].arrives_at(at), partial(_send, through, (octets,), destination))


class Relays:
    """The relays of all calls of a trunk, by the calls' names and by their Call-IDs on both sides."""

    def __init__(self, address: str, emit: Callable[[Event], None]) -> None:
        self._address = address
        self._emit = emit
        self._by_call: dict[str, Relay] = {}
        self._by_call_id: dict[str, Relay] = {}

    def open(self, call: str, call_ids: Mapping[Leg, str], rules: Iterable[MediaRule]) -> None:
        """Relay a call's media from now on. Raises as Relay does."""
        relay = self._by_call[call] = Relay(self._address, rules)
        for call_id in call_ids.values():
            self._by_call_id[call_id] = relay

    def of(self, call_id: str) -> Relay | None:
        """The relay of the call that has this Call-ID on one of its sides."""
        return self._by_call_id.get(call_id)

    def counts(self, call: str) -> tuple[WayCounts, ...]:
        """Raises ValueError when the call's media is not relayed."""
        if call not in self._by_call:
            raise ValueError(f"the media of {call} is not relayed")
        return self._by_call[call].counts()

    def finished(self, call: str) -> None:
        """The call is over; one that was not relayed is fine."""
        relay = self._by_call.pop(call, None)
        if relay is None:
            return
        self._by_call_id = {call_id: one for call_id, one in self._by_call_id.items() if one is not relay}
        relay.close()
        self._emit(MediaRelayed(call=call, ways=relay.counts()))

    def close(self) -> None:
        for relay in self._by_call.values():
            relay.close()


def _bound_pair(address: str) -> tuple[socket.socket, socket.socket]:
    """Sockets at an even port and the next one (RFC 3550 section 11)."""
    for _ in range(PAIR_TRIES):
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            rtp.bind((address, 0))
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                rtcp.bind((address, port + 1))
                rtp.setblocking(False)
                rtcp.setblocking(False)
                return rtp, rtcp
        rtp.close()
        rtcp.close()
    raise OSError(f"no pair of free UDP ports at {address} for media")


def _read(source: socket.socket) -> bytes | None:
    try:
        return source.recv(MAX_DATAGRAM)
    except OSError:
        return None


def _send(through: socket.socket, packets: Iterable[bytes], destination: Address | None) -> None:
    """Send on; what cannot be sent is lost, as on any network."""
    if destination is None:
        return
    for octets in packets:
        with contextlib.suppress(OSError):
            through.sendto(octets, destination)
