"""Words that sentences have in common: who, in which language, with which codec."""

from __future__ import annotations

import re
from datetime import date
from functools import partial

import parse
import pycountry
from pytest_bdd import parsers

from harness.errors import HarnessMisuse
from harness.routing import Rule
from scenarios.consent import CUSTOMERS
from scenarios.dtmf import ENDS
from scenarios.ivr_hours import WORDS
from scenarios.prompts import LANGUAGE_NAMES
from scenarios.trunk_variants import VARIANTS
from simulators.phones.protocol import Codec
from simulators.whatsapp.refusals import Refusal

ORDINALS = {"": 1, "first": 1, "second": 2, "third": 3, "fourth": 4}
LANGUAGES = {name: code for code, name in LANGUAGE_NAMES.items()}
ANNOUNCEMENTS = {
    "busy": "busy",
    "after-hours": "after_hours",
    "no-agent": "no_agent",
    "not-in-service": "not_in_service",
}
REASONS = {
    "there is no permission": (Refusal.NO_PERMISSION, Refusal.UNKNOWN_USER),
    "the limit of connected calls is reached": (Refusal.CONNECTED_LIMIT,),
    "business calls are not available": (Refusal.CLOSED_COUNTRY, Refusal.BUSINESS_CALLS_DISABLED),
    "there is a call already": (Refusal.DUPLICATE_CALL,),
    "the customer was asked too often": (Refusal.REQUEST_LIMIT,),
    "the permission is permanent already": (Refusal.PERMANENT_PERMISSION,),
    "the customer has not written": (Refusal.OUTSIDE_WINDOW,),
}
"""Why the platform says no."""
MEANINGS = {
    "Customer": "the customer, the second customer, the third customer, the fourth customer",
    "Agent": "the agent, the second agent, the third agent, the fourth agent (in the order their phones rang)",
    "Language": ", ".join(LANGUAGES),
    "Codec": ", ".join(codec.value.upper() for codec in Codec),
    "Announcement": ", ".join(ANNOUNCEMENTS),
    "Country": "a country's name or ISO code: Spain, ES",
    "Agents": "a number of agents: 1 agent, 4 agents",
    "Reason": ", ".join(REASONS),
    "Consent": ", ".join(CUSTOMERS),
    "Ends": ", ".join(ENDS),
    "Site": "the first site, the second site, … in the order of [[sites]]",
    "Day": "a date: 2026-03-11",
    "Rule": ", ".join(rule.value for rule in Rule),
    "Keys": "keys of the keypad: 3, 31, *",
    "Way": "what is done in each menu: 3, 1 or 3, silence or wrong keys",
    "Department": "a department of the target's map, as it is written there",
    "Menu": "a menu of the target's map, as it is written there",
    "Moment": "a time at the PBX: 2026-03-10 17:59",
    "Variant": ", ".join(VARIANTS),
    "Staffing": ", ".join(word for word in WORDS if word != "the menu"),
}
"""What stands for ``{…:Word}`` in a sentence, for the step catalogue."""


@parse.with_pattern(r"the (?:first |second |third |fourth )?customer")
def customer_position(text: str) -> int:
    return ORDINALS[text.removeprefix("the ").removesuffix("customer").strip()]


@parse.with_pattern(r"the (?:first |second |third |fourth )?agent")
def agent_position(text: str) -> int:
    return ORDINALS[text.removeprefix("the ").removesuffix("agent").strip()]


@parse.with_pattern(r"the (?:first|second|third|fourth) site")
def site_position(text: str) -> int:
    return ORDINALS[text.removeprefix("the ").removesuffix(" site")]


@parse.with_pattern(r"\d{4}-\d{2}-\d{2}")
def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HarnessMisuse(f"{text!r} is no date", suggestion="write it as 2026-03-11") from None


@parse.with_pattern("|".join(rule.value for rule in Rule))
def routing_rule(text: str) -> Rule:
    return Rule(text.lower())


@parse.with_pattern(r"[A-Z][a-z]+")
def language_code(text: str) -> str:
    if text not in LANGUAGES:
        raise HarnessMisuse(f"unknown language {text!r}", suggestion=f"known: {', '.join(LANGUAGES)}")
    return LANGUAGES[text]


@parse.with_pattern(r"[A-Za-z0-9.]+")
def codec_named(text: str) -> Codec:
    try:
        return Codec(text.lower().replace(".", ""))
    except ValueError:
        raise HarnessMisuse(f"unknown codec {text!r}", suggestion=f"known: {MEANINGS['Codec']}") from None


@parse.with_pattern(r"[a-z-]+")
def announcement(text: str) -> str:
    if text not in ANNOUNCEMENTS:
        raise HarnessMisuse(f"unknown announcement {text!r}", suggestion=f"known: {', '.join(ANNOUNCEMENTS)}")
    return ANNOUNCEMENTS[text]


# parse compares without regard to case; a country begins with a capital all the same.
@parse.with_pattern(r"(?:the )?(?-i:[A-Z])[\w.' ]*?")
def country_code(text: str) -> str:
    """ISO 3166-1 alpha-2 code of a country's name."""
    try:
        return str(pycountry.countries.lookup(text.removeprefix("the ")).alpha_2)
    except LookupError:
        raise HarnessMisuse(
            f"unknown country {text!r}", suggestion="use its English name or ISO code: Spain, ES"
        ) from None


@parse.with_pattern(r"\d+ agents?")
def agent_count(text: str) -> int:
    return int(text.split()[0])


@parse.with_pattern(r"(?:there|the|business) [a-z ]+")
def refusals(text: str) -> tuple[Refusal, ...]:
    if text not in REASONS:
        raise HarnessMisuse(f"unknown reason {text!r}", suggestion=f"known: {', '.join(REASONS)}")
    return REASONS[text]


# Only these, so that other sentences about customers keep their meaning.
@parse.with_pattern("|".join(map(re.escape, CUSTOMERS)))
def consent(text: str) -> str:
    return next(words for words in CUSTOMERS if words.lower() == text.lower())


@parse.with_pattern(r"[a-z ]+")
def ends(text: str) -> str:
    if text not in ENDS:
        raise HarnessMisuse(f"unknown number of times {text!r}", suggestion=f"known: {', '.join(ENDS)}")
    return text


@parse.with_pattern(r"[0-9*#]+")
def keys(text: str) -> str:
    return text


@parse.with_pattern(r"(?:[0-9*#]|silence|wrong keys)(?:, (?:[0-9*#]|silence|wrong keys))*")
def way(text: str) -> str:
    return text


# Names in the target's map are written small; so are the words after them, which must not be taken in.
@parse.with_pattern(r"(?-i:[a-z][a-z0-9_-]*)")
def map_name(text: str) -> str:
    return text


@parse.with_pattern(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
def moment(text: str) -> str:
    return text


@parse.with_pattern("|".join(WORDS))
def staffing(text: str) -> str:
    return text


# The longest first: some begin as others.
@parse.with_pattern("|".join(re.escape(words) for words in sorted(VARIANTS, key=len, reverse=True)))
def variant(text: str) -> str:
    return next(words for words in VARIANTS if words.lower() == text.lower())


sentence = partial(
    parsers.cfparse,
    extra_types={
        "Customer": customer_position,
        "Agent": agent_position,
        "Language": language_code,
        "Codec": codec_named,
        "Announcement": announcement,
        "Country": country_code,
        "Agents": agent_count,
        "Reason": refusals,
        "Consent": consent,
        "Ends": ends,
        "Site": site_position,
        "Day": day,
        "Rule": routing_rule,
        "Keys": keys,
        "Way": way,
        "Department": map_name,
        "Menu": map_name,
        "Moment": moment,
        "Staffing": staffing,
        "Variant": variant,
    },
)
"""Parser of a sentence with the words above, as in ``{customer:Customer} hangs up``."""
