"""What a trunk changes in an SDP that passes through it (RFC 4566, RFC 3264).

Payload type numbers are never changed, whether media flows directly or through the relay: each
belongs to the phone that will receive it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from simulators.trunk.sdes import SrtpKey, keys_in

STATIC_PAYLOADS = {0: "pcmu/8000", 8: "pcma/8000", 9: "g722/8000"}
"""Payload types that need no ``a=rtpmap`` (RFC 3551 section 6); G.722's clock is 8000 by history."""

_RTPMAP = re.compile(r"^a=rtpmap:(\d+)\s+([^/\s]+)/(\d+)", re.IGNORECASE)
_PAYLOAD_ATTRIBUTE = re.compile(r"^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)[ \t]", re.IGNORECASE)
_AUDIO = re.compile(r"^m=audio (\d+) (\S+) (.+)$")
_PTIME = re.compile(r"^a=(?:max)?ptime:")

DISCARD_PORT = 9
"""Where nobody listens (RFC 863; unused for media by RFC 8866 section 5.7)."""

NO_ADDRESS = "0.0.0.0"

_CONNECTION = re.compile(r"^c=IN IP4 ([^/\s]+)")
_RTCP = re.compile(r"^a=rtcp:(\d+)(?: IN IP4 (\S+))?")
_PATHS = re.compile(r"^a=(?:rtcp:|candidate:|end-of-candidates|ice-)")
"""Attributes that name other places for the same stream; ``rtcp-mux`` only says how it is used."""
_WAYS = re.compile(r"^a=(?:rtcp:|rtcp-mux|candidate:|end-of-candidates|ice-)")


class NoCommonCodecError(Exception):
    """An offer has no codec left that the trunk carries: 488 (RFC 3261 section 21.4.26)."""


@dataclass(frozen=True, slots=True)
class SdpPolicy:
    """``codecs`` are those the trunk carries, in lower case. ``reorder`` puts them in that order, else the
    offerer's order stays. ``event_clocks`` are the telephone-event clock rates that pass (RFC 4733), in Hz.
    ``ptime_ms`` 0 leaves the offer's packet time. ``session_lines`` and ``audio_lines`` are added, lines that begin
    with one of ``without`` are left out."""

    codecs: tuple[str, ...]
    reorder: bool
    event_clocks: tuple[int, ...]
    ptime_ms: int
    session_lines: tuple[str, ...] = ()
    audio_lines: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def shape_offer(sdp: str, policy: SdpPolicy) -> str:
    """The offer as the trunk sends it on. Raises NoCommonCodecError.

    Streams other than audio stay as they are.
    """
    shaped, *media = sections(sdp)
    shaped = [*shaped, *policy.session_lines]
    for section in media:
        shaped += _shape_audio(section, policy) if section[0].startswith("m=audio ") else section
    return "\r\n".join(shaped) + "\r\n"


def with_lines(sdp: str, session_lines: Sequence[str], audio_lines: Sequence[str]) -> str:
    """The SDP with these lines added to its session part and to its audio streams in use; those there stay single."""
    first, *media = sections(sdp)
    lines = [*first, *(line for line in session_lines if line not in first)]
    for section in media:
        match = _AUDIO.match(section[0])
        used = match is not None and match.group(1) != "0"
        lines += [*section, *(line for line in audio_lines if used and line not in section)]
    return "\r\n".join(lines) + "\r\n"


def sections(sdp: str) -> list[list[str]]:
    """The session's lines, then those of each medium."""
    lines = [line for line in sdp.replace("\r\n", "\n").split("\n") if line]
    starts = [n for n, line in enumerate(lines) if line.startswith("m=")] + [len(lines)]
    return [lines[: starts[0]], *(lines[start:end] for start, end in pairwise(starts))]


def without_ear(sdp: str) -> str:
    """An SDP whose audio, and the RTCP of it, nobody receives: what is sent there is lost on the way."""
    first, *media = sections(sdp)
    lines = first
    for section in media:
        lines += _deaf(section) if section[0].startswith("m=audio ") else section
    return "\r\n".join(lines) + "\r\n"


def _deaf(section: list[str]) -> list[str]:
    match = _AUDIO.match(section[0])
    if match is None or match.group(1) == "0":
        return section
    _, protocol, payloads = match.groups()
    kept = [line for line in section[1:] if not _WAYS.match(line)]
    # Without the attribute RTCP goes to the next port (RFC 3605).
    return [f"m=audio {DISCARD_PORT} {protocol} {payloads}", *kept, f"a=rtcp:{DISCARD_PORT}"]


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """Where a party wants its audio and the RTCP of it, by which payload types it knows telephone-event, and the
    clock rate of each payload type in Hz. ``protected`` is whether it speaks SRTP, ``keys`` those of its ``a=crypto``
    lines."""

    rtp: tuple[str, int]
    rtcp: tuple[str, int]
    event_types: frozenset[int]
    clocks: dict[int, int]
    protected: bool
    keys: tuple[SrtpKey, ...]


def media_place(sdp: str) -> MediaPlace | None:
    """The place of the first audio stream in use; None when there is none, or it has no address (0.0.0.0: a hold of
    RFC 2543)."""
    session, *media = sections(sdp)
    for section in media:
        match = _AUDIO.match(section[0])
        if match is None or match.group(1) == "0":
            continue
        host = _host(section) or _host(session)
        if host in ("", NO_ADDRESS):
            return None
        port, rtcp_host, rtcp_port = int(match.group(1)), host, int(match.group(1)) + 1
        for line in section:
            if found := _RTCP.match(line):
                rtcp_host, rtcp_port = found.group(2) or host, int(found.group(1))
        clocks = {pt: clock_hz for pt, (_, clock_hz) in encodings(section).items()}
        return MediaPlace(
            rtp=(host, port),
            rtcp=(rtcp_host, rtcp_port),
            event_types=frozenset(event_formats(sdp)),
            clocks=clocks,
            protected="SAVP" in match.group(2),
            keys=keys_in(section),
        )
    return None


def event_formats(sdp: str) -> dict[int, int]:
    """Clock rate in Hz by payload type of the telephone-events in the first audio stream in use (RFC 4733)."""
    for section in sections(sdp)[1:]:
        match = _AUDIO.match(section[0])
        if match is not None and match.group(1) != "0":
            names = encodings(section)
            types = map(int, _numbers(match.group(3)))
            return {pt: names[pt][1] for pt in types if names.get(pt, ("", 0))[0] == "telephone-event"}
    return {}


def with_media_at(sdp: str, host: str, port: int, rtcp_port: int) -> str:
    """The SDP with its first audio stream in use at another place; an SDP without one stays as it is."""
    lines, *media = sections(sdp)
    moved = media_place(sdp) is None
    for section in media:
        match = _AUDIO.match(section[0])
        if moved or match is None or match.group(1) == "0":
            lines += section
            continue
        moved = True
        _, protocol, payloads = match.groups()
        title = [line for line in section[1:] if line.startswith("i=")]
        rest = [line for line in section[1:] if not line.startswith(("i=", "c=")) and not _PATHS.match(line)]
        lines += [f"m=audio {port} {protocol} {payloads}", *title, f"c=IN IP4 {host}", *rest, f"a=rtcp:{rtcp_port}"]
    return "\r\n".join(lines) + "\r\n"


def _host(section: list[str]) -> str:
    """Address of a section's own ``c=`` line, empty when it has none."""
    return next((match.group(1) for line in section if (match := _CONNECTION.match(line))), "")


def _numbers(payloads: str) -> list[str]:
    return [text for text in payloads.split() if text.isdigit()]


def rejecting(offer: str) -> str:
    """An answer that takes none of the offer's streams (RFC 3264 section 6)."""
    lines = ["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=-", "c=IN IP4 0.0.0.0", "t=0 0"]
    for section in sections(offer)[1:]:
        medium, _, rest = section[0].partition(" ")
        lines.append(f"{medium} 0 {rest.partition(' ')[2]}")
    return "\r\n".join(lines) + "\r\n"


def _shape_audio(section: list[str], policy: SdpPolicy) -> list[str]:
    match = _AUDIO.match(section[0])
    if match is None:
        return section
    port, protocol, payload_text = match.groups()
    payloads = [int(text) for text in payload_text.split() if text.isdigit()]
    names = encodings(section)
    speech = [pt for pt in payloads if names.get(pt, ("", 0))[0] in policy.codecs]
    if not speech:
        offered = ", ".join(sorted({names[pt][0] for pt in payloads if pt in names})) or "nothing known"
        raise NoCommonCodecError(f"offered {offered}, the trunk carries {', '.join(policy.codecs)}")
    if policy.reorder:
        speech.sort(key=lambda pt: policy.codecs.index(names[pt][0]))
    events = [
        pt for pt in payloads if names.get(pt, ("", 0))[0] == "telephone-event" and names[pt][1] in policy.event_clocks
    ]
    kept = speech + events
    body = [
        line
        for line in section[1:]
        if _payload_of(line) in (None, *kept)
        and not (policy.ptime_ms and _PTIME.match(line))
        and not (policy.without and line.startswith(policy.without))
    ]
    if policy.ptime_ms:
        body += [f"a=ptime:{policy.ptime_ms}", f"a=maxptime:{policy.ptime_ms}"]
    return [f"m=audio {port} {protocol} {' '.join(map(str, kept))}", *body, *policy.audio_lines]


def _payload_of(line: str) -> int | None:
    """Payload type that an attribute describes, None for lines that describe none."""
    match = _PAYLOAD_ATTRIBUTE.match(line)
    return int(match.group(1)) if match else None


def encodings(section: list[str]) -> dict[int, tuple[str, int]]:
    """Encoding name in lower case and clock rate in Hz by payload type, those without rtpmap included."""
    names: dict[int, tuple[str, int]] = {}
    for payload, text in STATIC_PAYLOADS.items():
        name, _, clock = text.partition("/")
        names[payload] = (name, int(clock))
    for line in section:
        match = _RTPMAP.match(line)
        if match:
            names[int(match.group(1))] = (match.group(2).lower(), int(match.group(3)))
    return names
