"""What light phones want of a media engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from harness.load.records import Party
from simulators.light_phones.sdp import Codec

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What was agreed on for a stream, and what stamps its packets.

    ``remote_rtcp``: where the far end wants RTCP; the same as ``remote`` when both share a port (RFC 5761), None: the
    port after it. Addresses are IPv4. ``payload_type`` and ``event_payload_type`` are the far end's numbers, of the
    codec and of telephone-event (None: it takes none); packets are of 20 ms. The keys are master key and salt of
    AES_CM_128_HMAC_SHA1_80 (RFC 4568), 30 octets; empty: plain RTP. With ``tones`` the voice says call and party in
    tones, which outlive another codec, and what comes without a stamp is listened to for such. Without ``stamps``
    packets are as if they had been coded anew on the way; it is for measuring.
    """

    remote: Address
    remote_rtcp: Address | None
    codec: Codec
    payload_type: int
    event_payload_type: int | None
    event_clock_hz: int
    send_key: bytes
    receive_key: bytes
    call: int
    party: Party
    jitter_buffer_ms: int
    tones: bool = False
    stamps: bool = True


class Stream(Protocol):
    """One party's RTP: its ports are open from the beginning, packets flow from ``start`` on."""

    @property
    def port(self) -> int: ...
    @property
    def rtcp_port(self) -> int: ...
    @property
    def ssrc(self) -> int: ...
    def start(self, settings: StreamSettings, /) -> None:
        """May be called again: a re-INVITE has changed something."""

    def send_digits(self, digits: str) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def report(self) -> Any:
        """What was sent and heard until now."""

    def close(self) -> Any:
        """The report of what was sent and heard."""


class MediaEngine(Protocol):
    """Makes streams, all at one address."""

    def open(self) -> Stream: ...
