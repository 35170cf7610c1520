"""Keys: what the PBX agreed on, what it was sent, what it read back. No call here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from harness.audio.wav import read_reference, resample
from harness.call_policy import Direction
from harness.errors import Inconclusive, NotRun, PbxFault
from harness.trace import SipTraceEntry
from scenarios import dtmf
from scenarios.customer import Customer
from scenarios.dtmf import ends_were_lost, offers_keys_at, sent_as_pressed, takes_keys_as, understood
from simulators.pbx.asterisk.make_prompts import PROMPTS
from simulators.trunk.protocol import (
    CallStarted,
    CountMedia,
    EndsLost,
    HeldBack,
    MediaWay,
    RuleCount,
    WayCounts,
)
from tests.scenarios.stand_ins import RATE_HZ, FakeClock, Remembering, ear_on, silence, small_target

NUMBER = "+447700900123"
EVENT = "a=rtpmap:{pt} telephone-event/{hz}\r\n"
DIGIT_FILES = {f"digit_{digit}": {"any": PROMPTS / f"en/digit_{digit}.wav"} for digit in "0123456789"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(dtmf, "monotonic", clock.monotonic)
    monkeypatch.setattr(dtmf, "sleep", clock.sleep)
    return clock


def sdp(*formats: tuple[int, int]) -> str:
    types = " ".join(str(pt) for pt, _ in formats)
    body = f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 111 {types}\r\na=rtpmap:111 opus/48000/2\r\n"
    return body + "".join(EVENT.format(pt=pt, hz=hz) for pt, hz in formats)


def message(first_line: str, body: str) -> SipTraceEntry:
    raw = f"{first_line}\r\nCall-ID: pbx-1\r\nContent-Type: application/sdp\r\n\r\n{body}"
    return SipTraceEntry(at=1.0, wall=1.0, source="a:1", destination="b:2", transport="udp", raw=raw)


def counts(digits: str, *rules: RuleCount) -> WayCounts:
    return WayCounts(way=MediaWay.TO_PBX, received=90, sent=90, rtcp=0, rules=rules, digits=digits)


def scene(*, seen: WayCounts | None = None, messages: list[SipTraceEntry] | None = None, **target: Any) -> Any:
    started = CallStarted(
        call="trunk-1",
        direction=Direction.USER_INITIATED,
        customer=NUMBER,
        business="+442079460100",
        wacid="w",
        customer_call_id="customer-1",
        pbx_call_id="pbx-1",
    )
    trunk = Remembering(replies={CountMedia: (seen,)})
    testbed = SimpleNamespace(trunk=trunk, target=small_target(**target))
    notes: list[str] = []
    return SimpleNamespace(
        testbed=testbed,
        trunk_events=lambda: [started],
        trunk_messages=lambda: messages or [],
        fault=PbxFault,
        note=notes.append,
        notes=notes,
    )


def customer(pressed: str = "", ear: Any = None) -> Any:
    return SimpleNamespace(
        label="the customer",
        identity=SimpleNamespace(number=NUMBER),
        language="en",
        pressed=pressed,
        pressing_until=0.0,
        ear=ear,
        answered=lambda within_s: 0.1,
    )


def read_back(path: Path, digits: str) -> Any:
    files = [resample(read_reference(PROMPTS / f"en/digit_{d}.wav").mono, 8000, RATE_HZ) for d in digits]
    return ear_on(path / "heard.wav", np.concatenate([silence(1.0), *files, silence(3.0)]))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([], "its answer has no telephone-event, though it was offered as 126 at 8000 Hz"),
        ([(101, 8000)], "takes keys as 101 at 8000 Hz; it was offered payload type 126 at 8000 Hz"),
        ([(126, 48000)], "takes keys as 126 at 48000 Hz; it was offered"),
    ],
)
def test_a_pbx_that_takes_keys_otherwise_than_offered_is_at_fault(answer: list[tuple[int, int]], why: str) -> None:
    messages = [message("INVITE sip:a@b SIP/2.0", sdp((126, 8000))), message("SIP/2.0 200 OK", sdp(*answer))]
    with pytest.raises(PbxFault, match=why):
        takes_keys_as(scene(messages=messages), customer(), 126, 8000)


def test_a_pbx_that_takes_keys_as_offered() -> None:
    messages = [message("INVITE sip:a@b SIP/2.0", sdp((126, 8000))), message("SIP/2.0 200 OK", sdp((126, 8000)))]
    present = scene(messages=messages)
    takes_keys_as(present, customer(), 126, 8000)
    assert present.notes == ["offered 126 at 8000 Hz, answered 126 at 8000 Hz"]


def test_without_the_offer_nobody_is_to_blame() -> None:
    messages = [message("INVITE sip:a@b SIP/2.0", sdp((101, 8000))), message("SIP/2.0 200 OK", sdp((101, 8000)))]
    with pytest.raises(Inconclusive, match="the offer to the PBX has 101 at 8000 Hz, not payload type 126"):
        takes_keys_as(scene(messages=messages), customer(), 126, 8000)


@pytest.mark.parametrize(
    ("offer", "why"),
    [([], "offer has no telephone-event, nothing at 8000 Hz"), ([(101, 48000)], "offer has 101 at 48000 Hz, nothing")],
)
def test_a_pbx_whose_offer_lacks_whatsapps_clock_is_at_fault(offer: list[tuple[int, int]], why: str) -> None:
    with pytest.raises(PbxFault, match=why):
        offers_keys_at(scene(messages=[message("INVITE sip:a@b SIP/2.0", sdp(*offer))]), customer(), 8000)


def test_a_pbx_that_offers_several_clocks() -> None:
    present = scene(messages=[message("INVITE sip:a@b SIP/2.0", sdp((101, 48000), (126, 8000)))])
    offers_keys_at(present, customer(), 8000)
    assert present.notes == ["offered 101 at 48000 Hz, 126 at 8000 Hz"]


def test_a_pbx_that_offers_nothing_yet() -> None:
    with pytest.raises(NotRun, match="no SDP"):
        offers_keys_at(scene(messages=[message("INVITE sip:a@b SIP/2.0", "")]), customer(), 8000)


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        ("112", "the customer pressed 1122, the PBX understood 112"),
        ("11222", "the customer pressed 1122, the PBX understood 11222"),
        ("2211", "the customer pressed 1122, the PBX understood 2211"),
        ("", "the customer pressed 1122, the PBX understood nothing"),
    ],
)
def test_what_the_pbx_understood_is_the_reason(tmp_path: Path, heard: str, why: str) -> None:
    present = scene(seen=counts("1122#"), prompts=DIGIT_FILES)
    with pytest.raises(PbxFault, match=rf"^{why} and ended the call$"):
        understood(present, customer("1122#", read_back(tmp_path, heard)), "1122")


def test_what_was_pressed_is_read_back(tmp_path: Path) -> None:
    ear = read_back(tmp_path, "1122")
    understood(scene(seen=counts("1122#"), prompts=DIGIT_FILES), customer("1122#", ear), "1122")
    assert [mark.label for mark in ear.marks] == ["the digit 1", "the digit 1", "the digit 2", "the digit 2"]
    assert ear.cursor_s == ear.marks[-1].end_s


def test_a_phone_that_sent_otherwise_makes_it_inconclusive(tmp_path: Path) -> None:
    present = scene(seen=counts("112#"), prompts=DIGIT_FILES)
    with pytest.raises(Inconclusive, match="was told to press 1122#, the trunk saw 112#"):
        understood(present, customer("1122#", read_back(tmp_path, "112")), "1122")


def test_digits_without_files_cannot_be_recognised(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match=r"declares no file for digit_0, .* under \[prompts.digit_0\]"):
        understood(scene(), customer("1#", read_back(tmp_path, "1")), "1")


@pytest.mark.parametrize(("dropped", "sound"), [(3, True), (6, True), (2, False), (0, False)])
def test_a_rule_that_had_nothing_to_do_shows_nothing(dropped: int, sound: bool) -> None:
    rule = RuleCount(rule=EndsLost(way=MediaWay.TO_PBX), packets=dropped)
    present, caller = scene(seen=counts("12#", rule)), customer("12#")
    if sound:
        ends_were_lost(present, caller)
        assert present.notes == [f"the keys 12# came to the trunk, which dropped {dropped} end packets"]
    else:
        with pytest.raises(Inconclusive, match=f"changed {dropped} end packets of 3 key presses"):
            sent_as_pressed(present, caller)


def test_packets_that_could_not_be_read_on_the_way_prove_nothing() -> None:
    present = scene(seen=replace(counts("12#"), unread=2))
    with pytest.raises(Inconclusive, match="2 of 90 packets of the customer's phone could not be read on the way"):
        sent_as_pressed(present, customer("12#"))


class _Relayed(Customer):
    """A customer of a trunk whose media are encrypted in some way."""

    def __init__(self, encryption: str) -> None:
        profile = SimpleNamespace(name="their-own", media=SimpleNamespace(encryption=encryption))
        self._scene = cast(Any, SimpleNamespace(testbed=SimpleNamespace(profile=profile)))
        self.media_rules = None

    def switch_off(self) -> None:
        """There is no phone."""

    def switch_on(self, **limits: Any) -> None:
        """There is no phone."""


@pytest.mark.parametrize("ends", dtmf.ENDS)
@pytest.mark.parametrize("encryption", ["none", "sdes"])
def test_keys_are_changed_where_the_trunk_can_read_them(ends: str, encryption: str) -> None:
    caller = _Relayed(encryption)
    dtmf.ends_arrive(caller, ends)
    assert caller.media_rules == dtmf.ENDS[ends]


@pytest.mark.parametrize("ends", dtmf.ENDS)
def test_keys_are_not_changed_in_what_dtls_protects(ends: str) -> None:
    caller = _Relayed("dtls")
    with pytest.raises(NotRun, match=r"'their-own' encrypts media by DTLS.*neither read nor changed"):
        dtmf.ends_arrive(caller, ends)
    caller.relay_media((HeldBack(way=MediaWay.TO_PBX),))
