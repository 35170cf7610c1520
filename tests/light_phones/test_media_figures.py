"""What a stream says of loss, delay and order, against a computation from the whole course at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

import media_streams as streams
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import Hands, Rtp

DEPTH_MS = 60
PACKET = 160
BEGIN_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one packet on its way."""

    lost: bool = False
    delay_ms: float = 1.0
    twice: bool = False


fates = st.lists(
    st.builds(
        Fate,
        lost=st.sampled_from([False] * 9 + [True]),
        delay_ms=st.sampled_from([1.0, 1.5, 3.0, 15.0, 45.0, 58.0, 75.0]),
        twice=st.sampled_from([False] * 9 + [True]),
    ),
    min_size=2,
    max_size=300,
)


def arrivals(course: list[Fate]) -> list[tuple[int, int]]:
    """(number, ns) of what arrives, in the order of arrival."""
    came = [
        (number, BEGIN_NS + number * streams.ROUND_NS + round(fate.delay_ms * 1e6) + copy)
        for number, fate in enumerate(course)
        if not fate.lost
        for copy in range(1 + fate.twice)
    ]
    return sorted(came, key=lambda packet: packet[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    received: int
    expected: int
    lost: int
    late: int
    duplicated: int
    reordered: int
    longest_burst: int
    jitter_ms: float


def compute(came: list[tuple[int, int]]) -> Expected:
    """RFC 3550 appendices A.3 and A.8, and a jitter buffer that begins with the first packet."""
    base = came[0][0]
    first: dict[int, int] = {}
    reordered, highest = 0, base - 1
    jitter, before = 0.0, None
    late: set[int] = set()
    anchor, row = 0.0, 0
    for number, at in came:
        if number < base or number in first:
            continue
        first[number] = at
        reordered += number < highest
        highest = max(highest, number)
        transit = at / 1e6 - number * 20
        if before is None:
            anchor = transit
        else:
            jitter += (abs(transit - before) - jitter) / 16
            if transit - anchor > DEPTH_MS + 1e-9:
                late.add(number)
                row += 1
                if row == 10:
                    anchor, row = transit, 0
            else:
                row = 0
        before = transit
    played = [number in first and number not in late for number in range(base, highest + 1)]
    bursts = [len(list(group)) for heard, group in groupby(played) if not heard]
    return Expected(
        received=len(came),
        expected=highest - base + 1,
        lost=highest - base + 1 - len(first),
        late=len(late),
        duplicated=sum(number >= base for number, _ in came) - len(first),
        reordered=reordered,
        longest_burst=max(bursts, default=0),
        jitter_ms=jitter,
    )


@given(course=fates, begin=st.sampled_from([0, 1000, 65_500, 65_535]))
@settings(deadline=None, max_examples=150)
def test_figures_are_those_of_the_whole_course(course: list[Fate], begin: int):
    came = arrivals(course)
    if not came:
        return
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(jitter_buffer_ms=DEPTH_MS))
        for number, at in came:
            ear.feed(Rtp(begin + number, 2**32 - 4000 + number * PACKET).octets(), at)
        found, wanted = ear.stream.report(), compute(came)
    for name in ("received", "expected", "lost", "late", "duplicated", "reordered", "longest_burst"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.jitter_ms == pytest.approx(wanted.jitter_ms, abs=0.01)
    assert (found.first_at, found.last_at) == (came[0][1] / 1e9, came[-1][1] / 1e9)
    assert found.unstamped == found.expected - found.lost


def heard(*packets: tuple[Rtp, float]) -> streams.Stream:
    """A stream that heard packets at times in ms."""
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings(jitter_buffer_ms=DEPTH_MS))
        for packet, at_ms in packets:
            ear.feed(packet.octets(), BEGIN_NS + round(at_ms * 1e6))
    return ear.stream


def stretch(count: int, *, sequence: int = 0, timestamp: int = 0, ssrc: int = 1, from_ms: float = 0.0):
    return [
        (Rtp(sequence + number, timestamp + number * PACKET, ssrc=ssrc), from_ms + number * 20)
        for number in range(count)
    ]


def test_a_burst_longer_than_what_is_remembered_is_counted_in_full():
    report = heard(*stretch(10), *stretch(10, sequence=1510, timestamp=1510 * PACKET, from_ms=30_200)).report()
    assert (report.lost, report.longest_burst, report.late) == (1500, 1500, 0)


def test_each_source_has_its_own_numbers():
    mixed = zip(stretch(50, sequence=100, ssrc=1), stretch(50, sequence=40_000, ssrc=2, from_ms=5.0), strict=True)
    report = heard(*(packet for pair in mixed for packet in pair)).report()
    assert (report.sources, report.received, report.lost, report.reordered, report.longest_burst) == (2, 100, 0, 0, 0)


def test_more_sources_than_are_remembered_lose_nothing_of_the_sum():
    parts = [stretch(5, sequence=900 * n, ssrc=n, from_ms=100.0 * n) for n in range(1, 8)]
    lossy = [packet for part in parts for packet in part if packet[0].sequence % 10 != 3]
    report = heard(*lossy).report()
    assert (report.sources, report.expected, report.lost) == (7, 35, 7)


def test_a_sender_that_begins_anew_is_no_loss():
    report = heard(*stretch(10), *stretch(10, sequence=30_000, timestamp=10 * PACKET, from_ms=200)).report()
    # The first of the new numbers could be a stray one; the second proves that it was none (RFC 3550 A.1).
    assert (report.received, report.expected, report.lost, report.sources) == (20, 19, 0, 1)


def test_a_single_stray_number_changes_nothing():
    stray = (Rtp(30_000, 10 * PACKET, ssrc=1), 205.0)
    report = heard(*stretch(10), stray, *stretch(10, sequence=10, timestamp=10 * PACKET, from_ms=200)).report()
    assert (report.received, report.expected, report.lost) == (21, 20, 0)


def test_a_jump_of_the_timestamps_is_neither_late_nor_jitter():
    report = heard(*stretch(10), *stretch(10, sequence=10, timestamp=3_000_000, from_ms=200)).report()
    assert (report.clock_jumps, report.late) == (1, 0)
    assert report.jitter_max_ms < 0.01


def test_a_delay_that_grew_for_good_costs_ten_packets():
    report = heard(*stretch(50), *stretch(50, sequence=50, timestamp=50 * PACKET, from_ms=1000 + 100)).report()
    assert (report.late, report.lost, report.longest_burst) == (10, 0, 10)


def test_a_talkspurt_begins_with_a_delay_of_its_own():
    later = stretch(50, sequence=50, timestamp=50 * PACKET, from_ms=1000 + 100)
    first, at_ms = later[0]
    report = heard(*stretch(50), (replace(first, marker=True), at_ms), *later[1:]).report()
    assert (report.late, report.longest_burst) == (0, 0)


def test_nothing_heard_says_nothing():
    report = heard().report()
    assert (report.received, report.expected, report.lost, report.first_at, report.far) == (0, 0, 0, None, None)
