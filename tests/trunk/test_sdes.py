"""Keys of SRTP in SDP."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.trunk.sdes import KEY_OCTETS, SrtpKey, Suite, keys_in

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()
LINE = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"


def test_every_suite_is_read_with_its_length():
    lines = [
        f"a=crypto:{tag} {suite} inline:{base64.b64encode(bytes(octets)).decode()}"
        for tag, (suite, octets) in enumerate(KEY_OCTETS.items(), 1)
    ]
    assert keys_in(["m=audio 4000 RTP/SAVP 111", *lines, "a=sendrecv"]) == tuple(
        SrtpKey(suite, bytes(octets)) for suite, octets in KEY_OCTETS.items()
    )


@pytest.mark.parametrize("more", ["|2^20", "|1048576", " WSH=64", "|2^20 WSH=128 WSH=64", " "])
def test_a_lifetime_and_a_window_change_no_packet(more: str):
    assert keys_in([LINE + more]) == (SrtpKey(Suite.AES_CM_128_HMAC_SHA1_80, KEY),)


@pytest.mark.parametrize(
    "line",
    [
        f"{LINE}|1:4",
        f"{LINE}|2^20|1:4",
        f"{LINE}|2^20|1:4;inline:{INLINE}|2^20|2:4",
        f"{LINE} UNENCRYPTED_SRTP",
        f"{LINE} UNAUTHENTICATED_SRTP",
        f"{LINE} KDR=24",
        f"{LINE} WSH=64 FEC_ORDER=SRTP_FEC",
        LINE.replace("_80", "_96"),
        f"a=crypto:1 F8_128_HMAC_SHA1_80 inline:{INLINE}",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-4]}",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-1]}",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 uri:{INLINE}",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80",
        "a=crypto:",
    ],
)
def test_what_cannot_be_read_here_is_left_out(line: str):
    assert keys_in([line]) == ()


@given(st.lists(st.one_of(st.text(max_size=60), st.text(max_size=60).map(lambda rest: f"a=crypto:1 {rest}"))))
def test_any_lines_are_coped_with(lines: list[str]):
    keys_in(lines)


def test_a_key_is_not_shown():
    assert INLINE not in repr(keys_in([LINE]))
    assert str(KEY) not in repr(keys_in([LINE]))
