"""The caller's country from the caller's number: calling codes (ITU-T E.164)."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from harness.errors import HarnessMisuse
from harness.target import Target


@dataclass(frozen=True, slots=True)
class CountryPrefix:
    """Numbers that begin with ``prefix`` (digits, no ``+``) are of ``country``."""

    prefix: str
    country: str


def country_prefixes(target: Target) -> list[CountryPrefix]:
    """Rules for the countries that ``[routing]`` or ``[languages]`` names, longest prefix first.

    Raises HarnessMisuse for a country that has no calling code, and for countries that share a code but not
    their sites: the reference SBC looks at the code alone.
    """
    regions = {country: name for name, region in target.routing.regions.items() for country in region.countries}
    rules: dict[str, str] = {}
    for country in sorted(regions.keys() | target.languages.by_country.keys()):
        code = str(phonenumbers.country_code_for_region(country))
        if code == "0":
            raise HarnessMisuse(f"[routing] regions: {country!r} is no country with a calling code")
        earlier = rules.setdefault(code, country)
        if (regions.get(earlier), target.language_of(earlier)) != (regions.get(country), target.language_of(country)):
            raise HarnessMisuse(
                f"[routing] regions: {earlier} and {country} share the calling code +{code}, so the reference SBC "
                "cannot bring each to another site",
                suggestion="put them into one region and give them one language",
            )
        if country == phonenumbers.region_code_for_country_code(int(code)):
            rules[code] = country
    return [CountryPrefix(code, country) for code, country in sorted(rules.items(), key=lambda r: (-len(r[0]), r[0]))]
