"""What the engine tells. ``_at`` are s of CLOCK_MONOTONIC; arrival is when the kernel had the packet."""

from __future__ import annotations

from dataclasses import dataclass

from harness.load.records import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class StampCount:
    """Packets of one party of one call that a stream heard.

    ``lost`` are stamp numbers missing between the first and the last heard: what was lost end to end, whatever the PBX
    did to RTP sequence numbers; what a PBX held back on purpose (music on hold) is in it. Delays are from the
    sender's clock reading to the kernel here, both on one machine.
    """

    call: int
    party: Party
    packets: int
    lost: int
    first_at: float
    last_at: float
    delay_mean_ms: float
    delay_max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneCount:
    """One party of one call that a stream heard by its tones, in sound without stamps.

    ``frames`` of 20 ms are those in which it was heard, to whole symbols of 60 ms; ``listened`` are those that were
    listened to between its first and its last (Opus is listened to for 0.6 s in 3 s), ``longest_gap_ms`` is the longest
    of them without it. It is told once it has been heard for about a second.
    """

    call: int
    party: Party
    frames: int
    listened: int
    longest_gap_ms: float
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """A key press heard (RFC 4733). ``duration_ms`` is what its last packet said; ``ended``: by a packet with E bit."""

    digit: str
    at: float
    duration_ms: float
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FarReport:
    """The far end's last RTCP report on what we sent."""

    reports: int
    lost_share: float
    """Since its report before, 0 to 1."""
    lost: int
    """In all; negative when it counts duplicates."""
    jitter_ms: float
    round_trip_ms: float | None
    """RFC 3550 section 6.4.1; None: it has had no report of ours yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """A stream so far (RFC 3550; ``lost`` is by sequence numbers of each source)."""

    ssrc: int
    sent: int
    sent_digits: int
    send_failed: int
    skipped: int
    """Packets left out because the engine was behind by 0.4 s."""
    received: int
    expected: int
    lost: int
    late: int
    """Came too late for a jitter buffer of the given depth that begins with the first packet. It begins anew with a
    marker bit, after ten late packets in a row, and when timestamps jump by more than 1 s."""
    duplicated: int
    reordered: int
    longest_burst: int
    """Most packets lost or late in a row."""
    jitter_ms: float
    """Interarrival jitter (RFC 3550 section 6.4.1) of the source heard last, as it stands."""
    jitter_max_ms: float
    first_at: float | None
    last_at: float | None
    sources: int
    """SSRCs heard, one after another or at once."""
    clock_jumps: int
    """How often a source's timestamps jumped by more than 1 s against the time of arrival."""
    malformed: int
    undecryptable: int
    elsewhere: int
    """Came from another address than packets are sent to."""
    other_payload: int
    """Of a payload type that was not agreed on."""
    unstamped: int
    """Audio without a stamp: a prompt, music, what was transcoded."""
    receive_drops: int
    """Dropped by the kernel because the receive buffer was full."""
    stamps: tuple[StampCount, ...]
    tones: tuple[ToneCount, ...] = ()
    tones_listened_s: float = 0.0
    """Sound without stamps that was listened to."""
    digits: tuple[Digit, ...]
    far: FarReport | None
    """None: nothing came."""
    kept: bytes = b""
    """Payloads that were kept, for ``kept``; only in the last report."""

    @property
    def digit_text(self) -> str:
        """The keys heard, in order."""
        return "".join(digit.digit for digit in self.digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHealth:
    """An engine since the last look."""

    streams: int
    """Open now."""
    packets_sent: int
    packets_received: int
    send_late_ms: float
    """Largest delay of an RTP packet behind its time."""
    send_late_p99_ms: float
    """To 0.1 ms, up to 25.6 ms."""
    late_share: float
    """Share of packets sent more than 5 ms late."""
    skipped: int
    send_failed: int
    receive_drops: int
    """Dropped by the kernel because a stream's receive buffer was full."""
    backlog_drops: int
    """Dropped by the kernel before any socket, on the whole machine."""
    cpu_s: float
    """Of the engine's thread, kernel included."""
    events_lost: int
    """What was heard first, but not told, because nobody had looked for too long."""
