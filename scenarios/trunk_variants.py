"""What a provider's trunk may do otherwise than as a rule: further headers, spellings, offers. A PBX bears it all."""

from __future__ import annotations

from harness.errors import NotRun
from scenarios.scene import Scene

ACKS_LOST = 2
UNKNOWN_ALGORITHM = "SHAKE-999"
"""A digest algorithm that nobody has."""

_DIGEST = "offers digest"
_REFUSES = "refuses credentials"
_FURTHER_HEADERS = 60
_LONG = "0123456789abcdef" * 12
_PAYLOAD = "agent-of-the-month;" + "0123456789" * 49 + "end"
"""512 characters, as many as a payload may have (Meta's call buttons page)."""


def digest_by(*algorithms: str) -> str:
    """The trunk challenges by these algorithms, in this order."""
    return _table("security", f"algorithms = [{', '.join(map(repr, algorithms))}]", "foreign_algorithms = []")


def _table(name: str, *lines: str) -> str:
    return "\n".join((f"[{name}]", *lines, ""))


def _extra(headers: dict[str, str]) -> str:
    return _table("headers.extra", *(f'"{name}" = "{value}"' for name, value in headers.items()))


def _parameters(plus: bool) -> str:
    """Parameters in the user part of the Request-URI, as `request_uri_user_params` of Meta's settings makes them."""
    pattern = r"^(sips?:\+?[^@;]+)@" if plus else r"^(sips?:)\+?([^@;]+)@"
    kept = r"\1" if plus else r"\1\2"
    return f"""
[[header_rules]]
messages = "requests"
methods = ["INVITE"]
action = "replace"
header = "Request-URI"
pattern = '{pattern}'
value = '{kept};tgrp=wacall;trunk-context=byoc.example.com@'
"""


def _added_header(name: str, value: str) -> str:
    return f"""
[[header_rules]]
messages = "requests"
methods = ["INVITE"]
action = "add"
header = "{name}"
value = "{value}"
"""


def _id_for_number() -> str:
    """An adopted username: an id where the number was (Meta, business-scoped user ids)."""
    rules = "".join(
        f"""
[[header_rules]]
messages = "requests"
action = "replace"
header = "{header}"
pattern = "sip:[^@>]+@"
value = "sip:{{country}}.13491208655302741918@"
"""
        for header in ("From", "Contact")
    )
    headers = {"x-wa-meta-username": "siobhan.o-neill", "x-wa-meta-parent-user-id": "{country}.11815799212886844830"}
    return _extra(headers) + rules


VARIANTS: dict[str, str] = {
    f"{_DIGEST} by MD5": _table("security", 'algorithms = ["MD5"]'),
    f"{_DIGEST} by SHA-256": _table("security", 'algorithms = ["SHA-256"]'),
    f"{_DIGEST} by SHA-256 and MD5": _table("security", 'algorithms = ["SHA-256", "MD5"]'),
    f"{_DIGEST} by MD5 and SHA-256": _table("security", 'algorithms = ["MD5", "SHA-256"]'),
    f"{_DIGEST} by an unknown algorithm and MD5": _table(
        "security", f'foreign_algorithms = ["{UNKNOWN_ALGORITHM}"]', 'algorithms = ["MD5"]'
    ),
    f"{_REFUSES} with 403": _table("security", "takes_credentials = false", "wrong_credentials_code = 403"),
    f"{_REFUSES} with 407": _table("security", "takes_credentials = false", "wrong_credentials_code = 407"),
    "puts parameters behind the called number": _parameters(plus=True),
    "puts parameters behind the called number without its plus": _parameters(plus=False),
    "leaves a stray Route in its INVITE": _added_header(
        "Route", "<sip:onevc-sip-proxy-dev.fbinfra.net:8191;transport=tls;lr>"
    ),
    "shows an id in place of the customer's number": _id_for_number(),
    "spells its headers in all known ways": _extra(
        {
            "x-wa-meta-username": "siobhan.o-neill",
            "x-wa-meta-user-name": "siobhan.o-neill",
            "x-wa_meta-parent-user-id": "GB.11815799212886844830",
            "x-wa-meta-user-country-code": "GB",
            "x-wa-meta-phone-number-id": "106540352242922",
            "x-wa-meta-cta-payload": _PAYLOAD,
            "x-wa-meta-deeplink-payload": "case%3D4711%26text%3D%C3%A9t%C3%A9%20%E2%98%8E",
        }
    ),
    "sends sixty further headers and a long Call-ID": _table("headers", f'call_id = "outgoing:{{wacid}}:{_LONG}=="')
    + _extra({f"X-FB-Trial-{n:02}": f"value {n:02} of a header that no PBX knows" for n in range(_FURTHER_HEADERS)}),
    "offers further keys": _table(
        "media",
        "audio_lines = [",
        '  "a=mid:audio",',
        '  "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",',
        '  "a=crypto:3 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=",',
        '  "a=crypto:4 F8_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",',
        "]",
    ),
    "offers SRTP without a key": _table("media", 'without = ["a=crypto:"]'),
    "sends each INVITE and BYE twice": _table("proxies", 'repeats = ["INVITE", "BYE"]'),
    "sends each final response twice": _table("proxies", "repeats_answers = true"),
    "sends each INVITE by two ways": _table("proxies", "second_way = true"),
    "loses every ACK": _table("proxies", "acks_lost = 1000"),
    f"loses the first {ACKS_LOST} ACKs": _table("proxies", f"acks_lost = {ACKS_LOST}"),
}
"""What the trunk does, in words, and the changes of its profile that make it so."""


def vary(scene: Scene, variant: str) -> None:
    """The trunk does so in this scenario's calls. Raises NotRun for digest on a trunk that asks for none."""
    profile = scene.testbed.profile
    if variant.startswith((_DIGEST, _REFUSES)) and not profile.security.challenge_pbx:
        raise NotRun(f"the trunk's profile {profile.name!r} does not challenge the PBX")
    scene.vary_trunk(VARIANTS[variant])
