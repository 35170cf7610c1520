"""Digest authentication: parameters, hashes, and what answers a challenge (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

_PARAMETER = re.compile(r"""([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""")


class DigestAlgorithm(StrEnum):
    """Hash algorithms by their names in headers (RFC 8760 section 2.1)."""

    MD5 = "MD5"
    SHA_256 = "SHA-256"


class _Hash(Protocol):
    def __call__(self, octets: bytes, /) -> Any: ...


_HASHES: dict[DigestAlgorithm, _Hash] = {
    DigestAlgorithm.MD5: hashlib.md5,
    DigestAlgorithm.SHA_256: hashlib.sha256,
}


def parse_parameters(value: str) -> dict[str, str]:
    """Parameters of a ``Digest …`` header value by lower-case name; empty when the scheme is another."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted or not bare else bare
        for name, quoted, bare in _PARAMETER.findall(rest)
    }


def response_of(
    algorithm: DigestAlgorithm,
    *,
    username: str,
    realm: str,
    password: str,
    method: str,
    given: dict[str, str],
) -> str:
    """The ``response`` that proves the password, with the parameters ``given`` (RFC 7616 section 3.4.1)."""
    digest = _HASHES[algorithm]

    def hashed(*parts: str) -> str:
        return str(digest(":".join(parts).encode()).hexdigest())

    first = hashed(username, realm, password)
    second = hashed(method, given.get("uri", ""))
    if given.get("qop"):
        count, client_nonce = given.get("nc", ""), given.get("cnonce", "")
        return hashed(first, given["nonce"], count, client_nonce, given["qop"], second)
    return hashed(first, given["nonce"], second)


def credentials_for(challenges: Sequence[str], *, username: str, password: str, method: str, uri: str) -> str | None:
    """Value of ``(Proxy-)Authorization`` for the first of these challenges that can be met, which is the strongest one
    (RFC 8760 section 2.4); None when none can be."""
    for value in challenges:
        asked = parse_parameters(value)
        algorithm = asked.get("algorithm", "MD5").upper()
        offered = [qop.strip().lower() for qop in asked.get("qop", "").split(",") if qop.strip()]
        if "nonce" not in asked or algorithm not in set(DigestAlgorithm) or (offered and "auth" not in offered):
            continue
        given = {"uri": uri, "nonce": asked["nonce"]}
        if offered:
            given |= {"qop": "auth", "nc": "00000001", "cnonce": secrets.token_hex(8)}
        response = response_of(
            DigestAlgorithm(algorithm),
            username=username,
            realm=asked.get("realm", ""),
            password=password,
            method=method,
            given=given,
        )
        parts = [f'username="{_quotable(username)}"', f'realm="{_quotable(asked.get("realm", ""))}"']
        parts += [f'nonce="{_quotable(asked["nonce"])}"', f'uri="{uri}"', f'response="{response}"']
        parts.append(f"algorithm={algorithm}")
        if offered:
            parts += [f'cnonce="{given["cnonce"]}"', "qop=auth", f"nc={given['nc']}"]
        if "opaque" in asked:
            parts.append(f'opaque="{_quotable(asked["opaque"])}"')
        return "Digest " + ", ".join(parts)
    return None


def _quotable(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
