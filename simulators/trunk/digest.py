"""Digest authentication as the trunk demands it (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import unquote

from harness.sip.digest import DigestAlgorithm, parse_parameters, response_of
from simulators.trunk.numbers import in_e164

NONCE_LIFETIME_S = 300.0
URI_MISMATCH = 'Proxy auth uri does not match SIP "to" uri'
"""Meta's reason phrase for a digest that was made for another called user."""


class Proof(Enum):
    """What came of looking at a request's credentials."""

    GOOD = auto()
    ABSENT = auto()
    """None for our realm: it is to be challenged."""
    STALE = auto()
    """The right password with a nonce that does not hold any more: to be challenged again (RFC 7616 section 3.3)."""
    WRONG = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """``why`` says what exactly is wrong, ``phrase`` is a reason phrase that the vendor is known to use."""

    proof: Proof
    why: str = ""
    phrase: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the credentials of a request must fit: who calls, and whom (the user of its Request-URI, the URI in To)."""

    method: str
    username: str
    called: str
    to: str = ""


@dataclass(slots=True)
class _Nonce:
    ends_at: float
    count: int = 0


class Challenger:
    """Issues challenges and judges the credentials that come back. ``now`` is CLOCK_MONOTONIC in s.

    ``foreign`` are names of algorithms that come before these and that nobody can know. ``whole_uri``: the ``uri`` must
    be the one in To, but for its parameters; else its user must be the called one.
    """

    def __init__(
        self,
        realm: str,
        password: str,
        algorithms: tuple[DigestAlgorithm, ...],
        *,
        foreign: tuple[str, ...] = (),
        whole_uri: bool = False,
    ) -> None:
        self._foreign = foreign
        self._whole_uri = whole_uri
        self._realm = realm
        self._password = password
        self._algorithms = algorithms
        self._nonces: dict[str, _Nonce] = {}

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Values of the challenge headers, one for each algorithm, the preferred one first (RFC 8760 section 2.3)."""
        self._nonces = {text: nonce for text, nonce in self._nonces.items() if nonce.ends_at > now}
        values = []
        for algorithm in (*self._foreign, *self._algorithms):
            nonce = secrets.token_hex(8)
            self._nonces[nonce] = _Nonce(now + NONCE_LIFETIME_S)
            values.append(
                f'Digest realm="{self._realm}",nonce="{nonce}",opaque="{secrets.token_hex(8)}",'
                f'algorithm={algorithm},qop="auth"' + (",stale=true" if stale else "")
            )
        return values

    def judge(self, authorizations: Sequence[str], expected: Expected, now: float) -> Judgement:
        """The best of all values of ``(Proxy-)Authorization``; those for other realms do not count."""
        ours = [given for value in authorizations if (given := parse_parameters(value)).get("realm") == self._realm]
        judgements = [self._judge(given, expected, now) for given in ours]
        return min(judgements, key=lambda judgement: judgement.proof.value, default=Judgement(Proof.ABSENT))

    def _judge(self, given: dict[str, str], expected: Expected, now: float) -> Judgement:
        why = self._unfit(given, expected)
        if why:
            return Judgement(Proof.WRONG, why)
        if self._whole_uri and _place_of(given.get("uri", "")) != _place_of(expected.to):
            why = f"the digest uri is '{given.get('uri', '')}', the URI in To is '{expected.to}'"
            return Judgement(Proof.WRONG, why, URI_MISMATCH)
        if _user_of(given.get("uri", "")) != in_e164(expected.called):
            why = f"the digest uri is '{given.get('uri', '')}', the call is to '{expected.called}'"
            return Judgement(Proof.WRONG, why, URI_MISMATCH)
        algorithm = DigestAlgorithm(given.get("algorithm", "MD5").upper())
        wanted = response_of(
            algorithm,
            username=expected.username,
            realm=self._realm,
            password=self._password,
            method=expected.method,
            given=given,
        )
        response = given.get("response", "")
        if not re.fullmatch(f"[0-9A-Fa-f]{{{len(wanted)}}}", response):
            # RFC 8760 section 2.2.
            digits = f"by {algorithm} it has {len(wanted)} hexadecimal digits"
            return Judgement(Proof.WRONG, f"the digest response has {len(response)} characters, {digits}")
        if not hmac.compare_digest(wanted.encode(), response.lower().encode()):
            return Judgement(Proof.WRONG, "the digest response does not prove the password")
        return Judgement(Proof.GOOD if self._counts(given, now) else Proof.STALE)

    def _unfit(self, given: dict[str, str], expected: Expected) -> str:
        """What is wrong before any hash is made; empty: nothing."""
        algorithm = given.get("algorithm", "MD5").upper()
        if algorithm not in set(self._algorithms):
            return f"the digest algorithm is {algorithm}, offered are {', '.join(self._algorithms)}"
        if given.get("username") != expected.username:
            return f"the digest user is '{given.get('username', '')}', expected '{expected.username}'"
        if given.get("qop", "auth") != "auth":
            return f"the digest qop is '{given['qop']}', offered is 'auth'"
        return "" if "nonce" in given else "the digest has no nonce"

    def _counts(self, given: dict[str, str], now: float) -> bool:
        """Whether the nonce holds and its count has risen (RFC 7616 section 3.4); takes note of the count."""
        nonce = self._nonces.get(given["nonce"])
        if nonce is None or nonce.ends_at <= now:
            return False
        if not given.get("qop"):
            return True
        try:
            count = int(given.get("nc", ""), 16)
        except ValueError:
            return False
        if count <= nonce.count:
            return False
        nonce.count = count
        return True


def _place_of(uri: str) -> tuple[str, str, str]:
    """Scheme, user and host with port of a SIP URI."""
    scheme, _, rest = uri.partition(":")
    user, _, host = rest.rpartition("@")
    return scheme.lower(), unquote(user), host.partition(";")[0].lower()


def _user_of(uri: str) -> str:
    """The user of a SIP URI, as E.164 when it is a number; parameters are left out."""
    _, _, rest = uri.partition(":")
    return in_e164(unquote(rest.partition("@")[0].partition(";")[0]))
