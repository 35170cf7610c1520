"""The target as it is to one of its sites: its own queue, agents, hours, zone and language, behind the SBC."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from harness.errors import HarnessMisuse
from harness.target import LanguagesSection, Number, Purpose, Site, Target
from simulators.pbx.sip_ports import sip_port

GREETING = "greeting"
SITE_PROMPT = "site_{name}"
"""``[prompts.site_<name>]``, the greeting that says which site answers; without it a site has the common one."""


def site_target(target: Target, site: Site) -> Target:
    """``target`` for ``site``, whose trunk is the SBC. Every number in service leads to the site's queue."""
    queues = [queue.model_copy(update={"trunk_address": ""}) for queue in target.queues if queue.name == site.queue]
    own = target.prompts.get(SITE_PROMPT.format(name=site.name))
    prompts = {name: files for name, files in target.prompts.items() if not _is_site_prompt(target, name)}
    clock = target.pbx.clock
    return target.model_copy(
        update={
            "name": f"{target.name}: {site.name}",
            "pbx": target.pbx.model_copy(
                update={
                    "host": site.host,
                    "port": site.port,
                    "transport": "udp",
                    "timezone": site.timezone,
                    "clock": None if clock is None else local_time(clock, target.pbx.timezone, site.timezone),
                }
            ),
            "trunk": target.trunk.model_copy(update={"addresses": [target.pbx.host], "port": sip_port(target)}),
            "agents": target.agents.model_copy(
                update={
                    "extensions": [extension for queue in queues for extension in queue.agents],
                    "registrar": f"{site.host}:{site.port}",
                    "domain": site.host,
                }
            ),
            "queues": queues,
            # Its own number comes first: the site calls customers from it.
            "numbers": [
                _number(number, site) for number in sorted(target.numbers, key=lambda n: n.queue != site.queue)
            ],
            "languages": LanguagesSection(default=site.language, menu=target.languages.menu),
            "sites": [],
            "prompts": prompts | {GREETING: own} if own else prompts,
        }
    )


def local_time(local: datetime, timezone: str, other: str) -> datetime:
    """A naive wall-clock time of one zone as the naive one of another."""
    return local.replace(tzinfo=ZoneInfo(timezone)).astimezone(ZoneInfo(other)).replace(tzinfo=None)


def require_agents_of_one_site(target: Target) -> None:
    """Raises HarnessMisuse when an agent serves two sites: nobody can be registered at both."""
    seats: dict[str, str] = {}
    for site in target.sites:
        for queue in target.queues:
            for extension in queue.agents if queue.name == site.queue else ():
                other = seats.setdefault(extension, site.name)
                if other != site.name:
                    raise HarnessMisuse(f"[[sites]]: agent {extension} serves {other} and {site.name}")


def _number(number: Number, site: Site) -> Number:
    if number.purpose is Purpose.UNASSIGNED:
        return number
    return number.model_copy(update={"queue": site.queue, "hours": site.hours})


def _is_site_prompt(target: Target, name: str) -> bool:
    return any(name == SITE_PROMPT.format(name=site.name) for site in target.sites)
