"""The media relay's rules: packets in, packets out."""

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.telephone_event import KEYS, EventPacket, read_presses
from simulators.trunk.protocol import (
    DurationsRecounted,
    EndsAdded,
    EndsLost,
    HeldBack,
    MediaRule,
    MediaWay,
    PacketsDelayed,
    PacketsLost,
    WayCut,
)
from simulators.trunk.relay_rules import MOST_TURNS, RelayWay

EVENT, SPEECH = 126, 111
PBX = MediaWay.TO_PBX


def rtp(
    sequence: int, timestamp: int, payload: bytes, *, kind: int = EVENT, source: int = 7, first: int = 0x80
) -> bytes:
    return struct.pack("!BBHII", first, kind, sequence % 65_536, timestamp, source) + payload


def stream(digits: str, *, sequence: int = 0, ends: int = 3, speech: int = 4) -> list[bytes]:
    """Speech, and each key pressed for 60 ms with ``ends`` end packets."""
    packets: list[bytes] = []
    timestamp = 1000

    def add(payload: bytes, kind: int = EVENT) -> None:
        packets.append(rtp(sequence + len(packets), timestamp, payload, kind=kind))

    for digit in digits:
        for _ in range(speech):
            timestamp += 960
            add(b"opus", SPEECH)
        timestamp += 960
        for step in range(3 + ends):
            duration = min(step + 1, 3) * 160
            add(struct.pack("!BBH", KEYS.index(digit), 0x8A if step >= 3 else 0x0A, duration))
        timestamp += 2 * 960
    return packets


def relayed(packets: Iterable[bytes], *rules: MediaRule) -> tuple[list[bytes], RelayWay]:
    way = RelayWay(PBX, rules)
    way.know(frozenset({EVENT}), {EVENT: 8000, SPEECH: 48_000})
    return [out for packet in packets for out in way.rtp(packet)], way


def events(packets: Iterable[bytes]) -> list[EventPacket]:
    return [
        EventPacket(int.from_bytes(p[2:4], "big"), int.from_bytes(p[4:8], "big"), False, p[12:])
        for p in packets
        if p[1] == EVENT
    ]


def digits_of(packets: Iterable[bytes]) -> str:
    return read_presses(events(packets), 8000).digits


def ends(packets: Iterable[bytes]) -> list[int]:
    """End packets of each press, in the order of the presses."""
    counts: dict[int, int] = {}
    for event in events(packets):
        counts[event.timestamp] = counts.get(event.timestamp, 0) + (event.payload[1] >= 0x80)
    return list(counts.values())


def sequences(packets: Sequence[bytes]) -> list[int]:
    return [int.from_bytes(packet[2:4], "big") for packet in packets]


keys = st.text(alphabet="0123456789*#", min_size=1, max_size=6)
starts = st.integers(0, 65_535)


@given(keys, starts)
def test_without_rules_all_packets_pass_as_they_are(digits: str, start: int) -> None:
    packets = stream(digits, sequence=start)
    out, way = relayed(packets)
    assert out == packets
    assert (way.counts().received, way.counts().sent) == (len(packets), len(packets))
    assert way.counts().digits == digits


@given(keys, starts, st.integers(0, 3))
def test_end_packets_are_lost_but_for_those_kept(digits: str, start: int, kept: int) -> None:
    packets = stream(digits, sequence=start)
    out, way = relayed(packets, EndsLost(way=PBX, kept=kept))
    assert ends(out) == [kept] * len(digits)
    assert out == [p for p in packets if p in out]
    assert way.counts().rules[0].packets == (3 - kept) * len(digits) == len(packets) - len(out)
    # However many ends are lost, a reader that follows RFC 4733 counts the same presses.
    assert digits_of(out) == digits


@given(keys, starts, st.integers(1, 5))
def test_end_packets_are_added_under_numbers_of_their_own(digits: str, start: int, extra: int) -> None:
    packets = stream(digits, sequence=start)
    out, way = relayed(packets, EndsAdded(way=PBX, extra=extra))
    assert ends(out) == [3 + extra] * len(digits)
    assert sequences(out) == [(start + n) % 65_536 for n in range(len(out))]
    assert way.counts().rules[0].packets == extra * len(digits) == len(out) - len(packets)
    assert digits_of(out) == digits


def test_a_packet_overtaken_by_added_ends_keeps_its_place() -> None:
    packets = stream("1")
    late = packets.pop(3)
    out, _ = relayed([*packets, late], EndsAdded(way=PBX, extra=3))
    assert sorted(sequences(out)) == list(range(len(out)))
    assert out[-1] == late


def test_added_ends_move_all_that_comes_after_them_however_long() -> None:
    packets = stream("1")
    packets += [rtp(len(packets) + n, n * 960, b"opus", kind=SPEECH) for n in range(33_000)]
    out, _ = relayed(packets, EndsAdded(way=PBX, extra=3))
    assert sequences(out) == [n % 65_536 for n in range(len(packets) + 3)]


@given(st.integers(0, 100), st.integers(0, 1000), st.integers(1, 3))
def test_of_each_hundred_packets_exactly_so_many_are_lost(percent: int, seed: int, hundreds: int) -> None:
    packets = [rtp(n, n * 960, b"opus", kind=SPEECH) for n in range(100 * hundreds)]
    rule = PacketsLost(way=PBX, percent=percent, seed=seed)
    out, way = relayed(packets, rule)
    assert len(out) == (100 - percent) * hundreds
    assert way.counts().rules[0].packets == percent * hundreds
    assert relayed(packets, rule)[0] == out


def test_another_seed_loses_other_packets() -> None:
    packets = [rtp(n, n * 960, b"opus", kind=SPEECH) for n in range(100)]
    one, other = (relayed(packets, PacketsLost(way=PBX, percent=20, seed=seed))[0] for seed in (1, 2))
    assert one != other


def test_a_way_that_is_cut_lets_nothing_pass() -> None:
    out, way = relayed(stream("12"), WayCut(way=PBX))
    assert out == []
    assert way.rtcp(b"\x80\xc8\x00\x01abcd") == []
    assert way.counts().sent == way.counts().rtcp == 0


def test_rules_of_the_other_way_change_nothing() -> None:
    packets = stream("12")
    out, way = relayed(packets, WayCut(way=MediaWay.TO_CUSTOMER), EndsLost(way=MediaWay.TO_CUSTOMER))
    assert out == packets
    assert way.counts().rules == ()


def test_rules_follow_each_other() -> None:
    out, way = relayed(stream("5"), EndsLost(way=PBX, kept=1), EndsAdded(way=PBX, extra=2))
    assert ends(out) == [3]
    assert [count.packets for count in way.counts().rules] == [2, 2]


def durations(packets: Iterable[bytes]) -> list[int]:
    return [int.from_bytes(event.payload[2:4], "big") for event in events(packets)]


def test_durations_counted_in_the_clock_of_opus_go_on_as_agreed() -> None:
    # 2 s, told every 20 ms in units of 48 kHz, whose 16 bits run over.
    told = [rtp(n, 500, struct.pack("!BBH", 5, 0x0A, 960 * (n + 1) % 65_536)) for n in range(100)]
    out, way = relayed([rtp(0, 0, b"opus", kind=SPEECH), *told], DurationsRecounted(way=PBX))
    assert durations(out) == [160 * (n + 1) for n in range(100)]
    assert way.counts().rules[0].packets == 100


def test_durations_in_the_agreed_clock_stay() -> None:
    way = RelayWay(PBX, [DurationsRecounted(way=PBX)])
    way.know(frozenset({EVENT}), {EVENT: 8000, 0: 8000})
    packets = [rtp(0, 0, b"pcmu", kind=0), *stream("5", speech=0)]
    assert [out for packet in packets for out in way.rtp(packet)] == packets
    assert way.counts().rules[0].packets == 0


def test_what_is_no_rtp_passes() -> None:
    sender_report = b"\x80\xc8\x00\x06" + bytes(24)
    stun = b"\x00\x01\x00\x00" + bytes(16)
    out, way = relayed([sender_report, stun, b"", b"\x80"], PacketsLost(way=PBX, percent=100))
    assert out == [sender_report, stun, b"", b"\x80"]
    assert (way.counts().received, way.counts().rtcp) == (0, 4)


def test_the_event_is_found_behind_extension_sources_and_before_padding() -> None:
    event = struct.pack("!BBH", 5, 0x8A, 480)
    header = struct.pack("!I", 99) + struct.pack("!HHI", 0xBEDE, 1, 0)
    packet = rtp(1, 500, header + event + b"\x00\x00\x00\x04", first=0x80 | 0x20 | 0x10 | 0x01)
    out, way = relayed([packet], EndsLost(way=PBX))
    assert out == []
    assert way.counts().digits == "5"


@given(st.binary(max_size=60))
def test_any_octets_are_coped_with(octets: bytes) -> None:
    rules = (
        DurationsRecounted(way=PBX),
        EndsLost(way=PBX, kept=1),
        EndsAdded(way=PBX),
        PacketsLost(way=PBX, percent=0),
    )
    way = RelayWay(PBX, rules)
    way.know(frozenset(range(128)), {EVENT: 8000, SPEECH: 48_000})
    assert len(way.rtp(octets)) in (0, 1, 4)


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_that_cannot_be_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="cannot be lost"):
        RelayWay(PBX, [PacketsLost(way=PBX, percent=percent)])


def test_held_back_until_the_other_way_has_begun() -> None:
    way = RelayWay(PBX, (HeldBack(way=PBX),))
    rtcp = bytes((0x80, 200)) + bytes(26)
    assert way.rtp(rtp(1, 1, b"a", kind=SPEECH), 5.0) == []
    assert way.rtcp(rtcp) == []
    assert (way.first_at, way.counts().received, way.counts().sent, way.counts().rules[0].packets) == (5.0, 1, 0, 1)
    way.other_has_begun()
    later = rtp(2, 2, b"b", kind=SPEECH)
    assert way.rtp(later, 6.0) == [later]
    assert way.rtcp(rtcp) == [rtcp]
    assert way.first_at == 5.0


@given(st.floats(0, 500), st.floats(0, 100), st.integers(0, 1000))
def test_delayed_by_as_much_as_told_and_none_overtakes(delay_ms: float, jitter_ms: float, seed: int) -> None:
    way = RelayWay(PBX, [PacketsDelayed(way=PBX, delay_ms=delay_ms, jitter_ms=jitter_ms, seed=seed)])
    came = [0.02 * number for number in range(50)]
    gone = [way.arrives_at(at) for at in came]
    assert gone == sorted(gone)
    took = [1000 * (out - at) for at, out in zip(came, gone, strict=True)]
    assert all(delay_ms - 1e-6 <= ms <= delay_ms + jitter_ms + 1e-6 for ms in took)


def test_jitter_is_as_even_as_told() -> None:
    """Evenly spread over 18 ms: half of it the mean, a third the mean difference of two in a row."""
    way = RelayWay(PBX, [PacketsDelayed(way=PBX, delay_ms=40, jitter_ms=18)])
    took = [1000 * (way.arrives_at(0.02 * number) - 0.02 * number) for number in range(20_000)]
    assert sum(took) / len(took) == pytest.approx(40 + 9, abs=0.2)
    differences = [abs(one - other) for one, other in pairwise(took)]
    assert sum(differences) / len(differences) == pytest.approx(6, abs=0.2)


def test_a_delay_changes_no_packet_and_is_counted() -> None:
    packets = stream("12")
    out, way = relayed(packets, PacketsDelayed(way=PBX, delay_ms=10))
    assert out == packets
    assert way.is_slow
    assert way.counts().rules[0].packets == len(packets)
    assert not RelayWay(MediaWay.TO_CUSTOMER, [PacketsDelayed(way=PBX, delay_ms=10)]).is_slow


@pytest.mark.parametrize("ms", [{"delay_ms": -1}, {"delay_ms": 1, "jitter_ms": -1}])
def test_a_delay_that_cannot_be_is_refused(ms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="ms under way"):
        RelayWay(PBX, [PacketsDelayed(way=PBX, **ms)])


@pytest.mark.parametrize(
    ("sources", "turns"), [([], ()), ([7, 7, 7], (7,)), ([7, 7, 8, 8], (7, 8)), ([7, 8, 7, 8], (7, 8, 7, 8))]
)
def test_sources_are_told_in_turns(sources: list[int], turns: tuple[int, ...]) -> None:
    packets = [rtp(n, n, b"x", kind=SPEECH, source=source) for n, source in enumerate(sources)]
    assert relayed(packets)[1].counts().sources == turns


def test_turns_are_not_counted_for_ever() -> None:
    packets = [rtp(n, n, b"x", kind=SPEECH, source=n % 2) for n in range(1000)]
    assert len(relayed(packets)[1].counts().sources) == MOST_TURNS
