"""What SIPp writes of itself is read; the columns and screens are those of 3.8.0."""

from __future__ import annotations

import pytest

from benchmarks.versus.sipp_statistics import packets_echoed, packets_sent, read_statistics
from harness.errors import Inconclusive

COLUMNS = [
    "StartTime",
    "LastResetTime",
    "CurrentTime",
    "ElapsedTime(P)",
    "ElapsedTime(C)",
    "TargetRate",
    "TotalCallCreated",
    "CurrentCall",
    "SuccessfulCall(P)",
    "SuccessfulCall(C)",
    "FailedCall(P)",
    "FailedCall(C)",
    "Retransmissions(P)",
    "Retransmissions(C)",
    "",
]
HEAD = ";".join(COLUMNS)


def moment(second: float) -> str:
    return f"2026-11-29\t01:56:{second:09.6f}\t{1795917360 + second:.6f}"


def row(now: float, created: int, current: int, successful: int, failed: int, again: int) -> str:
    begin = moment(4.5)
    values = (created, current, 1, successful, 1, failed, 1, again)
    return ";".join([begin, begin, moment(now), "00:00:01", "00:00:02", "500.000", *map(str, values), ""])


def test_the_last_row_counts():
    text = "\n".join([HEAD, row(5.5, 500, 3, 497, 0, 0), row(6.75, 1000, 0, 998, 2, 5), ""])
    counts = read_statistics(text)
    assert (counts.created, counts.current, counts.successful, counts.failed) == (1000, 0, 998, 2)
    assert counts.retransmissions == 5
    assert counts.elapsed_s == pytest.approx(2.25)


def test_a_row_that_is_just_being_written_does_not():
    whole = row(5.5, 500, 3, 497, 0, 0)
    text = "\n".join([HEAD, whole, row(6.5, 1000, 0, 1000, 0, 0)[:80]])
    assert read_statistics(text).created == 500


@pytest.mark.parametrize("text", ["", f"{HEAD}\n", HEAD])
def test_no_row(text: str):
    with pytest.raises(Inconclusive, match="no statistics"):
        read_statistics(text)


def test_a_column_that_is_missing_is_named():
    text = "\n".join([HEAD, row(5.5, 1, 0, 1, 0, 0), ""]).replace("Retransmissions(C)", "Repeats")
    with pytest.raises(Inconclusive, match=r"no column Retransmissions\(C\)"):
        read_statistics(text)


def test_packets_on_the_screens():
    screens = (
        "  100 Total AUDIO RTP pckts sent          8.000 kB/s AUDIO RTP OUT\n"
        "  4000 Total echo RTP pckts 1st stream    0.000 last period RTP rate (kB/s)\n"
        "  0 Total echo RTP pckts 2nd stream       0.000 last period RTP rate (kB/s)\n"
        "  250 Total AUDIO RTP pckts sent          8.000 kB/s AUDIO RTP OUT\n"
        "  4029 Total echo RTP pckts 1st stream    0.000 last period RTP rate (kB/s)\n"
    )
    assert (packets_sent(screens), packets_echoed(screens)) == (250, 4029)
    assert packets_sent("") is packets_echoed("") is None
