"""Calls between two SIPps through the trunk, over each transport of the PBX."""

from __future__ import annotations

import pytest

from tests.independent.conftest import BASE, Between
from tests.independent.sipp import Sipp

WAYS = pytest.mark.parametrize("by_pbx", [False, True], ids=["customer_calls", "pbx_calls"])


@WAYS
@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
def test_call(between: Between, by_pbx: bool, hangs_up: str) -> None:
    """The PBX's calls answer the trunk's challenge."""
    between.flow("caller", "callee", by_pbx=by_pbx, **{f"{hangs_up}_hangs_up": True})


@WAYS
def test_cancel(between: Between, by_pbx: bool) -> None:
    between.flow("caller_cancels", "callee_cancelled", by_pbx=by_pbx)


@WAYS
def test_answer_crosses_cancel(between: Between, by_pbx: bool) -> None:
    between.flow("caller_cancels", "callee_answers_cancel", by_pbx=by_pbx)


CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


def challenges(code: int, algorithm: str, password: str) -> dict[str, object]:
    theirs, ours = CHALLENGES[code]
    values = {
        "code": code,
        "algorithm": algorithm,
        "challenge_header": theirs,
        "answer_header": ours,
        "expected_password": password,
    }
    return {f"callee_{name}": value for name, value in values.items()}


@pytest.mark.parametrize(("code", "algorithm"), [(401, "MD5"), (401, "SHA-256"), (407, "MD5")])
def test_trunk_proves_itself(between: Between, code: int, algorithm: str) -> None:
    wanted = challenges(code, algorithm, BASE["digest_password"])
    between.flow("caller", "callee_challenges", by_pbx=False, caller_hangs_up=True, **wanted)


def test_pbx_expects_another_password(between: Between) -> None:
    wanted = challenges(401, "MD5", "another")
    between.flow("caller_refused", "callee_challenges", by_pbx=False, caller_code=403, **wanted)


def test_trunk_does_not_try_for_ever(between: Between) -> None:
    between.flow("caller_refused", "callee_never_satisfied", by_pbx=False, caller_code=401)


def test_pbx_with_a_wrong_password(between: Between) -> None:
    between.flow("caller_refused", "", by_pbx=True, calls=0, code=403, digest_password="wrong")


@pytest.mark.parametrize(("status", "code"), [("486 Busy Here", 486), ("603 Decline", 486), ("500 Oops", 480)])
def test_customer_refuses(between: Between, status: str, code: int) -> None:
    """A declining phone is 486 to the PBX, any other refusal 480, as the profile says."""
    between.flow("caller_refused", "callee_refuses", by_pbx=True, caller_code=code, callee_status=status)


def test_flow_that_does_not_take_place_fails(between: Between) -> None:
    """SIPp's judgement can be relied upon: the caller wants a call and is refused."""
    callee, caller = between.play("caller", "callee_refuses", by_pbx=False, callee_status="486 Busy Here")
    assert (callee.result(), caller.result()) == (0, 1)
    assert "while expecting '180'" in caller.told()


def test_party_that_nobody_calls_gives_up(between: Between) -> None:
    party = Sipp("callee", between.pbx, between.directory / "alone", longest_s=1, **BASE, called="")
    assert party.result() != 0
    assert "timed out" in party.told()
