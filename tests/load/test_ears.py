"""From a stream's counts to what a party heard."""

from dataclasses import fields

import pytest

from harness.load.records import Party
from scenarios.load.ears import heard_at
from simulators.light_phones.media.facts import StampCount, StreamReport

NOTHING = {field.name: 0 for field in fields(StreamReport) if field.name not in ("stamps", "tones", "digits", "far")}


def stamp(call: int, party: Party, packets: int, first_at: float = 12.1) -> StampCount:
    return StampCount(
        call=call,
        party=party,
        packets=packets,
        lost=0,
        first_at=first_at,
        last_at=first_at + packets * 0.02,
        delay_mean_ms=5.5,
        delay_max_ms=9.0,
    )


def heard(*stamps: StampCount, over=None, **counts):
    times = {"jitter_ms": 0.4, "jitter_max_ms": 1.0, "first_at": 10.0, "last_at": 20.0}
    report = StreamReport(**(NOTHING | times | counts), stamps=stamps, digits=(), far=None)
    return heard_at(
        Party.CUSTOMER,
        7,
        report,
        opened_at=10.0,
        talk_began_at=12.0,
        over_at=(over or {}).get,
        mos=lambda figures: 4.0 if figures.own else None,
        jitter_buffer_ms=60,
    )


def test_the_other_party_of_the_call_is_own():
    ear = heard(stamp(7, Party.AGENT, 300), received=400, unstamped=100, lost=3)
    figures = ear.figures
    assert (figures.own, figures.foreign, figures.unstamped, figures.lost) == (300, 0, 100, 3)
    assert figures.first_own_s == pytest.approx(0.1)
    assert figures.delay_ms == 5.5
    assert figures.mouth_to_ear_ms == 20 + 5.5 + 60
    assert figures.mos == 4.0
    assert ear.foreign == ()


def test_packets_of_another_call_are_foreign_with_all_that_tells_why():
    ear = heard(stamp(7, Party.AGENT, 300), stamp(9, Party.CUSTOMER, 4, first_at=10.0), over={9: 9.9})
    assert ear.figures.foreign == 4
    (foreign,) = ear.foreign
    assert (foreign.ear, foreign.call, foreign.over_at, foreign.opened_at) == (Party.CUSTOMER, 9, 9.9, 10.0)


def test_ones_own_voice_is_neither():
    figures = heard(stamp(7, Party.CUSTOMER, 20), unstamped=5).figures
    assert (figures.own, figures.foreign, figures.unstamped) == (0, 0, 25)
    assert figures.delay_ms is None
    assert figures.mouth_to_ear_ms is None
    assert figures.first_own_s is None
    assert figures.mos is None


def test_a_party_that_was_heard_before_both_had_answered_was_heard_at_once():
    assert heard(stamp(7, Party.AGENT, 300, first_at=11.0)).figures.first_own_s == 0.0
