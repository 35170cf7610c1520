"""SRTP (RFC 3711) of one sender, opened and closed again on the way by the keys that its SDP announced."""

from __future__ import annotations

from collections.abc import Iterable

import pylibsrtp

from simulators.trunk.sdes import SrtpKey, Suite

MOST_KEYS = 8
"""How many keys of an SDP are tried."""
LONGEST = 1356
"""Octets of the longest packet that is opened: libsrtp's binding has no room for more when it closes it again."""
REACH = 1 << 14
"""How far behind the newest packet one may be sent, in packets: further than any that is opened is."""

_PROFILES = {
    Suite.AES_CM_128_HMAC_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    Suite.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Suite.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


class SrtpSender:
    """Opens a sender's packets and closes them as the sender would have.

    The SDP of an offer may announce several keys, the answer takes one, and a later offer other ones; packets of the
    earlier key may still be under way then. A packet says itself whose it is, since it is authenticated: the keys of
    the latest two announcements are tried.
    """

    def __init__(self) -> None:
        self._announced: tuple[SrtpKey, ...] = ()
        self._contexts: dict[SrtpKey, _Context] = {}
        self._current: _Context | None = None

    def announce(self, keys: Iterable[SrtpKey]) -> None:
        """The sender's SDP has these keys."""
        keys = tuple(keys)[:MOST_KEYS]
        if keys == self._announced:
            return
        kept = dict.fromkeys((*keys, *self._announced))
        self._announced = keys
        # A key that stays keeps its count of packets (the roll-over counter, RFC 3711 section 3.3.1).
        self._contexts = {key: self._contexts.get(key) or _Context(key) for key in kept}

    def open(self, octets: bytes) -> bytes | None:
        """The RTP packet in an SRTP packet; None when it is of none of the keys, or came before: its receiver throws
        it away, too (RFC 3711 section 3.3.2)."""
        if len(octets) > LONGEST:
            return None
        ready = [] if self._current is None else [self._current]
        for context in (*ready, *(one for one in self._contexts.values() if one is not self._current)):
            opened = context.open(octets)
            if opened is not None:
                self._current = context
                return opened
        return None

    def close(self, octets: bytes) -> bytes | None:
        """The SRTP packet of an RTP packet, by the key of the latest one that was opened; None when it is so far behind
        the others that no receiver would take it.

        A packet as it was opened becomes the same octets again. Whatever was changed or added is protected by a key
        stream that was used before (RFC 3711 section 9.1): that gives it away to whoever has both packets, and is of no
        consequence in a test.
        """
        return None if self._current is None else self._current.close(octets)


class _Context:
    """One key's cryptographic contexts, as receiver and as sender, for whatever sources (SSRC) there are."""

    def __init__(self, key: SrtpKey) -> None:
        self._receiver = pylibsrtp.Session(
            pylibsrtp.Policy(
                key=key.octets, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=_PROFILES[key.suite]
            )
        )
        sending = pylibsrtp.Policy(
            key=key.octets, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=_PROFILES[key.suite]
        )
        # Rules may give a number twice, to a packet that is late.
        sending.allow_repeat_tx = True
        sending.window_size = REACH
        self._sender = pylibsrtp.Session(sending)

    def open(self, octets: bytes) -> bytes | None:
        try:
            return self._receiver.unprotect(octets)
        except pylibsrtp.Error:
            return None

    def close(self, octets: bytes) -> bytes | None:
        try:
            return self._sender.protect(octets)
        except pylibsrtp.Error:
            return None
