"""From what is known of a finished call to its record: what was wrong with it first, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.audio.levels import FRAME_S
from harness.load.records import CallRecord, Cause, EarFigures, Flow, Party
from scenarios.load.facts import CallFacts, Foreign

REUSED_PORT_S = 0.2
REUSED_PORT_PACKETS = 10
"""What may come to a new stream of the call that had its port before: the PBX sends until it has taken that call's
BYE, and no longer than that takes. Ten packets are 0.2 s of sound."""

_HEARS_NOTHING = "the {ear} heard nothing of the {other} within {within:g} s of the agent's answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a call is judged by."""

    hears_within_s: float
    establishment_threshold_s: float
    release_s: float
    """Hang-up to the end of the other leg."""
    mos: float | None = None
    """Least MOS at each ear; None: any will do."""


def judge(facts: CallFacts, limits: Limits, zero_at: float) -> CallRecord:
    """The record of a call; its times count from ``zero_at``."""
    cause, why = next(_wrong(facts, limits), (Cause.NONE, ""))
    plan, signalling, agent = facts.plan, facts.signalling, facts.agent
    invite_at = signalling.invite_at
    answered_at = signalling.final_at if signalling.code == 200 else None
    # Whatever the PBX said first that tells how it stands, else its refusal (RFC 6076 section 4.3).
    indicated_at = signalling.provisional_at if answered_at is not None else None
    ended_at = facts.talk_ended_at
    return CallRecord(
        call=plan.call,
        worker=facts.worker,
        flow=plan.flow,
        name=plan.name,
        customer=plan.customer,
        country=plan.country,
        due_at=facts.due_at - zero_at,
        started_at=_since(zero_at, facts.started_at),
        first_response_s=_since(invite_at, signalling.first_response_at),
        srd_s=_since(invite_at, indicated_at if indicated_at is not None else signalling.final_at),
        answer_s=_since(invite_at, answered_at),
        code=signalling.code,
        reason=signalling.reason,
        challenges=signalling.challenges,
        expected=plan.queue,
        agent=agent.extension if agent else "",
        reached=agent.queue if agent else "",
        agent_rang_s=_since(_began_at(facts), agent.leg.began_at if agent else None),
        agent_answered_at=_since(zero_at, agent.leg.answered_at if agent else None),
        sdt_s=_since(answered_at, signalling.bye_at),
        sdd_ms=_disconnect_ms(facts),
        ended_by=facts.hung_up_by,
        ended_at=_since(zero_at, ended_at),
        cause=cause,
        why=why,
        call_id=signalling.call_id,
        customer_hears=facts.customer_hears,
        agent_hears=facts.agent_hears,
    )


def is_cross_talk(foreign: Foreign) -> bool:
    """Whether packets of another call are more than what was still under way when that call's port was given anew:
    a handful, at the very beginning of the stream, of a call that was over by then."""
    late = (
        foreign.over_at is not None
        and foreign.over_at <= foreign.opened_at + REUSED_PORT_S
        and foreign.packets <= REUSED_PORT_PACKETS
        and foreign.last_at <= foreign.opened_at + REUSED_PORT_S
    )
    return not late


def _since(begin: float | None, at: float | None) -> float | None:
    return None if begin is None or at is None else at - begin


def _began_at(facts: CallFacts) -> float | None:
    """The PBX's first news of the call."""
    return facts.started_at if facts.plan.flow is Flow.CALLBACK else facts.signalling.invite_at


def _disconnect_ms(facts: CallFacts) -> float | None:
    """BYE to its answer, at the leg of whom the PBX got it from."""
    agent = facts.agent.leg if facts.agent else None
    if facts.hung_up_by is Party.AGENT and agent is not None:
        took = _since(agent.bye_at, agent.bye_answered_at)
    else:
        took = _since(facts.signalling.bye_at, facts.signalling.bye_answered_at)
    return None if took is None else took * 1000


def _wrong(facts: CallFacts, limits: Limits) -> Iterator[tuple[Cause, str]]:
    """All that was wrong, in the order of ``Cause``."""
    for cause, look in _CHECKS.items():
        why = look(facts, limits)
        if why:
            yield cause, why


def _own_fault(facts: CallFacts, _limits: Limits) -> str:
    if facts.own_fault:
        return facts.own_fault
    received = [figures.received for ear in Party if (figures := facts.ear(ear)) is not None]
    if not all(received) or not any(_untold(facts, ear) for ear in Party):
        return ""
    customer, agent = facts.codecs
    return (
        f"the PBX transcodes ({customer} at the customer, {agent} at the agent), and neither stamps nor tones came "
        "through: who is heard cannot be verified (have agents' phones take the customers' codec, [media] agent_codecs)"
    )


def _untold(facts: CallFacts, ear: Party) -> bool:
    """Whether there is sound at an ear that had to be coded anew, of which neither stamps nor tones tell whose it is.
    Where anybody was told at either ear, they would have told here as well."""
    figures, (customer, agent) = facts.ear(ear), facts.codecs
    heard = [each for each in (facts.customer_hears, facts.agent_hears) if each is not None]
    told = any(each.own or each.tones or each.foreign for each in heard)
    return bool(figures and figures.unstamped and not told and customer and agent and customer != agent)


def _refused(facts: CallFacts, _limits: Limits) -> str:
    signalling = facts.signalling
    if facts.gave_up or not 300 <= signalling.code <= 699:
        return ""
    told = "the trunk refused the PBX's INVITE" if facts.plan.flow is Flow.CALLBACK else "the PBX refused the call"
    return f"{told}: {signalling.code} {signalling.reason}".rstrip()


def _no_response(facts: CallFacts, limits: Limits) -> str:
    if facts.plan.flow is Flow.CALLBACK:
        return facts.no_callback
    if facts.gave_up:
        return f"no final response within {limits.establishment_threshold_s:g} s of the INVITE"
    if not facts.signalling.code:
        return "no final response to the INVITE"
    return ""


def _no_agent(facts: CallFacts, _limits: Limits) -> str:
    if facts.no_agent:
        return facts.no_agent
    return "" if facts.agent else f"the call ended before an agent's phone rang{_reason(facts)}"


def _wrong_destination(facts: CallFacts, _limits: Limits) -> str:
    agent, plan = facts.agent, facts.plan
    if agent is None or agent.extension in plan.agents:
        return ""
    whose = f" of {agent.queue}" if agent.queue else ""
    return f"agent {agent.extension}{whose} was rung; the call was for {plan.queue}"


def _cross_talk(facts: CallFacts, _limits: Limits) -> str:
    heard = [foreign for foreign in facts.foreign if is_cross_talk(foreign)]
    if not heard:
        return ""
    most = max(heard, key=lambda foreign: foreign.packets)
    amount = f"{most.packets} packets" if not most.by_tones else f"{most.packets * FRAME_S:.1f} s, by tones"
    return f"the {most.ear} heard the {most.party} of call {most.call} ({amount})"


def _deaf(ear: Party) -> Callable[[CallFacts, Limits], str]:
    def look(facts: CallFacts, limits: Limits) -> str:
        began, ended = facts.talk_began_at, facts.talk_ended_at
        if began is None or _untold(facts, ear):
            return ""
        figures = facts.ear(ear)
        first = figures.first_own_s if figures else None
        if first is not None and first <= limits.hears_within_s:
            return ""
        if first is None and ended is not None and ended - began < limits.hears_within_s:
            # Nobody can say what would have been heard: that the call was over so soon is what was wrong.
            return ""
        within = limits.hears_within_s
        told = _HEARS_NOTHING.format(ear=ear, other=ear.other, within=within)
        return told if first is None else f"{told}, but after {first:.1f} s"

    return look


def _dropped(facts: CallFacts, _limits: Limits) -> str:
    if facts.hung_up_by is not None:
        return ""
    began, ended = facts.talk_began_at, facts.talk_ended_at
    if ended is None:
        return ""
    if began is None:
        return f"the call ended before customer and agent were connected{_reason(facts)}"
    return f"the PBX ended the call {max(ended - began, 0.0):.1f} s after the agent's answer{_reason(facts)}"


def _reason(facts: CallFacts) -> str:
    """Why the leg that ended first did."""
    legs = [leg for leg in (facts.customer, facts.agent.leg if facts.agent else None) if leg is not None]
    first = min((leg for leg in legs if leg.ended_at is not None), key=lambda leg: leg.ended_at or 0.0, default=None)
    return f" ({first.reason})" if first is not None and first.reason else ""


def _not_ended(facts: CallFacts, _limits: Limits) -> str:
    return facts.unfinished


def _poor(facts: CallFacts, limits: Limits) -> str:
    if limits.mos is None:
        return ""
    ears: dict[Party, EarFigures | None] = {Party.CUSTOMER: facts.customer_hears, Party.AGENT: facts.agent_hears}
    values = {ear: figures.mos for ear, figures in ears.items() if figures is not None}
    heard = {ear: mos for ear, mos in values.items() if mos is not None}
    worst = min(heard, key=lambda ear: heard[ear], default=None)
    if worst is None or heard[worst] >= limits.mos:
        return ""
    return f"the {worst} heard with MOS {heard[worst]:.2f} (estimated), at least {limits.mos:g} is demanded"


_CHECKS: dict[Cause, Callable[[CallFacts, Limits], str]] = {
    Cause.GENERATOR: _own_fault,
    Cause.REFUSED: _refused,
    Cause.NO_RESPONSE: _no_response,
    Cause.NO_AGENT: _no_agent,
    Cause.WRONG_DESTINATION: _wrong_destination,
    Cause.CROSS_TALK: _cross_talk,
    Cause.CUSTOMER_HEARS_NOTHING: _deaf(Party.CUSTOMER),
    Cause.AGENT_HEARS_NOTHING: _deaf(Party.AGENT),
    Cause.DROPPED: _dropped,
    Cause.NOT_ENDED: _not_ended,
    Cause.POOR_QUALITY: _poor,
}
