import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.phones.media_watch import MediaWatch

TICK_S = 0.02


def gives_up_at(watch, packets_at, *, until_s=200.0):
    """When the watch gives up a call confirmed at 0 s that gets a packet at each of these times; None: never."""
    watch.start(0.0, 0)
    for tick in range(1, int(until_s / TICK_S)):
        now = tick * TICK_S
        if watch.due(now) and watch.gone(now, sum(at <= now for at in packets_at)):
            return now
    return None


def test_a_call_that_never_brought_media_lasts_as_long_as_at_meta():
    assert gives_up_at(MediaWatch(20, 30), []) == pytest.approx(20, abs=TICK_S)


@given(last=st.floats(0.1, 19.9), limit=st.sampled_from([1.0, 30.0]))
def test_media_that_stops_is_missed_from_its_last_packet_on(last, limit):
    lasted = gives_up_at(MediaWatch(20, limit), [last])
    assert last + limit <= lasted + TICK_S
    assert lasted <= last + limit + min(1, limit / 20) + 2 * TICK_S


def test_any_packet_in_time_keeps_the_call():
    packets = [19.0, 48.0, 77.0, 106.0]
    assert gives_up_at(MediaWatch(20, 30), packets) == pytest.approx(136, abs=1 + 2 * TICK_S)


@pytest.mark.parametrize(("silent", "stalled", "packets"), [(0, 0, []), (0, 0, [1.0]), (0, 30, []), (20, 0, [5.0])])
def test_no_limit_is_none(silent, stalled, packets):
    assert gives_up_at(MediaWatch(silent, stalled), packets) is None


def test_early_media_does_not_count():
    watch = MediaWatch(20, 30)
    watch.start(100.0, 500)
    assert not watch.gone(119.9, 500)
    assert watch.gone(120.0, 500)


def test_whether_there_is_anything_to_watch():
    assert not MediaWatch(0, 0).on
    assert MediaWatch(20, 0).on
    assert MediaWatch(0, 30).on
    assert not MediaWatch(20, 30).due(1e9), "not before the call is confirmed"
