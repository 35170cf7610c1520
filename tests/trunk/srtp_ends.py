"""Both ends of an SRTP stream, by libsrtp."""

from __future__ import annotations

import base64

import pylibsrtp

from simulators.trunk.sdes import KEY_OCTETS, SrtpKey, Suite

PROFILES = {
    Suite.AES_CM_128_HMAC_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    Suite.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Suite.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def key_of(suite: Suite = Suite.AES_CM_128_HMAC_SHA1_80, first: int = 0) -> SrtpKey:
    """A key of its own for each ``first``."""
    return SrtpKey(suite, bytes((first + n) % 256 for n in range(KEY_OCTETS[suite])))


def crypto_line(tag: int, key: SrtpKey) -> str:
    return f"a=crypto:{tag} {key.suite} inline:{base64.b64encode(key.octets).decode()}"


def sending(key: SrtpKey) -> pylibsrtp.Session:
    return pylibsrtp.Session(
        pylibsrtp.Policy(key=key.octets, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[key.suite])
    )


def receiving(key: SrtpKey) -> pylibsrtp.Session:
    return pylibsrtp.Session(
        pylibsrtp.Policy(key=key.octets, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[key.suite])
    )
