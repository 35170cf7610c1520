"""WhatsApp customers: profile names as people write them, and mobile numbers valid for their country."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import phonenumbers
from faker import Faker
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from harness.errors import HarnessMisuse

# WhatsApp lets a profile name have this many characters.
PROFILE_NAME_LENGTH = 25

# Numbers of books whose seeds differ modulo this can't meet: the last digits tell the books apart.
INDEPENDENT_BOOKS = 64

_FREE_DIGITS = 7
_ATTEMPTS = 2000


@dataclass(frozen=True, slots=True)
class Customer:
    """A person with WhatsApp. ``number`` is E.164 with ``+``; country ISO 3166, language ISO 639-1."""

    number: str
    profile_name: str
    country: str
    language: str


@dataclass(frozen=True, slots=True)
class Home:
    """Where customers come from, and the faker locale that names them."""

    country: str
    language: str
    locale: str


HOMES = (
    Home("ES", "es", "es_ES"),
    Home("MX", "es", "es_MX"),
    Home("CO", "es", "es_CO"),
    Home("BR", "pt", "pt_BR"),
    Home("PT", "pt", "pt_PT"),
    Home("FR", "fr", "fr_FR"),
    Home("US", "en", "en_US"),
    Home("GB", "en", "en_GB"),
    Home("IN", "hi", "hi_IN"),
    Home("DE", "de", "de_DE"),
    Home("IT", "it", "it_IT"),
    Home("PL", "pl", "pl_PL"),
    Home("RU", "ru", "ru_RU"),
    Home("UA", "uk", "uk_UA"),
    Home("GR", "el", "el_GR"),
    Home("TR", "tr", "tr_TR"),
    Home("IL", "he", "he_IL"),
    Home("EG", "ar", "ar_AA"),
    Home("SA", "ar", "ar_AA"),
    Home("TH", "th", "th_TH"),
    Home("JP", "ja", "ja_JP"),
    Home("TW", "zh", "zh_TW"),
    Home("HK", "zh", "zh_CN"),
    Home("KR", "ko", "ko_KR"),
)

_ELSEWHERE = Home("", "en", "en_US")
_EMOJI = ("🌸", "✨", "⚽", "🇪🇸", "👨‍👩‍👧", "💜", "🏳️‍🌈", "🙏🏽")


class CustomerBook:
    """Makes customers; the same seed makes the same ones in the same order, never a number twice."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._fakers: dict[str, Faker] = {}
        self._numbers: set[str] = set()

    def customer(self, country: str | None = None, language: str | None = None) -> Customer:
        """A new customer from ``country`` who speaks ``language``; either may be left to chance.

        A country outside ``HOMES`` has customers who write their names in Latin letters and speak English.
        Raises HarnessMisuse when there is no such home, or no such country with mobile numbers.
        """
        homes = [home for home in HOMES if country in (None, home.country) and language in (None, home.language)]
        if not homes and country is not None and language in (None, _ELSEWHERE.language):
            homes = [replace(_ELSEWHERE, country=country)] if _has_mobile_numbers(country) else []
        if not homes:
            known = ", ".join(f"{home.country}/{home.language}" for home in HOMES)
            raise HarnessMisuse(
                f"no customers from {country or 'anywhere'} who speak {language or 'any language'}",
                suggestion=f"country/language is one of {known}",
            )
        home = self._random.choice(homes)
        return Customer(self._number(home.country), self._name(home.locale), home.country, home.language)

    def _number(self, country: str) -> str:
        example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
        assert example is not None, f"phonenumbers knows no mobile number of {country}"
        digits = str(example.national_number)
        free = min(_FREE_DIGITS, len(digits) - 2)
        slots = 10**free // INDEPENDENT_BOOKS
        for _ in range(_ATTEMPTS):
            suffix = self._random.randrange(slots) * INDEPENDENT_BOOKS + self._seed % INDEPENDENT_BOOKS
            candidate = phonenumbers.PhoneNumber(
                country_code=example.country_code,
                national_number=int(digits[:-free] + f"{suffix:0{free}d}"),
                italian_leading_zero=example.italian_leading_zero,
            )
            number = phonenumbers.format_number(candidate, PhoneNumberFormat.E164)
            if number not in self._numbers and _is_mobile_of(candidate, country):
                self._numbers.add(number)
                return number
        raise HarnessMisuse(f"no mobile number of {country} is left after {len(self._numbers)} customers")

    def _name(self, locale: str) -> str:
        faker = self._fakers.get(locale)
        if faker is None:
            faker = self._fakers[locale] = Faker(locale)
            faker.seed_instance(f"{self._seed} {locale}")
        first, last = faker.first_name(), faker.last_name()
        variant = self._random.choice(
            (
                f"{first} {last}",
                f"{first} {last}",
                first,
                f"{first} {self._random.choice(_EMOJI)}",
                f'{first} "{last}"',
                f"~{first.lower()}~",
            )
        )
        return variant if len(variant) <= PROFILE_NAME_LENGTH else first[:PROFILE_NAME_LENGTH].strip()


def _has_mobile_numbers(country: str) -> bool:
    return phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE) is not None


def _is_mobile_of(number: phonenumbers.PhoneNumber, country: str) -> bool:
    return phonenumbers.is_valid_number_for_region(number, country) and phonenumbers.number_type(number) in (
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
    )
