"""A raw SIP peer for tests: plays the PBX or the customer's phone over a real socket, line by line."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable
from time import monotonic

from harness.sip.framing import StreamFramer
from harness.sip.message import SipMessage, parse

DEADLINE_S = 4.0

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.12.9\r\ns=-\r\nc=IN IP4 127.0.12.9\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 96 0 8 9 120\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:120 telephone-event/8000\r\na=sendrecv\r\n"
)
ANSWER_SDP = (
    "v=0\r\no=- 2 2 IN IP4 127.0.12.8\r\ns=-\r\nc=IN IP4 127.0.12.8\r\nt=0 0\r\n"
    "m=audio 41000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
)


class SipPeer:
    """One UDP socket, or one TCP connection (``SipPeer.tcp_listen``). Every wait has a deadline."""

    def __init__(self, address: str, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self.address, self.port = self._socket.getsockname()
        self.transport = "UDP"
        self.trunk: tuple[str, int] = ("", 0)
        self._waiting: list[SipMessage] = []

    def close(self) -> None:
        self._socket.close()

    # Wire

    def send(self, message: SipMessage) -> None:
        self.send_octets(message.to_bytes())

    def send_octets(self, octets: bytes) -> None:
        self._socket.sendto(octets, self.trunk)

    def _read(self, deadline: float) -> list[SipMessage]:
        self._socket.settimeout(max(0.001, deadline - monotonic()))
        octets, source = self._socket.recvfrom(65535)
        if not self.trunk[0]:
            self.trunk = source
        return [parse(octets)]

    def receive(self, what: str, matches: Callable[[SipMessage], bool], timeout_s: float = DEADLINE_S) -> SipMessage:
        """The next message that matches; others stay for later."""
        deadline = monotonic() + timeout_s
        while True:
            for message in self._waiting:
                if matches(message):
                    self._waiting.remove(message)
                    return message
            if monotonic() >= deadline:
                seen = [message.first_line for message in self._waiting]
                raise AssertionError(f"no {what} within {timeout_s} s; there were {seen}")
            with contextlib.suppress(TimeoutError):
                self._waiting += self._read(deadline)

    def request(self, method: str, timeout_s: float = DEADLINE_S) -> SipMessage:
        """The next request of a method."""
        return self.receive(method, lambda m: m.is_request and m.method == method, timeout_s)

    def response(self, code: int, method: str = "INVITE", timeout_s: float = DEADLINE_S) -> SipMessage:
        """The next response with a code."""
        return self.receive(f"{code} to {method}", lambda m: m.code == code and m.method == method, timeout_s)

    def nothing(self, timeout_s: float, unless: Callable[[SipMessage], bool]) -> None:
        """Nothing that matches comes within a time."""
        with contextlib.suppress(AssertionError):
            found = self.receive("nothing", unless, timeout_s)
            raise RuntimeError(f"{found.first_line} came")

    # Messages

    def invite(
        self, user: str, called: str, *, display: str = "", sdp: str = SDP, extra: dict[str, str] | None = None
    ) -> SipMessage:
        """An INVITE from this peer, unsent."""
        name = f'"{display}" ' if display else ""
        headers = [
            ("Via", self._via()),
            ("Max-Forwards", "70"),
            ("From", f"{name}<sip:{user}@{self.address}>;tag={secrets.token_hex(4)}"),
            ("To", f"<sip:{called}@{self.trunk[0]}>"),
            ("Call-ID", secrets.token_hex(8)),
            ("CSeq", "1 INVITE"),
            ("Contact", self.contact(user)),
        ]
        headers += list((extra or {}).items())
        if sdp:
            headers.append(("Content-Type", "application/sdp"))
        return SipMessage(f"INVITE sip:{called}@{self.trunk[0]}:{self.trunk[1]} SIP/2.0", headers, sdp.encode())

    def contact(self, user: str = "peer") -> str:
        suffix = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"<sip:{user}@{self.address}:{self.port}{suffix}>"

    def _via(self) -> str:
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        return f"SIP/2.0/{self.transport} {self.address}:{self.port};rport;branch={branch}"

    def answer(
        self,
        request: SipMessage,
        code: int,
        reason: str = "Reason",
        *,
        sdp: str = "",
        tag: str = "peer",
        extra: dict[str, str] | None = None,
    ) -> None:
        """Send a response to a request."""
        response = SipMessage(f"SIP/2.0 {code} {reason}")
        for name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq"):
            response.headers += [(name, value) for value in request.values(name)]
        if code > 100 and ";tag=" not in response.get("To"):
            response.set("To", f"{response.get('To')};tag={tag}")
        response.add("Contact", self.contact())
        response.headers += list((extra or {}).items())
        if sdp:
            response.add("Content-Type", "application/sdp")
            response.body = sdp.encode()
        self.send(response)

    def acknowledge(self, invite: SipMessage, response: SipMessage) -> None:
        """ACK a final response."""
        self.send(self.acknowledgement(invite, response))

    def acknowledgement(self, invite: SipMessage, response: SipMessage) -> SipMessage:
        """The ACK to a final response, unsent."""
        ack = self._of_dialog(invite, response, "ACK")
        if response.code >= 300:
            ack.set("Via", invite.get("Via"))
            ack.first_line = f"ACK {invite.request_uri} SIP/2.0"
        ack.set("CSeq", f"{invite.get('CSeq').split()[0]} ACK")
        return ack

    def cancel(self, invite: SipMessage) -> None:
        headers = [(n, v) for n, v in invite.headers if n in ("Via", "Max-Forwards", "From", "To", "Call-ID")]
        headers.append(("CSeq", f"{invite.get('CSeq').split()[0]} CANCEL"))
        self.send(SipMessage(f"CANCEL {invite.request_uri} SIP/2.0", headers))

    def in_dialog(self, invite: SipMessage, response: SipMessage, method: str, *, sdp: str = "") -> SipMessage:
        """Send a request in the dialog that this peer's INVITE made."""
        request = self._of_dialog(invite, response, method)
        return self._finish(request, sdp)

    def in_their_dialog(
        self, invite: SipMessage, method: str, *, sdp: str = "", tag: str = "peer", number: int = 50
    ) -> SipMessage:
        """Send a request in the dialog that the trunk's INVITE made."""
        uri = invite.get("Contact").partition("<")[2].partition(">")[0]
        request = SipMessage(
            f"{method} {uri} SIP/2.0",
            [
                ("Via", self._via()),
                ("Max-Forwards", "70"),
                ("From", f"{invite.get('To')};tag={tag}"),
                ("To", invite.get("From")),
                ("Call-ID", invite.get("Call-ID")),
                ("CSeq", f"{number} {method}"),
                ("Contact", self.contact()),
            ],
        )
        return self._finish(request, sdp)

    def _finish(self, request: SipMessage, sdp: str) -> SipMessage:
        if sdp:
            request.add("Content-Type", "application/sdp")
            request.body = sdp.encode()
        self.send(request)
        return request

    def _of_dialog(self, invite: SipMessage, response: SipMessage, method: str) -> SipMessage:
        target = response.get("Contact").partition("<")[2].partition(">")[0] or invite.request_uri
        number = int(invite.get("CSeq").split()[0]) + 1
        return SipMessage(
            f"{method} {target} SIP/2.0",
            [
                ("Via", self._via()),
                ("Max-Forwards", "70"),
                ("From", invite.get("From")),
                ("To", response.get("To")),
                ("Call-ID", invite.get("Call-ID")),
                ("CSeq", f"{number} {method}"),
                ("Contact", self.contact()),
            ],
        )


class TcpPeer(SipPeer):
    """A PBX on TCP: listens, takes the trunk's connection when a message is first waited for."""

    def __init__(self, address: str, port: int = 0) -> None:
        super().__init__(address, port)
        self._socket.close()
        self._listener = socket.create_server((address, port))
        self.address, self.port = self._listener.getsockname()
        self.transport = "TCP"
        self._connection: socket.socket | None = None
        self._framer = StreamFramer()
        self.accepted = 0

    def connect(self) -> None:
        """Open a connection to the trunk, as a PBX does for its own calls."""
        self._connection = socket.create_connection(self.trunk, DEADLINE_S, (self.address, 0))
        self._framer = StreamFramer()

    def hang_up_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        self.hang_up_connection()
        self._listener.close()

    def send_octets(self, octets: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(octets)

    def _read(self, deadline: float) -> list[SipMessage]:
        if self._connection is None:
            self._listener.settimeout(max(0.001, deadline - monotonic()))
            self._connection, _ = self._listener.accept()
            self._framer = StreamFramer()
            self.accepted += 1
        self._connection.settimeout(max(0.001, deadline - monotonic()))
        octets = self._connection.recv(65535)
        if not octets:
            self._connection = None
            return []
        return [parse(message) for message in self._framer.feed(octets)]
