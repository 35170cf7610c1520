"""What a stream is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.load.records import Party

Address = tuple[str, int]
"""IPv4 address and port."""


class Agreed(Protocol):
    """What was agreed on for a stream, and what stamps its packets; whoever speaks SIP brings it."""

    @property
    def remote(self) -> Address:
        """Where RTP goes."""

    @property
    def remote_rtcp(self) -> Address | None:
        """Where RTCP goes: ``remote`` itself when both share a port (RFC 5761), None: the port after it."""

    @property
    def codec(self) -> str:
        """``opus``, ``pcmu`` or ``pcma``; always packets of 20 ms."""

    @property
    def payload_type(self) -> int: ...

    @property
    def event_payload_type(self) -> int | None:
        """Of telephone-event; None: not agreed on."""

    @property
    def event_clock_hz(self) -> int: ...

    @property
    def send_key(self) -> bytes:
        """Key and salt of AES_CM_128_HMAC_SHA1_80 (RFC 4568), 30 octets; empty: plain RTP."""

    @property
    def receive_key(self) -> bytes: ...

    @property
    def call(self) -> int:
        """Number of the call, 32 bit, in each packet that is sent."""

    @property
    def party(self) -> Party:
        """Who speaks; each party has a voice of its own."""

    @property
    def jitter_buffer_ms(self) -> int:
        """Depth of the jitter buffer by which packets are judged late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """An ``Agreed``."""

    remote: Address
    call: int
    party: Party
    remote_rtcp: Address | None = None
    codec: str = "opus"
    payload_type: int = 111
    event_payload_type: int | None = 126
    event_clock_hz: int = 8000
    send_key: bytes = b""
    receive_key: bytes = b""
    jitter_buffer_ms: int = 60
