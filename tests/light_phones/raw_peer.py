"""A raw SIP peer on the loop of the exchanges: message by message, over a real socket."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from exchanges import CUSTOMERS, JumpingLoop, StandInEngine

from harness.sip.message import SipMessage, parse
from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.incoming import IncomingCall

PEER = "127.0.46.3"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.46.9\r\ns=-\r\nc=IN IP4 127.0.46.9\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 96 0 120\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:120 telephone-event/8000\r\n"
)
DEADLINE_S = 100


class RawPeer:
    def __init__(self, exchange: LightExchange) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((PEER, 0))
        self.host, self.port = self.socket.getsockname()
        self.exchange = exchange
        self.waiting: list[SipMessage] = []

    def send(self, message: SipMessage) -> SipMessage:
        self.socket.sendto(message.to_bytes(), self.exchange.local)
        return message

    async def got(self, matches: Callable[[SipMessage], bool]) -> SipMessage:
        """The next message that matches; others are dropped."""
        loop = asyncio.get_running_loop()
        while True:
            octets = await asyncio.wait_for(loop.sock_recv(self.socket, 65535), DEADLINE_S)
            message = parse(octets)
            if matches(message):
                return message

    async def request(self, method: str) -> SipMessage:
        return await self.got(lambda m: m.is_request and m.method == method)

    async def response(self, code: int, method: str = "INVITE") -> SipMessage:
        return await self.got(lambda m: m.code == code and m.method == method)

    async def answered(self, request: SipMessage) -> SipMessage:
        """The final response to a request that is sent now."""
        self.send(request)
        number = request.get("CSeq")
        return await self.got(lambda m: m.code >= 200 and m.get("CSeq") == number)

    def asks(
        self,
        method: str,
        *,
        sdp: str = "",
        number: int = 1,
        of: tuple[SipMessage, SipMessage] | None = None,
        extra: dict[str, str] | None = None,
    ) -> SipMessage:
        """A request, unsent; ``of`` are INVITE and 200 of a dialog that this peer began."""
        host, port = self.exchange.local
        invite, answer = of or (None, None)
        headers = [
            ("Via", f"SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{secrets.token_hex(6)}"),
            ("Max-Forwards", "70"),
            ("From", invite.get("From") if invite else f'"A, B" <sip:+44@{self.host}>;tag={secrets.token_hex(4)}'),
            ("To", answer.get("To") if answer else f"<sip:1001@{host}>"),
            ("Call-ID", invite.get("Call-ID") if invite else secrets.token_hex(8)),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:peer@{self.host}:{self.port}>"),
            *(extra or {}).items(),
        ]
        if sdp:
            headers.append(("Content-Type", "application/sdp"))
        return SipMessage(f"{method} sip:1001@{host}:{port} SIP/2.0", headers, sdp.encode())

    def answers(
        self, request: SipMessage, code: int, *, sdp: str = "", tag: str = "peer", extra: dict[str, str] | None = None
    ) -> None:
        message = SipMessage(f"SIP/2.0 {code} Reason")
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            message.headers += [(name, value) for value in request.values(name)]
        if code > 100:
            message.set("To", f"{message.get('To')};tag={tag}")
        message.add("Contact", f"<sip:peer@{self.host}:{self.port}>")
        for name, value in (extra or {}).items():
            message.headers += [(name, one) for one in value.split("\n")]
        if sdp:
            message.add("Content-Type", "application/sdp")
            message.body = sdp.encode()
        self.send(message)

    async def calls(self, sdp: str = SDP) -> tuple[SipMessage, SipMessage]:
        """A call to the exchange that is up: INVITE and 200."""
        invite = self.asks("INVITE", sdp=sdp)
        answer = await self.answered(invite)
        assert answer.code == 200
        self.send(self.asks("ACK", of=(invite, answer)))
        return invite, answer


class One:
    """One exchange, whose calls are answered at once, and a raw peer."""

    def __init__(self) -> None:
        self.engine = StandInEngine()
        self.exchange = LightExchange(CUSTOMERS, self.engine)
        self.came: list[IncomingCall] = []
        self.taking: Callable[[IncomingCall], Any] = lambda call: call.answer()
        self.peer: RawPeer

    async def start(self) -> None:
        await self.exchange.start()
        self.peer = RawPeer(self.exchange)
        self.exchange.on_incoming = self._incoming

    def _incoming(self, call: IncomingCall) -> None:
        self.came.append(call)
        self.taking(call)

    def dial(self, **keywords: Any) -> Any:
        place = self.peer.host, self.peer.port
        return self.exchange.dial("+34600111222", f"sip:+44@{place[0]}:{place[1]}", place, **keywords)


def faced(flow: Callable[[One], Coroutine[Any, Any, None]]) -> None:
    """Run a flow; nothing may go wrong in the loop, and no call be left."""
    troubles: list[str] = []

    async def whole() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(str(context)))
        one = One()
        await one.start()
        try:
            await asyncio.wait_for(flow(one), 600)
            assert one.exchange.calls == 0
            assert one.engine.left() == 0
        finally:
            one.peer.socket.close()
            await one.exchange.close()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(whole())
    assert troubles == []
