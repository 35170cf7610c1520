"""Calls that the business starts: what the customer sees of them, and what the PBX makes of the trunk's answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import monotonic

from harness.errors import NO_STALL, HarnessMisuse, Inconclusive
from harness.sip.message import CHALLENGES
from harness.trace import SipTraceEntry
from scenarios.agent import Agent
from scenarios.checks import eventually, hear_each_other
from scenarios.customer import Customer
from scenarios.scene import Scene
from simulators.phones.protocol import CallEnded
from simulators.whatsapp.refusals import ANSWERS, Refusal

RING_S = 5.0
"""How long the PBX may take to call the trunk after an agent has dialled, and the customer's phone to ring, in s."""
QUIET_S = 1.5
"""How long a customer's phone is watched that must not ring, in s."""

_STATUS = re.compile(r"^SIP/2\.0 (?P<code>\d{3}) ?(?P<text>.*)$")


# What the customer sees


def phone_rings(scene: Scene, customer: Customer) -> None:
    """The customer's phone rings. Raises PbxFault with what the trunk answered the PBX instead."""
    if customer.rung(RING_S) is not None:
        return
    answers = final_answers(scene, customer)
    if answers:
        raise scene.fault(
            f"{customer.label}'s phone did not ring: the trunk refused the PBX's INVITE with {answers[0]}",
            stall_s=NO_STALL,
        )
    if not scene.trunk_invites(to_pbx=False):
        raise scene.fault(
            f"{customer.label}'s phone did not ring: the PBX sent no INVITE to the trunk within {RING_S:g} s"
        )
    raise scene.fault(f"{customer.label}'s phone did not ring within {RING_S:g} s of the PBX's INVITE")


def phone_stays_silent(scene: Scene, customer: Customer) -> None:
    """The customer's phone does not ring."""
    if customer.contact and customer.rung(QUIET_S) is not None:
        raise Inconclusive(f"{customer.label}'s phone rang although the platform refused the call")


def sees_business(scene: Scene, customer: Customer) -> None:
    """The customer's phone shows the business's number."""
    shown = customer.incoming.from_user if customer.incoming else ""
    number = scene.business.number
    if shown.lstrip("+") != number.lstrip("+"):
        raise scene.fault(
            f"{customer.label} sees a call of {shown!r}; the business's number is {number}", stall_s=NO_STALL
        )
    scene.note(f"shown: {shown}")


def silence_after_answer(scene: Scene, customer: Customer) -> None:
    """From the customer's answer to the first sound of the PBX no more silence than declared (answer-first)."""
    limit_s = scene.testbed.target.deadlines.callback_silence_s
    answered_at = customer.answered_at()
    first = customer.first_sound_at(limit_s - (monotonic() - answered_at) + RING_S)
    if first is None:
        raise scene.fault(
            f"{customer.label} answered the callback and heard nothing from the PBX for "
            f"{monotonic() - answered_at:.1f} s; declared are {limit_s:g} s"
        )
    silence_s = max(first - answered_at, 0.0)
    scene.facts["callback_silence_ms"] = round(silence_s * 1000)
    scene.note(f"{silence_s * 1000:.0f} ms of silence after the customer's answer")
    if silence_s > limit_s:
        raise scene.fault(
            f"{customer.label} answered the callback and waited {silence_s:.1f} s in silence for the PBX; "
            f"declared are {limit_s:g} s"
        )


def app_gives_up(scene: Scene, customer: Customer) -> None:
    """The customer's app ends the call by itself because no media came (Meta, troubleshooting)."""
    limit_s = silence_limit_s(scene)
    ended: CallEnded = customer.ended(limit_s + RING_S, "no media came")
    if not ended.silent:
        raise scene.fault(f"the call ended otherwise, after {ended.connected_s:.1f} s: {ended.code} {ended.reason}")
    scene.note(f"given up after {ended.connected_s:.1f} s")


def silence_limit_s(scene: Scene) -> float:
    """After how long without media from the start the app gives up in a scenario, in s. Raises HarnessMisuse."""
    at_start_s, _ = silence_limits_s(scene)
    if not at_start_s:
        raise HarnessMisuse("the platform's rule silence_at_start is switched off, and the scenario is about it")
    return at_start_s


def silence_limits_s(scene: Scene) -> tuple[float, float]:
    """After how long without media the app gives up, from the start and later, in s: the published times, made
    shorter as the target's ``media_timers`` says; 0: never."""
    at_start_s, later_s = scene.whatsapp.silence_limits_s
    timers = scene.testbed.target.platform.media_timers
    return at_start_s / timers, later_s / timers


# What the PBX is told


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The trunk's final response to an INVITE of the PBX."""

    at: float
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def _is_to(customer: Customer, entry: SipTraceEntry) -> bool:
    return customer.identity.number.lstrip("+") in entry.header("To")


def final_answers(scene: Scene, customer: Customer) -> list[FinalAnswer]:
    """What the trunk finally answered to the PBX's INVITEs for a customer; challenges and repetitions left out."""
    pbx, ours = scene.testbed.target.pbx.host, scene.testbed.trunk_address
    found: dict[tuple[str, str], FinalAnswer] = {}
    for entry in scene.trunk_messages():
        status = _STATUS.match(entry.first_line)
        if status is None or not entry.source.startswith(f"{ours}:") or not entry.destination.startswith(f"{pbx}:"):
            continue
        code, sequence = int(status["code"]), entry.header("CSeq")
        if code >= 200 and code not in CHALLENGES and sequence.endswith("INVITE") and _is_to(customer, entry):
            found.setdefault((entry.call_id, sequence), FinalAnswer(entry.at, code, status["text"]))
    return list(found.values())


def answers_to_latest(scene: Scene, customer: Customer) -> list[FinalAnswer]:
    """Final answers since an agent had a call last; waits for the first of them."""
    since = scene.last_agent.began_at
    return eventually(lambda: [a for a in final_answers(scene, customer) if a.at >= since], bool, RING_S)


def pbx_is_told(scene: Scene, customer: Customer) -> FinalAnswer:
    """The first final answer to the latest INVITE of the PBX for a customer. Raises PbxFault when there is none."""
    answers = answers_to_latest(scene, customer)
    if answers:
        return answers[0]
    if not scene.trunk_invites(to_pbx=False):
        raise scene.fault(f"the PBX sent no INVITE for {customer.label} to the trunk within {RING_S:g} s")
    raise Inconclusive(f"the trunk has not answered the PBX's INVITE for {customer.label} within {RING_S:g} s")


def pbx_is_told_code(scene: Scene, customer: Customer, code: int) -> None:
    """The trunk's latest final answer has this code."""
    answer = pbx_is_told(scene, customer)
    if answer.code != code:
        raise scene.fault(f"the PBX's call for {customer.label} ended with {answer}, not with {code}")
    scene.note(str(answer))


def call_is_refused(scene: Scene, customer: Customer, reasons: tuple[Refusal, ...]) -> None:
    """The PBX's INVITE was refused by the platform for one of these reasons, in its own words or those of the trunk's
    profile."""
    answer = pbx_is_told(scene, customer)
    expected = {_as_told(scene, ANSWERS[reason].sip_code, ANSWERS[reason].sip_text) for reason in reasons}
    if (answer.code, answer.text) in expected:
        scene.note(str(answer))
        return
    wanted = " or ".join(f"{code} {text}" for code, text in sorted(expected))
    if answer.code < 300:
        raise Inconclusive(f"the trunk let the call through; {wanted} was due")
    raise scene.fault(
        f"the PBX's call was refused, but for another reason: {answer} (expected {wanted})", stall_s=NO_STALL
    )


def _as_told(scene: Scene, code: int, text: str) -> tuple[int, str]:
    """The platform's refusal as the trunk's profile words it."""
    told = scene.testbed.profile.business_calls.rewording(text)
    return (told.code, told.text) if told else (code, text)


def no_further_try(scene: Scene, customer: Customer) -> None:
    """For ``no_retry_s`` after the trunk's final answer the PBX sends no further INVITE for the customer."""
    answers = answers_to_latest(scene, customer)
    if not answers:
        raise HarnessMisuse("the PBX has not called the customer in this scenario, so it cannot try again")
    first = answers[0]

    def tries() -> list[SipTraceEntry]:
        known: set[tuple[str, str]] = set()
        late = []
        for invite in scene.trunk_invites(to_pbx=False):
            key = (invite.call_id, invite.header("CSeq"))
            begins = "tag=" not in invite.header("To")
            if key not in known and begins and invite.at > first.at and _is_to(customer, invite):
                late.append(invite)
            known.add(key)
        return late

    watched_s = first.at + scene.testbed.target.deadlines.no_retry_s - monotonic()
    again = eventually(tries, bool, max(watched_s, 0.0))
    if again:
        raise scene.fault(
            f"the PBX called {customer.label} again {again[0].at - first.at:.1f} s after {first}; "
            "a refused or ended call must not be tried again by itself",
            stall_s=NO_STALL,
        )


def call_stays_away(scene: Scene) -> None:
    """No call of the scenario came to the PBX: the trunk sent it no INVITE."""
    invites = eventually(lambda: scene.trunk_invites(to_pbx=True), bool, QUIET_S)
    if invites:
        raise Inconclusive(f"the trunk brought the call to the PBX: {invites[0].first_line}")


# Several calls


def called_and_declined(scene: Scene, agent: Agent, customer: Customer, times: int) -> None:
    """The agent calls, the customer declines, so many times one after another."""
    release_s = scene.testbed.target.deadlines.release_s
    for _ in range(times):
        agent.calls(customer.identity.number)
        phone_rings(scene, customer)
        customer.declines()
        agent.call_failed(release_s + RING_S)


def start_business_call(scene: Scene, agent: Agent, customer: Customer) -> None:
    """The agent calls, the customer answers, they hear each other."""
    agent.calls(customer.identity.number)
    phone_rings(scene, customer)
    customer.answers()
    agent.connected(scene.testbed.target.deadlines.answer_s)
    hear_each_other(scene, customer, agent)
