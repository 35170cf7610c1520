import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.telephone_event import KEYS, End, EventPacket, TelephoneEventReader, read_presses

UPDATE_S = 0.05


def payload(digit: str, duration: int, *, end: bool = False, volume: int = 10) -> bytes:
    return struct.pack("!BBH", KEYS.index(digit), (0x80 if end else 0) | volume, duration)


def press(
    digit: str,
    *,
    clock_hz: int = 8000,
    updates: int = 3,
    ends: int = 3,
    sequence: int = 100,
    timestamp: int = 5000,
    at_s: float = 0.0,
) -> list[EventPacket]:
    """A press as RFC 4733 section 2.5.1 has it: updates every 50 ms, the end packet ``ends`` times."""
    step = round(clock_hz * UPDATE_S)
    durations = [(n + 1) * step for n in range(updates)] + [updates * step] * ends
    return [
        EventPacket(
            sequence=(sequence + n) % 65_536,
            timestamp=timestamp % (1 << 32),
            marker=n == 0,
            payload=payload(digit, duration, end=n >= updates),
            at_s=at_s + n * UPDATE_S,
        )
        for n, duration in enumerate(durations)
    ]


@pytest.mark.parametrize("clock_hz", [8000, 48_000])
def test_three_end_packets_are_one_press(clock_hz: int):
    seen = read_presses(press("7", clock_hz=clock_hz), clock_hz)
    (only,) = seen.presses
    assert (only.digit, only.end, only.end_packets, only.marked) == ("7", End.BIT, 3, True)
    assert only.duration_s == pytest.approx(0.15)
    assert only.volume_dbm0 == -10
    assert (seen.packets, seen.ignored, seen.others) == (6, 0, 0)


def test_wrong_clock_is_seen_in_the_duration():
    (only,) = read_presses(press("7", clock_hz=48_000), 8000).presses
    assert only.duration_s == pytest.approx(0.9)


def test_end_packets_with_timestamps_of_their_own_are_presses_of_their_own():
    packets = press("7")
    torn = packets[:4] + [
        EventPacket(p.sequence, p.timestamp + n, False, p.payload) for n, p in enumerate(packets[4:], 1)
    ]
    assert read_presses(torn, 8000).digits == "777"


def test_missing_marker_is_told():
    packets = [EventPacket(p.sequence, p.timestamp, False, p.payload) for p in press("7")]
    assert not read_presses(packets, 8000).presses[0].marked


def test_lost_end_packets_are_made_up_for_by_silence_or_by_the_next_press():
    first = press("1", ends=0)
    second = press("2", ends=0, sequence=200, timestamp=9000, at_s=0.2)
    seen = read_presses([*first, *second], 8000, end_s=2.0)
    assert [(one.digit, one.end) for one in seen.presses] == [("1", End.NEXT), ("2", End.SILENCE)]
    assert read_presses(second, 8000, end_s=0.35).presses[0].end is End.OPEN


def test_silence_ends_while_time_passes():
    reader = TelephoneEventReader(8000)
    for packet in press("1", ends=0):
        reader.feed(packet)
    reader.advance(0.3)
    assert reader.report().presses[0].end is End.OPEN
    reader.advance(0.4)
    assert reader.report().presses[0].end is End.SILENCE


def test_end_that_comes_late_is_still_of_the_same_press():
    late = press("1")
    late[3:] = [EventPacket(p.sequence, p.timestamp, False, p.payload, at_s=5.0) for p in late[3:]]
    (only,) = read_presses(late, 8000).presses
    assert (only.end, only.end_packets) == (End.BIT, 3)


def test_end_overtaken_by_the_next_press_makes_no_third():
    first, second = press("4", ends=2), press("4", sequence=105, timestamp=9000)
    seen = read_presses([*first[:-1], second[0], first[-1], *second[1:]], 8000)
    assert [(one.digit, one.end, one.end_packets) for one in seen.presses] == [("4", End.BIT, 2), ("4", End.BIT, 3)]


def test_press_overtaken_whole_keeps_its_place():
    first, second = press("1", ends=1), press("2", sequence=104, timestamp=9000)
    assert read_presses([second[0], *first, *second[1:]], 8000).digits == "12"


def test_long_press_in_segments_is_one():
    """Section 2.5.1.3: at 48 kHz, 1.37 s fill the 16 bits."""
    packets = [
        EventPacket(1, 1000, True, payload("0", 30_000)),
        EventPacket(2, 1000, False, payload("0", 0xFFFF)),
        EventPacket(3, 1000 + 0xFFFF, False, payload("0", 30_000)),
        EventPacket(4, 1000 + 2 * 0xFFFF, False, payload("0", 4000)),
        EventPacket(5, 1000 + 2 * 0xFFFF, False, payload("0", 5000, end=True)),
        EventPacket(6, 1000 + 2 * 0xFFFF, False, payload("0", 5000, end=True)),
    ]
    (only,) = read_presses(packets, 48_000).presses
    assert only.duration_s == pytest.approx((2 * 0xFFFF + 5000) / 48_000)
    assert (only.end, only.timestamp) == (End.BIT, 1000)
    # The same key pressed anew: the marker says so.
    anew = [*packets[:2], EventPacket(3, 1000 + 0xFFFF, True, payload("0", 30_000, end=True))]
    assert read_presses(anew, 48_000).digits == "00"


def test_long_press_whose_duration_runs_over_is_one():
    packets = [EventPacket(n, 0, n == 0, payload("9", (n + 1) * 16_000 % 65_536)) for n in range(6)]
    (only,) = read_presses(packets, 8000).presses
    assert only.duration_s == pytest.approx(6 * 16_000 / 8000)


def test_several_events_in_a_packet():
    together = payload("1", 800, end=True) + payload("2", 400, end=True)
    assert read_presses([EventPacket(1, 0, True, together)] * 3, 8000).digits == "12"


@pytest.mark.parametrize("octets", [b"", b"\x01", b"\x01\x0a\x00", b"\x01\x0a\x00\xa0\x00", payload("1", 0)])
def test_malformed_packets_are_counted_and_change_nothing(octets: bytes):
    good = press("1")
    seen = read_presses([*good[:2], EventPacket(1, 5000, False, octets), *good[2:]], 8000)
    assert (seen.digits, seen.ignored) == ("1", 1)


def test_events_that_are_no_keys_are_counted_apart():
    flash = struct.pack("!BBH", 16, 10, 800)
    seen = read_presses([EventPacket(1, 0, True, flash), *press("1")], 8000)
    assert (seen.digits, seen.others, seen.ignored) == ("1", 1, 0)


@given(
    digits=st.text(alphabet=KEYS, min_size=1, max_size=8),
    clock_hz=st.sampled_from([8000, 48_000]),
    sequence=st.integers(0, 65_535),
    timestamp=st.integers(0, (1 << 32) - 1),
    data=st.data(),
)
def test_loss_and_reordering_within_a_press_cost_no_press(digits, clock_hz, sequence, timestamp, data):
    """Numbers run over, packets are lost, doubled and shuffled: as long as one is left of each press, it counts."""
    sent = []
    for n, digit in enumerate(digits):
        whole = press(
            digit,
            clock_hz=clock_hz,
            sequence=(sequence + 6 * n) % 65_536,
            timestamp=(timestamp + n * clock_hz) % (1 << 32),
            at_s=float(n),
        )
        left = data.draw(st.lists(st.sampled_from(whole), min_size=1, max_size=8))
        sent += [EventPacket(p.sequence, p.timestamp, p.marker, p.payload, at_s=n + k / 50) for k, p in enumerate(left)]
    seen = read_presses(sent, clock_hz, end_s=100.0)
    assert seen.digits == digits
    assert all(0 < one.duration_s <= 0.15 + 1e-9 for one in seen.presses)
    assert all(one.end is not End.OPEN for one in seen.presses)


@given(
    st.lists(
        st.builds(
            EventPacket,
            sequence=st.integers(0, 65_535),
            timestamp=st.integers(0, (1 << 32) - 1),
            marker=st.booleans(),
            payload=st.binary(max_size=12),
            at_s=st.floats(0, 100),
        ),
        max_size=30,
    )
)
def test_any_octets_are_survived(packets: list[EventPacket]):
    seen = read_presses(packets, 8000)
    assert seen.packets == len(packets)
    assert seen.ignored <= len(packets)
    assert len(seen.presses) + seen.others <= sum(len(packet.payload) // 4 for packet in packets)
