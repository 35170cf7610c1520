"""Key presses of light phones: as the harness's own reader of telephone-event has them."""

from __future__ import annotations

import itertools

import media_streams as streams
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import Hands, Rtp, parse

from harness.audio.telephone_event import KEYS, End, EventPacket, TelephoneEventReader
from harness.errors import HarnessMisuse
from simulators.light_phones.sdp import Codec

EVENT_HZ = 8000


@pytest.mark.parametrize("codec", streams.PAYLOAD_TYPES)
@pytest.mark.parametrize(("tone_ms", "gap_ms"), [(160, 80), (100, 20), (70, 200)])
def test_keys_are_pressed_as_rfc_4733_has_it(codec: Codec, tone_ms: int, gap_ms: int):
    reader = TelephoneEventReader(EVENT_HZ)
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(codec))
        ear = Hands(engine, streams.settings(codec))
        mouth.make(0)
        mouth.stream.send_digits("12#D", tone_ms, gap_ms)
        sent = [parse(mouth.make(number)) for number in range(1, 100)]
        for number, packet in enumerate(sent):
            ear.feed(packet.octets(), number * streams.ROUND_NS)
            if packet.payload_type == streams.EVENTS:
                event = EventPacket(packet.sequence, packet.timestamp, packet.marker, packet.payload, number * 0.02)
                reader.feed(event)
        report, told = ear.stream.report(), engine.heard()
    presses = reader.report()
    assert presses.digits == report.digit_text == "12#D"
    assert [event.digit for event in told if hasattr(event, "digit")] == list("12#D")
    asked_s = -(-tone_ms // 20) * 0.02
    for press in presses.presses:
        assert (press.end, press.marked, press.end_packets) == (End.BIT, True, 3)
        assert press.duration_s == pytest.approx(asked_s)
    begins = [press.timestamp for press in presses.presses]
    gaps = {(after - before) % 2**32 for before, after in itertools.pairwise(begins)}
    clock_ms = streams.CLOCKS_HZ[codec] // 1000
    (gap,) = gaps
    assert gap >= (asked_s * 1000 + gap_ms) * clock_ms
    assert gap <= (asked_s * 1000 + max(gap_ms, 40) + 20) * clock_ms
    # Audio goes on afterwards where it would have been, and in between it was silent.
    audio = [packet for packet in sent if packet.payload_type != streams.EVENTS]
    assert {(packet.timestamp - audio[0].timestamp) % 2**32 % (20 * clock_ms) for packet in audio} == {0}
    assert (sent[-1].timestamp - sent[0].timestamp) % 2**32 == (len(sent) - 1) * 20 * clock_ms
    assert report.lost == 0


@given(
    presses=st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 12), st.integers(1, 3)), min_size=1, max_size=20),
    lost=st.sets(st.integers(0, 200)),
)
@settings(deadline=None, max_examples=100)
def test_what_is_heard_is_what_the_harness_reads(presses: list[tuple[str, int, int]], lost: set[int]):
    packets: list[Rtp] = []
    timestamp = 4_294_960_000
    for key, updates, ends in presses:
        for number in range(updates + ends):
            end = number >= updates
            duration = (min(number, updates - 1) + 1) * 160
            payload = bytes([KEYS.index(key), 0x8A if end else 0x0A, *duration.to_bytes(2, "big")])
            packets.append(Rtp(len(packets), timestamp, payload, streams.EVENTS, marker=number == 0))
        timestamp += updates * 160 + 400
    reader = TelephoneEventReader(EVENT_HZ)
    with streams.engine() as engine:
        ear = Hands(engine, streams.settings())
        for number, packet in enumerate(packets):
            if number in lost:
                continue
            ear.feed(packet.octets(), number * streams.ROUND_NS)
            at_s = number * 0.02
            reader.feed(EventPacket(packet.sequence, packet.timestamp % 2**32, packet.marker, packet.payload, at_s))
        found, wanted = ear.stream.report(), reader.report()
    assert found.digit_text == wanted.digits
    for digit, press in zip(found.digits, wanted.presses, strict=True):
        assert digit.duration_ms == pytest.approx(press.duration_s * 1000)
        assert digit.ended == (press.end is End.BIT)
        assert digit.at == pytest.approx(press.at_s)


@pytest.mark.parametrize("wrong", ["1x", "1" * 65, "é"])
def test_what_is_no_key_is_refused(wrong: str):
    with streams.engine() as engine, pytest.raises(HarnessMisuse, match="0 to 9"):
        Hands(engine, streams.settings()).stream.send_digits(wrong)


def test_without_an_agreed_type_nothing_is_pressed():
    with streams.engine() as engine:
        mouth = Hands(engine, streams.settings(event_payload_type=None))
        mouth.stream.send_digits("1")
        assert {parse(mouth.make(number)).payload_type for number in range(20)} == {8}
