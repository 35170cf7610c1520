"""Sentences about a PBX of several sites: who is where, which site takes a call, and what happens to sites."""

from __future__ import annotations

from datetime import date

from pytest_bdd import given, then, when

from harness.routing import Rule, edges_of, hours_of
from scenarios.checks import hear_each_other
from scenarios.follow_the_sun import all_as_declared, run_through
from scenarios.scene import Scene
from scenarios.site_calls import (
    customer_of,
    greeted_by,
    ring_at,
    ring_at_declared_site,
    went_to_one_site,
)
from scenarios.site_outage import (
    converse_everywhere,
    end_all,
    fill,
    others_go_on,
    rings_at_next,
    takes_calls_again,
    told_unreachable,
)
from steps.words import sentence


@given(sentence("every site is open with {count:Agents} ready"))
def every_site_open(scene: Scene, count: int) -> None:
    """A time at which the hours of all sites agree (the PBX's clock is moved if need be); agents log in at each."""
    scene.sites.open_all()
    scene.sites.ready_agents(count)


@given("every site is open")
def every_site_open_unstaffed(scene: Scene) -> None:
    """A time at which the hours of all sites agree; no agent has logged in."""
    scene.sites.open_all()


@given(sentence("a customer whose calls are routed by {rule:Rule}"))
def a_customer_routed_by(scene: Scene, rule: Rule) -> None:
    """A customer from a country for which that rule of ``[routing]`` decides."""
    scene.add_customer(country=scene.sites.caller_of(rule))


@given(sentence("a customer with a number of {number:Country} whom WhatsApp places in {country:Country}"))
def a_customer_abroad(scene: Scene, number: str, country: str) -> None:
    """The trunk tells the country in the header that the target names, and the number is one of another country."""
    scene.add_customer(country=number, lives_in=country)
    scene.sites.tell_country()


@given(sentence("a customer with a hidden number in {country:Country}"))
def a_customer_hidden(scene: Scene, country: str) -> None:
    """The customer has adopted a username: the PBX gets an id of WhatsApp for a number, and the country in a header."""
    customer = scene.add_customer(country=country)
    scene.sites.tell_country()
    scene.sites.hide_number(customer)


@given("a customer in conversation with an agent at every site")
def conversations_everywhere(scene: Scene) -> None:
    """At each site, a customer whose calls it takes has called, an agent there has answered, they hear each other."""
    converse_everywhere(scene)


@given(sentence("{site:Site} is full"))
def site_is_full(scene: Scene, site: int) -> None:
    """As many calls as the target's ``max_calls`` are in progress there."""
    fill(scene, scene.sites.at(site))


@given("every site is down")
@when("every site goes down")
def every_site_down(scene: Scene) -> None:
    """All sites crash; the SBC stays."""
    for site in scene.sites.all:
        scene.sites.kill(site)


@when(sentence("{customer:Customer} calls the number of all sites"))
def calls_everybody(scene: Scene, customer: int) -> None:
    """Calls the number for which country, language and hours decide."""
    scene.customer(customer).calls(scene.sites.everybodys_number())


@when(sentence("{customer:Customer} calls the own number of {site:Site}"))
def calls_own_number(scene: Scene, customer: int, site: int) -> None:
    """Calls a number of ``[routing.numbers]`` that this site takes first."""
    scene.customer(customer).calls(scene.sites.own_number(scene.sites.at(site)))


@when(sentence("another customer of {site:Site} calls"))
def another_calls(scene: Scene, site: int) -> None:
    """A new customer, whose calls this site takes first, calls the number of all sites."""
    customer_of(scene, scene.sites.at(site)).calls(scene.sites.everybodys_number())


@when(sentence("{site:Site} dies"))
def site_dies(scene: Scene, site: int) -> None:
    """Its PBX is killed in whatever it is doing."""
    scene.sites.kill(scene.sites.at(site))


@when(sentence("{site:Site} comes back"))
def site_comes_back(scene: Scene, site: int) -> None:
    """Its PBX is started again; its agents log in again."""
    scene.sites.revive(scene.sites.at(site))


@when("the SBC restarts")
def sbc_restarts(scene: Scene) -> None:
    """The SBC ends and starts again; the sites stay."""
    scene.sites.restart_sbc()


@when("all conversations are ended, by customers and by agents")
def conversations_ended(scene: Scene) -> None:
    """One side hangs up, the other side's leg ends in time."""
    end_all(scene)


@when(sentence("a customer of each region calls in every hour of {day:Day}"))
def calls_every_hour(scene: Scene, day: date) -> None:
    """24 hours of UTC by the moved clock: one caller of each region, each routed language and everybody else."""
    run_through(scene, hours_of(day), f"{_spoken(day)}: which site took whose call")


@when(sentence("a customer of each region calls a minute before and after each opening and closing on {day:Day}"))
def calls_at_edges(scene: Scene, day: date) -> None:
    """The minutes around every opening and closing of any site on that day (in UTC), each site in its own time zone."""
    edges = edges_of(scene.testbed.target, day)
    run_through(scene, edges, f"{_spoken(day)}: around openings and closings", listen_always=True)


@then("every call has reached the site that is declared for it")
def every_call_as_declared(scene: Scene) -> None:
    """All calls of the scenario's routing tables; the report shows the tables."""
    all_as_declared(scene)


@then(sentence("the site declared for {rule:Rule} takes the call"))
def declared_site_takes(scene: Scene, rule: Rule) -> None:
    """An agent's phone rings there, and at no other site before; the target lets that rule decide."""
    ring_at_declared_site(scene, scene.last_customer, rule)


@then("the customer hears the greeting of that site")
def hears_site_greeting(scene: Scene) -> None:
    """The greeting of the declared site, whole, in the site's language."""
    site = scene.sites.route_of(scene.last_customer).sites[0]
    greeted_by(scene, scene.last_customer, site)


@then(sentence("an agent's phone rings at {site:Site}"))
def phone_rings_at(scene: Scene, site: int) -> None:
    """The next phone that rings is one of that site's."""
    ring_at(scene, scene.last_customer, scene.sites.at(site))


@then(sentence("an agent's phone rings at the next site after {site:Site}, in the declared time"))
def rings_at_next_site(scene: Scene, site: int) -> None:
    """The next declared site answers within ``[routing] failover_s`` of the INVITE, and rings its agent."""
    rings_at_next(scene, scene.last_customer, scene.sites.at(site))


@then(sentence("the call overflows to the next site after {site:Site}"))
def overflows(scene: Scene, site: int) -> None:
    """An agent's phone rings at the next declared site, within the time that is declared for a dead one."""
    rings_at_next(scene, scene.last_customer, scene.sites.at(site))


@then(sentence("{site:Site} takes its customers' calls again"))
def takes_again(scene: Scene, site: int) -> None:
    """A new customer's call rings at an agent's phone there."""
    takes_calls_again(scene, scene.sites.at(site))


@then("the agent at that site and the customer hear each other")
def they_hear_each_other(scene: Scene) -> None:
    """The agent whose phone rang last answers; both are heard."""
    agent = scene.last_agent
    agent.answers()
    hear_each_other(scene, scene.last_customer, agent)


@then(sentence("every conversation but that at {site:Site} goes on"))
def conversations_go_on(scene: Scene, site: int) -> None:
    """In each of them both sides still hear each other."""
    others_go_on(scene, scene.sites.at(site))


@then("every conversation goes on")
def all_conversations_go_on(scene: Scene) -> None:
    """In each of them both sides still hear each other."""
    others_go_on(scene)


@then("the set-up of the call is seen at one site only")
def one_site_only(scene: Scene) -> None:
    """Phones, call legs and answers are watched until an agent's phone has rung: no second site takes part."""
    went_to_one_site(scene, scene.last_customer)


@then("the customer is told that no site can be reached")
def no_site_reached(scene: Scene) -> None:
    """The call ends with the code that the target declares (``unreachable_code``)."""
    told_unreachable(scene, scene.last_customer)


def _spoken(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"
