"""The caller's language from the caller's number: calling codes of countries (ITU-T E.164)."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from harness.errors import HarnessMisuse
from harness.target import LanguagesSection


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """Numbers that begin with ``prefix`` (digits, no ``+``) are spoken to in ``language``."""

    prefix: str
    language: str


def prefix_rules(languages: LanguagesSection) -> list[PrefixRule]:
    """Rules for the declared countries, longest prefix first.

    Raises HarnessMisuse for a country that has no calling code, and for countries that share a code but
    not a language: the reference PBX looks at the code alone.
    """
    rules: dict[str, tuple[str, str]] = {}
    for country, language in sorted(languages.by_country.items()):
        code = phonenumbers.country_code_for_region(country)
        if code == 0:
            raise HarnessMisuse(f"[languages] by_country: {country!r} is no country with a calling code")
        earlier, spoken = rules.setdefault(str(code), (country, language))
        if spoken != language:
            raise HarnessMisuse(
                f"[languages] by_country: {earlier} and {country} share the calling code +{code}, so the "
                "reference PBX cannot speak another language to each"
            )
    ordered = sorted(rules.items(), key=lambda item: (-len(item[0]), item[0]))
    return [PrefixRule(prefix, language) for prefix, (_, language) in ordered]
