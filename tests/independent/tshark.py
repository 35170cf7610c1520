"""tshark: what the captures that we write, and those of our media, are by Wireshark's dissectors."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap import second_opinion

MALFORMED = '_ws.malformed || _ws.expert.severity == "Error" || _ws.short || tcp.analysis.flags'
"""Display filter: packets that Wireshark finds fault with."""

DEADLINE_S = 120
_STREAM = re.compile(
    r"^\s*[\d.]+\s+[\d.]+\s+(?P<source>[\d.]+)\s+(?P<sport>\d+)\s+(?P<host>[\d.]+)\s+(?P<port>\d+)\s+"
    r"0x(?P<ssrc>[0-9A-Fa-f]+)\s+(?P<payload>.+?)\s+(?P<packets>\d+)\s+(?P<lost>-?\d+)\s+\(-?[\d.]+%\)\s+"
    r"(?P<figures>[-\d. ]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStream:
    """A stream as tshark counts it; jitter in ms (RFC 3550)."""

    source: str
    destination: str
    ssrc: int
    packets: int
    lost: int
    mean_jitter_ms: float
    max_jitter_ms: float


def require_second_opinion() -> None:
    """Skips the test on a machine for which there are no SIPp and no tshark."""
    reason = second_opinion.why_not()
    if second_opinion.tree() is None and reason is not None:
        pytest.skip(f"no SIPp and no tshark: this machine {reason}")


def tshark(*arguments: str, program: str = "tshark") -> str:
    """Run tshark to its end; what it printed. Skips the test where there is none."""
    require_second_opinion()
    started = second_opinion.program(program)
    done = subprocess.run(
        [*started.argv, *arguments],
        env={**os.environ, **started.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown_by_tshark(file: Path, filtered: str, field: str) -> list[str]:
    """A field of each packet that passes a display filter."""
    return tshark("-r", str(file), "-Y", filtered, "-T", "fields", "-e", field).split()


def rtp_streams(file: Path) -> list[RtpStream]:
    """``-z rtp,streams``: the RTP of a capture."""
    text = tshark("-r", str(file), "--enable-heuristic", "rtp_udp", "-q", "-z", "rtp,streams")
    return [_stream(found) for line in text.splitlines() if (found := _STREAM.match(line))]


def _stream(found: re.Match[str]) -> RtpStream:
    # Smallest, mean and largest distance of packets, then the same of jitter.
    figures = [float(number) for number in found["figures"].split()]
    return RtpStream(
        source=f"{found['source']}:{found['sport']}",
        destination=f"{found['host']}:{found['port']}",
        ssrc=int(found["ssrc"], 16),
        packets=int(found["packets"]),
        lost=int(found["lost"]),
        mean_jitter_ms=figures[4],
        max_jitter_ms=figures[5],
    )
