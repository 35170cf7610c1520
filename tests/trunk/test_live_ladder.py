"""The ladder in the terminal."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.trace import SipTraceEntry, SipTraceWriter
from trunkproof.live_ladder import LANE, TIME, WIDTH, LiveLadder, TraceFollower, heading, ladder_row

CUSTOMER_SIDE, PBX_SIDE = "127.0.12.20:40000", "127.0.12.20:5060"
PHONE, PBX = "127.0.12.30:5070", "127.0.12.10:5060"
SDP = "\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"


def entry(
    source: str, destination: str, first_line: str, method: str = "INVITE", body: str = "\r\n\r\n"
) -> SipTraceEntry:
    raw = f"{first_line}\r\nCSeq: 1 {method}{body}"
    return SipTraceEntry(at=10.0, wall=0.0, source=source, destination=destination, transport="udp", raw=raw)


INVITE = entry(PHONE, CUSTOMER_SIDE, "INVITE sip:+442079460100@127.0.12.20 SIP/2.0", body=SDP)


@pytest.mark.parametrize(
    ("message", "lane", "arrow"),
    [
        (INVITE, 0, ("─ INVITE +442079460100 [opus] ─", "▶")),
        (entry(PBX_SIDE, PBX, "INVITE sip:+44@h SIP/2.0"), 1, (" INVITE +44 ", "▶")),
        (entry(PBX, PBX_SIDE, "SIP/2.0 180 Ringing"), 1, (" 180 Ringing ", "◀")),
        (entry(CUSTOMER_SIDE, PHONE, "SIP/2.0 200 OK", "BYE"), 0, (" 200 OK (BYE) ", "◀")),
        (entry(PBX, PBX_SIDE, "BYE sip:x@y SIP/2.0", "BYE"), 1, (" BYE ", "◀")),
    ],
)
def test_a_message_is_an_arrow_in_its_lane(message: SipTraceEntry, lane: int, arrow: tuple[str, str]) -> None:
    row = ladder_row(message, 0.25, CUSTOMER_SIDE).plain
    assert len(row) == WIDTH
    assert row.startswith("   0.250 │")
    lanes = row[TIME + 1 :].split("│")
    assert [len(text) for text in lanes] == [LANE, LANE, 0]
    assert arrow[0] in lanes[lane]
    assert arrow[1] in lanes[lane]
    assert not lanes[1 - lane].strip()


def test_names_stand_over_the_lines() -> None:
    text = heading().plain
    assert len(text) == WIDTH
    assert text.index("trunk") < TIME + LANE + 1 < text.index("trunk") + 5


def printed(*messages: SipTraceEntry, keep_alives: bool = False) -> list[str]:
    console = Console(file=StringIO(), width=100)
    ladder = LiveLadder(console, CUSTOMER_SIDE, keep_alives=keep_alives)
    for message in messages:
        ladder.show(message)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_repetitions_are_marked_and_keep_alives_left_out() -> None:
    options = entry(PBX_SIDE, PBX, "OPTIONS sip:h SIP/2.0", "OPTIONS")
    bye = entry(PBX, PBX_SIDE, "BYE sip:x@y SIP/2.0", "BYE")
    lines = printed(options, bye, bye)
    assert len(lines) == 3
    assert "BYE (again)" in lines[2]
    assert len(printed(options, keep_alives=True)) == 2


def test_long_labels_are_cut() -> None:
    row = ladder_row(entry(PBX, PBX_SIDE, "SIP/2.0 480 " + "x" * 200), 0, CUSTOMER_SIDE)
    assert len(row.plain) == WIDTH
    assert "…" in row.plain


def test_follower_reads_each_entry_once_and_no_half_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    follower = TraceFollower(path)
    assert follower.read() == []
    writer = SipTraceWriter(path)
    writer.write(INVITE)
    assert follower.read() == [INVITE]
    assert follower.read() == []
    with path.open("a") as file:
        file.write('{"at": 1')
    assert follower.read() == []
    writer.close()
