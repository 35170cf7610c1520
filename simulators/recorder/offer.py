"""What a recording client offers to send, and the answer to it (RFC 8866, RFC 3264, RFC 7866 sections 7.1.1, 7.2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from simulators.recorder.refusal import Refused
from simulators.recorder.sound import Coding

MOST_STREAMS = 16
_STATIC = {0: ("pcmu", 8000), 8: ("pcma", 8000), 9: ("g722", 8000)}
"""Payload types that need no ``a=rtpmap`` (RFC 3551 section 6)."""
EVENTS = ("telephone-event", 8000)

_MEDIUM = re.compile(r"m=(?P<medium>\S+) (?P<port>\d{1,5})(?:/\d+)? (?P<protocol>\S+) (?P<formats>.+)", re.ASCII)
_RTPMAP = re.compile(r"a=rtpmap:(\d{1,3})\s+([^/\s]+)/(\d{1,6})", re.ASCII | re.IGNORECASE)
_PROTOCOLS = ("RTP/AVP", "RTP/AVPF")


class Direction(StrEnum):
    """Which way a stream flows, as the client sees it."""

    SENDONLY = "sendonly"
    INACTIVE = "inactive"
    SENDRECV = "sendrecv"
    RECVONLY = "recvonly"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedStream:
    """One m-line. ``payloads`` are its formats in the offer's order, by payload type, with name and clock in Hz."""

    medium: str
    port: int
    protocol: str
    formats: str
    label: str
    direction: Direction
    payloads: tuple[tuple[int, tuple[str, int]], ...]

    @property
    def live(self) -> bool:
        """Whether the stream is there at all; port 0 takes it away (RFC 3264 section 8.2)."""
        return self.port != 0

    @property
    def speech(self) -> tuple[int, Coding] | None:
        """Payload type and coding that the answer takes: the first that we can hear."""
        codings = {coding.value: coding for coding in Coding}
        for payload_type, (name, clock) in self.payloads:
            if name in codings and clock == codings[name].clock_hz:
                return payload_type, codings[name]
        return None

    @property
    def events(self) -> int | None:
        """Payload type of key presses (RFC 4733), if any."""
        return next((payload_type for payload_type, form in self.payloads if form == EVENTS), None)


def parse_offer(octets: bytes) -> tuple[OfferedStream, ...]:
    """The m-lines of an offer. Raises Refused(400) for what is no SDP."""
    lines = [line.strip() for line in octets.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines or lines[0] != "v=0":
        raise Refused(400, "the SDP does not begin with v=0")
    starts = [number for number, line in enumerate(lines) if line.startswith("m=")]
    if not starts:
        raise Refused(400, "the SDP has no m-line")
    if len(starts) > MOST_STREAMS:
        raise Refused(488, f"the SDP has {len(starts)} m-lines, more than {MOST_STREAMS}")
    session = lines[: starts[0]]
    return tuple(_stream(lines[a:b], session) for a, b in pairwise([*starts, len(lines)]))


def _stream(section: list[str], session: list[str]) -> OfferedStream:
    medium = _MEDIUM.fullmatch(section[0])
    if medium is None or int(medium["port"]) > 65_535:
        raise Refused(400, f"not an m-line: {section[0][:60]!r}")
    names = dict(_STATIC)
    for line in section:
        if mapped := _RTPMAP.match(line):
            names[int(mapped[1])] = (mapped[2].lower(), int(mapped[3]))
    types = [int(text) for text in medium["formats"].split() if text.isascii() and text.isdigit() and len(text) < 4]
    return OfferedStream(
        medium=medium["medium"],
        port=int(medium["port"]),
        protocol=medium["protocol"],
        formats=medium["formats"],
        label=next((line.removeprefix("a=label:").strip() for line in section if line.startswith("a=label:")), ""),
        direction=_direction(section) or _direction(session) or Direction.SENDRECV,
        payloads=tuple((number, names[number]) for number in types if number in names),
    )


def _direction(lines: Sequence[str]) -> Direction | None:
    ways = {f"a={direction}": direction for direction in Direction}
    return next((ways[line] for line in lines if line in ways), None)


def require_recordable(streams: Sequence[OfferedStream]) -> None:
    """Raises Refused(488) when the offer is not one of a recording client, and says which m-line is wrong how."""
    live = [(number, stream) for number, stream in enumerate(streams, 1) if stream.live]
    labels: dict[str, int] = {}
    for number, stream in live:
        if stream.protocol not in _PROTOCOLS:
            raise Refused(488, f"m-line {number} is {stream.protocol[:30]}; plain RTP/AVP is what can be recorded here")
        if not stream.label:
            raise Refused(488, f"m-line {number} has no a=label, so its metadata cannot be found")
        if stream.label in labels:
            raise Refused(488, f"m-lines {labels[stream.label]} and {number} both have label {stream.label[:30]!r}")
        if stream.direction not in (Direction.SENDONLY, Direction.INACTIVE):
            raise Refused(488, f"m-line {number} is {stream.direction}; a recording client only sends")
        labels[stream.label] = number
    if streams and not live:
        raise Refused(488, "every m-line has port 0: there is nothing to record")
    if not any(taken(stream) for stream in streams):
        offered = sorted({name for _, stream in live for _, (name, _) in stream.payloads})
        known = ", ".join(coding.value for coding in Coding)
        raise Refused(
            488, f"no audio that can be heard here: offered {', '.join(offered)[:80] or 'none'}, known {known}"
        )


def taken(stream: OfferedStream) -> bool:
    """Whether the answer takes the stream."""
    return stream.live and stream.medium == "audio" and stream.speech is not None


def answer(
    streams: Sequence[OfferedStream], address: str, ports: Mapping[str, int], *, session: int, version: int
) -> bytes:
    """The answer: each taken stream at ``ports[label]``, recvonly, inactive where the client is; the others refused."""
    lines = ["v=0", f"o=recorder {session} {version} IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    for stream in streams:
        speech = stream.speech
        if not taken(stream) or speech is None:
            lines.append(f"m={stream.medium} 0 {stream.protocol} {stream.formats}")
            continue
        payload_type, coding = speech
        types = [payload_type, *([] if stream.events is None else [stream.events])]
        lines += [
            f"m=audio {ports[stream.label]} {stream.protocol} {' '.join(map(str, types))}",
            f"a=rtpmap:{payload_type} {coding.value.upper()}/{coding.clock_hz}",
        ]
        if stream.events is not None:
            lines += [f"a=rtpmap:{stream.events} telephone-event/8000", f"a=fmtp:{stream.events} 0-15"]
        inactive = stream.direction is Direction.INACTIVE
        lines += [f"a=label:{stream.label}", "a=inactive" if inactive else "a=recvonly"]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")
