"""Several sites behind one SBC: who is where, and which calls belong to which (``[[sites]]``, ``[routing]``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.target.fields import E164, Address, Language, OpeningHours, Section, Zone

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
SiteNames = Annotated[list[str], Field(min_length=1)]


class Site(Section):
    """``[[sites]]``: a PBX of its own behind the SBC, with its own agents, hours, language and recordings."""

    name: str
    """Short name, as in reports and in ``[routing]``."""
    host: Address
    """IP address of the site's PBX: its agents register there and its media come from there."""
    port: int = Field(default=5060, ge=1, le=65535)
    """Port of the site's SIP side."""
    timezone: Zone = "UTC"
    """The site's own time zone, in which its hours are meant."""
    language: Language = "en"
    """Language that the site greets everybody in."""
    queue: str
    """The site's queue, one of ``[[queues]]``; its agents sit at this site."""
    hours: OpeningHours | None = None
    """When the site takes calls; always when left out."""
    max_calls: int = Field(default=0, ge=0)
    """Calls at once that the site takes before others overflow to the next site; 0: no limit."""


class Region(Section):
    """``[routing.regions.<name>]``: countries that are served alike."""

    countries: Annotated[list[Country], Field(min_length=1)]
    """Countries of the callers (ISO 3166-1 alpha-2)."""
    sites: SiteNames
    """Sites in the order in which they are tried."""


class RoutingSection(Section):
    """``[routing]``: which site takes a call. Rules in this order: the number dialled, the caller's country, the
    caller's language, the default. Of the rule's sites those that are open are tried first, in order, then the others,
    which tell their hours. A site that is full or does not answer is passed over for the next."""

    numbers: dict[E164, SiteNames] = Field(default_factory=dict)
    """Sites of a dialled number, whoever calls it."""
    regions: dict[str, Region] = Field(default_factory=dict)
    """Sites of the caller's country."""
    languages: dict[Language, SiteNames] = Field(default_factory=dict)
    """Sites of a language, for callers of countries in no region (``[languages] by_country``)."""
    default: list[str] = Field(default_factory=list)
    """Sites of everybody else."""
    country_header: str = "x-wa-meta-country-code"
    """Header of the INVITE that tells the caller's country; it counts for more than the caller's number."""
    failover_s: float = Field(default=5.0, gt=0)
    """INVITE to the answer of the next site when the first one is dead, in s."""
    unreachable_code: int = Field(default=503, ge=400, le=699)
    """What a caller gets when no site can be reached (SIP code)."""
