"""Digest authentication as the trunk demands it (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from typing import Any, Protocol

NONCE_LIFETIME_S = 300.0

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


class Challenger:
    """Issues challenges and judges the credentials that come back. ``now`` is CLOCK_MONOTONIC in s."""

    def __init__(self, realm: str, username: str, password: str, algorithms: tuple[DigestAlgorithm, ...]) -> None:
        self._realm = realm
        self._username = username
        self._password = password
        self._algorithms = algorithms
        self._nonces: dict[str, float] = {}

    def challenges(self, now: float) -> list[str]:
        """Values of the challenge headers, one for each algorithm, strongest first (RFC 8760 section 2.3)."""
        self._nonces = {nonce: end for nonce, end in self._nonces.items() if end > now}
        values = []
        for algorithm in self._algorithms:
            nonce = secrets.token_hex(8)
            self._nonces[nonce] = now + NONCE_LIFETIME_S
            values.append(
                f'Digest realm="{self._realm}",nonce="{nonce}",opaque="{secrets.token_hex(8)}",'
                f'algorithm={algorithm},qop="auth"'
            )
        return values

    def accepts(self, authorization: str, method: str, now: float) -> bool:
        """Whether a value of ``(Proxy-)Authorization`` proves the password for ``method``."""
        given = parse_parameters(authorization)
        name = given.get("algorithm", "MD5")
        if name not in set(self._algorithms) or given.get("realm") != self._realm:
            return False
        if given.get("username") != self._username or given.get("qop", "auth") != "auth":
            return False
        if self._nonces.get(given.get("nonce", ""), 0.0) <= now:
            return False
        wanted = response_of(
            DigestAlgorithm(name),
            username=self._username,
            realm=self._realm,
            password=self._password,
            method=method,
            given=given,
        )
        return hmac.compare_digest(wanted, given.get("response", "").lower())
