"""Client and server transactions over UDP (RFC 3261 section 17, RFC 6026).

A transaction sends what it is given, sends it again as the timers say, and takes the far end's repetitions away from
who uses it.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.sip.message import SipMessage
from simulators.light_phones.uris import Address
from simulators.light_phones.wording import COOKIE

T1_S = 0.5
T2_S = 4.0
T4_S = 5.0
LIFETIME_S = 64 * T1_S
"""Timers B, F, H, and how long a finished one is remembered (D, J, L, M)."""

Responded = Callable[[SipMessage, float], None]
"""Gets a response and when it came; of a final response the first one, and each 2xx to an INVITE."""


@dataclass(slots=True)
class Counts:
    """What an exchange has sent and received so far."""

    sent: int = 0
    received: int = 0
    malformed: int = 0
    """Datagrams that are no SIP message; dropped."""
    again: int = 0
    """Messages of ours that were sent again because nothing came."""
    repeated: int = 0
    """Requests and final responses that came again."""
    stray: int = 0
    """Responses and ACKs that belong to nothing."""


class Layer(Protocol):
    """What transactions need around them."""

    counts: Counts
    loop: asyncio.AbstractEventLoop

    def send(self, octets: bytes, destination: Address) -> None: ...


def server_key(request: SipMessage) -> str:
    """Names the transaction of a request (section 17.2.3). ACK and CANCEL have the name of their INVITE."""
    via = request.get("Via").split(",")[0]
    branch = branch_of(via)
    method = "INVITE" if request.method in ("ACK", "CANCEL") else request.method
    if branch.startswith(COOKIE):
        return f"{branch} {via.split(';')[0].rpartition(' ')[2]} {method}"
    # RFC 2543 knows no branches that are unique.
    number = request.get("CSeq").partition(" ")[0]
    return f"{request.get('Call-ID')} {number} {request.get('From')} {via} {method}"


def client_key(branch: str, method: str) -> str:
    """Names the transaction of a request of ours (section 17.1.3); a CANCEL has the branch of its INVITE."""
    return f"{branch} {method}"


def branch_of(via: str) -> str:
    at = via.find(";branch=")
    return via[at + 8 :].partition(";")[0].strip() if at >= 0 else ""


class ClientTransaction:
    """One request of ours. ``respond`` gets its responses, ``time_out`` is called when none came (timers B, F)."""

    __slots__ = (
        "_again",
        "_end",
        "_every_s",
        "_layer",
        "_octets",
        "destination",
        "done",
        "invite",
        "respond",
        "time_out",
    )

    def __init__(
        self,
        layer: Layer,
        octets: bytes,
        destination: Address,
        *,
        invite: bool,
        respond: Responded,
        time_out: Callable[[], None],
    ) -> None:
        self._layer = layer
        self._octets = octets
        self.destination = destination
        self.invite = invite
        self.respond = respond
        self.time_out = time_out
        self.done = False
        self._every_s = T1_S
        loop = layer.loop
        self._again: asyncio.TimerHandle | None = loop.call_later(T1_S, self._send_again)
        self._end: asyncio.TimerHandle | None = loop.call_later(LIFETIME_S, self._nothing_came)
        layer.send(octets, destination)

    def let_go(self) -> None:
        """Nothing comes any more: whose request it was is free of it."""
        self.respond = _to_nobody
        self.time_out = _nothing

    def received(self, message: SipMessage, at: float) -> None:
        code = message.code
        if code < 200:
            if self.done:
                return
            if self.invite:
                self._stop()
            else:
                self._every_s = T2_S
            self.respond(message, at)
            return
        if self.done and (not self.invite or code >= 300):
            self._layer.counts.repeated += 1
            if self.invite:
                self._layer.send(self._octets, self.destination)
            return
        self.done = True
        self._stop()
        self.respond(message, at)

    def acknowledge(self, octets: bytes) -> None:
        """The ACK to a refusal, which also answers each repetition of it (section 17.1.1.3)."""
        self._octets = octets
        self._layer.send(octets, self.destination)

    def give_up(self) -> None:
        """Nobody waits for a response any more."""
        self.done = True
        self._stop()

    def expect_end(self) -> None:
        """An INVITE was cancelled: its final response is waited for only so long (section 9.1)."""
        if not self.done and self._end is None:
            self._end = self._layer.loop.call_later(LIFETIME_S, self._nothing_came)

    def _send_again(self) -> None:
        self._layer.counts.again += 1
        self._every_s = self._every_s * 2 if self.invite else min(self._every_s * 2, T2_S)
        self._again = self._layer.loop.call_later(self._every_s, self._send_again)
        self._layer.send(self._octets, self.destination)

    def _nothing_came(self) -> None:
        self.done = True
        self._stop()
        self.time_out()

    def _stop(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._end is not None:
            self._end.cancel()
        self._again = self._end = None


class ServerTransaction:
    """One request of the far end, and our last response to it."""

    __slots__ = (
        "_again",
        "_end",
        "_every_s",
        "_layer",
        "_octets",
        "cancelled",
        "code",
        "destination",
        "final_at",
        "invite",
        "request",
        "source",
    )

    def __init__(
        self, layer: Layer, request: SipMessage, source: Address, destination: Address, *, invite: bool
    ) -> None:
        self._layer = layer
        self.request = request
        self.source = source
        self.destination = destination
        self.invite = invite
        self.code = 0
        self.final_at = math.inf
        self.cancelled: Callable[[], None] | None = None
        """Called when a CANCEL for it comes while it has no final response."""
        self._octets = b""
        self._every_s = T1_S
        self._again: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None

    def respond(self, octets: bytes, code: int, unacknowledged: Callable[[], None] | None = None) -> None:
        """Send a response. A final one to an INVITE is repeated until ``acknowledged`` (timer G; of a 2xx section
        13.3.1.4), and after 64*T1 without an ACK ``unacknowledged`` is called."""
        self._octets, self.code = octets, code
        if code >= 200:
            self.final_at = self._layer.loop.time()
            # Too late for that; the call and its transaction would hold each other for ever.
            self.cancelled = None
        if code >= 200 and self.invite:
            self._again = self._layer.loop.call_later(T1_S, self._send_again)
            self._end = self._layer.loop.call_later(LIFETIME_S, self._no_ack, unacknowledged)
        self._layer.send(octets, self.destination)

    def repeated(self) -> None:
        """The request came again."""
        self._layer.counts.repeated += 1
        if self._octets:
            self._layer.send(self._octets, self.destination)

    def acknowledged(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._end is not None:
            self._end.cancel()
        self._again = self._end = None

    def _send_again(self) -> None:
        self._layer.counts.again += 1
        self._every_s = min(self._every_s * 2, T2_S)
        self._again = self._layer.loop.call_later(self._every_s, self._send_again)
        self._layer.send(self._octets, self.destination)

    def _no_ack(self, unacknowledged: Callable[[], None] | None) -> None:
        self.acknowledged()
        if unacknowledged is not None:
            unacknowledged()


def _to_nobody(message: SipMessage | None, at: float) -> None:
    """Takes a response that nobody waits for."""


def _nothing() -> None:
    """Nobody waits for it to time out."""


class Memory:
    """Transactions by their key, each until 64*T1 after its final response."""

    def __init__(self) -> None:
        self.clients: dict[str, ClientTransaction] = {}
        self.servers: dict[str, ServerTransaction] = {}
        self._passing: deque[tuple[float, str, bool]] = deque()

    def keep(self, key: str, now: float, *, client: bool) -> None:
        """Think of forgetting it in 64*T1."""
        self._passing.append((now + LIFETIME_S, key, client))

    def forget(self, now: float) -> None:
        """Those whose time is over."""
        passing = self._passing
        while passing and passing[0][0] <= now:
            _, key, client = passing.popleft()
            if client:
                if (gone := self.clients.pop(key, None)) is not None:
                    gone.let_go()
            elif key in self.servers and now < self.servers[key].final_at + LIFETIME_S:
                self.keep(key, min(now, self.servers[key].final_at), client=False)
            else:
                self.servers.pop(key, None)

    def clear(self) -> None:
        for client in self.clients.values():
            client.give_up()
        for server in self.servers.values():
            server.acknowledged()
        self.clients.clear()
        self.servers.clear()
        self._passing.clear()
