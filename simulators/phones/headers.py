"""Who is calling, as an INVITE says it: From and P-Asserted-Identity (RFC 3261 section 20.20, RFC 3325)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

_COMPACT_FORMS = {"from": "f", "call-id": "i", "contact": "m", "to": "t", "via": "v"}
_FOLD = re.compile(r"\r?\n[ \t]+")
_QUOTED_NAME = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*<', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_URI_USER = re.compile(r"(?:sips?:(?P<user>[^@;>:]*)(?:[;:][^@>]*)?@|tel:(?P<number>[^;>\s]*))", re.IGNORECASE)

# RFC 3261 section 25.1: these stand for themselves; ";" would begin a parameter of the number.
_USER_SAFE = "-_.!~*'()&=+$,?/"


@dataclass(frozen=True, slots=True)
class Identity:
    """A name-addr: display name (empty when absent) and user part of the URI, both decoded."""

    display: str
    user: str


def header_value(message: str, name: str) -> str:
    """First value of a header of a SIP message, unfolded; an empty string when it is absent."""
    head = _FOLD.sub(" ", message.replace("\r\n\r\n", "\n\n", 1).split("\n\n", 1)[0])
    wanted = {name.lower(), _COMPACT_FORMS.get(name.lower(), name.lower())}
    for line in head.splitlines()[1:]:
        key, separator, value = line.partition(":")
        if separator and key.strip().lower() in wanted:
            return value.strip()
    return ""


def parse_identity(value: str) -> Identity:
    """Read a name-addr or addr-spec; what is not there stays empty."""
    quoted = _QUOTED_NAME.match(value)
    if quoted:
        display = _QUOTED_PAIR.sub(r"\1", quoted[1])
        rest = value[quoted.end() - 1 :]
    else:
        before, bracket, _ = value.partition("<")
        display = before.strip() if bracket else ""
        rest = value[len(before) :] if bracket else value
    user = _URI_USER.search(rest)
    part = (user["user"] if user["user"] is not None else user["number"]) if user else ""
    return Identity(display, unquote(part))


def name_addr(display: str, user: str, domain: str) -> str:
    """A name-addr for From or an account, with quoting and escaping as RFC 3261 section 25.1 asks."""
    uri = f"<sip:{quote(user, safe=_USER_SAFE)}@{domain}>"
    if not display:
        return uri
    escaped = re.sub(r'(["\\])', r"\\\1", re.sub(r"[\x00-\x1f\x7f]", " ", display))
    return f'"{escaped}" {uri}'
