"""One OPTIONS to the PBX, the question whether anybody is there (RFC 3261 section 11)."""

from __future__ import annotations

import socket
import uuid
from contextlib import closing
from time import monotonic

RETRANSMIT_S = 0.1
DATAGRAM_BYTES = 65_535


def sip_status(source: str, host: str, port: int, timeout_s: float) -> int:
    """Status code that ``host:port`` answers to an OPTIONS over UDP from ``source``; 0 when it does not."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as endpoint:
        endpoint.bind((source, 0))
        local = f"{source}:{endpoint.getsockname()[1]}"
        request = (
            f"OPTIONS sip:{host}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {local};branch=z9hG4bK{uuid.uuid4().hex};rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:trunkproof@{local}>;tag={uuid.uuid4().hex[:8]}\r\n"
            f"To: <sip:{host}:{port}>\r\n"
            f"Call-ID: {uuid.uuid4().hex}\r\n"
            "CSeq: 1 OPTIONS\r\n"
            f"Contact: <sip:trunkproof@{local}>\r\n"
            "Accept: application/sdp\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        # Connected, so that a closed port is told by ICMP and not by silence.
        endpoint.connect((host, port))
        endpoint.settimeout(RETRANSMIT_S)
        deadline = monotonic() + timeout_s
        while monotonic() < deadline:
            try:
                endpoint.send(request)
                answer = endpoint.recv(DATAGRAM_BYTES)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                return 0
            version, _, rest = answer.partition(b" ")
            code = rest[:3]
            if version == b"SIP/2.0" and code.isdigit():
                return int(code)
    return 0
