"""What the trunk remembers of calls does not grow with the calls that are over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.sip.message import SipMessage, parse
from simulators.trunk.remembered import MOST_OVER, MOST_UP, Remembered, ends_call


def test_calls_that_are_up_stay_known_whatever_becomes_of_others() -> None:
    known: Remembered[int] = Remembered()
    known.keep("up", 0)
    for number in range(10 * MOST_OVER):
        known.keep(f"call-{number}", number)
        known.is_over(f"call-{number}")
    assert known.get("up") == 0
    assert len(known) == 1 + MOST_OVER
    assert known.get(f"call-{10 * MOST_OVER - 1}") == 10 * MOST_OVER - 1
    assert known.get("call-0") is None


def test_calls_that_are_never_said_to_be_over_are_forgotten_in_the_end() -> None:
    known: Remembered[int] = Remembered()
    for number in range(MOST_UP + 5):
        known.keep(str(number), number)
    assert len(known) == MOST_UP
    assert known.get("4") is None
    assert known.get("5") == 5


def test_a_call_id_that_comes_again_is_up_again() -> None:
    known: Remembered[int] = Remembered()
    known.keep("a", 1)
    known.is_over("a")
    known.is_over("a")
    known.keep("a", 2)
    assert known.get("a") == 2
    assert len(known) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5))))
def test_nothing_is_lost_or_kept_twice_below_the_limits(steps: list[tuple[bool, int]]) -> None:
    known: Remembered[int] = Remembered()
    expected: dict[str, int] = {}
    for at, (ends, number) in enumerate(steps):
        if ends:
            known.is_over(str(number))
        else:
            known.keep(str(number), at)
            expected[str(number)] = at
    assert len(known) == len(expected)
    assert {call_id: known.get(call_id) for call_id in expected} == expected


def test_a_call_ends_when_its_bye_is_answered() -> None:
    def answer(code: int, method: str) -> SipMessage:
        head = f"SIP/2.0 {code} As It Is\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa\r\nCall-ID: a\r\n"
        return parse(f"{head}CSeq: 2 {method}\r\nContent-Length: 0\r\n\r\n".encode())

    assert ends_call(answer(200, "BYE"))
    assert not ends_call(answer(481, "BYE"))
    assert not ends_call(answer(200, "INVITE"))
