"""Answers that let ICE and DTLS begin, or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.trunk.keying import dtls_fault, ice_fault

OFFER = """v=0
a=ice-lite
m=audio 4000 UDP/TLS/RTP/SAVPF 111
a=ice-ufrag:u
a=ice-pwd:p
a=candidate:1 1 UDP 2130706431 198.51.100.1 4000 typ host
a=setup:actpass
a=fingerprint:SHA-256 AA:BB
"""
ANSWER = OFFER.replace("a=ice-lite\n", "").replace("actpass", "active").replace("4000", "5000")
IN_SESSION = ANSWER.replace("m=audio 5000 UDP/TLS/RTP/SAVPF 111\n", "") + "m=audio 5000 UDP/TLS/RTP/SAVPF 111\n"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ANSWER, ""),
        (IN_SESSION, ""),
        (ANSWER.replace("a=ice-ufrag:u\n", ""), "there is no a=ice-ufrag in it"),
        (ANSWER.replace("a=ice-pwd:p\n", ""), "there is no a=ice-pwd in it"),
        (ANSWER.replace("a=candidate", "a=other"), "there is no a=candidate in it"),
        ("v=0\nm=audio 0 UDP/TLS/RTP/SAVPF 111\n", ""),
        ("", ""),
    ],
)
def test_ice(answer: str, why: str) -> None:
    assert ice_fault(OFFER, answer) == why
    assert ice_fault(OFFER.replace("ice-ufrag", "other"), answer) == ""


@pytest.mark.parametrize(
    ("answer", "why", "why_at_meta"),
    [
        (ANSWER, "", ""),
        (IN_SESSION, "", ""),
        (
            ANSWER.replace("active", "passive"),
            "",
            "it has a=setup:passive, where a=setup:active must be",
        ),
        (
            ANSWER.replace("active", "actpass"),
            "it has a=setup:actpass, where a=setup:active or passive must be",
            "it has a=setup:actpass, where a=setup:active must be",
        ),
        (
            ANSWER.replace("a=setup:active\n", ""),
            "it has no a=setup, where a=setup:active or passive must be",
            "it has no a=setup, where a=setup:active must be",
        ),
        (ANSWER.replace("a=fingerprint", "a=x"), "there is no a=fingerprint in it", "there is no a=fingerprint in it"),
        (
            ANSWER.replace("SHA-256", "SHA-1"),
            "its a=fingerprint is SHA-1, offered is sha-256",
            "its a=fingerprint is SHA-1, offered is sha-256",
        ),
        ("v=0\nm=audio 0 UDP/TLS/RTP/SAVPF 111\n", "", ""),
    ],
)
def test_dtls(answer: str, why: str, why_at_meta: str) -> None:
    assert dtls_fault(OFFER, answer, pbx_begins=False) == why
    assert dtls_fault(OFFER, answer, pbx_begins=True) == why_at_meta
    assert dtls_fault(OFFER.replace("fingerprint", "other"), answer, pbx_begins=True) == ""


@given(st.text(), st.text())
def test_any_text_is_judged(offer: str, answer: str) -> None:
    for why in (
        ice_fault(f"{offer}\na=ice-ufrag:u", f"m=audio {answer}"),
        dtls_fault(f"{offer}\na=fingerprint:x", f"m=audio {answer}", pbx_begins=True),
    ):
        assert "\n" not in why
