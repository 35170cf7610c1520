"""Why TLS between trunk and PBX failed, in one line that says what to do about it."""

from __future__ import annotations

import errno
import re
import ssl
from dataclasses import dataclass
from enum import StrEnum


class TlsCause(StrEnum):
    """The ways in which TLS fails."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    SELF_SIGNED = "self_signed"
    UNKNOWN_CA = "unknown_ca"
    WRONG_NAME = "wrong_name"
    OTHER_CERTIFICATE = "other_certificate"
    NOT_TLS = "not_tls"
    OLD_TLS = "old_tls"
    NOBODY_LISTENS = "nobody_listens"
    NO_ANSWER = "no_answer"
    CLIENT_CERTIFICATE = "client_certificate"
    TRUNK_CERTIFICATE = "trunk_certificate"
    ALPN = "alpn"
    CLOSED = "closed"
    OTHER = "other"


NOT_THERE = frozenset({TlsCause.NOBODY_LISTENS, TlsCause.NO_ANSWER})
"""Causes that do not prove a fault of the PBX: it may be down, or we may look for it in the wrong place."""


@dataclass(frozen=True, slots=True)
class TlsFault:
    """``why`` is one line."""

    cause: TlsCause
    why: str


# OpenSSL's X509_V_ERR_… numbers.
_VERIFY_CAUSES = {
    9: TlsCause.NOT_YET_VALID,
    10: TlsCause.EXPIRED,
    18: TlsCause.SELF_SIGNED,
    19: TlsCause.UNKNOWN_CA,
    20: TlsCause.UNKNOWN_CA,
    21: TlsCause.UNKNOWN_CA,
    62: TlsCause.WRONG_NAME,
    64: TlsCause.WRONG_NAME,
}

_VERIFY_TEXTS = {
    TlsCause.NOT_YET_VALID: "its certificate is not valid yet",
    TlsCause.EXPIRED: "its certificate has expired",
    TlsCause.SELF_SIGNED: "its certificate is self-signed; Meta takes only those of a public CA",
    TlsCause.UNKNOWN_CA: "its certificate leads to no CA that the trunk trusts: the intermediate certificate is "
    "missing from the chain that it sends, or the CA is none of [trunk] ca",
    TlsCause.WRONG_NAME: "its certificate is not for '{hostname}' (subject alternative name)",
}

# By a part of the reason that OpenSSL gives.
_HANDSHAKE_CAUSES = (
    (r"ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)", TlsCause.CLIENT_CERTIFICATE),
    (r"ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED)", TlsCause.CLIENT_CERTIFICATE),
    (r"ALERT_UNSUPPORTED_CERTIFICATE|ALERT_ACCESS_DENIED", TlsCause.CLIENT_CERTIFICATE),
    (r"UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION", TlsCause.OLD_TLS),
    (r"WRONG_VERSION_NUMBER|HTTP_REQUEST|UNEXPECTED_MESSAGE|RECORD_LAYER|PACKET_LENGTH", TlsCause.NOT_TLS),
    (r"EOF_OCCURRED|UNEXPECTED_EOF", TlsCause.CLOSED),
)

_TO_PBX_TEXTS = {
    TlsCause.CLIENT_CERTIFICATE: "it asks for a client certificate and does not take the trunk's ({reason}); Meta has "
    "none that passes: do not request one",
    TlsCause.OLD_TLS: "it speaks no TLS of version 1.2 or later",
    TlsCause.NOT_TLS: "what answers there is not TLS",
    TlsCause.CLOSED: "it closed the connection during the TLS handshake",
    TlsCause.OTHER: "the TLS handshake failed: {reason}",
}

_FROM_PBX_TEXTS = {
    TlsCause.CLIENT_CERTIFICATE: "it does not take the trunk's certificate ({reason}): does it trust the CA, and does "
    "it know the trunk by a name in the certificate?",
    TlsCause.OLD_TLS: "it speaks no TLS of version 1.2 or later",
    TlsCause.NOT_TLS: "it speaks no TLS on the trunk's TLS port",
    TlsCause.CLOSED: "it closed the connection during the TLS handshake",
    TlsCause.OTHER: "the TLS handshake failed: {reason}",
}

ALPN_REFUSED = TlsFault(
    TlsCause.ALPN,
    "it offers the ALPN protocol 'sip', which Meta refuses with alert 120 (no_application_protocol): offer no ALPN",
)


CLOSED_AT_ONCE = TlsFault(
    TlsCause.CLIENT_CERTIFICATE,
    "it closed the connection right after the TLS handshake, as a PBX does that asks for a client certificate and does "
    "not take the trunk's; Meta has none that passes: do not request one",
)


CLOSED_AFTER_ASKING = TlsFault(
    TlsCause.CLIENT_CERTIFICATE,
    "it asks for a client certificate and closes the connection when it gets the trunk's; Meta has none that passes: "
    "do not request one",
)


CLOSED_BY_PBX = TlsFault(
    TlsCause.TRUNK_CERTIFICATE,
    "it closed its connection right after the TLS handshake, as a PBX does that does not take the trunk's certificate: "
    "does it trust the CA, and does it know the trunk by a name in the certificate?",
)


class NoHandshakeError(TimeoutError):
    """A connection was taken, and no TLS handshake came of it in time."""


def to_pbx(error: BaseException, hostname: str) -> TlsFault:
    """Why the trunk's own connection to the PBX failed. ``hostname`` is what the certificate must be for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = _VERIFY_CAUSES.get(error.verify_code, TlsCause.OTHER_CERTIFICATE)
        text = _VERIFY_TEXTS.get(cause, f"its certificate is not accepted: {error.verify_message}")
        return TlsFault(cause, text.format(hostname=hostname))
    if isinstance(error, NoHandshakeError):
        why = "it takes the connection and does not answer the TLS handshake: is that its TLS port?"
        return TlsFault(TlsCause.NO_ANSWER, why)
    if isinstance(error, TimeoutError):
        return TlsFault(TlsCause.NO_ANSWER, "there was no connection in time")
    if isinstance(error, ConnectionRefusedError) or getattr(error, "errno", None) == errno.ECONNREFUSED:
        return TlsFault(TlsCause.NOBODY_LISTENS, "nobody listens there")
    return _handshake(error, _TO_PBX_TEXTS)


def from_pbx(error: BaseException) -> TlsFault:
    """Why a connection of the PBX to the trunk failed."""
    found = _handshake(error, _FROM_PBX_TEXTS)
    if found.cause is TlsCause.CLIENT_CERTIFICATE:
        return TlsFault(TlsCause.TRUNK_CERTIFICATE, found.why)
    return found


def _handshake(error: BaseException, texts: dict[TlsCause, str]) -> TlsFault:
    reason = getattr(error, "reason", None) or type(error).__name__
    if isinstance(error, ConnectionError):
        return TlsFault(TlsCause.CLOSED, texts[TlsCause.CLOSED])
    if not isinstance(error, ssl.SSLError):
        return TlsFault(TlsCause.OTHER, getattr(error, "strerror", None) or str(error) or reason)
    cause = next((cause for pattern, cause in _HANDSHAKE_CAUSES if re.search(pattern, str(reason))), TlsCause.OTHER)
    if isinstance(error, ssl.SSLEOFError):
        cause = TlsCause.CLOSED
    return TlsFault(cause, texts[cause].format(reason=str(reason).lower().replace("_", " ")))
