"""Sentences about what the PBX does with a call: answer, queue, release, and never the PSTN."""

from __future__ import annotations

from pytest_bdd import then

from harness.errors import NO_STALL, HarnessMisuse
from scenarios.business_calls import call_stays_away, no_further_try, pbx_is_told_code
from scenarios.checks import (
    customer_waits,
    never_pstn,
    pairs_talking,
    pbx_is_clean,
    queue_is_empty,
    voicemail_has_message,
)
from scenarios.conversation import ring_within_s
from scenarios.escalation import agent_is_free
from scenarios.scene import Scene
from simulators.phones.protocol import Codec
from steps.words import sentence


@then("the call is answered")
def call_is_answered(scene: Scene) -> None:
    """200 OK reaches the customer within the target's deadline."""
    delay_s = scene.last_customer.answered(scene.testbed.target.deadlines.answer_s)
    scene.facts["answer_delay_ms"] = round(delay_s * 1000)
    scene.note(f"answered after {delay_s * 1000:.0f} ms")


@then(sentence("{customer:Customer} waits in the queue"))
def waits_in_queue(scene: Scene, customer: int) -> None:
    """The PBX's own view of the queue has the customer in it (where the PBX can be asked)."""
    customer_waits(scene, scene.customer(customer))


@then("the queue is empty")
def the_queue_is_empty(scene: Scene) -> None:
    """No ghost call waits in the line's queue."""
    queue_is_empty(scene)


@then("both sides of the call have ended")
def both_sides_ended(scene: Scene) -> None:
    """The customer's leg and the agent's leg end within the target's deadline, whoever hung up."""
    within_s = scene.testbed.target.deadlines.release_s
    scene.customer(1).ended(within_s)
    scene.last_agent.ended(within_s)
    scene.trunk_call_finished(scene.customer(1), within_s)


@then("nothing of the call is left on the PBX")
@then("nothing of the calls is left on the PBX")
def nothing_left(scene: Scene) -> None:
    """The PBX holds no channel of the scenario's customers or agents."""
    pbx_is_clean(scene)


@then("nothing of the customer's call is left on the PBX")
def nothing_of_customer_left(scene: Scene) -> None:
    """The PBX holds no channel of the customer who called last; others may still talk."""
    pbx_is_clean(scene, only=scene.last_customer)


@then("the PBX ends the call")
def pbx_ends_call(scene: Scene) -> None:
    """The customer's leg ends without the customer hanging up."""
    ended = scene.last_customer.ended(scene.testbed.target.deadlines.release_s, "the PBX should have ended it")
    if ended.by_us:
        raise HarnessMisuse("the customer hung up in this scenario, so the PBX cannot end the call")


@then("the call never touched the PSTN")
@then("the calls never touched the PSTN")
def call_never_pstn(scene: Scene) -> None:
    """Nothing came out at the PSTN gateway: WhatsApp calls are VoIP end to end."""
    never_pstn(scene)


@then(sentence("the call uses {codec:Codec}"))
def call_uses_codec(scene: Scene, codec: Codec) -> None:
    """The PBX agreed on that codec."""
    used = scene.last_customer.ear.codec
    if used != codec.value:
        raise scene.fault(f"the PBX chose {used}, the only codec offered was {codec.value}", stall_s=NO_STALL)


@then("every customer reaches an agent of their own")
def everybody_reaches_somebody(scene: Scene) -> None:
    """As many phones ring as customers called; every agent answers; no two customers get the same agent."""
    for customer in scene.customers:
        customer.answered(scene.testbed.target.deadlines.answer_s)
    for position, _ in enumerate(scene.customers, start=1):
        scene.next_ring(ring_within_s(scene), what=f"phone {position} of {len(scene.customers)}").answers()
    scene.pairs = pairs_talking(scene, scene.customers)
    scene.note(f"{len(scene.pairs)} customers reached {len({a.extension for _, a in scene.pairs})} agents")


@then(sentence("the PBX is told {code:d}"))
def pbx_told(scene: Scene, code: int) -> None:
    """The trunk's final answer to the PBX's INVITE has this SIP code (Meta, troubleshooting)."""
    pbx_is_told_code(scene, scene.last_customer, code)


@then("the PBX does not try again")
def pbx_gives_up(scene: Scene) -> None:
    """For a while after the trunk's final answer, the PBX sends no further INVITE for the customer."""
    no_further_try(scene, scene.last_customer)


@then("the call does not reach the PBX")
def call_never_came(scene: Scene) -> None:
    """The trunk sends the PBX no INVITE."""
    call_stays_away(scene)


@then(sentence("the PBX says that {agent:Agent} is free"))
def pbx_says_free(scene: Scene, agent: int) -> None:
    """The PBX's own view: the agent is logged in and could take a call."""
    agent_is_free(scene, scene.named_agent(agent), free=True)


@then(sentence("the PBX says that {agent:Agent} is not free"))
def pbx_says_busy(scene: Scene, agent: int) -> None:
    """The PBX's own view: the agent is in a call or not logged in, so must not be offered."""
    agent_is_free(scene, scene.named_agent(agent), free=False)


@then("the PBX keeps the customer's message")
def message_is_kept(scene: Scene) -> None:
    """A new voicemail holds what the customer said, recognised by ear."""
    voicemail_has_message(scene, scene.last_customer)
