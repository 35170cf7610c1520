"""What a PBX made of a torture message. Pure: octets in, a finding out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.sip.message import MANDATORY, MalformedMessageError, SipMessage, check_headers, parameter, parse, salvage
from scenarios.torture.messages import Nature, TortureMessage

_CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Rating(StrEnum):
    """How a PBX's reaction is to be taken."""

    KEPT = "kept"
    """As the RFC says, or allowed by it."""
    DEVIATION = "deviation"
    """Not as the RFC says it should be; nobody comes to harm."""
    FAULT = "fault"
    """Never to be: broken requests are accepted, responses are answered, answers are malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What came back. ``answers`` are the PBX's responses as octets, ``closed``: it closed the connection.

    ``stream`` tells whether the message went over one (TCP, TLS).
    """

    answers: Sequence[bytes]
    stream: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """``text`` is one line about the PBX: "it …"."""

    rating: Rating
    text: str


def call_ids(octets: bytes) -> list[str]:
    """Call-IDs in a message, and in what follows it; none, one or several."""
    return [value.strip().decode("utf-8", "surrogateescape") for value in _CALL_ID.findall(octets)]


def final(sent: bytes, answers: Sequence[bytes]) -> SipMessage | None:
    """The first final answer to what was sent, as far as it can be read; None when there is none.

    On a stream what follows a message (dblreq) is another one, with answers of its own.
    """
    first = call_ids(sent)[:1]
    read = (salvage(octets) for octets in answers)
    others = set(call_ids(sent)) - set(first) if _is_two(sent) else set()
    return next((a for a in read if a.code >= 200 and a.get("Call-ID") not in others), None)


def _is_two(octets: bytes) -> bool:
    """Whether a Call-ID stands behind the first message's headers, too."""
    return bool(call_ids(octets.partition(b"\r\n\r\n")[2]))


def judge(message: TortureMessage, sent: bytes, reaction: Reaction) -> Finding:
    """What to make of a PBX's reaction to ``sent``, which is the message as it went out."""
    if message.nature is Nature.RESPONSE:
        return _ignored(reaction)
    for octets in reaction.answers:
        if why := malformed_answer(message, sent, octets, stream=reaction.stream):
            return Finding(Rating.FAULT, f"its answer {_first_line(octets)!r} is malformed: {why}")
    answer = final(sent, reaction.answers)
    if answer is None:
        return _unanswered(message, reaction)
    found = _answered(message, answer.code, answer.first_line)
    if found.rating is Rating.KEPT and not parameter(answer.get("To"), "tag"):
        return Finding(Rating.DEVIATION, f"{found.text} with no tag in To (RFC 3261 section 8.2.6.2)")
    return found


def malformed_answer(message: TortureMessage, sent: bytes, octets: bytes, *, stream: bool) -> str:
    """What is wrong with an answer as a SIP message and as the answer to this one; empty when nothing is."""
    known = call_ids(sent)
    if not known:
        # Without a Call-ID (insuf) there is nothing that a well-formed answer could echo (RFC 3261 section 8.2.6.2).
        return "" if salvage(octets).code else "it is no response"
    request = _readable(sent)
    try:
        answer = parse(octets)
        # What is malformed in the request is so in its echo, too (RFC 3261 section 8.2.6.2).
        if request is not None:
            check_headers(answer)
    except MalformedMessageError as malformed:
        return str(malformed)
    missing = [name for name in MANDATORY if not answer.get(name)]
    if missing:
        return f"no {missing[0]}"
    if not answer.code:
        return "it is no response"
    call_id = answer.get("Call-ID")
    if call_id not in known:
        return f"its Call-ID is {call_id[:60]!r}"
    if _is_two(sent) and call_id != known[0]:
        return "" if stream else "it answers what follows the message in the same datagram"
    return "" if request is None else _other_echo(request, answer)


def _readable(octets: bytes) -> SipMessage | None:
    """A request as it is, None when it is malformed itself."""
    try:
        request = parse(octets)
        check_headers(request)
    except MalformedMessageError:
        return None
    return request


def _other_echo(request: SipMessage, answer: SipMessage) -> str:
    """Compares CSeq, which says what is answered."""
    asked, got = request.get("CSeq").split(), answer.get("CSeq").split()
    if asked[1:] == got[1:] and int(asked[0]) == int(got[0]):
        return ""
    return f"CSeq {' '.join(got)} where {' '.join(asked)} was asked"


def _ignored(reaction: Reaction) -> Finding:
    if reaction.answers:
        return Finding(Rating.FAULT, f"it answered a response with {_first_line(reaction.answers[0])!r}")
    return Finding(Rating.KEPT, "it ignored the response")


def _unanswered(message: TortureMessage, reaction: Reaction) -> Finding:
    what = "closed the connection without an answer" if reaction.closed else "gave no answer"
    if reaction.stream and not message.framed:
        return Finding(Rating.KEPT, f"it {what}: where the message ends cannot be told on a stream")
    return Finding(Rating.DEVIATION, f"it {what}, {_expectation(message)}")


def _answered(message: TortureMessage, code: int, line: str) -> Finding:
    shown = line.removeprefix("SIP/2.0 ")
    expected = _expectation(message)
    if code in message.codes:
        return Finding(Rating.KEPT, f"it answered {shown}")
    if 200 <= code < 300:
        return _accepted(message, shown)
    called_malformed = code in (400, 505) or 500 <= code < 600
    if message.nature in (Nature.WELL_FORMED, Nature.UNSUPPORTED) and called_malformed:
        return Finding(Rating.DEVIATION, f"it answered {shown} to a well-formed request, {expected}")
    # The number that is called, the sender, the method may be looked at first (RFC 3261 section 8.2).
    hard = message.nature in (Nature.BROKEN, Nature.UNSUPPORTED)
    other = f" (the RFC names {' or '.join(map(str, message.codes))})" if hard else ""
    return Finding(Rating.KEPT, f"it answered {shown}{other}")


def _accepted(message: TortureMessage, shown: str) -> Finding:
    if message.nature is Nature.BROKEN or message.must:
        return Finding(Rating.FAULT, f"it accepted with {shown} what must be refused, {_expectation(message)}")
    if message.nature is Nature.UNSUPPORTED:
        return Finding(Rating.DEVIATION, f"it accepted with {shown}, {_expectation(message)}")
    return Finding(Rating.KEPT, f"it accepted with {shown}")


def _expectation(message: TortureMessage) -> str:
    codes = " or ".join(str(code) for code in message.codes)
    named = f"{codes} is expected" if codes else "an answer as to any request of its method is expected"
    if message.nature is Nature.FLAWED:
        named = f"{codes} is expected, or that it is forgiven"
    return f"where {named} (RFC 4475 section {message.section})"


def _first_line(octets: bytes) -> str:
    return octets.partition(b"\r\n")[0].decode("utf-8", "backslashreplace")[:80]
