"""A recording client (SRC) by the text of RFC 7866 and 7865, on plain sockets: it shares no code with the server."""

from __future__ import annotations

import io
import re
import secrets
import socket
import struct
import time
from dataclasses import dataclass, field

import numpy as np
import soundfile

WAIT_S = 5.0
BOUNDARY = "foobar-7866"
PACKET = 160


@dataclass
class Told:
    """What the metadata says: participants by id, and the label that each sends."""

    participants: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "customer": ("sip:+34612345678@whatsapp.invalid", "Ana"),
            "agent": ("sip:1001@pbx.invalid", "Noor"),
        }
    )
    sends: dict[str, str] = field(default_factory=lambda: {"customer": "1", "agent": "2"})
    mode: str = "complete"
    stop: str = ""

    def xml(self) -> str:
        labels = sorted({"1", "2", *self.sends.values()})
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:call="urn:example:call">',
            f"<datamode>{self.mode}</datamode>",
            '<session session_id="hVpd7YQgRW2nD22h7q60JQ=="><sipSessionID>ab30317f1a784dc48ff824d0d3715d86;'
            "remote=47755a9de7794ba387653f2099600ef2</sipSessionID>"
            f"<start-time>2026-11-28T12:00:00Z</start-time>{self.stop}</session>",
        ]
        for each, (aor, name) in self.participants.items():
            lines += [
                f'<participant participant_id="{each}"><nameID aor="{aor}"><name xml:lang="en">{name}</name></nameID>'
                f"<call:queue>support</call:queue></participant>",
                f'<participantsessionassoc participant_id="{each}" session_id="hVpd7YQgRW2nD22h7q60JQ==">'
                "<associate-time>2026-11-28T12:00:00Z</associate-time></participantsessionassoc>",
            ]
            if each in self.sends:
                received = "".join(f"<recv>stream-{n}</recv>" for n in labels if n != self.sends[each])
                lines.append(
                    f'<participantstreamassoc participant_id="{each}"><send>stream-{self.sends[each]}</send>'
                    f"{received}</participantstreamassoc>"
                )
        if self.mode == "complete":
            lines += [
                f'<stream stream_id="stream-{n}" session_id="hVpd7YQgRW2nD22h7q60JQ=="><label>{n}</label></stream>'
                for n in labels
            ]
        return "\r\n".join([*lines, "</recording>"])


def offer(ports: dict[str, int], *, address: str, direction: str = "sendonly", codec: str = "0 PCMU") -> str:
    """An offer with one m-line per label."""
    payload_type, name = codec.split()
    lines = ["v=0", f"o=src 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    for label, port in ports.items():
        lines += [
            f"m=audio {port} RTP/AVP {payload_type} 101",
            f"a=rtpmap:{payload_type} {name}/8000",
            "a=rtpmap:101 telephone-event/8000",
            f"a=label:{label}",
            f"a={direction}",
        ]
    return "\r\n".join(lines) + "\r\n"


def mixed(sdp: str, xml: str | None, *, disposition: str = "recording-session") -> bytes:
    """Offer and metadata as one body."""
    parts = [f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n"]
    if xml is not None:
        parts.append(
            f"--{BOUNDARY}\r\nContent-Type: application/rs-metadata+xml\r\n"
            f"Content-Disposition: {disposition}\r\n\r\n{xml}\r\n"
        )
    return "".join([*parts, f"--{BOUNDARY}--\r\n"]).encode()


MIXED_TYPE = f'multipart/mixed;boundary="{BOUNDARY}"'


def encoded(samples: np.ndarray, subtype: str = "ULAW") -> bytes:
    """Speech at 8000 Hz in G.711."""
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="RAW", subtype=subtype)
    return file.getvalue()


def rtp(
    sequence: int, timestamp: int, source: int, payload: bytes, payload_type: int = 0, marker: bool = False
) -> bytes:
    head = struct.pack("!BBHII", 0x80, payload_type | (marker << 7), sequence % 65_536, timestamp % (1 << 32), source)
    return head + payload


class Response:
    def __init__(self, octets: bytes) -> None:
        head, _, self.body = octets.partition(b"\r\n\r\n")
        self.head = head.decode()

    @property
    def code(self) -> int:
        return int(self.head.split()[1])

    def header(self, name: str) -> str:
        found = re.search(rf"^{name}: ?(.*?)\r?$", self.head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""

    @property
    def rtp_ports(self) -> list[int]:
        return [int(port) for port in re.findall(rb"^m=audio (\d+)", self.body, re.MULTILINE)]


class RecordingClient:
    """One recording session of a client, over UDP or TCP."""

    def __init__(self, server: tuple[str, int], address: str, transport: str = "udp") -> None:
        self.server, self.address, self.transport = server, address, transport
        if transport == "udp":
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((address, 0))
            self.socket.connect(server)
        else:
            self.socket = socket.create_connection(server, timeout=WAIT_S, source_address=(address, 0))
        self.socket.settimeout(WAIT_S)
        self.call_id = secrets.token_hex(8)
        self.tag = secrets.token_hex(4)
        self.to_tag = ""
        self.number = 0
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind((address, 0))
        self._pending = b""

    def close(self) -> None:
        self.socket.close()
        self.media.close()

    def __enter__(self) -> RecordingClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self,
        method: str,
        body: bytes = b"",
        *,
        require: str = "siprec",
        contact: str = ";+sip.src",
        content_type: str = MIXED_TYPE,
        number: int | None = None,
    ) -> bytes:
        self.number = self.number + 1 if number is None else number
        host, port = self.socket.getsockname()
        to_tag = f";tag={self.to_tag}" if self.to_tag else ""
        lines = [
            f"{method} sip:recorder@{self.server[0]}:{self.server[1]} SIP/2.0",
            f"Via: SIP/2.0/{self.transport.upper()} {host}:{port};branch=z9hG4bK{secrets.token_hex(6)};rport",
            "Max-Forwards: 70",
            f"From: <sip:src@{host}>;tag={self.tag}",
            f"To: <sip:recorder@{self.server[0]}>{to_tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.number} {method}",
            f"Contact: <sip:src@{host}:{port};transport={self.transport}>{contact}",
        ]
        if require:
            lines.append(f"Require: {require}")
        if body:
            lines.append(f"Content-Type: {content_type}")
        return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])).encode() + body

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def response(self) -> Response:
        if self.transport == "udp":
            return Response(self.socket.recv(65_535))
        while True:
            head, end, rest = self._pending.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: ?(\d+)", head)
            if end and length and len(rest) >= int(length[1]):
                self._pending = rest[int(length[1]) :]
                return Response(head + end + rest[: int(length[1])])
            octets = self.socket.recv(65_535)
            if not octets:
                raise ConnectionError("the server closed the connection")
            self._pending += octets

    def ask(self, method: str, body: bytes = b"", **how: object) -> Response:
        self.send(self.request(method, body, **how))  # type: ignore[arg-type]
        # A response to an earlier INVITE may come once more in between.
        wanted = f"{how.get('number') or self.number} {method}"
        while (response := self.response()).header("CSeq") != wanted:
            pass
        return response

    def invite(self, body: bytes, *, ack: bool = True, **how: object) -> Response:
        """INVITE, its final response and ACK."""
        response = self.ask("INVITE", body, **how)
        if response.code == 200:
            self.to_tag = response.header("To").partition("tag=")[2]
        if ack:
            self.send(self.request("ACK", require="", number=self.number))
        return response

    def record(self, told: Told | None = None, *, codec: str = "0 PCMU", **how: object) -> Response:
        """Begin a session with two streams, labels 1 and 2."""
        port = self.media.getsockname()[1]
        sdp = offer({"1": port, "2": port}, address=self.address, codec=codec)
        return self.invite(mixed(sdp, (told or Told()).xml()), **how)

    def bye(self) -> Response:
        return self.ask("BYE", require="")

    def play(self, streams: dict[int, bytes], *, payload_type: int = 0, first: int = 65_530, at_tick: int = 0) -> None:
        """Send each port its speech in packets of 20 ms, in real time."""
        for port, packets in streams.items():
            assert len(packets) % PACKET == 0, port
        rows = []
        for n in range(max(len(octets) for octets in streams.values()) // PACKET):
            tick = (1 << 32) - 800 + at_tick + n * PACKET
            number = first + at_tick // PACKET + n
            rows.append(
                [
                    (port, rtp(number, tick, port, octets[n * PACKET : (n + 1) * PACKET], payload_type))
                    for port, octets in streams.items()
                    if len(octets) > n * PACKET
                ]
            )
        self._pace(rows)

    def pace(self, port: int, packets: list[list[bytes]]) -> None:
        """Send a port these packets, a handful every 20 ms."""
        self._pace([[(port, packet) for packet in row] for row in packets])

    def _pace(self, rows: list[list[tuple[int, bytes]]]) -> None:
        begin = time.monotonic()
        for n, row in enumerate(rows):
            # RTP is paced by the clock; nothing is waited for here.
            time.sleep(max(0.0, begin + n * 0.02 - time.monotonic()))
            for port, packet in row:
                self.media.sendto(packet, (self.server[0], port))
