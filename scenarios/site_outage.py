"""What becomes of calls when a site dies, comes back or is full, and when the SBC starts anew."""

from __future__ import annotations

from time import monotonic

from harness.errors import HarnessMisuse
from harness.target import Site
from scenarios.agent import Agent
from scenarios.checks import hear_each_other, pairs_talking
from scenarios.conversation import ring_within_s
from scenarios.customer import Customer
from scenarios.scene import Scene
from scenarios.site_calls import customer_of, ring_at


def converse_everywhere(scene: Scene) -> None:
    """At each site an agent talks with a customer whose calls it takes first; the calls are made at once."""
    customers = {site.name: customer_of(scene, site) for site in scene.sites.all}
    for customer in customers.values():
        customer.calls(scene.sites.everybodys_number())
    for _ in customers:
        scene.next_ring(ring_within_s(scene)).answers()
    since = monotonic()
    for customer, agent in pairs_talking(scene, list(customers.values())):
        site = scene.sites.site_of(agent)
        if customers[site.name] is not customer:
            raise scene.fault(f"{customer.label}'s call rang at {site.name} ({agent.name}), which should not take it")
        hear_each_other(scene, customer, agent, since)
        scene.pairs.append((customer, agent))


def others_go_on(scene: Scene, dead: Site | None = None) -> None:
    """In every conversation at another site both sides still hear each other, from now on. Raises PbxFault."""
    since = monotonic()
    pairs = [(c, a) for c, a in scene.pairs if dead is None or scene.sites.site_of(a) != dead]
    if not pairs:
        raise HarnessMisuse(
            "the scenario has no conversation that could go on",
            suggestion="add 'Given a customer in conversation with an agent at every site' before",
        )
    for customer, agent in pairs:
        site = scene.sites.site_of(agent)
        if not customer.in_call or not agent.in_call:
            raise scene.fault(f"the conversation of {customer.label} and {agent.name} at {site.name} was lost")
        hear_each_other(scene, customer, agent, since)


def end_all(scene: Scene) -> None:
    """Customers and agents hang up in turns; the other side's leg ends in time, and so does the trunk's."""
    within_s = scene.testbed.target.deadlines.release_s
    for position, (customer, agent) in enumerate(scene.pairs):
        if position % 2:
            agent.hangs_up()
            customer.ended(within_s, f"{agent.name} hung up")
        else:
            customer.hangs_up()
            agent.ended(within_s, f"{customer.label} hung up")
        scene.trunk_call_finished(customer, within_s)
    scene.pairs = []


def fill(scene: Scene, site: Site) -> None:
    """As many customers as the site takes have called it: an agent talks with one, the others wait in its queue.

    Raises NotRun for a site without a limit, PbxFault when it does not take so many.
    """
    scene.sites.require_limit(site)
    scene.require_customers(site.max_calls + 1)
    country = scene.sites.caller_first_at(site)
    callers = [scene.add_other_customer(country) for _ in range(site.max_calls)]
    for caller in callers:
        caller.calls(scene.sites.everybodys_number())
    for caller in callers:
        caller.answered(scene.testbed.target.deadlines.answer_s)
    ring_at(scene, callers[0], site).answers()
    scene.sites.full.add(site.name)
    scene.note(f"{len(callers)} calls are in progress at {site.name}")


def rings_at_next(scene: Scene, customer: Customer, dead: Site) -> Agent:
    """The customer's call is answered and rings at the next declared site, in the declared time. Raises PbxFault."""
    limit_s = scene.testbed.target.routing.failover_s
    taker = scene.sites.next_after(dead, customer)
    delay_s = customer.answered(max(limit_s, scene.testbed.target.deadlines.answer_s) + limit_s)
    scene.facts["failover_ms"] = round(delay_s * 1000)
    scene.note(f"{taker.name} answered {delay_s:.2f} s after the INVITE")
    if delay_s > limit_s:
        raise scene.fault(
            f"{taker.name} answered {delay_s:.1f} s after the INVITE; with {dead.name} down the target allows "
            f"{limit_s:g} s"
        )
    return ring_at(scene, customer, taker)


def takes_calls_again(scene: Scene, site: Site) -> Agent:
    """A new customer's call rings at the site that came back. Raises PbxFault."""
    scene.sites.ready_agents(1, site)
    customer = customer_of(scene, site)
    customer.calls(scene.sites.everybodys_number())
    customer.answered(scene.testbed.target.deadlines.answer_s)
    return ring_at(scene, customer, site)


def told_unreachable(scene: Scene, customer: Customer) -> None:
    """The call is refused with the declared code, within the declared time for each site. Raises PbxFault."""
    routing = scene.testbed.target.routing
    within_s = routing.failover_s * len(scene.sites.all)
    customer.ended(within_s, "it was placed, with every site down")
    finished = scene.trunk_call_finished(customer, within_s)
    took_s = monotonic() - customer.placed_at
    if finished.connected_s > 0:
        raise scene.fault(f"{customer.label}'s call was answered, though every site is down")
    if finished.code != routing.unreachable_code:
        raise scene.fault(
            f"with every site down {customer.label} got {finished.code} {finished.reason}, "
            f"not the declared {routing.unreachable_code}"
        )
    scene.facts["unreachable_after_ms"] = round(took_s * 1000)
    scene.note(f"{finished.code} {finished.reason} after {took_s:.2f} s")
