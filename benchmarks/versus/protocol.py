"""Commands of a generator that is a process of ours, and what it replies."""

from __future__ import annotations

from dataclasses import dataclass

from harness.messages import Command

USER = "+34600111222"
ANSWER, ECHO = "answer", "echo"
"""Whom to call: one that answers, one that sends back the media too. SIPp is both."""
PTIME_MS = 20
RETURNED_SHARE = 0.98
"""Of the RTP sent must come back: who answers may begin to send back a moment after its 200."""
GIVE_UP_S = 3.0
"""How much longer than planned calls without media may take; those that are not over then have failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Who is called."""

    user: str
    host: str
    port: int

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """``cores`` are those that it may run on, all when empty."""

    address: str
    cores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCalls(Command):
    """Place ``calls`` at ``rate`` per s without waiting for one another, and end each as soon as it is answered.

    ``audio``: the SDP must have audio, as the far end takes none without. Reply: Placed, when all are over.
    """

    remote: Remote
    calls: int
    rate: float
    audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of calls. ``failed`` were not answered with 200 or not ended with 200."""

    calls: int
    completed: int
    failed: int
    retransmissions: int | None
    """Messages sent again; None: not counted."""
    took_s: float
    """From the first INVITE to the last call's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk(Command):
    """Have calls with audio, placed at ``rate`` per s. Reply: how many are up, when none is pending."""

    remote: Remote
    calls: int
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTalk(Command):
    """End them. Reply: Talked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talked:
    """What was heard in calls with media, in RTP packets. None: the generator does not count it.

    ``lost`` are missing among what came back, ``late`` came too late for a jitter buffer of 60 ms (pjsua2: of 80 ms),
    ``verified`` are calls for which it was shown, packet by packet, that what came back was this call's own.
    """

    calls: int
    sent: int | None
    returned: int | None
    lost: int | None
    late: int | None
    verified: int | None
    intact: bool | None = None
    """What the generator's own check of the media said, whatever it checks; None: it has none."""
    note: str = ""
