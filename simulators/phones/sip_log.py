"""Reads the SIP messages out of pjsua2's own log: the leg between the phones and whom they talk to.

The log has local wall-clock times to the millisecond and, for each message, the far address only. Two
kinds of lines that the phones process writes itself complete it: which monotonic time belongs to which
wall time, and which number has which address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from harness.trace import SipTraceEntry, decode_octets
from simulators.phones.headers import header_value, parse_identity

_LINE = rb"(?P<time>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3})\s+"
_MESSAGE_START = re.compile(
    _LINE + rb"\S+\s+\.*(?P<direction>RX|TX) (?P<length>\d+) bytes .* (?:from|to) "
    rb"(?P<transport>[A-Z]+6?) (?P<address>\S+):\n",
)
_NOTE = re.compile(_LINE + rb"trunkproof\s+\.*(?P<text>.*)\n")
_CLOCK = re.compile(rb"clock wall=(?P<wall>[\d.]+) monotonic=(?P<monotonic>[\d.]+)")
_PHONE = re.compile(rb"phone (?P<user>.*) at (?P<address>\S+)")
_END = b"\n--end msg--\n"
_VIA_SENT_BY = re.compile(r"SIP/2\.0/\w+\s+(?P<host>\[[^\]]+\]|[^\s:;,]+)(?::(?P<port>\d+))?")
_URI_ADDRESS = re.compile(r"sips?:(?:[^@\s>]*@)?(?P<host>\[[^\]]+\]|[^\s:;>?]+)(?::(?P<port>\d+))?")


@dataclass
class SipLogReader:
    """Reads a growing ``pjsip.log``; each ``read`` returns the messages that were completed since."""

    path: Path
    offset: int = 0
    _monotonic_minus_wall: float | None = None
    _address_of_user: dict[str, str] = field(default_factory=dict)
    _phone_addresses: set[str] = field(default_factory=set)
    _address_of_call: dict[tuple[str, str], str] = field(default_factory=dict)

    def read(self) -> list[SipTraceEntry]:
        """New messages in the order of the log; what is half-written is left for the next time."""
        try:
            with self.path.open("rb") as log:
                log.seek(self.offset)
                data = log.read()
        except FileNotFoundError:
            return []
        return list(self._parse(data))

    def _parse(self, data: bytes) -> Iterator[SipTraceEntry]:
        position = 0
        while True:
            newline = data.find(b"\n", position)
            if newline < 0:
                break
            end = newline + 1
            line = data[position:end]
            start = _MESSAGE_START.fullmatch(line)
            if start is None:
                self._take_note(line)
                position = end
                continue
            length = int(start["length"])
            if data[end + length : end + length + len(_END)] != _END:
                if len(data) < end + length + len(_END):
                    break
                # The log cut the message short: skip its first line, the rest is no message.
                position = end
                continue
            yield self._entry(start, data[end : end + length])
            position = end + length + len(_END)
        self.offset += position

    def _take_note(self, line: bytes) -> None:
        note = _NOTE.fullmatch(line)
        if note is None:
            return
        clock, phone = _CLOCK.fullmatch(note["text"]), _PHONE.fullmatch(note["text"])
        if clock is not None:
            self._monotonic_minus_wall = float(clock["monotonic"]) - float(clock["wall"])
        elif phone is not None:
            address = phone["address"].decode("ascii", "replace")
            self._phone_addresses.add(address)
            self._address_of_user[phone["user"].decode("utf-8", "replace")] = address

    def _entry(self, start: re.Match[bytes], octets: bytes) -> SipTraceEntry:
        raw = decode_octets(octets)
        far = start["address"].decode("ascii", "replace")
        received = start["direction"] == b"RX"
        near = self._near_address(raw, far, received)
        wall = datetime.strptime(start["time"].decode("ascii"), "%Y-%m-%d %H:%M:%S.%f").timestamp()
        return SipTraceEntry(
            at=wall + (self._monotonic_minus_wall or 0.0),
            wall=wall,
            source=far if received else near,
            destination=near if received else far,
            transport=start["transport"].decode("ascii").lower(),
            raw=raw,
        )

    def _near_address(self, raw: str, far: str, received: bool) -> str:
        """Our own ``ip:port``. Two phones of one process may share a Call-ID, so the far end counts too."""
        call = (header_value(raw, "Call-ID"), far)
        is_response = raw.startswith("SIP/2.0 ")
        if received == is_response:
            # Our own requests, and responses to them, carry our address in the topmost Via.
            found = _address(_VIA_SENT_BY, header_value(raw, "Via"))
        elif received:
            found = self._of_request(raw)
        else:
            found = ""
        if not found:
            found = self._address_of_call.get(call, "")
        if found:
            self._address_of_call[call] = found
        return found

    def _of_request(self, raw: str) -> str:
        target = _address(_URI_ADDRESS, raw.split("\n", 1)[0])
        if target in self._phone_addresses:
            return target
        return self._address_of_user.get(parse_identity(header_value(raw, "To")).user, "")


def _address(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return f"{match['host']}:{match['port'] or 5060}" if match else ""


def read_sip_log(path: Path) -> list[SipTraceEntry]:
    """All messages of a log."""
    return SipLogReader(path).read()
