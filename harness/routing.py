"""Which site must take a call, by the target's ``[[sites]]`` and ``[routing]``: the routing that is declared.

Pure: the instant is an argument, and so is which sites cannot take a call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import phonenumbers

from harness.target import Site, Target

_COUNTRY_LETTERS = 2


class Rule(StrEnum):
    """What decides about a call; the order is the order in which rules are tried (``harness.target.sites``)."""

    NUMBER = "the number dialled"
    COUNTRY = "the caller's country"
    LANGUAGE = "the caller's language"
    DEFAULT = "the default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the SBC sees it. ``caller`` is the user part of From: E.164, or an id when the number is hidden."""

    dialled: str
    caller: str
    country_header: str = ""
    """What the header of ``[routing] country_header`` says, empty when it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a call belongs. ``region`` is the one of the rule COUNTRY, else empty."""

    rule: Rule
    sites: tuple[Site, ...]
    """Sites in the order in which they are tried: those that are open, then those that only tell their hours."""
    open_sites: frozenset[str]
    """Names of those that are open."""
    region: str = ""

    def taken_by(self, unable: Collection[str] = ()) -> Site | None:
        """The site that takes the call while those of ``unable`` are dead or full; None when none is left."""
        return next((site for site in self.sites if site.name not in unable), None)


def route(target: Target, call: Call, at: datetime) -> Route:
    """The declared route of ``call`` at an instant (with a time zone). A rule without sites does not apply."""
    rule, names, region = _rule(target, call)
    sites = [site for name in names if (site := target.site(name)) is not None]
    now_open = {site.name for site in sites if open_at(site, at)}
    order = sorted(sites, key=lambda site: site.name not in now_open)
    return Route(rule=rule, sites=tuple(order), open_sites=frozenset(now_open), region=region)


def country_of(call: Call) -> str:
    """The caller's country (ISO 3166-1 alpha-2): what the header says, else that of the number; empty: unknown."""
    told = call.country_header.strip().upper()
    if len(told) == _COUNTRY_LETTERS and told.isascii() and told.isalpha():
        return told
    try:
        number = phonenumbers.parse(call.caller, None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""


def open_at(site: Site, at: datetime) -> bool:
    """Whether a site takes calls at an instant, by its hours in its own time zone."""
    return site.hours is None or site.hours.open_at(local_time(site.timezone, at))


def local_time(zone: str, at: datetime) -> datetime:
    """Wall-clock time of an instant in a zone, naive: as a clock on the wall there shows it."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def hours_of(day: date) -> tuple[datetime, ...]:
    """The 24 instants at which an hour of ``day`` begins, in UTC."""
    midnight = datetime.combine(day, time(), UTC)
    return tuple(midnight + timedelta(hours=hour) for hour in range(24))


def edges_of(target: Target, day: date, *, apart: timedelta = timedelta(minutes=1)) -> tuple[datetime, ...]:
    """Instants of ``day`` (in UTC) shortly before and after any site opens or closes, in order."""
    first, last = hours_of(day)[0], hours_of(day)[0] + timedelta(days=1)
    found: set[datetime] = set()
    for site in target.sites:
        for change in _changes(site, first, last):
            found |= {edge for edge in (change - apart, change + apart) if first <= edge < last}
    return tuple(sorted(found))


def _changes(site: Site, first: datetime, last: datetime) -> Iterator[datetime]:
    """Full minutes between two instants at which the site begins or ends to be open."""
    minute = timedelta(minutes=1)
    before = open_at(site, first - minute)
    at = first
    while at < last:
        now = open_at(site, at)
        if now is not before:
            yield at
        before, at = now, at + minute


def _rule(target: Target, call: Call) -> tuple[Rule, list[str], str]:
    routing, country = target.routing, country_of(call)
    if sites := routing.numbers.get(call.dialled):
        return Rule.NUMBER, sites, ""
    for name, region in routing.regions.items():
        if country in region.countries:
            return Rule.COUNTRY, region.sites, name
    if sites := routing.languages.get(target.language_of(country)):
        return Rule.LANGUAGE, sites, ""
    return Rule.DEFAULT, routing.default or [site.name for site in target.sites], ""
