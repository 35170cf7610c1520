"""What is known of a call when it is over; the judge makes a record of it. All times are CLOCK_MONOTONIC, in s."""

from __future__ import annotations

from dataclasses import dataclass

from harness.load.records import EarFigures, Flow, Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was drawn for a call before it began."""

    call: int
    name: str
    """Its line of the mix."""
    flow: Flow
    customer: str
    country: str
    dialled: str = ""
    """Business number that the customer calls; of a callback the one that calls."""
    keys: tuple[str, ...] = ()
    """What the customer presses, one key in each menu."""
    queue: str = ""
    """Where it should come out."""
    agents: frozenset[str] = frozenset()
    """Extensions that serve it there."""
    entry: str = ""
    """What the customer taps to call (escalation): a deep link."""
    answer_after_s: float
    holding_s: float
    hangs_up: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalling:
    """The leg with the PBX: the trunk's, or without one the customer's own. None: it did not happen.

    ``challenges`` are the 401 and 407 before the final response; ``bye_at`` is the first BYE's, by whomever.
    """

    invite_at: float | None = None
    first_response_at: float | None = None
    provisional_at: float | None = None
    final_at: float | None = None
    code: int = 0
    reason: str = ""
    challenges: int = 0
    bye_at: float | None = None
    bye_answered_at: float | None = None
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFacts:
    """One light phone's part of a call."""

    began_at: float
    """INVITE sent or received."""
    answered_at: float | None = None
    ended_at: float | None = None
    """None: it did not end by itself, and was given up."""
    ended_by_us: bool = False
    reason: str = ""
    """Why it ended, in the phone's words."""
    bye_at: float | None = None
    bye_answered_at: float | None = None
    codec: str = ""
    """What its media are coded by; empty: that was never agreed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """The agent who took the call, or was rung last when none did. ``queue`` is one that the extension serves: the
    expected one if it does."""

    extension: str
    queue: str
    leg: LegFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Packets of another call at somebody's ear. Times are the first's and last's arrival; ``over_at`` is when that
    call ended, None: it is up, or no call of this generator's."""

    ear: Party
    call: int
    party: Party
    packets: int
    first_at: float
    last_at: float
    opened_at: float
    """When the ear's own stream began."""
    over_at: float | None = None
    by_tones: bool = False
    """Not by stamps: the packets are frames of 20 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """One call that was due."""

    plan: Plan
    worker: str
    due_at: float
    started_at: float | None = None
    own_fault: str = ""
    """Why it could not be placed or judged; one line."""
    gave_up: bool = False
    """The customer cancelled because no final response came."""
    no_agent: str = ""
    """Why it is held that no agent's phone rang in time; empty: one rang, or it did not come to that."""
    no_callback: str = ""
    """Why it is held that the PBX did not call the customer back; empty: it did, or it did not come to that."""
    signalling: Signalling = Signalling()
    customer: LegFacts | None = None
    agent: AgentFacts | None = None
    hung_up_by: Party | None = None
    hung_up_at: float | None = None
    unfinished: str = ""
    """What had not ended in time after that; one line."""
    customer_hears: EarFigures | None = None
    agent_hears: EarFigures | None = None
    foreign: tuple[Foreign, ...] = ()

    def ear(self, party: Party) -> EarFigures | None:
        """What the party received."""
        return self.customer_hears if party is Party.CUSTOMER else self.agent_hears

    @property
    def codecs(self) -> tuple[str, str]:
        """At the customer's phone and at the agent's; empty where there was none."""
        return self.customer.codec if self.customer else "", self.agent.leg.codec if self.agent else ""

    @property
    def talk_began_at(self) -> float | None:
        """When the second of both had answered."""
        legs = (self.customer, self.agent.leg if self.agent else None)
        answers = [leg.answered_at for leg in legs if leg is not None and leg.answered_at is not None]
        return max(answers) if len(answers) == len(legs) else None

    @property
    def talk_ended_at(self) -> float | None:
        """When the first of both hung up, or was hung up on."""
        legs = (self.customer, self.agent.leg if self.agent else None)
        ends = [leg.ended_at for leg in legs if leg is not None and leg.ended_at is not None]
        if self.hung_up_at is not None:
            ends.append(self.hung_up_at)
        return min(ends, default=None)
