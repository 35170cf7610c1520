"""What a load run keeps of each call, of the generator and its processes, and of the PBX.

All ``*_at`` are s since the run's beginning (``t = 0`` is the first moment at which a call may be due), durations s
unless named ``_ms``. None: it did not happen, or could not be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Flow(StrEnum):
    """The flows of the calling scenarios, as a load run repeats them."""

    INBOUND = "inbound"
    """A customer calls a business number, its queue rings an agent, they talk."""
    IVR = "ivr"
    """A customer calls the front door and presses the keys of a path; an agent of the department there answers."""
    CALLBACK = "callback"
    """The business calls a customer who agreed to it: an agent's click rings the agent, then the customer."""
    ESCALATION = "escalation"
    """A customer calls from a chat; the call reaches the agent of that chat."""


class Party(StrEnum):
    """Whose ear or voice it is."""

    CUSTOMER = "customer"
    AGENT = "agent"

    @property
    def other(self) -> Party:
        """Whom this party talks with."""
        return Party.AGENT if self is Party.CUSTOMER else Party.CUSTOMER


class Cause(StrEnum):
    """What was wrong with a call, the first thing in this order; ``NONE`` when nothing was."""

    NONE = "none"
    GENERATOR = "generator"
    """Our own: the call could not be placed or judged. It counts for nothing else."""
    REFUSED = "refused"
    """A final response from 300 to 699 of the PBX."""
    NO_RESPONSE = "no_response"
    """No final response within the establishment threshold time (RFC 7501 section 3.3.2)."""
    NO_AGENT = "no_agent"
    """It was answered, and no agent's phone rang in time."""
    WRONG_DESTINATION = "wrong_destination"
    """Another queue's agent was rung than the flow leads to."""
    CROSS_TALK = "cross_talk"
    """Somebody heard a party of another call."""
    CUSTOMER_HEARS_NOTHING = "customer_hears_nothing"
    AGENT_HEARS_NOTHING = "agent_hears_nothing"
    DROPPED = "dropped"
    """The PBX ended the call before either party did."""
    NOT_ENDED = "not_ended"
    """A BYE was not answered, or the other party's leg stayed up."""
    POOR_QUALITY = "poor_quality"
    """MOS below the profile's limit at one ear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarFigures:
    """What one party of a call received (RFC 3550), at the socket and after a jitter buffer of fixed depth.

    ``own`` and ``foreign`` count packets whose stamp is of the other party of this call, or of another call;
    ``unstamped`` is all else (prompts, music, what was transcoded). In that the parties are told by tones: ``tones``
    are frames of 20 ms in which the other party of this call was heard so, and in ``foreign`` are those of other calls.
    ``mos`` is the E-model's estimate (G.107), ``delay_ms`` the mean one-way delay by the stamps: both ends of a call
    are phones of one generator, by whose clock it is told. ``mouth_to_ear_ms`` is that with the packet's length and
    the jitter buffer around it. Without stamps neither is known.
    """

    received: int = 0
    lost: int = 0
    late: int = 0
    """Came too late for the jitter buffer."""
    duplicated: int = 0
    reordered: int = 0
    longest_burst: int = 0
    """Most packets lost or late in a row."""
    jitter_ms: float = 0.0
    delay_ms: float | None = None
    mouth_to_ear_ms: float | None = None
    own: int = 0
    foreign: int = 0
    unstamped: int = 0
    tones: int = 0
    tones_share: float | None = None
    """Part of the frames listened to, from the first to the last of ``tones``, that are ``tones``; 0 to 1."""
    tones_gap_ms: float | None = None
    """The longest time among them without."""
    first_own_s: float | None = None
    """From the agent's answer to the other party's first packet, or tone."""
    mos: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call that was due. ``call`` is unique in the run; its 32 bits are in the stamps of its media.

    Signalling is that of the trunk's leg with the PBX, at the socket. For a callback, whose INVITE is the PBX's, the
    delays run from that INVITE's arrival and are the customer's doing: RFC 6076's figures leave them out.
    """

    call: int
    worker: str
    flow: Flow
    name: str
    """The line of the mix it belongs to."""
    customer: str
    country: str
    due_at: float
    started_at: float | None = None
    """When its INVITE was sent, or the click was made; ``started_at - due_at`` is the pacing slip."""
    first_response_s: float | None = None
    """INVITE to the first response, 100 included."""
    srd_s: float | None = None
    """Session request delay (RFC 6076 section 4.3): to the first 180, 183 or 200; of a refused one to the refusal."""
    answer_s: float | None = None
    """INVITE to 200."""
    code: int = 0
    """Final response to the INVITE; 0: none came."""
    reason: str = ""
    challenges: int = 0
    """401 and 407 before it; a challenged INVITE and its repetition are one attempt."""
    expected: str = ""
    """Queue that the flow leads to."""
    agent: str = ""
    """Extension whose phone took the call; its queue is in ``reached``."""
    reached: str = ""
    agent_rang_s: float | None = None
    """INVITE of the customer's call to that of the agent's."""
    agent_answered_at: float | None = None
    sdt_s: float | None = None
    """Session duration time (RFC 6076 section 4.5): 200 to BYE."""
    sdd_ms: float | None = None
    """Session disconnect delay (RFC 6076 section 4.4): BYE to its 200, by whomever it was sent."""
    ended_by: Party | None = None
    """None: the PBX."""
    ended_at: float | None = None
    cause: Cause = Cause.NONE
    why: str = ""
    """One line; empty when nothing was wrong."""
    call_id: str = ""
    """SIP Call-ID on the trunk's leg with the PBX."""
    customer_hears: EarFigures | None = None
    agent_hears: EarFigures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSample:
    """The generator in one second of one worker. Shares are of one core."""

    at: float
    worker: str
    due: int
    """Calls that were due in this second."""
    started: int
    up: int
    """Calls that are up at its end, in whatever phase."""
    slip_ms: float
    """Largest pacing slip of the calls started in it."""
    loop_lag_ms: float
    """Largest delay of the event loop."""
    send_late_ms: float
    """Largest delay of an RTP packet behind its time."""
    send_late_share: float
    """Share of RTP packets sent more than 5 ms late."""
    receive_drops: int
    """Packets that the kernel dropped because a receive buffer was full."""
    signalling_cpu: float
    """The generator's Python: flows and light phones."""
    trunk_cpu: float
    media_cpu: float
    """The media engine's threads."""
    machine_cpu: float
    """Share of the whole machine that was busy, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSample:
    """One of the run's own processes at one moment: of those on the controller's machine."""

    at: float
    process: str
    """``trunk``, ``generator``, ``platform``, ``controller`` …"""
    worker: str
    """The worker it belongs to; empty: to the run as a whole."""
    pid: int
    memory_bytes: int
    """Its own: pages that are resident and of no file."""
    descriptors: int
    ports: int
    """UDP ports that are bound, and TCP ports that are listened at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxSample:
    """The PBX at one moment, as its adapter sees it; None: cannot be asked."""

    at: float
    cpu: float | None = None
    """Cores."""
    memory_bytes: int | None = None
    """Its own: pages that are resident and of no file."""
    channels: int | None = None
    descriptors: int | None = None
    waiting: int | None = None
    """Callers waiting in all queues."""
