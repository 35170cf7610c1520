import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.phones.digits import IS_END, IS_UPDATE, Dialler, DigitListener, HeardDigit

digit_strings = st.text("0123456789*#ABCD", max_size=12)


@given(digits=digit_strings, tone=st.integers(1, 500), gap=st.integers(0, 500))
def test_digits_go_out_once_each_in_order_with_tone_and_gap_between(digits, tone, gap):
    dialler = Dialler()
    dialler.add(digits, tone, gap)
    sent, now = [], 100.0
    while len(sent) < len(digits):
        press = dialler.due(now)
        if press is not None:
            sent.append((press.digit, now))
        now += 0.01
    assert "".join(digit for digit, _ in sent) == digits
    pauses = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(sent)]
    assert all(pause >= (tone + gap) / 1000 - 1e-9 for pause in pauses)
    assert dialler.due(now + 10) is None


@pytest.mark.parametrize(("digits", "tone"), [("12x", 160), ("1 2", 160), ("1", 0)])
def test_what_is_no_press_is_refused_as_a_whole(digits, tone):
    dialler = Dialler()
    with pytest.raises(ValueError, match=r"digit|tone"):
        dialler.add(digits, tone, 80)
    assert dialler.due(0.0) is None


def test_a_second_order_waits_for_the_first():
    dialler = Dialler()
    dialler.add("1", 100, 100)
    assert dialler.due(1.0).digit == "1"
    dialler.add("2", 100, 100)
    assert dialler.due(1.1) is None
    assert dialler.due(1.2).digit == "2"


@given(presses=st.lists(st.tuples(st.sampled_from("0123456789*#"), st.integers(0, 5), st.booleans()), max_size=8))
def test_each_press_is_heard_once_even_when_its_end_is_lost(presses):
    listener = DigitListener()
    heard = []
    for digit, updates, end_seen in presses:
        heard += listener.heard(digit, 20, 0)
        for update in range(updates):
            heard += listener.heard(digit, 40 + 20 * update, IS_UPDATE)
        if end_seen:
            heard += listener.heard(digit, 160, IS_UPDATE | IS_END)
            heard += listener.heard(digit, 160, IS_UPDATE | IS_END)
    heard += listener.finish()
    assert [press.digit for press in heard] == [digit for digit, _, _ in presses]
    assert all(press.duration_ms == 160 for press, sent in zip(heard, presses, strict=True) if sent[2])


def test_a_press_in_one_packet():
    assert DigitListener().heard("5", 20, IS_END) == [HeardDigit("5", 20)]
