"""From a stream's counts to what a party heard."""

from dataclasses import fields

import pytest

from harness.load.records import Party
from scenarios.load.ears import heard_at
from simulators.light_phones.call_media import NO_CALL
from simulators.light_phones.media.facts import StampCount, StreamReport, ToneCount

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


def tone(call: int, party: Party, frames: int, first_at: float = 12.1) -> ToneCount:
    return ToneCount(
        call=call,
        party=party,
        frames=frames,
        listened=frames + 10,
        longest_gap_ms=120.0,
        first_at=first_at,
        last_at=first_at + frames * 0.02,
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
        mos=lambda figures: 4.0 if figures.own or figures.tones else None,
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


def test_behind_another_codec_the_other_party_is_told_by_tones_and_delay_by_nothing():
    ear = heard(received=400, unstamped=400, tones=(tone(7, Party.AGENT, 190),))
    figures = ear.figures
    assert (figures.own, figures.tones, figures.foreign, figures.unstamped) == (0, 190, 0, 400)
    assert (figures.tones_share, figures.tones_gap_ms) == (0.95, 120.0)
    assert figures.first_own_s == pytest.approx(0.1)
    assert (figures.mos, figures.delay_ms) == (4.0, None)


def test_whichever_is_heard_first_is_when_the_other_party_was_heard():
    figures = heard(stamp(7, Party.AGENT, 100, 12.5), tones=(tone(7, Party.AGENT, 100, 12.3),)).figures
    assert figures.first_own_s == pytest.approx(0.3)


def test_tones_of_another_call_are_foreign():
    ear = heard(tones=(tone(9, Party.CUSTOMER, 60), tone(7, Party.CUSTOMER, 60)))
    assert (ear.figures.foreign, ear.figures.tones) == (60, 0)
    (foreign,) = ear.foreign
    assert (foreign.call, foreign.party, foreign.packets, foreign.by_tones) == (9, Party.CUSTOMER, 60, True)


def test_a_phone_that_does_not_know_its_call_yet_is_nobody_else_s():
    ear = heard(stamp(NO_CALL, Party.AGENT, 8), stamp(7, Party.AGENT, 100), tones=(tone(NO_CALL, Party.AGENT, 60),))
    assert (ear.figures.own, ear.figures.foreign, ear.foreign) == (100, 0, ())
