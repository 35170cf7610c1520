"""What the backend makes of subscription checks and webhooks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.backend.webhooks import Inbox, signature

ASKED = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "meatyhamhock"}


def test_a_subscription_is_confirmed_with_its_challenge() -> None:
    assert Inbox(verify_token="meatyhamhock").subscription(ASKED) == (200, "1158201444")


@pytest.mark.parametrize(
    "change",
    [{"hub.verify_token": "other"}, {"hub.verify_token": "ü"}, {"hub.mode": "unsubscribe"}, {"hub.mode": ""}],
)
def test_a_wrong_subscription_is_not(change: dict[str, str]) -> None:
    assert Inbox(verify_token="meatyhamhock").subscription(ASKED | change) == (403, "")


def test_a_signature_is_that_of_meta() -> None:
    """HMAC-SHA256, RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature("Jefe", b"what do ya want for nothing?") == f"sha256={expected}"


@given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=90))
def test_only_the_right_signature_is_taken(body: bytes, secret: str, forged: str) -> None:
    inbox = Inbox(app_secret=secret)
    right = signature(secret, body)
    assert inbox.webhook(body, right) == ((200, True) if secret else (200, False))
    if forged != right:
        assert inbox.webhook(body, forged) == ((401, False) if secret else (200, False))


def test_an_answer_for_a_while() -> None:
    inbox = Inbox()
    inbox.answer_with(503, times=2)
    assert [inbox.webhook(b"{}", "")[0] for _ in range(4)] == [503, 503, 200, 200]


def test_an_answer_for_good() -> None:
    inbox = Inbox()
    inbox.answer_with(500)
    assert [inbox.webhook(b"{}", "")[0] for _ in range(3)] == [500, 500, 500]


@pytest.mark.parametrize(("status", "times"), [(0, 0), (199, 0), (600, 0), (200, -1)])
def test_what_is_no_answer_is_refused(status: int, times: int) -> None:
    with pytest.raises(ValueError, match="cannot be answered"):
        Inbox().answer_with(status, times)
