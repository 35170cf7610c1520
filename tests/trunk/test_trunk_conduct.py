"""SDP answers that keep to their offer or not, and what a PBX does after a refused re-INVITE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sip.message import SipMessage
from simulators.trunk.conduct import AFTER_REFUSAL_S, Conduct, unfit
from simulators.trunk.protocol import BrokenRule

OFFER = """v=0
m=audio 4000 RTP/SAVP 111 126
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:k
a=rtpmap:111 opus/48000/2
a=rtpmap:126 telephone-event/8000
a=ptime:20
a=maxptime:20
"""
ANSWER = OFFER.replace("4000", "5000").replace("inline:k", "inline:l")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (ANSWER, ""),
        (ANSWER.replace(" 126\n", "\n").replace("a=rtpmap:126 telephone-event/8000\n", ""), ""),
        (ANSWER.replace("5000", "0").replace("RTP/SAVP", "RTP/AVP"), ""),
        (ANSWER.replace("RTP/SAVP", "RTP/AVP"), "m=audio RTP/AVP where m=audio RTP/SAVP is offered"),
        (ANSWER.replace("111", "96"), "payload type 96 for opus/48000, offered as 111"),
        (ANSWER.replace("_80", "_32"), "a=crypto:1 AES_CM_128_HMAC_SHA1_32, offered is 1 AES_CM_128_HMAC_SHA1_80"),
        (ANSWER.replace("crypto:1", "crypto:2"), "a=crypto:2 AES_CM_128_HMAC_SHA1_80, offered is 1"),
        (ANSWER.replace("a=crypto:1", "a=x:1"), "0 crypto attributes"),
        (ANSWER.replace("a=ptime:20", "a=ptime:60"), "a=ptime:60, offered is a=maxptime:20"),
        (ANSWER + "m=video 0 RTP/AVP 31\n", "2 media in the answer, 1 in the offer"),
        ("", "there is no SDP in the 200"),
    ],
)
def test_answers(changed: str, why: str) -> None:
    found = unfit(OFFER, changed)
    assert found.startswith(why)
    assert bool(found) is bool(why)


@given(st.text(), st.text())
def test_any_text_is_judged(offer: str, answer: str) -> None:
    assert "\n" not in unfit(f"m=audio 1 RTP/AVP 0\n{offer}", answer).partition("a=crypto")[0]


class Watched:
    def __init__(self) -> None:
        self.broken: list[tuple[BrokenRule, str]] = []
        self._number = 0
        self.conduct = Conduct(lambda _call, rule, why: self.broken.append((rule, why)))

    def send(self, first: str, method: str, at: float, body: str = "") -> None:
        self.conduct.sent(message(first, method, body), at)

    def receive(self, first: str, method: str, at: float, body: str = "") -> None:
        self._number += not first.startswith("SIP/2.0")
        self.conduct.received(message(first, method, body, number=self._number), at)


def message(first: str, method: str, body: str, *more: tuple[str, str], number: int = 1) -> SipMessage:
    to = "<sip:b>;tag=pbx" if first.startswith("SIP/2.0") else "<sip:b>"
    headers = [("To", to), ("Call-ID", "c"), ("CSeq", f"{number} {method}"), ("Content-Type", "application/sdp"), *more]
    return SipMessage(first, headers, body.encode())


@pytest.mark.parametrize(("after_s", "broken"), [(0.2, True), (AFTER_REFUSAL_S + 0.1, False)])
def test_call_dropped_after_a_refused_reinvite(after_s: float, broken: bool) -> None:
    watched = Watched()
    watched.send("INVITE sip:b SIP/2.0", "INVITE", 0.0, OFFER)
    watched.receive("SIP/2.0 200 OK", "INVITE", 1.0, ANSWER)
    watched.receive("INVITE sip:a SIP/2.0", "INVITE", 2.0, OFFER)
    watched.send("SIP/2.0 500 Server Internal Error", "INVITE", 2.0)
    watched.receive("BYE sip:a SIP/2.0", "BYE", 2.0 + after_s)
    assert [rule for rule, _ in watched.broken] == ([BrokenRule.REINVITE] if broken else [])
    if broken:
        assert watched.broken[0][1] == "BYE 200 ms after its re-INVITE got 500 Server Internal Error"


@pytest.mark.parametrize("by_the_pbx", [True, False])
def test_a_call_that_is_over_is_forgotten(by_the_pbx: bool) -> None:
    """A soak's trunk holds nothing of it; an answer that comes once more is not judged."""
    watched = Watched()
    watched.send("INVITE sip:a@b SIP/2.0", "INVITE", 0.0, OFFER)
    watched.receive("SIP/2.0 200 OK", "INVITE", 0.1, ANSWER)
    if by_the_pbx:
        watched.receive("BYE sip:a@b SIP/2.0", "BYE", 1.0)
        watched.send("SIP/2.0 200 OK", "BYE", 1.1)
    else:
        watched.send("BYE sip:a@b SIP/2.0", "BYE", 1.0)
        watched.receive("SIP/2.0 200 OK", "BYE", 1.1)
    watched.receive("SIP/2.0 200 OK", "INVITE", 1.2, "")
    assert watched.broken == []


def test_refused_first_invite_of_the_pbx_is_no_reinvite() -> None:
    watched = Watched()
    watched.receive("INVITE sip:a SIP/2.0", "INVITE", 0.0, OFFER)
    watched.send("SIP/2.0 407 Proxy Authentication Required", "INVITE", 0.0)
    watched.receive("BYE sip:a SIP/2.0", "BYE", 0.1)
    assert watched.broken == []


@pytest.mark.parametrize("method", ["REFER", "UPDATE", "INFO"])
def test_call_dropped_after_a_refused_request(method: str) -> None:
    watched = Watched()
    watched.send("INVITE sip:b SIP/2.0", "INVITE", 0.0, OFFER)
    watched.receive("SIP/2.0 200 OK", "INVITE", 1.0, ANSWER)
    watched.receive(f"{method} sip:a SIP/2.0", method, 2.0)
    watched.send("SIP/2.0 405 Method Not Allowed", method, 2.0)
    watched.receive("BYE sip:a SIP/2.0", "BYE", 2.1)
    assert watched.broken == [(BrokenRule.REQUEST, f"BYE 100 ms after its {method} got 405 Method Not Allowed")]


@pytest.mark.parametrize(
    ("proven", "challenge", "broken"),
    [
        (True, 'Digest realm="a",nonce="b"', True),
        (True, 'Digest realm="a",nonce="b",stale=true', False),
        (False, "", False),
    ],
)
def test_credentials_that_are_not_taken(proven: bool, challenge: str, broken: bool) -> None:
    watched = Watched()
    given = [("Authorization", 'Digest username="1"')] if proven else []
    watched.conduct.sent(message("INVITE sip:b SIP/2.0", "INVITE", OFFER, *given), 0.0)
    asked = message("SIP/2.0 401 Unauthorized", "INVITE", "", ("WWW-Authenticate", challenge))
    watched.conduct.received(asked, 0.1)
    assert watched.broken == ([(BrokenRule.CREDENTIALS, "401 again")] if broken else [])
