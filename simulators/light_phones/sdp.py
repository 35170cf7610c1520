"""Offers and answers of light phones (RFC 3264, RFC 8866), in the form that WhatsApp's platform gives them.

Meta numbers Opus 111 and telephone-event 126 at 8000 Hz, and sends 20 ms packets; with SDES the profile is RTP/SAVP
with one suite, and RTCP comes on the same port.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from simulators.light_phones.uris import Address

KEY_OCTETS = 30
"""Master key and salt of ``SUITE`` (RFC 4568 section 6.2)."""
SUITE = "AES_CM_128_HMAC_SHA1_80"
EVENT_CLOCK_HZ = 8000


class Codec(StrEnum):
    """What a light phone speaks."""

    OPUS = "opus"
    PCMU = "pcmu"
    PCMA = "pcma"


class Security(StrEnum):
    """How an offer of ours has its media protected."""

    NONE = "none"
    SDES = "sdes"


class Direction(StrEnum):
    """``a=`` attributes of RFC 3264 section 5.1."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


_DIRECTIONS = {f"a={direction}": direction for direction in Direction}
_REVERSED = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}

_NUMBERS = {Codec.OPUS: 111, Codec.PCMU: 0, Codec.PCMA: 8}
_EVENT_NUMBER = 126
_NAMES = {Codec.OPUS: "opus/48000/2", Codec.PCMU: "PCMU/8000", Codec.PCMA: "PCMA/8000"}
_CODECS = {("opus", 48000): Codec.OPUS, ("pcmu", 8000): Codec.PCMU, ("pcma", 8000): Codec.PCMA}
_STATIC = {0: Codec.PCMU, 8: Codec.PCMA}
"""Payload types that need no ``a=rtpmap`` (RFC 3551 section 6)."""
OPUS_PARAMETERS = "maxaveragebitrate=20000;maxplaybackrate=16000;minptime=20;sprop-maxcapturerate=16000;useinbandfec=1"
"""Meta's (RFC 7587 section 6.1)."""
_PROFILES = {"RTP/AVP": False, "RTP/AVPF": False, "RTP/SAVP": True, "RTP/SAVPF": True}
"""Whether the media of a profile is SRTP."""

_MEDIUM = re.compile(r"m=(\S+) (\d{1,5})(?:/\d+)? (\S+) (.+)")
_CONNECTION = re.compile(r"c=IN IP4 (\d{1,3}(?:\.\d{1,3}){3})(?:/|\s|$)")
_RTPMAP = re.compile(r"a=rtpmap:(\d{1,3})\s+([^/\s]+)/(\d+)")
_RTCP = re.compile(r"a=rtcp:(\d{1,5})(?: IN IP4 (\S+))?")
_CRYPTO = re.compile(r"a=crypto:(\d{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/=]+)((?:\|[^\s|]+)*)\s*(\S.*)?$")
_NO_ADDRESS = "0.0.0.0"


class UnacceptableSdpError(Exception):
    """An SDP with which no media of ours can flow; the text is one line. An offer like that is answered with 488
    (RFC 3261 section 21.4.26)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMedia:
    """Our side of a stream. ``key`` is master key and salt; it is used when the media is SRTP."""

    address: str
    port: int
    rtcp_port: int
    ssrc: int
    codecs: tuple[Codec, ...]
    key: bytes
    security: Security = Security.NONE
    session: int = 1
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What an SDP of the far end says of the audio stream that we take.

    ``codecs`` are those that we know with their payload types, in its order; ``event`` is the payload type of
    telephone-event/8000. ``medium`` is the stream's place among all streams, ``media`` are all their m= lines.
    """

    rtp: Address
    rtcp: Address
    rtcp_mux: bool
    profile: str
    codecs: tuple[tuple[Codec, int], ...]
    event: int | None
    crypto_tag: str
    key: bytes
    direction: Direction
    medium: int
    media: tuple[str, ...]

    @property
    def secure(self) -> bool:
        return _PROFILES[self.profile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The outcome of an offer and its answer. Payload types are the far end's; ``sends`` is whether we may send."""

    rtp: Address
    rtcp: Address
    codec: Codec
    payload_type: int
    event: int | None
    send_key: bytes
    receive_key: bytes
    sends: bool


def make_offer(own: OwnMedia, direction: Direction = Direction.SENDRECV) -> str:
    """Our offer."""
    secure = own.security is Security.SDES
    numbers = [*(_NUMBERS[codec] for codec in own.codecs), _EVENT_NUMBER]
    lines = [
        *_session(own),
        f"m=audio {own.port} {'RTP/SAVP' if secure else 'RTP/AVP'} {' '.join(map(str, numbers))}",
        *([] if secure else [f"a=rtcp:{own.rtcp_port} IN IP4 {own.address}"]),
        *_formats([(codec, _NUMBERS[codec]) for codec in own.codecs], _EVENT_NUMBER),
        *(_protection("1", own.key) if secure else []),
        *(["a=rtcp-mux"] if secure else []),
        f"a={direction}",
        f"a=ssrc:{own.ssrc} cname:{own.ssrc:08x}",
    ]
    return "\r\n".join(lines) + "\r\n"


def make_answer(own: OwnMedia, offered: Described) -> tuple[str, Agreed]:
    """Our answer to an offer, and what is agreed on then: the first of its codecs that is ours, too.

    Raises UnacceptableSdpError.
    """
    codec, number = _chosen(own, offered)
    direction = _REVERSED[offered.direction]
    formats = f"{number}" if offered.event is None else f"{number} {offered.event}"
    lines = _session(own)
    for place, line in enumerate(offered.media):
        if place != offered.medium:
            found = _MEDIUM.fullmatch(line)
            # A stream is refused with port 0, its formats do not matter (RFC 3264 section 6).
            lines.append(f"m={found[1]} 0 {found[3]} {found[4]}" if found else line)
            continue
        lines += [
            f"m=audio {own.port} {offered.profile} {formats}",
            *(["a=rtcp-mux"] if offered.rtcp_mux else [f"a=rtcp:{own.rtcp_port} IN IP4 {own.address}"]),
            *_formats([(codec, number)], offered.event),
            *(_protection(offered.crypto_tag, own.key) if offered.secure else []),
            f"a={direction}",
            f"a=ssrc:{own.ssrc} cname:{own.ssrc:08x}",
        ]
    return "\r\n".join(lines) + "\r\n", _agreed(own, offered, codec, number)


def agree(own: OwnMedia, answered: Described) -> Agreed:
    """What an answer to our offer settles. Raises UnacceptableSdpError."""
    if answered.secure != (own.security is Security.SDES):
        raise UnacceptableSdpError(f"the offer was {own.security}, the answer has the profile {answered.profile}")
    return _agreed(own, answered, *_chosen(own, answered))


def read_sdp(body: bytes) -> Described:
    """The first audio stream in an SDP that we can take. Raises UnacceptableSdpError."""
    session, *sections = _sections(body.decode("utf-8", "replace"))
    if not session or not session[0].startswith("v=0"):
        raise UnacceptableSdpError("no SDP: it does not begin with v=0")
    if not sections:
        raise UnacceptableSdpError("the SDP has no stream")
    media = tuple(section[0] for section in sections)
    whys = []
    for place, section in enumerate(sections):
        try:
            return _described(session, section, place, media)
        except UnacceptableSdpError as why:
            whys.append(str(why))
    raise UnacceptableSdpError("; ".join(whys))


def _described(session: list[str], section: list[str], place: int, media: tuple[str, ...]) -> Described:
    found = _MEDIUM.fullmatch(section[0])
    if found is None or found[1] != "audio":
        raise UnacceptableSdpError(f"{section[0][:60]!r} is no audio stream")
    port, profile = int(found[2]), found[3]
    if not 0 < port < 65536:
        raise UnacceptableSdpError(f"the audio stream has port {port}")
    if profile not in _PROFILES:
        raise UnacceptableSdpError(f"the profile {profile} is none of {', '.join(_PROFILES)}")
    codecs, event = _formats_in(section, found[4].split())
    if not codecs:
        raise UnacceptableSdpError("none of the codecs opus, PCMU and PCMA is in it")
    host = next((c[1] for line in (*section, *session) if (c := _CONNECTION.match(line))), "")
    if not host:
        raise UnacceptableSdpError("it has no connection address (c=IN IP4)")
    tag, key = _key_in(section) if _PROFILES[profile] else ("", b"")
    mux = "a=rtcp-mux" in section
    rtcp = (host, port if mux else min(port + 1, 65535))
    for line in section:
        if not mux and (other := _RTCP.match(line)) and 0 < int(other[1]) < 65536:
            rtcp = (other[2] or host, int(other[1]))
    return Described(
        rtp=(host, port),
        rtcp=rtcp,
        rtcp_mux=mux,
        profile=profile,
        codecs=codecs,
        event=event,
        crypto_tag=tag,
        key=key,
        # A connection address of zeros is RFC 2543's way to hold (RFC 3264 section 8.4).
        direction=Direction.INACTIVE if host == _NO_ADDRESS else _direction_in(section, session),
        medium=place,
        media=media,
    )


def _formats_in(section: list[str], listed: list[str]) -> tuple[tuple[tuple[Codec, int], ...], int | None]:
    """The codecs that we know with their payload types in the order of the m= line, and that of telephone-event."""
    names: dict[int, tuple[str, int]] = {}
    for line in section:
        if found := _RTPMAP.match(line):
            names[int(found[1])] = (found[2].lower(), int(found[3]))
    numbers = [int(text) for text in listed if text.isascii() and text.isdigit() and int(text) < 128]
    codecs = []
    for number in numbers:
        codec = _CODECS.get(names[number]) if number in names else _STATIC.get(number)
        if codec is not None:
            codecs.append((codec, number))
    events = [number for number in numbers if names.get(number) == ("telephone-event", EVENT_CLOCK_HZ)]
    return tuple(codecs), events[0] if events else None


def _key_in(section: list[str]) -> tuple[str, bytes]:
    """Tag and key of the first crypto line that we can use (RFC 4568)."""
    for line in section:
        found = _CRYPTO.match(line)
        # A parameter with a colon is an MKI; session parameters change how the key is used.
        if found is None or found[2] != SUITE or ":" in found[4] or found[5]:
            continue
        try:
            key = base64.b64decode(found[3], validate=True)
        except binascii.Error:
            continue
        if len(key) == KEY_OCTETS:
            return found[1], key
    raise UnacceptableSdpError(f"no usable a=crypto line with {SUITE}")


def _direction_in(section: list[str], session: list[str]) -> Direction:
    return next((_DIRECTIONS[line] for line in (*section, *session) if line in _DIRECTIONS), Direction.SENDRECV)


def _chosen(own: OwnMedia, described: Described) -> tuple[Codec, int]:
    for codec, number in described.codecs:
        if codec in own.codecs:
            return codec, number
    theirs = ", ".join(codec for codec, _ in described.codecs)
    raise UnacceptableSdpError(f"no common codec: ours are {', '.join(own.codecs)}, theirs {theirs}")


def _agreed(own: OwnMedia, described: Described, codec: Codec, number: int) -> Agreed:
    return Agreed(
        rtp=described.rtp,
        rtcp=described.rtcp,
        codec=codec,
        payload_type=number,
        event=described.event,
        send_key=own.key if described.secure else b"",
        receive_key=described.key,
        sends=described.direction in (Direction.SENDRECV, Direction.RECVONLY),
    )


def _session(own: OwnMedia) -> list[str]:
    return [
        "v=0",
        f"o=- {own.session} {own.version} IN IP4 {own.address}",
        "s=-",
        f"c=IN IP4 {own.address}",
        "t=0 0",
    ]


def _formats(codecs: list[tuple[Codec, int]], event: int | None) -> list[str]:
    lines = []
    for codec, number in codecs:
        lines.append(f"a=rtpmap:{number} {_NAMES[codec]}")
        if codec is Codec.OPUS:
            lines.append(f"a=fmtp:{number} {OPUS_PARAMETERS}")
    lines.append("a=ptime:20")
    if event is not None:
        lines += [f"a=rtpmap:{event} telephone-event/{EVENT_CLOCK_HZ}", f"a=fmtp:{event} 0-16"]
    return lines


def _protection(tag: str, key: bytes) -> list[str]:
    return [f"a=crypto:{tag} {SUITE} inline:{base64.b64encode(key).decode('ascii')}"]


def _sections(sdp: str) -> list[list[str]]:
    """The session's lines, then those of each stream."""
    lines = [line for line in sdp.replace("\r\n", "\n").split("\n") if line]
    starts = [n for n, line in enumerate(lines) if line.startswith("m=")] + [len(lines)]
    return [lines[: starts[0]], *(lines[start:end] for start, end in pairwise(starts))]


def next_version(own: OwnMedia, security: Security) -> OwnMedia:
    """Our side for another SDP in the same session (RFC 3264 section 8)."""
    return replace(own, version=own.version + 1, security=security)
