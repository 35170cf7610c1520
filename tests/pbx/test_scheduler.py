"""Whether Asterisk bears that its clock is set back: the time until something due must not pass for a negative one."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.pbx.asterisk.scheduler import would_spin

DAY_S = 86_400


def int_ms(seconds: float) -> int:
    """A time in ms as Asterisk's ``int`` has it."""
    return ctypes.c_int32(int(seconds * 1000)).value


@pytest.mark.parametrize(
    ("back_days", "spins"),
    [(0, False), (1, False), (24, False), (25, True), (30, True), (49, True), (50, False), (74, False), (75, True)],
)
def test_by_so_many_days(back_days: int, spins: bool) -> None:
    assert would_spin([0], -back_days * DAY_S) is spins


@given(back_s=st.integers(1, 400 * DAY_S), due_s=st.floats(0, 60), later_s=st.floats(0, 3600))
def test_what_is_said_to_be_borne_is_never_negative(back_s: int, due_s: float, later_s: float) -> None:
    left_s = back_s + due_s - later_s
    if not would_spin([0], -back_s) and left_s > 0:
        assert int_ms(left_s) >= 0


@given(forward_s=st.integers(0, 400 * DAY_S))
def test_forward_is_always_borne(forward_s: int) -> None:
    assert not would_spin([0], forward_s)


def test_everywhere_it_has_been_counts() -> None:
    assert would_spin([0, 30 * DAY_S, 5 * DAY_S], 0)
