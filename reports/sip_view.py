"""What a reader wants to know of one SIP message at a glance. Never raises, whatever the octets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from harness.sip.message import CHALLENGES
from harness.trace import SipTraceEntry
from reports.visible import one_line

UNREADABLE = "unreadable message"
KEEP_ALIVE = "keep-alive"

_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,31}")
_STATUS = re.compile(r"SIP/2\.0 +(\d{3})(?: +(.*))?\Z", re.IGNORECASE)
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.IGNORECASE)
_HOUSEKEEPING = frozenset({"OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH"})
# Compact forms, RFC 3261 section 7.3.3.
_COMPACT = {"call-id": "i", "via": "v", "from": "f", "to": "t", "content-type": "c"}
# RFC 3551 section 6: payload types that need no rtpmap.
_STATIC_PAYLOADS = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729"}
_CODEC_NAMES = {"opus": "Opus"}
_CODECS_SHOWN = 2
_STATUS_LINE_READ = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class SipView:
    """``method`` is that of the request or of the request answered (CSeq); ``status`` is 0 in requests.

    ``label`` goes on the arrow, ``hint`` after it (codecs, direction). ``transaction`` is alike in
    retransmissions of one message.
    """

    method: str
    status: int
    label: str
    hint: str
    call_id: str
    transaction: tuple[str, ...]

    @property
    def housekeeping(self) -> bool:
        """Not part of a call: keep-alive, registration, subscription."""
        return self.method in _HOUSEKEEPING or self.label == KEEP_ALIVE

    @property
    def tone(self) -> str:
        """``request``, ``provisional``, ``success``, ``challenge``, ``refusal`` or ``odd``."""
        if self.label == UNREADABLE:
            return "odd"
        if not self.status:
            return "request"
        if self.status in CHALLENGES:
            return "challenge"
        return ("odd", "provisional", "success", "challenge", "refusal", "refusal", "refusal")[
            min(self.status // 100, 6)
        ]


def view(entry: SipTraceEntry) -> SipView:
    """The message of a trace entry at a glance."""
    return _view(entry.raw)


@lru_cache(maxsize=4096)
def _view(raw: str) -> SipView:
    head, _, body = raw.partition("\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    headers = _headers(lines[1:])
    first = lines[0].strip()
    call_id = one_line(headers.get("call-id", ""), limit=300)
    sequence = headers.get("cseq", "").split()
    answered = sequence[1].upper() if len(sequence) > 1 else ""
    via = _found(_BRANCH, headers.get("via", ""))
    tags = (_found(_TAG, headers.get("from", "")), _found(_TAG, headers.get("to", "")))
    transaction = (first, via, " ".join(sequence), call_id, *tags)
    status = _STATUS.match(first[:_STATUS_LINE_READ])
    words = first.split()
    if status:
        reason = one_line(status[2] or "", limit=40)
        suffix = f" ({one_line(answered, limit=20)})" if answered and answered != "INVITE" else ""
        label, method, code = f"{status[1]} {reason}".strip() + suffix, answered, int(status[1])
    elif len(words) > 2 and words[-1].upper() == "SIP/2.0" and _METHOD.fullmatch(words[0]):
        method = words[0].upper()
        label, code = _request_label(method, headers), 0
    else:
        label, method, code = (UNREADABLE if raw.strip() else KEEP_ALIVE), "", 0
    return SipView(
        method=method, status=code, label=label, hint=_media_hint(body), call_id=call_id, transaction=transaction
    )


def _request_label(method: str, headers: dict[str, str]) -> str:
    # A second INVITE of a dialog has a To tag (RFC 3261 section 14).
    if method == "INVITE" and _found(_TAG, headers.get("to", "")):
        return "re-INVITE"
    if method in ("INVITE", "REGISTER") and ("authorization" in headers or "proxy-authorization" in headers):
        return f"{method} + credentials"
    return method


def _headers(lines: list[str]) -> dict[str, str]:
    """First value of each header, by its long name in lower case."""
    long_names = {short: name for name, short in _COMPACT.items()}
    headers: dict[str, str] = {}
    for line in lines[:500]:
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if colon:
            headers.setdefault(long_names.get(key, key), value.strip())
    return headers


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _media_hint(body: str) -> str:
    """Direction of an SDP's first audio stream unless it is sendrecv, else its codecs."""
    audio = re.search(r"^m=audio +(\d{1,5})\S* +\S+ +([^\r\n]*)", body, re.MULTILINE)
    if not audio:
        return ""
    section = body[audio.start() :].split("\nm=", 1)[0]
    names = dict(re.findall(r"^a=rtpmap:(\d{1,3}) +([^/\s]{1,30})/", section, re.MULTILINE))
    codecs: list[str] = []
    for payload in audio[2].split()[:40]:
        name = names.get(payload) or _STATIC_PAYLOADS.get(payload, "")
        if name and name.lower() not in ("telephone-event", "cn") and name not in codecs:
            codecs.append(name)
    if audio[1] == "0":
        return "stream refused"
    direction = re.search(r"^a=(sendonly|recvonly|inactive)\b", section, re.MULTILINE)
    if direction:
        return direction[1]
    shown = [one_line(_CODEC_NAMES.get(name.lower(), name), limit=16) for name in codecs]
    if len(shown) > _CODECS_SHOWN:
        shown = [shown[0], f"+{len(shown) - 1}"]
    return " ".join(shown)
