"""The SDP offer of a phone, as WhatsApp's platform makes it.

pjsua2 numbers payload types by itself, offers telephone-event at each codec's clock rate and leaves out
the packet time. Meta offers opus as 111, telephone-event/8000 only, as 126, and 20 ms packets.
"""

from __future__ import annotations

import re

OPUS_PAYLOAD_TYPE = 111
EVENT_PAYLOAD_TYPE = 126

_RTPMAP = re.compile(r"a=rtpmap:(\d+) ([^/\s]+)/(\d+)")
_FORMAT_LINE = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ")
_AUDIO_LINE = re.compile(r"(m=audio \d+ \S+)((?: \d+)*)")


def shape_offer(sdp: str) -> str:
    """The offer with Meta's payload types, one telephone-event at 8000 Hz and ``a=ptime:20``."""
    lines = sdp.replace("\r\n", "\n").rstrip("\n").split("\n")
    renumbered: dict[str, str] = {}
    dropped: set[str] = set()
    for line in lines:
        match = _RTPMAP.match(line)
        if match is None:
            continue
        payload_type, name = match[1], match[2].lower()
        if name == "opus":
            renumbered[payload_type] = str(OPUS_PAYLOAD_TYPE)
        elif name == "telephone-event":
            dropped.add(payload_type)
    if not dropped:
        return sdp

    shaped: list[str] = []
    for line in lines:
        audio, form = _AUDIO_LINE.fullmatch(line), _FORMAT_LINE.match(line)
        if audio is not None:
            formats = [renumbered.get(f, f) for f in audio[2].split() if f not in dropped]
            shaped.append(" ".join([audio[1], *formats, str(EVENT_PAYLOAD_TYPE)]))
        elif form is None:
            shaped.append(line)
        elif form[1] not in dropped:
            start, end = form.span(1)
            shaped.append(line[:start] + renumbered.get(form[1], form[1]) + line[end:])
    if not any(line.startswith("a=ptime:") for line in shaped):
        shaped.append("a=ptime:20")
    shaped += [
        f"a=rtpmap:{EVENT_PAYLOAD_TYPE} telephone-event/8000",
        f"a=fmtp:{EVENT_PAYLOAD_TYPE} 0-16",
    ]
    return "\r\n".join(shaped) + "\r\n"
