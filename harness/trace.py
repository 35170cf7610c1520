"""The plaintext SIP trace: one record per message, as seen at a socket of ours.

A trace file is JSON lines, appended by the process that owns the socket and read by scenarios
(last messages in an error) and reports (ladder, pcap). TLS calls appear here in the clear.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTraceEntry:
    """One SIP message on the wire.

    ``at`` is CLOCK_MONOTONIC in s (comparable between processes of one machine), ``wall`` is Unix
    time in s. ``source`` and ``destination`` are ``ip:port``. ``raw`` is the message, bytes decoded as
    UTF-8 with *surrogateescape*, so that every octet survives.
    """

    at: float
    wall: float
    source: str
    destination: str
    transport: str
    raw: str

    @property
    def octets(self) -> bytes:
        """The message exactly as it was on the wire."""
        return self.raw.encode("utf-8", "surrogateescape")

    def header(self, name: str) -> str:
        """Value of the first header ``name`` (case-insensitive), or an empty string."""
        wanted = name.lower()
        for line in self.raw.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
            key, separator, value = line.partition(":")
            if separator and key.strip().lower() == wanted:
                return value.strip()
        return ""

    @property
    def call_id(self) -> str:
        return self.header("Call-ID") or self.header("i")

    @property
    def first_line(self) -> str:
        """Request line or status line."""
        return self.raw.split("\r\n", 1)[0]


def host_of(address: str) -> str:
    """The ``ip`` of an ``ip:port``."""
    return address.rpartition(":")[0]


def decode_octets(octets: bytes) -> str:
    """Octets of a message as the text that ``SipTraceEntry.raw`` holds."""
    return octets.decode("utf-8", "surrogateescape")


class SipTraceWriter:
    """Appends entries to a trace file; each line is flushed, so a crash loses at most the last one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIOWrapper = path.open("a", encoding="ascii")

    def write(self, entry: SipTraceEntry) -> None:
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_trace(path: Path, offset: int = 0) -> Iterator[SipTraceEntry]:
    """Entries of a trace file in the order written, from byte ``offset`` (a line's beginning) on.

    A half-written last line is left out.
    """
    if not path.exists():
        return
    with path.open(encoding="ascii") as lines:
        lines.seek(offset)
        for line in lines:
            if not line.endswith("\n"):
                return
            yield SipTraceEntry(**json.loads(line))
