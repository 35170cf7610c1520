"""A recording session as the client sees it: INVITE, UPDATE, BYE over UDP (RFC 3261, RFC 7866 section 6.1)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Mapping

from harness.sip.message import MalformedMessageError, SipMessage, answer_to, check_headers, parameter, parse

T1_S = 0.5
T2_S = 4.0
GIVE_UP_S = 64 * T1_S
_BOUNDARY = "recording-7866"
_AUDIO = re.compile(rb"^m=audio (\d+) ", re.MULTILINE)
_CONNECTION = re.compile(rb"^c=IN IP4 (\S+)", re.MULTILINE)


class ServerRefused(Exception):
    """The recording server does not record; one line that says why."""


class Agent:
    """The client's SIP side: one UDP socket for all its sessions, and responses to who asked."""

    def __init__(self) -> None:
        self.address: tuple[str, int] = ("", 0)
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[str, asyncio.Queue[SipMessage]] = {}

    async def open(self, address: str) -> None:
        """Bind an ephemeral port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(address, 0))
        self.address = self._transport.get_extra_info("sockname")[:2]

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    async def ask(self, request: SipMessage, server: tuple[str, int]) -> SipMessage:
        """The final response to a request, sent again until one comes. Raises ServerRefused after 32 s."""
        branch = request.branch
        responses = self._waiting.setdefault(branch, asyncio.Queue())
        loop = asyncio.get_running_loop()
        until, interval_s, quiet = loop.time() + GIVE_UP_S, T1_S, False
        try:
            while (left_s := until - loop.time()) > 0:
                if not quiet:
                    self.send(request, server)
                with contextlib.suppress(TimeoutError):
                    response = await asyncio.wait_for(responses.get(), left_s if quiet else min(interval_s, left_s))
                    if response.code >= 200:
                        return response
                    # A provisional response ends the repeating of INVITE (section 17.1.1.2).
                    quiet = request.method == "INVITE"
                interval_s = min(2 * interval_s, T2_S)
            raise ServerRefused(f"the recording server at {server[0]}:{server[1]} does not answer {request.method}")
        finally:
            del self._waiting[branch]

    def send(self, message: SipMessage, server: tuple[str, int]) -> None:
        """Send a message."""
        if self._transport is not None:
            self._transport.sendto(message.to_bytes(), server)

    def received(self, octets: bytes, source: tuple[str, int]) -> None:
        """What came in: responses go to who waits, requests have no session here that takes them."""
        try:
            message = parse(octets)
            check_headers(message)
        except MalformedMessageError:
            return
        if not message.is_request:
            if message.branch in self._waiting:
                self._waiting[message.branch].put_nowait(message)
        elif message.method == "OPTIONS":
            self.send(answer_to(message, 200, "OK"), source)
        elif message.method != "ACK":
            self.send(answer_to(message, 481, "Call/Transaction Does Not Exist"), source)


class RecordingSession:
    """One dialog with the recording server. ``ports`` are where each label's RTP must go, once it has begun."""

    def __init__(self, agent: Agent, server: tuple[str, int]) -> None:
        self._agent = agent
        self._server = server
        self._call_id = f"{secrets.token_hex(8)}@{agent.address[0]}"
        self._tag = secrets.token_hex(4)
        self._to_tag = ""
        self._number = 0
        self.host = server[0]
        self.ports: Mapping[str, int] = {}

    async def begin(self, media: Mapping[str, int], metadata: bytes, *, required: bool = True) -> None:
        """INVITE with an offer of one stream per label; ``media`` are local ports by label. Raises ServerRefused.

        Without ``required`` the server is not told that this is SIPREC, which it must be.
        """
        request = self._request("INVITE", _mixed(_offer(self._agent.address[0], media), metadata))
        request.add("Content-Type", f'multipart/mixed;boundary="{_BOUNDARY}"')
        if required:
            request.add("Require", "siprec")
        request.add("Accept", "application/sdp, application/rs-metadata-request")
        response = await self._agent.ask(request, self._server)
        self._to_tag = parameter(response.get("To"), "tag")
        acknowledged = self._request("ACK", number=self._number)
        if response.code >= 300:
            # The ACK of a refusal belongs to its transaction (RFC 3261 section 17.1.1.3).
            acknowledged.set("Via", request.get("Via"))
        self._agent.send(acknowledged, self._server)
        if response.code >= 300:
            warning = response.get("Warning").partition('"')[2].rstrip('"')
            raise ServerRefused(f"{response.first_line.removeprefix('SIP/2.0 ')}{': ' if warning else ''}{warning}")
        ports = [int(port) for port in _AUDIO.findall(response.body)]
        if len(ports) != len(media) or not all(ports):
            raise ServerRefused(f"the answer takes {sum(map(bool, ports))} of {len(media)} streams")
        if address := _CONNECTION.search(response.body):
            self.host = address[1].decode("ascii", "replace")
        self.ports = dict(zip(media, ports, strict=True))

    async def tell(self, metadata: bytes) -> None:
        """UPDATE with metadata. Raises ServerRefused."""
        request = self._request("UPDATE", metadata)
        request.add("Content-Type", "application/rs-metadata+xml")
        request.add("Content-Disposition", "recording-session")
        response = await self._agent.ask(request, self._server)
        if response.code >= 300:
            raise ServerRefused(f"metadata: {response.first_line.removeprefix('SIP/2.0 ')}")

    async def end(self) -> None:
        """BYE; an answer that does not come changes nothing."""
        with contextlib.suppress(ServerRefused):
            await self._agent.ask(self._request("BYE"), self._server)

    def _request(self, method: str, body: bytes = b"", *, number: int = 0) -> SipMessage:
        if not number:
            self._number += 1
        host, port = self._agent.address
        request = SipMessage(f"{method} sip:recorder@{self._server[0]}:{self._server[1]} SIP/2.0")
        request.headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:pbx@{host}>;tag={self._tag}"),
            ("To", f"<sip:recorder@{self._server[0]}>{f';tag={self._to_tag}' if self._to_tag else ''}"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{number or self._number} {method}"),
            ("Contact", f"<sip:pbx@{host}:{port}>;+sip.src"),
        ]
        request.body = body
        return request


def _offer(address: str, media: Mapping[str, int]) -> bytes:
    lines = ["v=0", "o=pbx 1 1 IN IP4 " + address, "s=-", "c=IN IP4 " + address, "t=0 0"]
    for label, port in media.items():
        lines += [f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a=label:{label}", "a=sendonly"]
    return "\r\n".join([*lines, ""]).encode()


def _mixed(sdp: bytes, metadata: bytes) -> bytes:
    begin = f"--{_BOUNDARY}\r\n".encode()
    return b"".join(
        [
            begin,
            b"Content-Type: application/sdp\r\n\r\n",
            sdp,
            b"\r\n",
            begin,
            b"Content-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n",
            metadata,
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        ]
    )


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._agent.received(data, addr[:2])
