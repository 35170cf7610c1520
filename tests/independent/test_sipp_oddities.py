"""A SIPp that does what a PBX should not, or seldom does: the trunk keeps to RFC 3261, by SIPp's judgement."""

from __future__ import annotations

import pytest

from tests.independent.conftest import Between

# Of TLS, test_sipp_calls has enough: above it is the stream of TCP.
pytestmark = pytest.mark.parametrize("between", ["udp", "tcp"], indirect=True, scope="module")

ODDITIES = [
    "ACK again",
    "ACK of nothing",
    "another BYE",
    "BYE again",
    "BYE with an old CSeq",
    "BYE with another tag",
    "BYE without tag in To",
    "CANCEL when it is answered",
    "OPTIONS",
    "OPTIONS with an old CSeq",
    "Require of what it has not",
    "late ACK",
    "method that is not taken",
    "unknown method",
]
CHECKED = [
    "CANCEL when it is answered",
    "OPTIONS",
    "Require of what it has not",
    "method that is not taken",
    "unknown method",
]


@pytest.mark.parametrize("oddity", ODDITIES)
def test_in_a_call(between: Between, oddity: str) -> None:
    _, caller = between.flow("caller_odd_in_call", "callee", by_pbx=True, oddity=oddity, checked=CHECKED)
    if oddity == "late ACK":
        # After 0.5 s, then after 1 s more.
        assert caller.got("SIP/2.0 200", "2 INVITE") == 3
    if oddity == "BYE again":
        assert caller.got("SIP/2.0 200", "9 BYE") >= 2


def test_repeated_invite_is_one_call(between: Between) -> None:
    _, caller = between.flow("caller_repeats_invite", "callee_rings_long", by_pbx=False, callee_rings_ms=300)
    assert caller.got("SIP/2.0 180", "1 INVITE") >= 2


def test_repeated_answer_is_acknowledged_again(between: Between) -> None:
    callee, _ = between.flow("caller", "callee_repeats_answer", by_pbx=False, caller_hangs_up=True, caller_talks_ms=200)
    assert callee.got("ACK ", "") >= 2


def test_byes_cross(between: Between) -> None:
    between.flow("caller_byes_cross", "callee", by_pbx=True, callee_hangs_up=True)


def test_answer_without_a_tag(between: Between) -> None:
    between.flow("caller_refused", "callee_without_tag", by_pbx=False, caller_code=502)


def test_proxies_before_the_caller(between: Between) -> None:
    between.flow("caller_through_proxies", "callee", by_pbx=True, callee_hangs_up=True)


def test_proxies_before_the_called(between: Between) -> None:
    between.flow("caller", "callee_through_proxies", by_pbx=False, caller_hangs_up=True)


@pytest.mark.parametrize(
    ("method", "code", "more"),
    [
        ("OPTIONS", 200, {"must": ("Allow", "INVITE")}),
        ("REGISTER", 403, {}),
        ("SUBSCRIBE", 405, {"must": ("Allow", "INVITE")}),
        ("FROBNICATE", 501, {}),
        ("OPTIONS", 420, {"headers": "Require: frobnication", "must": ("Unsupported", "frobnication")}),
        ("INVITE", 420, {"headers": "Require: frobnication, more", "must": ("Unsupported", "frobnication, *more")}),
        ("OPTIONS", 416, {"uri": "nobody:knows.example"}),
    ],
)
def test_outside_of_a_call(between: Between, method: str, code: int, more: dict[str, object]) -> None:
    between.flow("asks", "", by_pbx=True, calls=0, method=method, code=code, **{"must": None, **more})


@pytest.mark.parametrize("method", ["BYE", "CANCEL", "INFO", "INVITE", "OPTIONS"])
def test_of_a_call_that_is_not(between: Between, method: str) -> None:
    tag = "" if method == "CANCEL" else ";tag=gone"
    between.flow("caller_leaves", "", by_pbx=True, calls=0, method=method, tag=tag)


@pytest.mark.parametrize("kilobytes", [2, 20, 50])
def test_big_invite(between: Between, kilobytes: int) -> None:
    headers = "\n".join(f"X-Ballast-{n}: {'x' * 1000}" for n in range(kilobytes))
    by_pbx = False
    between.flow("caller", "callee", by_pbx=by_pbx, caller_hangs_up=True, caller_headers=headers)
