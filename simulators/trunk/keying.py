"""Does a PBX's SDP answer let ICE and DTLS begin, as a provider needs it? Pure: offer and answer in, one line out,
empty when all is well. Attributes count in the session's part as in the audio's (RFC 8122, RFC 8839)."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.trunk.sdp import sections

FINGERPRINT_HASH = "sha-256"
"""RFC 8122 section 5: the one that every side has; others are of no use to it."""


def ice_fault(offer: str, answer: str) -> str:
    """What an answer to an offer with ICE lacks for ICE (RFC 8839 section 4.2.5)."""
    if not _has(offer, "ice-ufrag") or not _has_audio(answer):
        return ""
    for name in ("ice-ufrag", "ice-pwd", "candidate"):
        if not _has(answer, name):
            return f"there is no a={name} in it"
    return ""


def dtls_fault(offer: str, answer: str, *, pbx_begins: bool) -> str:
    """What an answer to an offer with DTLS-SRTP lacks for the handshake (RFC 5763 section 5). ``pbx_begins``: nobody
    else will."""
    if not _has(offer, "fingerprint") or not _has_audio(answer):
        return ""
    given = next(_values(answer, "fingerprint"), None)
    if given is None:
        return "there is no a=fingerprint in it"
    algorithm = given.partition(" ")[0]
    if algorithm.lower() != FINGERPRINT_HASH:
        return f"its a=fingerprint is {algorithm}, offered is {FINGERPRINT_HASH}"
    setup = next(_values(answer, "setup"), "")
    may = ("active",) if pbx_begins else ("active", "passive")
    if setup not in may:
        return f"it has {f'a=setup:{setup}' if setup else 'no a=setup'}, where a=setup:{' or '.join(may)} must be"
    return ""


def _has_audio(sdp: str) -> bool:
    return any(section[0].startswith("m=audio ") and section[0].split(" ")[1] != "0" for section in sections(sdp)[1:])


def _has(sdp: str, name: str) -> bool:
    return next(_values(sdp, name), None) is not None


def _values(sdp: str, name: str) -> Iterator[str]:
    """Values of an attribute that hold for the audio, its own first."""
    session, *media = sections(sdp)
    audio = next((section for section in media if section[0].startswith("m=audio ")), [])
    start = f"a={name}:"
    return (line.removeprefix(start).strip() for line in (*audio, *session) if line.startswith(start))
