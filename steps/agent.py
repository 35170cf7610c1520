"""Sentences about agents: who is logged in and what they do with their softphones."""

from __future__ import annotations

from pytest_bdd import given, then, when

from harness.errors import NO_STALL, HarnessMisuse, NotRun
from harness.target import Purpose
from scenarios.business_api import CallOffer
from scenarios.business_calls import called_and_declined, start_business_call
from scenarios.checks import no_ring, same_number
from scenarios.conversation import open_line, ring_within_s, start_conversation, start_conversations
from scenarios.escalation import only_this_phone_rings, other_customer_gets, sees_case, this_phone_rings
from scenarios.scene import Scene
from scenarios.support_line import require_hours
from steps.words import sentence

NO_RING_S = 1.5
"""How long nobody's phone may ring for "no agent's phone rings" to hold, in s."""


@given(sentence("the support line is open with {count:Agents} ready"))
def line_open_with_agents(scene: Scene, count: int) -> None:
    """A line whose hours include the PBX's present time; that many of its agents log in (REGISTER)."""
    open_line(scene, count)


@given("the support line is open and no agent is logged in")
def line_open_without_agents(scene: Scene) -> None:
    """A line whose hours include the PBX's present time, and none of its agents has registered."""
    open_line(scene, 0)


@given(sentence("the closed desk is closed now with {count:Agents} ready"))
def desk_closed(scene: Scene, count: int) -> None:
    """The line has a number whose hours exclude the PBX's present time; agents are logged in all the same."""
    line = scene.lease_line(count)
    require_hours(line.number(Purpose.CLOSED_DESK), scene.testbed.pbx.now(), staffed=False)
    scene.ready_agents(count)


@given("the agent is talking with another customer")
def agent_is_busy(scene: Scene) -> None:
    """The one agent of the line has answered a customer who called before."""
    start_conversation(scene, scene.add_other_customer())


@given("both agents are talking with other customers")
def agents_are_busy(scene: Scene) -> None:
    """Two customers called before and talk with the line's two agents."""
    start_conversations(scene, [scene.add_other_customer(), scene.add_other_customer()])


@given(sentence("{agent:Agent} talks with {customer:Customer}"))
def agent_talks(scene: Scene, agent: int, customer: int) -> None:
    """The agent, counted as logged in, has called the customer, and they hear each other."""
    start_business_call(scene, scene.named_agent(agent), scene.customer(customer))


@when(sentence("{agent:Agent} calls {customer:Customer}"))
def agent_calls(scene: Scene, agent: int, customer: int) -> None:
    """The agent, counted as logged in, dials the customer's number on the softphone; the PBX calls the trunk."""
    scene.named_agent(agent).calls(scene.customer(customer).identity.number)


@when(sentence("{agent:Agent} calls {customer:Customer} {times:d} times and the customer declines each time"))
def agent_calls_in_vain(scene: Scene, agent: int, customer: int, times: int) -> None:
    """So many calls one after another, each declined at the customer's app."""
    called_and_declined(scene, scene.named_agent(agent), scene.customer(customer), times)


@when(sentence("{agent:Agent} clicks to call {customer:Customer}"))
def agent_clicks(scene: Scene, agent: int, customer: int) -> None:
    """The PBX is told to ring the agent and then to call the customer."""
    extension = scene.named_agent(agent).extension
    if scene.testbed.pbx.click_to_call(extension, scene.customer(customer).identity.number) is None:
        raise NotRun("this PBX cannot be told to connect an agent with a customer")


@when(sentence('{agent:Agent} offers a call, "{text}"'))
def agent_offers(scene: Scene, agent: int, text: str) -> None:
    """The agent sends a call button into the chat; the button carries agent and case."""
    offer = CallOffer(text=text, payload="")
    scene.business.offers_call(scene.last_customer, offer, agent=scene.named_agent(agent))


@when(sentence("{agent:Agent} offers a call that expires after {minutes:d} minutes"))
def agent_offers_for_a_while(scene: Scene, agent: int, minutes: int) -> None:
    """As above; the button works for so long."""
    offer = CallOffer(text="Shall we talk?", payload="", ttl_minutes=minutes)
    scene.business.offers_call(scene.last_customer, offer, agent=scene.named_agent(agent))
    scene.business.require_done("the offer of a call")


@when(sentence("{agent:Agent} offers a call by template"))
def agent_offers_by_template(scene: Scene, agent: int) -> None:
    """The call button comes in a message template, which needs no message of the customer before."""
    offer = CallOffer(text="", payload="", template=True)
    scene.business.offers_call(scene.last_customer, offer, agent=scene.named_agent(agent))


@when(sentence("another customer gets {agent:Agent}"))
def agent_becomes_busy(scene: Scene, agent: int) -> None:
    """Another customer had an offer of the agent's, too, and was faster: the two talk now."""
    other_customer_gets(scene, scene.named_agent(agent))


@when(sentence("{agent:Agent} logs out"))
def agent_logs_out(scene: Scene, agent: int) -> None:
    """The softphone unregisters and goes out of service."""
    scene.named_agent(agent).switch_off()


@when(sentence("{agent:Agent} answers"))
def agent_answers(scene: Scene, agent: int) -> None:
    """The agent takes the ringing call."""
    scene.agent(agent).answers()


@when(sentence("{agent:Agent} declines"))
def agent_declines(scene: Scene, agent: int) -> None:
    """The agent refuses the ringing call (486)."""
    scene.agent(agent).declines()


@when(sentence("{agent:Agent} hangs up"))
def agent_hangs_up(scene: Scene, agent: int) -> None:
    """The agent ends the call."""
    scene.agent(agent).hangs_up()


@when("the agent hangs up on the other customer")
def agent_ends_other_call(scene: Scene) -> None:
    """The agent ends the call that was under way before this scenario's customer called."""
    scene.agent(1).hangs_up()


@when(sentence("{agent:Agent} puts the call on hold"))
def agent_holds(scene: Scene, agent: int) -> None:
    """The agent's phone puts the call on hold (re-INVITE)."""
    scene.agent(agent).holds(on=True)


@when(sentence("{agent:Agent} takes the call back"))
def agent_resumes(scene: Scene, agent: int) -> None:
    """The agent's phone takes the call off hold."""
    scene.agent(agent).holds(on=False)


@when(sentence("{agent:Agent} transfers the call to the colleague"))
def agent_transfers(scene: Scene, agent: int) -> None:
    """Blind transfer (REFER) to an agent who is logged in and free."""
    speaker = scene.agent(agent)
    speaker.transfers_to(scene.colleague_of(speaker))


@then("an agent's phone rings")
def a_phone_rings(scene: Scene) -> None:
    """The PBX offers the call to one of the line's agents in time."""
    agent = scene.next_ring(ring_within_s(scene), what="an agent's phone")
    scene.note(f"{agent.name}'s phone rings")


@then("another agent's phone rings")
def another_phone_rings(scene: Scene) -> None:
    """The PBX offers the call to an agent other than the one before."""
    before = scene.agent(scene.agents_rung())
    agent = scene.next_ring(scene.testbed.target.deadlines.ring_agent_s, what="another agent's phone")
    if agent is before:
        raise scene.fault(f"{agent.name}'s phone rang again; no other agent was tried")


@then("another agent's phone rings after the first stopped")
def next_phone_rings(scene: Scene) -> None:
    """The PBX gives up on an agent who does not answer and offers the call to the next."""
    first = scene.agent(scene.agents_rung())
    queue = scene.line.queue
    within_s = queue.ring_s + scene.testbed.target.deadlines.ring_agent_s
    first.ended(within_s, "it began to ring")
    agent = scene.next_ring(within_s, what="the next agent's phone")
    if agent is first:
        raise scene.fault(f"{agent.name}'s phone rang again; no other agent was tried")


@then(sentence("{agent:Agent}'s phone rings and no other"))
def that_phone_rings_only(scene: Scene, agent: int) -> None:
    """The phone of that agent, counted as logged in, rings; for a while, nobody else's does."""
    only_this_phone_rings(scene, scene.named_agent(agent))


@then(sentence("{agent:Agent}'s phone rings"))
def that_phone_rings(scene: Scene, agent: int) -> None:
    """The next phone that rings is that agent's, counted as logged in."""
    this_phone_rings(scene, scene.named_agent(agent))


@then(sentence("{agent:Agent} sees the case"))
def agent_sees_case(scene: Scene, agent: int) -> None:
    """What the offer carried is in the header of the call to the agent's phone that the target declares."""
    sees_case(scene, scene.agent(agent))


@then(sentence("{agent:Agent}'s call has failed"))
def agents_call_failed(scene: Scene, agent: int) -> None:
    """The agent is told so in time: the call that the agent dialled has ended, unanswered."""
    scene.named_agent(agent).call_failed(scene.testbed.target.deadlines.release_s)


@then("no agent's phone rings")
def no_phone_rings(scene: Scene) -> None:
    """For a while, none of the line's logged-in agents is offered a call."""
    no_ring(scene, NO_RING_S)


@then(sentence("{agent:Agent}'s phone stops ringing"))
def phone_stops_ringing(scene: Scene, agent: int) -> None:
    """The PBX cancels the call at the agent's phone in time."""
    callee = scene.agent(agent)
    ended = callee.ended(scene.testbed.target.deadlines.release_s, "the customer gave up")
    if ended.connected_s > 0:
        raise HarnessMisuse(f"{callee.name} answered this call, so the phone cannot stop ringing")


@then(sentence("{agent:Agent} sees the customer's number"))
def agent_sees_number(scene: Scene, agent: int) -> None:
    """The phone shows the customer's WhatsApp number (user part of From)."""
    incoming, customer = scene.agent(agent).incoming, scene.customer(1)
    shown = incoming.from_user if incoming else ""
    if not same_number(shown, customer):
        raise scene.fault(
            f"the agent sees the number {shown!r}; the customer's is {customer.identity.number}", stall_s=NO_STALL
        )
    scene.note(f"shown: {shown}")


@then(sentence("{agent:Agent} sees the customer's name"))
def agent_sees_name(scene: Scene, agent: int) -> None:
    """The phone shows the customer's WhatsApp profile name (display name of From), letter for letter."""
    incoming, customer = scene.agent(agent).incoming, scene.customer(1)
    shown = incoming.from_display if incoming else ""
    if shown != customer.identity.profile_name:
        raise scene.fault(
            f"the agent sees the name {shown!r}; the customer's is {customer.identity.profile_name!r}", stall_s=NO_STALL
        )
    scene.note(f"shown: {shown}")


@then("the first agent is out of the call")
def first_agent_is_out(scene: Scene) -> None:
    """The agent who transferred has no leg any more."""
    scene.agent(1).ended(scene.testbed.target.deadlines.release_s, "the transfer")
