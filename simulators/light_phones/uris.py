"""Addresses in SIP headers, as far as a phone must read them (RFC 3261 sections 19.1, 20.10)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

Address = tuple[str, int]

SIP_PORT = 5060

_NAME_ADDR = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([^<"]*))\s*<([^<>]*)>', re.DOTALL)
_SIP_URI = re.compile(r"(?i:sips?):(?:([^@]*)@)?(\[[^\]]*\]|[^:;?>\s]+)(?::(\d{1,5}))?")
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s]+)", re.IGNORECASE)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

# RFC 3261 section 25.1: these stand for themselves; ";" would begin a parameter of the number.
_USER_SAFE = "-_.!~*'()&=+$,?/"


def uri_of(value: str) -> str:
    """The URI of a name-addr or addr-spec; of the latter without header parameters."""
    found = _NAME_ADDR.match(value)
    return found[3].strip() if found else value.partition(";")[0].strip()


def display_of(value: str) -> str:
    """The display name of a name-addr, empty when there is none."""
    found = _NAME_ADDR.match(value)
    if found is None:
        return ""
    return _QUOTED_PAIR.sub(r"\1", found[1][1:-1]) if found[1] else found[2].strip()


def tag_of(value: str) -> str:
    """The tag in From or To, which is a header parameter: it comes behind the URI."""
    found = _NAME_ADDR.match(value)
    tag = _TAG.search(value, found.end() if found else 0)
    return tag[1] if tag else ""


def user_of(uri: str) -> str:
    """The user of a SIP URI (or the number of a tel URI), decoded, without password and parameters."""
    if uri[:4].lower() == "tel:":
        return unquote(uri[4:].partition(";")[0])
    found = _SIP_URI.match(uri)
    return unquote((found[1] or "").partition(";")[0].partition(":")[0]) if found else ""


def place_of(uri: str, otherwise: Address) -> Address:
    """Where a URI's IPv4 address and port say that its owner is; ``otherwise`` when they do not say it in numbers."""
    found = _SIP_URI.match(uri)
    if found is None or not _IPV4.fullmatch(found[2]):
        return otherwise
    port = int(found[3]) if found[3] else SIP_PORT
    return (found[2], port) if 0 < port < 65536 else otherwise


def sip_uri(user: str, host: str) -> str:
    """A SIP URI, the user escaped as RFC 3261 section 25.1 asks."""
    return f"sip:{quote(user, safe=_USER_SAFE)}@{host}"


def name_addr(display: str, uri: str) -> str:
    """A name-addr."""
    if not display:
        return f"<{uri}>"
    escaped = re.sub(r'(["\\])', r"\\\1", re.sub(r"[\x00-\x1f\x7f]", " ", display))
    return f'"{escaped}" <{uri}>'


def listed(value: str) -> list[str]:
    """The values of a header that may have several in one line, such as Record-Route."""
    if "," not in value:
        return [value.strip()] if value.strip() else []
    values, start, quoted, bracket = [], 0, False, False
    escaped = False
    for at, letter in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped = letter == "\\"
            quoted = letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "<>":
            bracket = letter == "<"
        elif letter == "," and not bracket:
            values.append(value[start:at].strip())
            start = at + 1
    values.append(value[start:].strip())
    return [one for one in values if one]
