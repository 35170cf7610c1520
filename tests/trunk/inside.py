"""The trunk's edge and core in this process: messages in as octets, messages out as octets, and time that jumps."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exc

import pytest
from sip_peer import ANSWER_SDP, SDP
from sippy.Core import EventDispatcher
from sippy.Time import MonoTime
from trunk_rig import BUSINESS, CUSTOMER, PBX, PHONE, TRUNK

from harness.messages import Event
from harness.sip.message import SipMessage, parse
from harness.trace import SipTraceWriter
from simulators.trunk.core import TrunkCore
from simulators.trunk.edge import EdgeSide, Trace
from simulators.trunk.profile import load_profile
from simulators.trunk.protocol import CustomerOnline, Leg, TrunkConfig
from simulators.trunk.switchboard import Places
from simulators.trunk.wire import Address, Wire

AT_PBX: Address = (PBX, 5060)
AT_PHONE: Address = (PHONE, 5060)
FORGOTTEN_S = 130
"""After so long nothing of a message is needed any more: transactions, calls that nobody answers, their late BYEs."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    jumped_s = 0.0

    def time(self) -> float:
        return super().time() + self.jumped_s


class MemoryWire(Wire):
    """A transport that keeps what is sent over it."""

    def __init__(self, local: Address, name: str) -> None:
        self.local, self.name, self.reliable = local, name, name != "udp"
        self.sent: list[bytes] = []

    async def start(self) -> None:
        return

    def send(self, octets: bytes, destination: Address, reply_to: object | None = None) -> None:
        self.sent.append(octets)

    async def close(self) -> None:
        return


@dataclass
class Dialog:
    """A call that is up between the PBX, which called, and the customer's phone; messages as each side got them."""

    invite: SipMessage
    answer: SipMessage
    inner: SipMessage


class Inside:
    """One trunk. ``troubles`` are what it could not cope with."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch, *, profile: str = "8x8", transport: str = "udp"):
        self.loop = JumpingLoop()
        self.troubles: list[str] = []
        self.events: list[Event] = []
        clock = MonoTime.clock_getdtime
        patch.setattr(MonoTime, "clock_getdtime", lambda which: clock(which) + self.loop.jumped_s)
        patch.setattr(EventDispatcher, "dump_exception", lambda *_, **__: self.troubles.append(format_exc()))
        self.loop.set_exception_handler(lambda _loop, context: self.troubles.append(str(context)))
        self.loop.run_until_complete(self._start(directory, profile, transport))

    async def _start(self, directory: Path, profile: str, transport: str) -> None:
        config = TrunkConfig(
            name="trunk",
            address=TRUNK,
            customer_port=5070,
            pbx_side_port=5060,
            pbx_host=PBX,
            pbx_port=5060,
            pbx_transport=transport,
            profile=profile,
            trace=str(directory / "trace.jsonl"),
        )
        loaded = load_profile(profile)
        self.core = TrunkCore(config, loaded, self.events.append)
        self.writer = SipTraceWriter(Path(config.trace))
        trace = Trace(self.writer)
        self.wires = {
            Leg.PBX: MemoryWire((TRUNK, 5060), transport),
            Leg.CUSTOMER: MemoryWire((TRUNK, 5070), "udp"),
        }
        self.sides = {leg: EdgeSide(leg, loaded, trace, self.core) for leg in Leg}
        for leg, side in self.sides.items():
            side.wires[self.wires[leg].name] = self.wires[leg]
            side.default_transport = self.wires[leg].name
        places = Places(
            customer_side=(TRUNK, 5070),
            pbx_side=(TRUNK, 5060),
            pbx=AT_PBX,
            pbx_name=PBX,
            pbx_transport=transport,
        )
        self.core.start(places, self.sides[Leg.CUSTOMER].send, self.sides[Leg.PBX].send)
        self.domain = self.core._board.domain
        self.offer, self.answer = (SDP, ANSWER_SDP) if transport == "udp" else map(_encrypted, (SDP, ANSWER_SDP))
        self.core.customers.online(
            CustomerOnline(number=CUSTOMER, profile_name="Ana", country="ES", contact=f"{PHONE}:5060")
        )

    def close(self) -> None:
        self.core.close()
        self.writer.close()
        EventDispatcher.ED2.tlisteners.clear()
        EventDispatcher.ED2.twasted = 0
        self.loop.close()

    def inside(self, act: Callable[[], object]) -> None:
        """Have something done on the loop."""
        self.loop.run_until_complete(self._do(act))

    async def _do(self, act: Callable[[], object]) -> None:
        act()
        await asyncio.sleep(0)

    def feed(self, octets: bytes, leg: Leg = Leg.PBX) -> list[bytes]:
        """A message comes from the PBX or from the phone; what is sent to that side because of it."""
        wire, source = self.wires[leg], AT_PBX if leg is Leg.PBX else AT_PHONE
        before = len(wire.sent)
        side = self.sides[leg]
        self.inside(lambda: side.received(wire, octets, source, wire.local, self.loop.time(), None))
        return wire.sent[before:]

    def later(self, seconds: float) -> None:
        """Time passes, and timers run in their order."""
        for _ in range(int(seconds * 2)):
            self.loop.jumped_s += 0.5
            self.inside(lambda: None)

    def left(self) -> dict[str, int]:
        """What the trunk still holds of messages, by kind."""
        held = {"calls": len(self.core.open_calls()), "entrances": len(self.core._waiting)}
        for leg, transactions in self.core._sides.items():
            held |= {
                f"{leg} client transactions": len(transactions.tclient),
                f"{leg} server transactions": len(transactions.tserver),
                f"{leg} consumers": sum(len(c) for c in transactions.req_consumers.values()),
                f"{leg} known messages": len(transactions.l1rcache) + len(transactions.l2rcache),
            }
        return {name: count for name, count in held.items() if count}

    # Good messages

    def good(self, method: str, *, sdp: str = "", called: str = "", extra: str = "") -> bytes:
        """A request of the PBX that is as it should be."""
        body = sdp.encode()
        return (
            f"{method} sip:{called}@{self.domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.wires[Leg.PBX].name.upper()} {PBX}:5060;rport;branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            f"Max-Forwards: 70\r\nTo: <sip:{called}@{self.domain}>\r\n"
            f"From: <sip:{BUSINESS}@{PBX}>;tag={secrets.token_hex(4)}\r\n"
            f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 {method}\r\nContact: <sip:{BUSINESS}@{PBX}:5060>\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"{extra}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def dialog(self) -> Dialog:
        """A call that the PBX began and the customer answered."""
        phone, pbx = self.wires[Leg.CUSTOMER], self.wires[Leg.PBX]
        asked, answered = len(phone.sent), len(pbx.sent)
        invite = parse(self.good("INVITE", sdp=self.offer, called=CUSTOMER))
        self.feed(invite.to_bytes())
        inner = next(m for m in map(parse, phone.sent[asked:]) if m.method == "INVITE" and m.is_request)
        self.feed(respond(inner, 200, self.answer), Leg.CUSTOMER)
        answer = next(m for m in map(parse, pbx.sent[answered:]) if m.code == 200 and m.method == "INVITE")
        self.feed(within(invite, answer, "ACK", 1))
        return Dialog(invite, answer, inner)


def _encrypted(sdp: str) -> str:
    return (
        sdp.replace("RTP/AVP", "RTP/SAVP")
        + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
    )


def respond(request: SipMessage, code: int, sdp: str = "") -> bytes:
    """The phone's answer to the trunk's request."""
    answer = SipMessage(f"SIP/2.0 {code} Whatever", body=sdp.encode())
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        answer.headers += [(name, value) for value in request.values(name)]
    answer.set("To", f"{request.get('To')};tag=phone")
    answer.add("Contact", f"<sip:phone@{PHONE}:5060>")
    if sdp:
        answer.add("Content-Type", "application/sdp")
    return answer.to_bytes()


def within(invite: SipMessage, answer: SipMessage, method: str, number: int, sdp: str = "") -> bytes:
    """The PBX's request within the call that its INVITE began."""
    request = SipMessage(f"{method} {answer.get('Contact').strip('<>')} SIP/2.0", body=sdp.encode())
    via = invite.get("Via").partition("branch=")[0] + f"branch=z9hG4bK{secrets.token_hex(6)}"
    request.headers = [
        ("Via", via),
        ("Max-Forwards", "70"),
        ("From", invite.get("From")),
        ("To", answer.get("To")),
        ("Call-ID", invite.get("Call-ID")),
        ("CSeq", f"{number} {method}"),
        ("Contact", invite.get("Contact")),
        *(("Route", route) for route in reversed(list(answer.values("Record-Route")))),
    ]
    if sdp:
        request.add("Content-Type", "application/sdp")
    return request.to_bytes()
