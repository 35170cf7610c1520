"""Captures of the trunk's own traces, read by tshark."""

from __future__ import annotations

from harness.trace import read_trace
from reports.pcap import capture
from tests.independent.conftest import Between
from tests.independent.tshark import MALFORMED, shown_by_tshark


def test_capture_of_a_trunk(between: Between) -> None:
    """Every message that passed the trunk is in it, and none is malformed; SIPp's peculiar ones among them."""
    between.flow("caller", "callee", by_pbx=True, callee_hangs_up=True)
    between.flow("caller_cancels", "callee_answers_cancel", by_pbx=False)
    big = "\n".join(f"X-Ballast-{n}: {'x' * 1000}" for n in range(20))
    between.flow("caller", "callee", by_pbx=False, caller_hangs_up=True, caller_headers=big)
    entries = list(read_trace(between.directory / "trace.jsonl"))
    made = capture(entries)
    assert made.problems == ()
    file = between.directory / "trace.pcap"
    file.write_bytes(made.octets)
    assert shown_by_tshark(file, MALFORMED, "frame.number") == []
    in_order = sorted(entries, key=lambda entry: entry.wall)
    assert shown_by_tshark(file, "sip", "sip.Call-ID") == [entry.call_id for entry in in_order]
