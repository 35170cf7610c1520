"""Commands and events of the trunk process.

A trunk call has two legs: ``customer`` (the WhatsApp customer's phone) and ``pbx`` (the target). Its name
is made by the trunk and unique in the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.call_policy import Direction
from harness.messages import Command, Event

__all__ = ["Direction"]

ENTRY_HEADER = "X-WhatsApp-Entry"
"""Header by which a customer's app tells the trunk what was tapped: a message's id or a deep link. It never
reaches the PBX."""


class Leg(StrEnum):
    CUSTOMER = "customer"
    PBX = "pbx"


class LegPhase(StrEnum):
    """Where a leg is, in RFC 3261's terms (section 13 and 15)."""

    TRYING = "trying"
    RINGING = "ringing"
    EARLY_MEDIA = "early_media"
    CONNECTED = "connected"
    ENDED = "ended"


class MediaWay(StrEnum):
    """Where a packet of a relayed call goes."""

    TO_PBX = "to_pbx"
    TO_CUSTOMER = "to_customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRule:
    """What the trunk's media relay does to packets that go one way; what it is, its subclasses say."""

    way: MediaWay


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsLost(MediaRule):
    """Of each key press, the end packets (E bit, RFC 4733 section 2.5.1.4) after the first ``kept`` are lost."""

    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsAdded(MediaRule):
    """Each key press has ``extra`` end packets more than its sender sent (three, as a rule): the first one is
    repeated under sequence numbers of its own, and those of all later packets move up."""

    extra: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationsRecounted(MediaRule):
    """The sender counts the durations of key presses in the clock of its audio (pjmedia does); they go on in that of
    the telephone-event that was agreed on (RFC 4733 section 2.3.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketsLost(MediaRule):
    """``percent`` of the RTP packets are lost: of each hundred exactly so many, at places that ``seed`` decides."""

    percent: int
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketsDelayed(MediaRule):
    """All packets, RTCP too, are ``delay_ms`` under way, and up to ``jitter_ms`` longer (packet delay variation, RFC
    5481 section 4.2), evenly spread, as ``seed`` decides. They keep their order."""

    delay_ms: float
    jitter_ms: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WayCut(MediaRule):
    """Nothing passes, RTCP neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack(MediaRule):
    """Nothing passes before the other way has brought its first RTP packet: at Meta the business side sends first
    (Meta's SIP page)."""


class TracedCalls(StrEnum):
    """Whose messages get into the trace."""

    ALL = "all"
    KEPT = "kept"
    """Of calls that failed, and of those that KeepTrace names; the first 200 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkConfig:
    """What a trunk process needs to start.

    ``address`` is the local IP of both sides; the customer side listens on UDP ``customer_port``
    (0: ephemeral), the PBX side on ``pbx_side_port``. ``profile`` is the path of a profile file (TOML),
    ``trace`` the trace file (JSON lines) that gets every message of both sides.
    """

    name: str
    address: str
    customer_port: int
    pbx_side_port: int
    pbx_host: str
    pbx_port: int
    pbx_transport: str
    profile: str
    trace: str
    digest_username: str = ""
    """Empty: each business number is a user of its own, by its digits without ``+`` (Meta's SIP page)."""
    digest_password: str = ""
    business_hostname: str = ""
    """The PBX's name: in URIs, and in the certificate that it must have."""
    trunk_hostname: str = ""
    """Name by which the PBX finds the trunk; empty: its address."""
    tls_ca: str = ""
    """PEM file of the CAs that the trunk trusts over TLS; empty: the system's."""
    tls_certificate: str = ""
    """PEM files of the trunk's own certificate and key; empty: of a CA that nobody trusts, made at the start."""
    tls_key: str = ""
    policy_socket: str = ""
    """Unix-domain socket of WhatsApp's platform (``harness.call_policy``); empty: every call is let through."""
    trace_calls: TracedCalls = TracedCalls.ALL
    tells_legs: bool = True
    """Whether LegChanged are emitted: they are most of what is told of a call."""
    pbx_delay_ms: float = 0.0
    """How long each SIP message is under way between trunk and PBX, each way. All times, the trace's too, are those at
    the trunk's end of that way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereCustomersCall(Command):
    """Reply: ``ip:port`` of the customer side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerOnline(Command):
    """A customer's phone is reachable at ``contact`` (``ip:port``) under ``number`` (E.164 with ``+``).

    ``country`` (ISO 3166-1 alpha-2) fills the country header of profiles that send one.
    """

    number: str
    profile_name: str
    country: str
    contact: str
    media_lost: bool = False
    """What the PBX sends to this customer's app is lost on the way: RTP goes nowhere."""
    answer_late_s: float = 0.0
    """How long the PBX's answer to this customer's call is under way to the app, in s: media that the PBX sends at once
    is there before it."""
    media_rules: tuple[MediaRule, ...] | None = None
    """The media of this customer's calls passes through the trunk, by these rules in this order; None: it flows
    between phone and PBX directly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerOffline(Command):
    """The customer's phone is gone. Unknown numbers are fine."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetHeaderRules(Command):
    """Replace the header rules added to the profile's own, applied to requests and responses to the PBX.

    ``rules`` are the same tables as ``[[header_rules]]`` of a profile file, as TOML text.
    """

    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaryProfile(Command):
    """Calls from now on follow the profile with these changes: tables of a profile file as TOML text, whole or in part
    (lists are replaced, header rules added). Empty: the profile as it is. Transport, addresses and names stay.
    """

    changes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropConnections(Command):
    """Close all TCP and TLS connections with the PBX, as a provider's proxy does when it is restarted. Reply: how many
    there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFrom(Command):
    """Requests to the PBX come from another address of this machine; all that they say of the trunk stays. Empty: from
    the trunk's own again. Refused for an address that is not to be had."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Command):
    """Send OPTIONS to the PBX now. Reply: a KeepAlive."""

    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOctets(Command):
    """Send octets to the PBX as they are, whatever they are. Reply: the name of the line that they went over.

    Without ``line`` it is a new one: a datagram from the trunk's own socket, or a connection of its own. What comes
    back over it are OctetsAnswered; nothing else in the trunk sees that. Refused when there is no connection.
    """

    octets: bytes
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLine(Command):
    """Hear no more of a line of SendOctets. Unknown names are fine."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountMedia(Command):
    """Reply: tuple of the WayCounts of a call as of now. Refused when its media is not relayed, or no more."""

    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepTrace(Command):
    """Write the messages of a call to the trace, where that is not done anyway (``TracedCalls.KEPT``). Reply: whether
    they are there: not those of a call that ended more than 5 s ago, nor when so many are kept already."""

    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCalls(Command):
    """Reply: tuple of the names of the calls that have a leg which has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """An INVITE was accepted for routing. ``customer_call_id`` and ``pbx_call_id`` are SIP Call-IDs."""

    call: str
    direction: Direction
    customer: str
    business: str
    wacid: str
    customer_call_id: str
    pbx_call_id: str
    answer_first: bool = False
    """The platform ordered the call: the customer's answer comes before the INVITE to the PBX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegChanged(Event):
    """A leg reached a phase. ``code`` is the SIP code behind it, 0 when it was a request."""

    call: str
    leg: Leg
    phase: LegPhase
    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(Event):
    """Both legs have ended. ``ended_by`` is the leg whose far end hung up, refused or cancelled first.

    ``code`` is the final code on the PBX leg (200 after a normal call). ``connected_s`` is 0 when the call
    was never answered.
    """

    call: str
    ended_by: Leg
    code: int
    reason: str
    connected_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimed(Event):
    """What passed between the trunk and the PBX in a call, and when: comes just before its CallFinished.

    Times are taken at the socket (CLOCK_MONOTONIC, s); None: it did not happen. Of the first INVITE and its repetitions
    with credentials they make one story: ``invite_at`` is the first one's, ``challenges`` how many 401 and 407 there
    were in between. ``pbx_call_id`` is empty, and all else with it, when the PBX never had a part in the call.
    """

    call: str
    pbx_call_id: str
    direction: Direction
    invite_at: float | None = None
    """The first INVITE was sent, or, of a call that the PBX makes, came."""
    first_response_at: float | None = None
    """The first response to it, 100 included."""
    provisional_at: float | None = None
    """The first one from 101 to 199."""
    final_at: float | None = None
    code: int = 0
    """Final response to the INVITE; 0: none came."""
    reason: str = ""
    challenges: int = 0
    invites_repeated: int = 0
    """How often the same INVITE was on the wire again (RFC 3261 section 17.1.1.2)."""
    bye_at: float | None = None
    bye_from: Leg | None = None
    """``pbx``: the PBX sent the first BYE. ``customer``: it got it."""
    bye_answered_at: float | None = None
    bye_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How many packets a rule dropped, added or delayed."""

    rule: MediaRule
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WayCounts:
    """One way of a relayed call: RTP packets that came and that went on, RTCP packets that went on, what each rule
    did, and the keys whose presses came (RFC 4733; of SRTP they are read where a rule of this way changes them), before
    any rule. ``sources`` are the SSRCs (RFC 3550 section 5.1) in the order in which they took turns, the first 64
    turns; ``first_at`` is when the first RTP packet came (CLOCK_MONOTONIC, s; 0: none). ``unread`` are SRTP packets
    that were to be read and went on as they came, since no key of the sender's SDP fits or they had come before."""

    way: MediaWay
    received: int
    sent: int
    rtcp: int
    rules: tuple[RuleCount, ...]
    digits: str
    sources: tuple[int, ...] = ()
    first_at: float = 0.0
    unread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRelayed(Event):
    """A relayed call is over and its ports are free again."""

    call: str
    ways: tuple[WayCounts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive(Event):
    """An OPTIONS ping to the PBX ended: ``code`` of the answer, 0 when none came. ``round_trip_ms`` then 0, and
    ``why`` says what kept it from being sent, if that is known."""

    code: int
    round_trip_ms: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OctetsAnswered(Event):
    """The PBX answered over a line of SendOctets: a message, or what has come of a broken one."""

    line: str
    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LineClosed(Event):
    """The PBX closed the connection of a line of SendOctets."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFailed(Event):
    """TLS between trunk and ``peer`` (``ip:port``) failed; ``opened_here``: on a connection of the trunk's.

    ``proven``: the PBX answered and did something wrong. ``why`` is one line about the PBX ("it …", "its …").
    """

    peer: str
    opened_here: bool
    cause: str
    why: str
    proven: bool

    @property
    def kind(self) -> str:
        """``tls-server-expired``: what the PBX was there, server or client, and the cause."""
        return f"tls-{'server' if self.opened_here else 'client'}-{self.cause}"


class BrokenRule(StrEnum):
    """What a PBX did to a call that is not allowed at the provider, by the section that says so."""

    RECORD_ROUTE = "record-route"
    """The trunk's Record-Routes are to be last and unchanged in the 200 (RFC 3261 section 12.1.1)."""
    ROUTE = "route"
    """Requests inside a call carry the recorded route (RFC 3261 section 12.2.1.1)."""
    VIA = "via"
    """A response carries every Via of its request (RFC 3261 section 8.2.6.2)."""
    REINVITE = "reinvite"
    """A refused re-INVITE leaves the call as it is (RFC 3261 section 14.1)."""
    REQUEST = "request"
    """A refused request inside a call (UPDATE, INFO, REFER …) leaves the call as it is (RFC 3261 section 12.2.1.2)."""
    CREDENTIALS = "credentials"
    """Who challenges takes the right credentials (RFC 3261 section 22.2)."""
    ANSWER = "answer"
    """An SDP answer keeps to its offer (RFC 3264 section 6, RFC 4568 section 5.1.3)."""
    ICE = "ice"
    """An answer to an offer with ICE has it as well (RFC 8839 section 4.2.5; RFC 8445 lets it go without)."""
    DTLS = "dtls"
    """An answer to an offer with DTLS-SRTP has a fingerprint, and who begins is agreed on (RFC 5763 section 5)."""
    TO_TAG = "to-tag"
    """A response other than 100 has a tag in To, the same in all of a call (RFC 3261 section 8.2.6.2)."""
    CSEQ = "cseq"
    """CSeq of requests inside a call rises by one (RFC 3261 section 12.2.1.1)."""
    ACK = "ack"
    """The ACK to a refusal is of its INVITE's transaction (RFC 3261 section 17.1.1.3)."""
    SESSION_TIMER = "session-timer"
    """Session-Expires and Min-SE are 90 s or more (RFC 4028 sections 4, 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBroken(Event):
    """The PBX broke a rule of the trunk in the call with this Call-ID on its side. ``why`` is one line."""

    pbx_call_id: str
    rule: BrokenRule
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Event):
    """The trunk itself refused an INVITE (digest, unknown customer, WhatsApp's rules).

    ``source`` is its sender's ``ip:port``, ``called`` and ``caller`` user parts as they came. ``reason`` is what
    the sender was told in Warning; ``text`` is the reason phrase of the response. ``rule`` is what of the INVITE itself
    was wrong (``digest``, a ``RefusalRule``), empty when it was not the INVITE.
    """

    source: str
    code: int
    reason: str
    called: str
    caller: str = ""
    text: str = ""
    rule: str = ""
