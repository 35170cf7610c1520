"""The SDP of a phone, as WhatsApp's platform makes it.

pjsua2 numbers payload types by itself, offers telephone-event at each codec's clock rate and leaves out
the packet time. Meta offers opus as 111, telephone-event/8000 only, as 126, and 20 ms packets; a bridge has numbers
of its own. With DTLS Meta has the profile with feedback (RFC 5124), which pjsua2 has with feedback messages only.
"""

from __future__ import annotations

import re

from simulators.phones.protocol import PayloadTypes

# Meta's parameters of Opus (RFC 7587 section 6.1).
OPUS_PARAMETERS = "maxaveragebitrate=20000;maxplaybackrate=16000;minptime=20;sprop-maxcapturerate=16000;useinbandfec=1"

_RTPMAP = re.compile(r"a=rtpmap:(\d+) ([^/\s]+)/(\d+)")
_FORMAT_LINE = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ")
_AUDIO_LINE = re.compile(r"(m=audio \d+ \S+)((?: \d+)*)")
_DTLS_WITHOUT_FEEDBACK = re.compile(r"^(m=audio \d+ UDP/TLS/RTP/SAVP) ")


def shape_offer(sdp: str, numbers: PayloadTypes) -> str:
    """The offer with these payload types, Meta's Opus parameters and ``a=ptime:20``."""
    lines = _lines(sdp)
    names = _encodings(lines)
    opus = {pt for pt, (name, _) in names.items() if name == "opus"}
    events = {pt for pt, (name, _) in names.items() if name == "telephone-event"}
    if not events:
        return shape_answer(sdp)

    def renumber(payload_type: str) -> str:
        return str(numbers.opus) if payload_type in opus else payload_type

    shaped: list[str] = []
    for line in lines:
        audio, form = _AUDIO_LINE.fullmatch(line), _FORMAT_LINE.match(line)
        if audio is not None:
            formats = [renumber(f) for f in audio[2].split() if f not in events]
            shaped.append(" ".join([audio[1], *formats, *(str(event) for event, _ in numbers.events)]))
        elif form is None:
            shaped.append(line)
        elif form[1] not in events:
            start, end = form.span(1)
            shaped.append(line[:start] + renumber(form[1]) + line[end:])
    if not any(line.startswith("a=ptime:") for line in shaped):
        shaped.append("a=ptime:20")
    for event, clock_hz in numbers.events:
        shaped += [f"a=rtpmap:{event} telephone-event/{clock_hz}", f"a=fmtp:{event} 0-16"]
    return shape_answer(_text(shaped))


def shape_answer(sdp: str) -> str:
    """The answer with Meta's Opus parameters; everything else follows the offer (RFC 3264)."""
    lines = _lines(sdp)
    opus = {pt for pt, (name, _) in _encodings(lines).items() if name == "opus"}
    shaped: list[str] = []
    for line in lines:
        form = _FORMAT_LINE.match(line)
        line = _DTLS_WITHOUT_FEEDBACK.sub(r"\1F ", line)
        if form is None or form[1] not in opus or not line.startswith("a=fmtp:"):
            shaped.append(line)
        if form is not None and form[1] in opus and line.startswith("a=rtpmap:"):
            shaped.append(f"a=fmtp:{form[1]} {OPUS_PARAMETERS}")
    return _text(shaped)


def event_rate_hz(sdp: str) -> int:
    """Clock rate of the first telephone-event, 0 when there is none."""
    rates = [rate for name, rate in _encodings(_lines(sdp)).values() if name == "telephone-event"]
    return rates[0] if rates else 0


def _lines(sdp: str) -> list[str]:
    return sdp.replace("\r\n", "\n").rstrip("\n").split("\n")


def _text(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


def _encodings(lines: list[str]) -> dict[str, tuple[str, int]]:
    """Payload type → encoding name in lower case and clock rate."""
    matches = (_RTPMAP.match(line) for line in lines)
    return {match[1]: (match[2].lower(), int(match[3])) for match in matches if match}
