"""Takes secrets out of what people will read: digest values, SRTP keys, passwords.

User names and realms stay, because they tell who tried to authenticate. Works on any text, also on
damaged SIP messages: a value is masked wherever its name is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

# RFC 3261 section 25.1 and RFC 8760: the parameters from which a password could be searched for.
# A quote may be escaped (a message inside JSON) and may never be closed (a truncated message).
_DIGEST_PARAMETER = re.compile(
    r"(?i)\b(response|nonce|cnonce|nextnonce|rspauth|opaque)(\s*=\s*)"
    r"""(\\*"(?:[^"\\\r\n]|\\[^"\r\n])*(?:\\*")?|[^\s,;"]+)"""
)
_BARE_CREDENTIAL = re.compile(r"(?i)\b(authorization\s*:\s*(?:basic|bearer|token)\s+)[^\s\"\\,]+")
_PASSWORD = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|access_token|api_key)['\"\\]*\s*[=:]\s*|--password[= ])"
    r"""("[^"\r\n]*"|'[^'\r\n]*'|[^\s,;&"']+)"""
)
# Bounded, so that a long text of nothing but "sip:" stays cheap.
_URI_PASSWORD = re.compile(r"(?i)\b(sips?:[^\s:@<>;]{1,200}:)[^\s@<>]{1,200}(@)")
_SRTP_KEY = re.compile(r"(?i)(\binline:)([A-Za-z0-9+/=]+)")

_RULES = (
    (_DIGEST_PARAMETER, rf"\1\2{MASK}"),
    (_BARE_CREDENTIAL, rf"\1{MASK}"),
    (_PASSWORD, rf"\1{MASK}"),
    (_URI_PASSWORD, rf"\1{MASK}\2"),
)


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without secrets; ``secrets`` are further words that must not appear, such as passwords."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _SRTP_KEY.sub(_stars, text)
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return text


def mask_message(raw: str, secrets: Iterable[str] = ()) -> str:
    """A SIP message without secrets. Its body keeps its length, so that Content-Length stays true."""
    known = [secret for secret in secrets if secret]
    head, separator, body = raw.partition("\r\n\r\n")
    if not separator:
        return mask_text(raw, known)
    for pattern in (_DIGEST_PARAMETER, _PASSWORD):
        body = pattern.sub(_stars, body)
    body = _SRTP_KEY.sub(_stars, body)
    for secret in known:
        body = body.replace(secret, _length_of(secret))
    return mask_text(head, known) + separator + body


def _stars(found: re.Match[str]) -> str:
    """The match with its last group, the value, as stars."""
    value = found[found.re.groups]
    return found[0][: len(found[0]) - len(value)] + _length_of(value)


def _length_of(text: str) -> str:
    """Stars that take as many octets as ``text``."""
    return "*" * len(text.encode("utf-8", "surrogateescape"))
