"""What Kamailio's templates are filled from: the target's sites and routing, put in the terms of its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

from harness.errors import HarnessMisuse
from harness.hours import Hours
from harness.target import Site, Target
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Layout
from simulators.pbx.kamailio.country_rules import CountryPrefix, country_prefixes
from simulators.pbx.kamailio.utc_offsets import UtcOffset, offset_table
from simulators.pbx.sip_ports import TlsFacts, sip_port, tls_facts

SILENT_SHARE = 0.4
"""Share of ``[routing] failover_s`` in which dead sites are found out; the rest is the next site's to answer in."""
RINGING_S = 30
"""How long a site that said that it is trying may take to answer."""

_MINUTES_PER_HOUR = 60
_MINUTES_PER_DAY = 1440

# What may stand in Kamailio's strings without a meaning of its own.
_PLAIN = re.compile(r"^[A-Za-z0-9_.-]+$")


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """Open from ``opens`` (included) to ``closes`` (excluded), minutes of the day, on ``days`` (0 is Monday)."""

    days: list[int]
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """A site; ``number`` is its dispatcher set, ``hours`` None when it is always open, ``trunk_address`` where its
    calls to customers go."""

    name: str
    number: int
    host: str
    port: int
    timezone: str
    offsets: tuple[UtcOffset, ...]
    hours: list[OpenSpan] | None
    trunk_address: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked at (a number's digits, a country, a language), and the sites as ``london;miami;``."""

    key: str
    sites: str


@dataclass(frozen=True, slots=True)
class TrunkSide:
    addresses: list[str]
    port: int


@dataclass(frozen=True, slots=True)
class SbcFacts:
    """Everything a template may name. Times in ms, the clock's offset from the real one in s."""

    host: str
    port: int
    transport: str
    paths: Layout
    control: ControlFacts
    trunk: TrunkSide
    sites: list[SiteFacts]
    numbers: list[Rule]
    countries: list[Rule]
    languages: list[Rule]
    country_prefixes: list[CountryPrefix]
    country_languages: list[tuple[str, str]]
    default_language: str
    default_sites: str
    country_header: str
    silent_ms: int
    ringing_ms: int
    unreachable_code: int
    clock_offset_s: int
    tls: TlsFacts | None

    @property
    def transport_parameter(self) -> str:
        """What a SIP URI needs for the trunk's transport; UDP needs nothing."""
        return "" if self.transport == "udp" else f";transport={self.transport}"


def sbc_facts_of(target: Target, layout: Layout, *, control: ControlFacts, clock_offset_s: int) -> SbcFacts:
    """The facts of a target with sites. Raises HarnessMisuse for what Kamailio's configuration cannot hold."""
    routing = target.routing
    for site in target.sites:
        if not _PLAIN.match(site.name):
            raise HarnessMisuse(
                f"[[sites]] name: the reference SBC cannot have {site.name!r}",
                suggestion="use letters, digits, '-', '_' and '.'",
            )
    if not _PLAIN.match(routing.country_header):
        raise HarnessMisuse(f"[routing] country_header: {routing.country_header!r} is no name of a SIP header")
    others = max(len(target.sites) - 1, 1)
    return SbcFacts(
        host=target.pbx.host,
        port=sip_port(target),
        transport=target.pbx.transport,
        paths=layout,
        control=control,
        trunk=TrunkSide(target.trunk.addresses, target.trunk.port),
        sites=[_site(target, site, number) for number, site in enumerate(target.sites, start=1)],
        numbers=[Rule(number.lstrip("+"), _list(sites)) for number, sites in sorted(routing.numbers.items())],
        countries=[
            Rule(country, _list(region.sites))
            for _, region in sorted(routing.regions.items())
            for country in region.countries
        ],
        languages=[Rule(language, _list(sites)) for language, sites in sorted(routing.languages.items())],
        country_prefixes=country_prefixes(target),
        country_languages=sorted(target.languages.by_country.items()),
        default_language=target.languages.default,
        default_sites=_list(routing.default or [site.name for site in target.sites]),
        country_header=routing.country_header,
        silent_ms=round(routing.failover_s * 1000 * SILENT_SHARE / others),
        ringing_ms=RINGING_S * 1000,
        unreachable_code=routing.unreachable_code,
        clock_offset_s=clock_offset_s,
        tls=tls_facts(target, layout),
    )


def _list(names: Iterable[str]) -> str:
    return "".join(f"{name};" for name in names)


def _site(target: Target, site: Site, number: int) -> SiteFacts:
    queue = next(queue for queue in target.queues if queue.name == site.queue)
    return SiteFacts(
        name=site.name,
        number=number,
        host=site.host,
        port=site.port,
        timezone=site.timezone,
        offsets=offset_table(site.timezone),
        hours=None if site.hours is None else open_spans(site.hours),
        trunk_address=target.trunk_address_of(queue),
    )


def open_spans(hours: Hours) -> list[OpenSpan]:
    """Opening hours in minutes of the day."""
    return [OpenSpan(sorted(span.days), _minute(span.opens), _minute(span.closes)) for span in hours.spans]


def _minute(moment: time) -> int:
    # Hours that end at 24:00 end with the day's last instant.
    return _MINUTES_PER_DAY if moment == time.max else moment.hour * _MINUTES_PER_HOUR + moment.minute
