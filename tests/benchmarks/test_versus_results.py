"""What follows from what was measured: sustained, carried, verified, and the search for the highest rate."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from versus_runs import media_run, signalling_run, stream_report

from benchmarks.versus.course import MOST_STEPS
from benchmarks.versus.light import heard, is_verified
from benchmarks.versus.results import next_rate
from harness.load.records import Party
from simulators.light_phones.media.facts import StampCount


def stamp(call: int, packets: int, lost: int = 0, party: Party = Party.CUSTOMER) -> StampCount:
    return StampCount(
        call=call,
        party=party,
        packets=packets,
        lost=lost,
        first_at=0.0,
        last_at=1.0,
        delay_mean_ms=0.1,
        delay_max_ms=1.0,
    )


def test_calls_for_a_second_of_a_core():
    assert signalling_run(calls=1000, cpu_s=0.5).calls_per_core_s == 2000


def test_sustained():
    assert signalling_run().sustained


@pytest.mark.parametrize(
    "change",
    [{"failed": 1}, {"retransmissions": 2}, {"took_s": 3.0}],
    ids=["one failed", "two of a thousand sent again", "too slow"],
)
def test_not_sustained(change: dict[str, float]):
    run = signalling_run(calls=1000, rate=500.0)
    assert not replace(run, placed=replace(run.placed, **change)).sustained


def test_calls_for_a_core():
    run = media_run(calls=100, cpu_s=0.5, lasted_s=5.0)
    assert (run.calls_per_core, run.reached) == (1000, 1.0)
    assert run.carried


@pytest.mark.parametrize(
    "change",
    [{"up": 99}, {"echoed": 24_000}],
    ids=["one not up", "packets not sent"],
)
def test_not_carried(change: dict[str, int]):
    assert not replace(media_run(calls=100, lasted_s=5.0), **change).carried


@pytest.mark.parametrize(
    "change",
    [
        {"calls": 99},
        {"returned": 0},
        {"returned": 24_000},
        {"lost": 100},
        {"late": 100},
        {"intact": False},
        {"sent": None, "returned": None, "lost": None, "late": None, "intact": None},
        {"sent": None, "returned": None, "lost": None, "late": None, "intact": False},
    ],
    ids=[
        "one ended",
        "nothing came back",
        "much did not",
        "lost",
        "late",
        "check failed",
        "unknown",
        "unknown, failed",
    ],
)
def test_not_heard(change: dict[str, int | bool | None]):
    run = media_run(calls=100, lasted_s=5.0)
    assert not replace(run, talked=replace(run.talked, **change)).carried


def test_who_counts_nothing_but_checks_is_believed():
    run = media_run(calls=100, lasted_s=5.0)
    talked = replace(run.talked, sent=None, returned=None, lost=None, late=None, intact=True)
    assert replace(run, talked=talked).carried


def test_own_stamps_that_came_back_verify_a_call():
    assert is_verified(3, stream_report(sent=500, stamps=(stamp(3, 499),)))


@pytest.mark.parametrize(
    "report",
    [
        stream_report(sent=500),
        stream_report(sent=500, stamps=(stamp(4, 500),)),
        stream_report(sent=500, stamps=(stamp(3, 500), stamp(4, 1))),
        stream_report(sent=500, stamps=(stamp(3, 500, party=Party.AGENT),)),
        stream_report(sent=500, stamps=(stamp(3, 480),)),
        stream_report(sent=500, stamps=(stamp(3, 500),), unstamped=1),
    ],
    ids=["nothing", "another call", "another call too", "another party", "too little", "other sound too"],
)
def test_nothing_else_verifies_it(report):
    assert not is_verified(3, report)
    assert heard([(3, report)]).intact is False


def test_what_calls_heard_is_added_up():
    reports = [
        (1, stream_report(sent=500, stamps=(stamp(1, 498, lost=1),), late=2)),
        (2, stream_report(sent=500, stamps=(stamp(2, 500), stamp(9, 4)))),
    ]
    talked = heard(reports)
    assert (talked.sent, talked.returned, talked.lost, talked.late, talked.verified) == (1000, 998, 1, 2, 1)
    assert talked.note == "4 packets of another call"


def searched(most_sustained: float, first: float = 800.0, most: float = 12800.0) -> list[tuple[float, bool]]:
    tried: list[tuple[float, bool]] = []
    while (rate := next_rate(tried, first, most)) is not None:
        tried.append((rate, rate <= most_sustained))
        assert len(tried) < 20
    return tried


@pytest.mark.parametrize(
    ("limit", "rates"),
    [
        (3000.0, [800, 1600, 3200, 2400]),
        (2000.0, [800, 1600, 3200, 2400]),
        (1e9, [800, 1600, 3200, 6400, 12800]),
        (500.0, [800, 400, 600]),
        (100.0, [800, 400]),
    ],
)
def test_search(limit: float, rates: list[float]):
    assert [rate for rate, _ in searched(limit)] == rates


@given(st.floats(1, 1e6))
def test_search_never_takes_more_than_it_may_and_never_tries_a_rate_twice(limit: float):
    rates = [rate for rate, _ in searched(limit)]
    assert len(set(rates)) == len(rates) <= MOST_STEPS + 1
    assert max(rates) <= 12800
