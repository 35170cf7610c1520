"""From chat to call: an offer in the chat, what the customer taps, and where the call comes out with which case."""

from __future__ import annotations

from harness.errors import NO_STALL, HarnessMisuse, Inconclusive, NotRun
from harness.trace import SipTraceEntry
from scenarios.agent import Agent
from scenarios.business_api import CallOffer
from scenarios.checks import eventually, hear_each_other, same_number
from scenarios.consent import GREETS
from scenarios.conversation import ring_within_s
from scenarios.customer import Customer
from scenarios.scene import Scene
from simulators.whatsapp.entry_points import DeepLink, deep_link
from simulators.whatsapp.protocol import ChatMessage, ChatMessageKind

OTHERS_SILENT_S = 1.5
"""How long the other agents' phones are watched after the right one rang, in s."""


def chats(scene: Scene, customer: Customer) -> None:
    """The customer writes to the line's number."""
    scene.whatsapp.writes(customer, scene.business.number, GREETS)


def offer(scene: Scene, customer: Customer, text: str) -> ChatMessage:
    """The call button that is in the customer's chat, with that text (empty: any)."""
    scene.business.require_done("the offer of a call")
    message = scene.whatsapp.message(customer, ChatMessageKind.CALL_BUTTON)
    if text and message.text != text:
        raise Inconclusive(f"the offer in the chat reads {message.text!r}, not {text!r}")
    scene.note(f"offered: {message.text or '(template)'} [{message.button_text}]")
    return message


def taps_offer(scene: Scene, customer: Customer) -> None:
    """The customer taps the button of the latest offer: the app calls the business."""
    message = scene.whatsapp.message(customer, ChatMessageKind.CALL_BUTTON)
    customer.calls(scene.business.number, entry=message.id)


def taps_link(scene: Scene, customer: Customer, agent: Agent, number: str = "") -> None:
    """The customer taps a ``wa.me/call`` link that carries where the call belongs; ``number`` is the business's that it
    calls, the one that chats when left out."""
    number = number or scene.business.number
    scene.business.payload = scene.business.payload_for(agent)
    link = deep_link(number, scene.business.payload, scene.whatsapp.rules)
    if not isinstance(link, DeepLink):
        raise HarnessMisuse(f"[escalation]: the payload is not fit for a link: {link.name} {link.says}")
    customer.calls(number, entry=str(link))


def only_this_phone_rings(scene: Scene, agent: Agent) -> None:
    """The agent's phone rings, and no other agent's."""
    first = scene.next_ring(ring_within_s(scene), what=f"{agent.name}'s phone")
    if first is not agent:
        raise scene.fault(
            f"{first.name}'s phone rang; the offer named {agent.name} ({agent.extension})", stall_s=NO_STALL
        )
    other = scene.ring_within(OTHERS_SILENT_S)
    if other is not None and other is not agent:
        raise scene.fault(f"{other.name}'s phone rang as well; the offer named {agent.name}", stall_s=NO_STALL)


def this_phone_rings(scene: Scene, agent: Agent) -> None:
    """The next phone that rings is this agent's."""
    first = scene.next_ring(ring_within_s(scene) + scene.line.queue.ring_s, what=f"{agent.name}'s phone")
    if first is not agent:
        raise scene.fault(f"{first.name}'s phone rang, not {agent.name}'s", stall_s=NO_STALL)


def sees_case(scene: Scene, agent: Agent) -> None:
    """The agent's phone got what the offer carries, letter for letter."""
    name = scene.testbed.target.escalation.agent_header
    if not name:
        raise NotRun("the target declares no [escalation] agent_header, in which an agent's phone gets the case")
    if agent.incoming is None:
        raise HarnessMisuse(f"{agent.name}'s phone has not rung", suggestion="let it ring before")
    shown = header_of(agent.incoming.invite, name)
    if shown != scene.business.payload:
        got = f"got {shown!r}" if shown else "got none"
        raise scene.fault(
            f"{agent.name}'s phone should have got {scene.business.payload!r} in the header {name}, and {got}",
            stall_s=NO_STALL,
        )
    scene.note(f"{name}: {shown}")


def header_of(message: str, name: str) -> str:
    """Value of a header in the text of a SIP message; empty when it is not there."""
    entry = SipTraceEntry(at=0.0, wall=0.0, source="", destination="", transport="", raw=message)
    return entry.header(name)


def agent_is_free(scene: Scene, agent: Agent, *, free: bool) -> None:
    """The PBX itself says whether the agent could take a call. Raises NotRun when it cannot be asked."""
    pbx, extension = scene.testbed.pbx, agent.extension
    if pbx.agent_available(extension) is None:
        raise NotRun("this PBX cannot be asked whether an agent is free")
    said = eventually(
        lambda: pbx.agent_available(extension),
        lambda available: available is free,
        scene.testbed.target.deadlines.release_s,
    )
    if said is not free:
        is_so, says = ("free", "is not") if free else ("not free", "is")
        raise scene.fault(f"{agent.name} is {is_so}, but the PBX says that the agent {says} free")


def other_customer_gets(scene: Scene, agent: Agent) -> None:
    """Another customer taps an offer of the agent's before; the two talk."""
    payload, case = scene.business.payload, scene.business.case
    other = scene.add_other_customer()
    chats(scene, other)
    scene.business.offers_call(other, CallOffer(text="May I call you?", payload=""), agent=agent)
    scene.business.require_done("the offer of a call")
    taps_offer(scene, other)
    only_this_phone_rings(scene, agent)
    if agent.incoming is None or not same_number(agent.incoming.from_user, other):
        raise scene.fault(f"another call came to {agent.name} than that of {other.label}", stall_s=NO_STALL)
    agent.answers()
    hear_each_other(scene, other, agent)
    scene.business.payload, scene.business.case = payload, case


def call_fails(scene: Scene, customer: Customer) -> None:
    """The customer's call comes to nothing: it ends without having been answered."""
    ended = customer.ended(scene.testbed.target.deadlines.answer_s, "it should have failed")
    if ended.connected_s > 0:
        raise scene.fault(f"{customer.label}'s call was answered, and it should have failed")
    scene.note(f"{ended.code} {ended.reason}")
