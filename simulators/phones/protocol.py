"""Commands and events of the phones process: customers' apps and agents' softphones alike.

A *phone* is a SIP user agent with its own address; a *call* is one dialog of it, named by the harness
(outgoing) or by the process (incoming). Audio is WAV, mono, 16 bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.messages import Command, Event

ICE_DONE = "Negotiation Success"
"""pjnath's words for it, in the reply to MediaSecurity."""


class Codec(StrEnum):
    """Codecs a trunk may carry, by their RTP encoding names (in lower case)."""

    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"
    G722 = "g722"


class MediaEncryption(StrEnum):
    """How a phone protects its RTP: not at all, or SRTP with keys in the SDP (RFC 4568) or from DTLS (RFC 5764)."""

    NONE = "none"
    SDES = "sdes"
    DTLS = "dtls"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhonesConfig:
    """What a phones process needs to start. ``directory`` receives recordings and the SIP log."""

    name: str
    directory: str
    max_calls: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Where and as whom a softphone registers (RFC 3261 section 10)."""

    registrar: str
    """``host:port`` of the registrar."""
    username: str
    password: str
    transport: str = "udp"
    expires_s: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadTypes:
    """Numbers in a phone's offers: Opus's, and the clock rate in Hz of each telephone-event (RFC 4733)."""

    opus: int = 111
    events: tuple[tuple[int, int], ...] = ((126, 8000),)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    """A phone as it is switched on.

    ``address`` is the local IP that SIP and RTP bind to; ports are ephemeral. ``user`` is the user part
    of its address-of-record (an E.164 number with ``+`` or an extension), ``domain`` the host part.
    ``codecs`` in order of preference. ``plays`` is the WAV a call hears from this phone, looped; silence
    (comfort: zero samples, RTP still flows) when empty.

    WhatsApp's app ends a call that brings no media, neither RTP nor RTCP: ``drops_silent_after_s`` after the
    call was confirmed when nothing came since, ``drops_stalled_after_s`` after the last packet when something
    did (Meta, SIP troubleshooting: 20 s and 30 s; 0: never). The second is up to a twentieth late.
    ``one_call_at_a_time``: while a call is up, ringing or being placed, another INVITE gets 486 and no event.
    ``encryption``: with SDES nothing but ``RTP/SAVP`` with AES_CM_128_HMAC_SHA1_80 is offered or taken, with DTLS
    nothing but ``UDP/TLS/RTP/SAVPF``. ``ice``: media waits for its checks (RFC 8445), for which ``address`` must not be
    one of 127.0.0.0/8.
    """

    phone: str
    address: str
    user: str
    domain: str
    display_name: str = ""
    codecs: tuple[Codec, ...] = (Codec.OPUS, Codec.PCMU, Codec.PCMA, Codec.G722)
    plays: str = ""
    registration: Registration | None = None
    drops_silent_after_s: float = 0.0
    drops_stalled_after_s: float = 0.0
    one_call_at_a_time: bool = False
    encryption: MediaEncryption = MediaEncryption.NONE
    payload_types: PayloadTypes = PayloadTypes()
    ice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOn(Command):
    """Create the phone and register it when it has a registration. Reply: its SIP ``ip:port``."""

    settings: PhoneSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOff(Command):
    """End the phone's calls, unregister it, close its transport. Reply: None. Unknown phones are fine.

    An incoming call that is not answered yet gets 480.
    """

    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCall(Command):
    """Call ``uri`` from ``phone``. ``call`` is a name new to the process. Reply: the SIP Call-ID.

    ``codecs`` overrides the phone's own. ``headers`` are added to the INVITE.
    """

    phone: str
    call: str
    uri: str
    codecs: tuple[Codec, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Command):
    """Answer an incoming call with a final or provisional code (180, 183, 200)."""

    call: str
    code: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline(Command):
    """Refuse an incoming call with ``code``."""

    call: str
    code: int = 486


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp(Command):
    """End a call in whatever state: CANCEL, BYE or a refusal. Calls that ended already are fine.

    ``headers`` are added to the request or response. A BYE waits for the ACK that is still due for our 200
    (RFC 3261 section 15).
    """

    call: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigits(Command):
    """Send RFC 4733 events, one after the other. Durations in ms."""

    call: str
    digits: str
    tone_ms: int = 160
    gap_ms: int = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Command):
    """Put a call on hold (re-INVITE, a=sendonly) or take it back."""

    call: str
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Command):
    """Blind transfer (REFER) of a call to ``uri``."""

    call: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Play(Command):
    """Play ``wav`` into a call instead of what it plays now; an empty path means silence."""

    call: str
    wav: str
    loop: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics(Command):
    """Reply: the RtpReport of a call as of now, None when it has no media."""

    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSecurity(Command):
    """Reply: how far ICE and the exchange of keys have come in a call, in words."""

    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Codecs(Command):
    """Reply: tuple of Codec that this build of pjsua2 has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Command):
    """Reply: the PhoneLimits of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneLimits:
    """How many calls may be up at once in a process, and how many phones in service.

    ``published`` tells that pjsua2 is not the one that bootstrap builds, so these are a published wheel's.
    """

    max_calls: int
    max_phones: int
    published: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpReport:
    """RTP and RTCP figures of one call (RFC 3550). Times in ms, sizes in bytes.

    ``received_*`` describe the stream that came in, ``sent_*`` what we sent; ``*_lost`` of the sent
    stream is what the far end reported by RTCP. ``round_trip_ms`` is 0 before the first RTCP exchange.
    Jitter is the mean of the RFC 3550 estimate over the call; both figures mean nothing (and are 0) when
    ``jitter_known`` is false: pjmedia reckons it with Opus's audio rate unless that is 48000 Hz.
    """

    codec: str
    clock_rate_hz: int
    payload_type: int
    ptime_ms: int
    local: str
    remote: str
    received_packets: int
    received_bytes: int
    received_lost: int
    received_discarded: int
    received_reordered: int
    received_jitter_ms: float
    sent_packets: int
    sent_bytes: int
    sent_lost: int
    sent_jitter_ms: float
    round_trip_ms: float
    jitter_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Event):
    """Final answer to a REGISTER: ``code`` 200 when it worked, else the registrar's (408: no answer)."""

    phone: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIncoming(Event):
    """An INVITE came in; it is not answered and 180 has been sent.

    ``from_*`` as in From, ``asserted`` as in P-Asserted-Identity (empty when absent), ``invite`` the
    whole request, decoded as in ``harness.trace``.
    """

    phone: str
    call: str
    call_id: str
    from_user: str
    from_display: str
    asserted: str
    invite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProgress(Event):
    """A provisional response to our INVITE (100, 180, 183)."""

    phone: str
    call: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(Event):
    """This phone sent 200 to an incoming INVITE: the moment at which its user picked up.

    Without an ACK the phone ends the call itself 32 s later (RFC 3261 section 13.3.1.4): BYE, ``CallEnded`` with 408.
    """

    phone: str
    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallConnected(Event):
    """A 200 to an INVITE was received and acknowledged, or sent and the ACK came.

    An INVITE without SDP gets its offer in the 200 and its answer in the ACK (RFC 3261 section 13.2.1): then
    media begins with this event, which can be many seconds after ``CallAnswered`` (RFC 3725 flow I).
    """

    phone: str
    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaActive(Event):
    """Audio flows both ways as far as we are concerned (also before the answer: early media).

    ``recording`` is the WAV in which everything the phone hears in this call is written; sample 0 was
    heard at ``recording_started_at`` (CLOCK_MONOTONIC, s). The file grows while the call lasts: 44 bytes
    of header (sizes valid only after the call), then 16-bit little-endian samples at ``sample_rate_hz``.
    """

    phone: str
    call: str
    codec: str
    recording: str
    recording_started_at: float
    sample_rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitHeard(Event):
    """A DTMF digit was received, once per press. ``duration_ms`` is 0 when the stack does not tell."""

    phone: str
    call: str
    digit: str
    duration_ms: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress(Event):
    """NOTIFY of a transfer (RFC 3515): ``code`` of the new call so far."""

    phone: str
    call: str
    code: int
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSecured(Event):
    """ICE's checks have succeeded, where there is ICE, and SRTP has its keys from DTLS: from now on the phone can be
    heard, and hears. ``suite`` is that of RFC 4568. It is told up to 20 ms late."""

    phone: str
    call: str
    suite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """A call is over. ``code`` is the last status: 200 after a BYE, 487 after CANCEL, else the refusal.

    ``by_us`` tells whether this phone ended it. ``connected_s`` is the talk time in s, 0 when it never
    connected. ``recording`` is closed and complete now, empty when the call had no media. ``silent`` tells
    that the phone ended it because no media came (``PhoneSettings.drops_silent_after_s``).
    """

    phone: str
    call: str
    call_id: str
    code: int
    reason: str
    by_us: bool
    connected_s: float
    recording: str
    rtp: RtpReport | None
    silent: bool = False
