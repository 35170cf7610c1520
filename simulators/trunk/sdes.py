"""Keys of SRTP in an SDP (RFC 4568): what each side says it protects its own packets with. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

_CRYPTO = re.compile(r"^a=crypto:\d+[ \t]+(\S+)[ \t]+inline:([A-Za-z0-9+/]+=*)((?:\|[^\s|]+)*)((?:[ \t]+\S+)*)[ \t]*$")
_WINDOW = "WSH="
"""The one session parameter that changes nothing in the packets (RFC 4568 section 6.3.5)."""


class Suite(StrEnum):
    """Crypto-suites by their names in SDP (RFC 4568 section 6.2, RFC 7714 section 14.2)."""

    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"


KEY_OCTETS = {
    Suite.AES_CM_128_HMAC_SHA1_80: 30,
    Suite.AES_CM_128_HMAC_SHA1_32: 30,
    Suite.AEAD_AES_128_GCM: 28,
    Suite.AEAD_AES_256_GCM: 44,
}
"""Lengths of master key and master salt together."""


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """``octets`` are master key and master salt, one after the other."""

    suite: Suite
    octets: bytes = field(repr=False)


def keys_in(lines: Iterable[str]) -> tuple[SrtpKey, ...]:
    """The keys that a stream's ``a=crypto`` lines announce, in their order.

    Left out are those by which packets cannot be read here: other suites, a master key identifier in each packet,
    several master keys, session parameters that change how packets are protected, and what is malformed.
    """
    return tuple(key for line in lines if (key := _key(line)) is not None)


def _key(line: str) -> SrtpKey | None:
    match = _CRYPTO.match(line)
    if match is None:
        return None
    name, text, more, parameters = match.groups()
    readable = ":" not in more and all(one.startswith(_WINDOW) for one in parameters.split())
    if name not in Suite.__members__ or not readable:
        return None
    suite = Suite(name)
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return SrtpKey(suite, octets) if len(octets) == KEY_OCTETS[suite] else None
