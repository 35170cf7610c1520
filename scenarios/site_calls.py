"""Calls to a PBX of several sites: which site took them, told by what customers and agents received."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from harness.errors import NO_STALL, HarnessMisuse, NotRun
from harness.routing import Rule
from harness.target import Site
from harness.trace import SipTraceEntry, read_trace
from scenarios.agent import Agent
from scenarios.checks import same_number
from scenarios.conversation import ring_within_s
from scenarios.customer import Customer
from scenarios.prompts import hears_prompt
from scenarios.scene import Scene
from simulators.trunk.protocol import CallStarted

_TAG = re.compile(r";\s*tag=([^;\s]+)")
_HOST = re.compile(r"sips?:(?:[^@>]*@)?([^:;>]+)")

WATCHED_S = 1.0
"""How long a call's set-up is watched further once the phone rings: a second branch may come late, in s."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a call was seen: ``site`` None: nowhere yet. ``told_by`` in words."""

    site: Site | None
    told_by: str = ""


def ring_at_declared_site(scene: Scene, customer: Customer, rule: Rule | None = None) -> Agent:
    """The customer's call rings at the declared site, by that rule if one is named, and at no other.

    Raises PbxFault, NotRun when the target lets another rule decide.
    """
    declared = scene.sites.route_of(customer)
    if rule is not None and declared.rule is not rule:
        raise NotRun(f"the target routes this call by {declared.rule}, not by {rule}")
    site = declared.taken_by(scene.sites.unable)
    if site is None:
        raise HarnessMisuse(f"no site is left that could take {customer.label}'s call")
    agent = ring_at(scene, customer, site)
    scene.note(f"declared by {declared.rule}{f' ({declared.region})' if declared.region else ''}: {site.name}")
    return agent


def ring_at(scene: Scene, customer: Customer, site: Site) -> Agent:
    """The next phone that rings is one at ``site``, and it rings for this customer. Raises PbxFault."""
    within_s = ring_within_s(scene)
    agent = scene.next_ring(within_s, what=f"an agent's phone at {site.name}")
    rang_at = scene.sites.site_of(agent)
    if rang_at != site:
        raise scene.fault(
            f"{customer.label}'s call rang at {rang_at.name} ({agent.name}), not at {site.name}", stall_s=NO_STALL
        )
    scene.note(f"{agent.name}'s phone rings at {site.name}")
    return agent


def greeted_by(scene: Scene, customer: Customer, site: Site) -> None:
    """The customer hears the site's own greeting, whole and in the site's language."""
    hears_prompt(scene, customer, greeting_of(scene, site), site.language)


def greeting_of(scene: Scene, site: Site) -> str:
    """Name of the prompt that a site greets with: ``site_<name>`` where the target declares it."""
    own = f"site_{site.name}"
    return own if own in scene.testbed.target.prompts else "greeting"


def customer_of(scene: Scene, site: Site) -> Customer:
    """A new customer whose calls this site takes first, now. Raises NotRun when there is no such caller."""
    return scene.add_customer(country=scene.sites.caller_first_at(site))


def went_to_one_site(scene: Scene, customer: Customer) -> None:
    """Watch the set-up of the call that the customer has placed: one site has it, from INVITE to a ringing phone.

    Looked at are the agents' phones of all sites, what the PBX says of each site's call legs, and the answers that
    reach the trunk: an INVITE that was forked comes back with several To tags (RFC 3261 section 12.1.2).
    """
    deadline = monotonic() + ring_within_s(scene)
    at: dict[str, str] = {}
    rang: Agent | None = None
    until = deadline
    while monotonic() < until:
        for site in scene.sites.all:
            if _has_channel(scene, site, customer):
                at.setdefault(site.name, "its call legs")
        agent = scene.ring_within(0.05)
        if agent is not None:
            at[scene.sites.site_of(agent).name] = f"{agent.name}'s phone"
            if rang is None:
                rang, until = agent, min(deadline, monotonic() + WATCHED_S)
    if rang is None:
        raise scene.fault(f"no agent's phone rang for {customer.label} within {ring_within_s(scene):g} s")
    if len(at) > 1:
        seen = " and ".join(f"{name} ({how})" for name, how in at.items())
        raise scene.fault(f"{customer.label}'s call was at {len(at)} sites: {seen}", stall_s=NO_STALL)
    tags = {_tag(answer) for answer in answers_of(scene, customer)} - {""}
    if len(tags) > 1:
        raise scene.fault(f"{customer.label}'s INVITE was forked: answers with {len(tags)} To tags", stall_s=NO_STALL)
    scene.note(f"{customer.label}: only {next(iter(at))} saw the call, {len(tags)} dialog")


def answers_of(scene: Scene, customer: Customer, offset: int | None = None) -> Iterator[SipTraceEntry]:
    """What the PBX answered to the INVITE of the customer's latest call, beyond 100; ``offset`` into the trace."""
    started = [
        event
        for event in scene.trunk_events()
        if isinstance(event, CallStarted) and event.customer == customer.identity.number
    ]
    if not started:
        return
    messages = scene.trunk_messages() if offset is None else read_trace(scene.testbed.trunk_trace, offset)
    for message in messages:
        if (
            message.first_line.startswith("SIP/2.0 ")
            and not message.first_line.startswith("SIP/2.0 100")
            and message.call_id == started[-1].pbx_call_id
            and message.header("CSeq").endswith("INVITE")
        ):
            yield message


def seen_at(scene: Scene, customer: Customer, offset: int) -> Seen:
    """The site that answers the customer's call: by its Contact (RFC 3261 section 12.1.2), which an SBC may hide,
    else by what the PBX says of the site's call legs."""
    hosts = {site.host: site for site in scene.sites.all}
    answers = list(answers_of(scene, customer, offset))
    for answer in answers:
        site = hosts.get(_host(answer.header("Contact")))
        if site is not None:
            return Seen(site, f"{answer.first_line.split(maxsplit=2)[1]} from {site.host}")
    if answers:
        for site in scene.sites.all:
            if _has_channel(scene, site, customer):
                return Seen(site, "its call legs")
    return Seen(None)


def _has_channel(scene: Scene, site: Site, customer: Customer) -> bool:
    if site.name in scene.sites.down:
        return False
    channels = scene.testbed.pbx.site_channels(site.name) or ()
    return any(same_number(channel.caller_number, customer) for channel in channels)


def _tag(message: SipTraceEntry) -> str:
    found = _TAG.search(message.header("To"))
    return found[1] if found else ""


def _host(contact: str) -> str:
    found = _HOST.search(contact)
    return found[1] if found else ""
