"""The sites behind the SBC, as a scenario has them: agents, callers, what is down or full, and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from harness.errors import HarnessMisuse, Inconclusive, NotRun
from harness.evidence import RoutingTable
from harness.leases import Lease
from harness.routing import Call, Route, Rule, local_time, open_at, route
from harness.target import Purpose, Site
from scenarios.agent import Agent
from scenarios.support_line import LINE_LEASE_S
from simulators.phones.customers import HOMES
from simulators.trunk.protocol import SetHeaderRules

if TYPE_CHECKING:
    from scenarios.customer import Customer
    from scenarios.scene import Scene

SEARCH = timedelta(days=7)
SEARCH_STEP = timedelta(minutes=15)
STAYS_OPEN = timedelta(minutes=10)
"""A site that a scenario needs open stays so for at least this long."""

ORDINARY_COUNTRIES = ("JP", "AU", "ZA", "IN", "TH", "PL", *(home.country for home in HOMES))
"""Where a customer may come from whom no region and no language claims, in the order in which they are asked."""

_COUNTRY_RULE = """
[[header_rules]]
methods = ["INVITE"]
messages = "requests"
action = "set"
header = "{header}"
value = "{{country}}"
"""

_HIDING_RULES = """
[[header_rules]]
messages = "requests"
action = "replace"
header = "From"
pattern = "sip:[^@>]+@"
value = "sip:{country}.13491208655302741918@"

[[header_rules]]
messages = "requests"
action = "replace"
header = "Contact"
pattern = "sip:[^@>]+@"
value = "sip:{country}.13491208655302741918@"

[[header_rules]]
messages = "requests"
action = "remove"
header = "P-Asserted-Identity"
"""
"""A user who has adopted a username: business-scoped id where the number was (Meta, business-scoped user ids)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of caller, as ``[routing]`` tells them apart: ``name`` for people, ``country`` where they call from."""

    name: str
    country: str


class Sites:
    """See the module. Positions count from 1, in the order of ``[[sites]]``."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.tables: list[RoutingTable] = []
        """Routing tables that the scenario leaves."""
        self.down: set[str] = set()
        self.full: set[str] = set()
        self.fillers: list[Customer] = []
        """Customers whose calls only keep a site full."""
        self._hidden: set[str] = set()
        self._country_told = False
        self._lease: Lease | None = None

    def lease(self) -> None:
        """Have all sites for this scenario alone until it ends. Raises Inconclusive."""
        if self._lease is None:
            self._lease = self._scene.testbed.leases.take("PBX of several sites", ["all"], timeout_s=LINE_LEASE_S)

    # Who is there

    @property
    def all(self) -> list[Site]:
        """The declared sites. Raises NotRun when there are fewer than two."""
        sites = self._scene.testbed.target.sites
        if len(sites) < 2:
            raise NotRun("the scenario needs two sites, the target declares fewer under [[sites]]")
        return sites

    def at(self, position: int) -> Site:
        """The site at a position. Raises NotRun when there are fewer."""
        if position > len(self.all):
            raise NotRun(f"the scenario needs site {position}, the target declares {len(self.all)} sites")
        return self.all[position - 1]

    def ready_agents(self, count: int, *at: Site) -> None:
        """Register so many agents who were not there before, at these sites or at all. Raises NotRun, Inconclusive."""
        scene = self._scene
        target = scene.testbed.target
        sites = at or self.all
        scene.testbed.capacity.require_phones(len(scene.agents) + count * len(sites))
        fresh = []
        for site in sites:
            queue = next(queue for queue in target.queues if queue.name == site.queue)
            busy = {agent.extension for agent in scene.agents}
            free = [extension for extension in queue.agents if extension not in busy]
            if len(free) < count:
                raise NotRun(f"the scenario needs {count} agents at {site.name}, its queue has {len(queue.agents)}")
            fresh += [Agent(scene, extension) for extension in free[:count]]
        scene.agents.extend(fresh)
        for agent in fresh:
            agent.switch_on()
        for agent in fresh:
            agent.registered()

    def agents_at(self, site: Site) -> list[Agent]:
        """Agents of a site that the scenario has registered."""
        return [agent for agent in self._scene.agents if self.site_of(agent) == site]

    def site_of(self, agent: Agent) -> Site:
        """Where an agent sits. Raises HarnessMisuse for agents of no site."""
        site = self._scene.testbed.target.site_of_agent(agent.extension)
        if site is None:
            raise HarnessMisuse(f"the agent {agent.extension} serves the queue of no site")
        return site

    # Who calls, and what

    def everybodys_number(self) -> str:
        """The number whose calls are routed by country, language and hours. Raises NotRun when there is none."""
        target = self._scene.testbed.target
        for number in target.numbers:
            if number.purpose is Purpose.SUPPORT and number.number not in target.routing.numbers:
                return number.number
        raise NotRun("the target declares no number with the purpose 'support' outside [routing.numbers]")

    def own_number(self, site: Site) -> str:
        """A number of ``[routing.numbers]`` whose first site this is. Raises NotRun when there is none."""
        for number, names in self._scene.testbed.target.routing.numbers.items():
            if names and names[0] == site.name:
                return number
        raise NotRun(f"[routing.numbers] declares no number that {site.name} takes first")

    def callers(self) -> list[Caller]:
        """One caller of each region, one of each language that routes, one of everybody else."""
        target = self._scene.testbed.target
        found = [Caller(name, region.countries[0]) for name, region in target.routing.regions.items()]
        claimed = {country for region in target.routing.regions.values() for country in region.countries}
        for language in target.routing.languages:
            speaking = [c for c, spoken in target.languages.by_country.items() if spoken == language]
            if country := next((country for country in speaking if country not in claimed), ""):
                found.append(Caller(f"others, {language}", country))
        languages = target.routing.languages
        for country in ORDINARY_COUNTRIES:
            if country not in claimed and target.language_of(country) not in languages:
                found.append(Caller("everybody else", country))
                break
        return found

    def caller_of(self, rule: Rule) -> str:
        """Country of a caller for whom the rule decides. Raises NotRun when the target has no such rule."""
        for caller in self.callers():
            if self.route_from(caller.country).rule is rule:
                return caller.country
        raise NotRun(f"the target routes no caller by {rule}")

    def tell_country(self) -> None:
        """From now on the trunk tells each caller's country in the header of ``[routing] country_header``."""
        self._country_told = True
        self._set_rules()

    def hide_number(self, customer: Customer) -> None:
        """From now on the trunk shows ids of WhatsApp in place of numbers: those of all customers of the scenario."""
        self._hidden.add(customer.phone)
        self._set_rules()

    def _set_rules(self) -> None:
        header = self._scene.testbed.target.routing.country_header
        rules = _COUNTRY_RULE.format(header=header) if self._country_told else ""
        rules += _HIDING_RULES if self._hidden else ""
        self._scene.testbed.trunk.call(SetHeaderRules(rules=rules))

    def call_of(self, customer: Customer) -> Call:
        """The customer's call as the SBC sees it."""
        return Call(
            dialled=customer.called,
            caller="" if self._hidden else customer.identity.number,
            country_header=customer.identity.country if self._country_told else "",
        )

    def route_of(self, customer: Customer, at: datetime | None = None) -> Route:
        """Where the customer's call belongs, at an instant or now."""
        return route(self._scene.testbed.target, self.call_of(customer), at or self.now())

    def route_from(self, country: str) -> Route:
        """Where a call from a country to everybody's number belongs, now."""
        number = self._scene.testbed.customer_book.customer(country=country).number
        call = Call(dialled=self.everybodys_number(), caller=number)
        return route(self._scene.testbed.target, call, self.now())

    def caller_first_at(self, site: Site) -> str:
        """Country of callers whose calls this site takes first, now. Raises NotRun when there are none."""
        for caller in self.callers():
            if self.route_from(caller.country).taken_by() == site:
                return caller.country
        raise NotRun(f"at this time {site.name} takes nobody's calls first")

    @property
    def unable(self) -> set[str]:
        """Sites that cannot take a call."""
        return self.down | self.full

    # Time

    def now(self) -> datetime:
        """The PBX's time, in UTC. Raises Inconclusive when it is not known."""
        local = self._scene.testbed.pbx.now()
        if local is None:
            raise Inconclusive("the sites' hours matter here, but the PBX's clock is not known")
        zone = ZoneInfo(self._scene.testbed.target.pbx.timezone)
        return local.replace(tzinfo=zone).astimezone(UTC)

    def move_clock(self, at: datetime) -> None:
        """Let it be that instant at all sites. Raises NotRun when this PBX's clock cannot be moved."""
        local = at.astimezone(ZoneInfo(self._scene.testbed.target.pbx.timezone)).replace(tzinfo=None)
        if self._scene.testbed.pbx.set_clock(local) is None:
            raise NotRun("this PBX's clock cannot be moved")

    def open_all(self) -> None:
        """Let it be a time at which every site is open: now if they are. Raises NotRun when there is none."""
        self.lease()
        now = self.now()
        if not self._all_open(now):
            now = next((at for at in _from(now) if self._all_open(at)), now)
            if not self._all_open(now):
                raise NotRun(f"the hours of the sites have no time in common within {SEARCH.days} days")
            self.move_clock(now)
        clocks = ", ".join(f"{site.name} {local_time(site.timezone, now):%H:%M}" for site in self.all)
        self._scene.note(f"it is {now:%A %H:%M} UTC: {clocks}; all are open")

    def _all_open(self, at: datetime) -> bool:
        return all(open_at(site, at) and open_at(site, at + STAYS_OPEN) for site in self.all)

    # What happens to them

    def require_limit(self, site: Site) -> None:
        """Raises NotRun for a site that takes any number of calls."""
        if not site.max_calls:
            raise NotRun(f"the target declares no max_calls for {site.name}: it is never full")

    def require_true(self, done: bool | None, what: str) -> None:
        """An order to the PBX was carried out. Raises NotRun when it cannot be given, Inconclusive when it failed."""
        if done is None:
            raise NotRun(f"this PBX cannot be told to {what}")
        if not done:
            raise Inconclusive(f"the PBX did not {what}")

    def kill(self, site: Site) -> None:
        """The site crashes; nothing of it answers any more."""
        self.require_true(self._scene.testbed.pbx.stop_site(site.name), f"stop {site.name}")
        self.down.add(site.name)

    def revive(self, site: Site) -> None:
        """The site is up again, with no agent registered."""
        self.require_true(self._scene.testbed.pbx.start_site(site.name), f"start {site.name}")
        self.down.discard(site.name)

    def restart_sbc(self) -> None:
        """The SBC ends and starts again."""
        self.require_true(self._scene.testbed.pbx.restart_sbc(), "restart its SBC")

    def close(self) -> None:
        """The trunk dresses its calls as its profile says, and others may have the sites."""
        try:
            if self._country_told or self._hidden:
                self._country_told, self._hidden = False, set()
                self._set_rules()
        finally:
            if self._lease is not None:
                self._lease.release()

    def next_after(self, site: Site, customer: Customer) -> Site:
        """The site that must take the customer's call when this one cannot. Raises HarnessMisuse when none must."""
        taker = self.route_of(customer).taken_by({*self.unable, site.name})
        if taker is None:
            raise HarnessMisuse(f"no other site than {site.name} is declared for {customer.label}'s call")
        return taker


def _from(now: datetime) -> Iterator[datetime]:
    """Instants from the next quarter of an hour on."""
    start = now.replace(minute=0, second=0, microsecond=0)
    return (start + SEARCH_STEP * step for step in range(1, SEARCH // SEARCH_STEP))
