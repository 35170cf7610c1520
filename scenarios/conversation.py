"""Small flows that several sentences start from: a conversation under way, a message left."""

from __future__ import annotations

from time import monotonic

from harness.audio.speech import SPEECH
from harness.audio.wav import seconds_of
from harness.target import Purpose
from scenarios.agent import Agent
from scenarios.checks import eventually, hear_each_other, pairs_talking
from scenarios.customer import Customer
from scenarios.scene import Scene
from scenarios.support_line import require_hours

QUIET_S = 0.5
"""Silence, in s, that tells the customer it is their turn to speak."""

TONE_WITHIN_S = 10.0


def open_line(scene: Scene, agents: int) -> None:
    """Lease a line that is open now, with that many agents logged in."""
    line = scene.lease_line(agents)
    require_hours(line.number(Purpose.SUPPORT), scene.testbed.pbx.now(), staffed=True)
    scene.ready_agents(agents)


def start_conversation(scene: Scene, customer: Customer) -> Agent:
    """The customer calls support, an agent answers, they hear each other."""
    deadlines = scene.testbed.target.deadlines
    customer.calls(scene.number(Purpose.SUPPORT))
    customer.answered(deadlines.answer_s)
    agent = scene.next_ring(ring_within_s(scene))
    agent.answers()
    hear_each_other(scene, customer, agent)
    return agent


def start_conversations(scene: Scene, customers: list[Customer]) -> None:
    """All of them call support at once; as many agents answer, and in each call both sides are heard."""
    for customer in customers:
        customer.calls(scene.number(Purpose.SUPPORT))
    for _ in customers:
        scene.next_ring(ring_within_s(scene)).answers()
    since = monotonic()
    for customer, agent in pairs_talking(scene, customers):
        hear_each_other(scene, customer, agent, since)


def direct_number(scene: Scene) -> str:
    """The line's number whose calls come to an agent without a greeting, if there is one, else that of support.

    Without a greeting a call can be faster than a queue hears of who has just logged in: that is waited for, where
    the PBX can be asked.
    """
    line, within_s = scene.line, scene.testbed.target.deadlines.release_s

    def known() -> bool:
        queue = scene.testbed.pbx.queue(line.queue.name)
        return queue is None or len(queue.available_agents) >= len(scene.agents)

    eventually(known, bool, within_s)
    purpose = Purpose.CALLBACK if Purpose.CALLBACK in scene.line.numbers else Purpose.SUPPORT
    return scene.number(purpose)


def ring_within_s(scene: Scene) -> float:
    """Deadline for an agent's phone to ring after the customer's call was placed, in s.

    The greeting is played first, so its length counts; the deadline proper is the target's.
    """
    target = scene.testbed.target
    longest = max((seconds_of(path) for path in target.prompts.get("greeting", {}).values()), default=0.0)
    return target.deadlines.answer_s + longest + target.deadlines.ring_agent_s


def leave_message(scene: Scene, customer: Customer) -> None:
    """The customer waits for the tone, speaks, and hangs up."""
    customer.ear.wait_for_quiet(for_s=QUIET_S, within_s=TONE_WITHIN_S)
    speech = SPEECH["customer"]
    customer.says(str(speech))
    scene.talk_for(seconds_of(speech) + QUIET_S)
    customer.hangs_up()
