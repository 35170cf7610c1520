"""What a PBX's messages in a call tell of it, seen at the edge: does its answer keep to the offer, does it take
credentials, does it bear a refusal, is it SIP (``dialog_rules``)? Pure: messages in, broken rules out; times are
CLOCK_MONOTONIC in s."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.sip.digest import parse_parameters
from harness.sip.message import CHALLENGES, SipMessage
from harness.trace import decode_octets
from simulators.trunk.dialog_rules import DialogRules
from simulators.trunk.keying import dtls_fault, ice_fault
from simulators.trunk.protocol import BrokenRule
from simulators.trunk.remembered import Remembered, ends_call
from simulators.trunk.sdp import encodings, sections

AFTER_REFUSAL_S = 1.0
"""A BYE so soon after a refused re-INVITE is because of it."""

_CRYPTO = re.compile(r"^a=crypto:(\d+)\s+(\S+)")
_MAX_PTIME = re.compile(r"^a=maxptime:(\d+)")
_PTIME = re.compile(r"^a=ptime:(\d+)")


@dataclass(slots=True)
class _Call:
    offer: str = ""
    refused_at: float = float("-inf")
    refused: str = ""
    refusal: str = ""
    proven: bool = False


class Conduct:
    """Sees all messages with the PBX. ``broke`` is told of each rule that it breaks: Call-ID, rule, why.
    ``pbx_begins_dtls``: the trunk never begins a DTLS handshake."""

    def __init__(self, broke: Callable[[str, BrokenRule, str], None], *, pbx_begins_dtls: bool = False) -> None:
        self._broke = broke
        self._pbx_begins_dtls = pbx_begins_dtls
        self._calls: Remembered[_Call] = Remembered()
        self._dialogs = DialogRules(broke)

    def sent(self, message: SipMessage, at: float) -> None:
        """A message goes to the PBX."""
        self._dialogs.sent(message)
        call_id, method = message.get("Call-ID"), message.method
        if message.is_request and method == "INVITE":
            call = self._call(call_id)
            call.offer = _sdp_of(message)
            call.proven = bool(message.get("Authorization") or message.get("Proxy-Authorization"))
        elif ends_call(message):
            self._calls.forget(call_id)
        elif message.code >= 400 and method not in ("BYE", "CANCEL"):
            # Only a call that the trunk began has an offer of its own: what is refused is a request inside it.
            call = self._calls.get(call_id) or _Call()
            if call.offer:
                call.refused_at, call.refused = at, method
                call.refusal = message.first_line.removeprefix("SIP/2.0 ")

    def received(self, message: SipMessage, at: float) -> None:
        """A message came from the PBX."""
        self._dialogs.received(message)
        call = self._calls.get(message.get("Call-ID"))
        if call is None:
            return
        if message.method == "INVITE" and 200 <= message.code < 300 and call.offer:
            self._judge(message.get("Call-ID"), call.offer, _sdp_of(message))
        elif message.method == "INVITE" and message.code in CHALLENGES and call.proven and not _is_stale(message):
            self._broke(message.get("Call-ID"), BrokenRule.CREDENTIALS, f"{message.code} again")
        elif ends_call(message):
            self._calls.forget(message.get("Call-ID"))
        elif message.is_request and message.method == "BYE" and at - call.refused_at <= AFTER_REFUSAL_S:
            again = call.refused == "INVITE"
            what = "re-INVITE" if again else call.refused
            why = f"BYE {(at - call.refused_at) * 1000:.0f} ms after its {what} got {call.refusal}"
            self._broke(message.get("Call-ID"), BrokenRule.REINVITE if again else BrokenRule.REQUEST, why)

    def _judge(self, call_id: str, offer: str, answer: str) -> None:
        faults = {
            BrokenRule.ANSWER: unfit(offer, answer),
            BrokenRule.ICE: ice_fault(offer, answer),
            BrokenRule.DTLS: dtls_fault(offer, answer, pbx_begins=self._pbx_begins_dtls),
        }
        for rule, why in faults.items():
            if why:
                self._broke(call_id, rule, why)

    def _call(self, call_id: str) -> _Call:
        return self._calls.get(call_id) or self._calls.keep(call_id, _Call())


def _is_stale(challenge: SipMessage) -> bool:
    """Whether a challenge only wants a newer nonce (RFC 7616 section 3.3)."""
    values = [*challenge.values("WWW-Authenticate"), *challenge.values("Proxy-Authenticate")]
    return any(parse_parameters(value).get("stale", "").lower() == "true" for value in values)


def unfit(offer: str, answer: str) -> str:
    """How an SDP answer does not keep to its offer, in one line; empty when it does (RFC 3264 section 6)."""
    if not answer:
        return "there is no SDP in the 200"
    offered, answered = sections(offer)[1:], sections(answer)[1:]
    if len(offered) != len(answered):
        return f"{len(answered)} media in the answer, {len(offered)} in the offer"
    pairs = zip(offered, answered, strict=True)
    return next((why for asked, got in pairs if (why := _unfit_medium(asked, got))), "")


def _unfit_medium(offered: list[str], answered: list[str]) -> str:
    asked, got = offered[0].split(), answered[0].split()
    if len(got) < 4 or got[1] == "0":
        return ""
    if asked[0] != got[0] or asked[2] != got[2]:
        return f"{got[0]} {got[2]} where {asked[0]} {asked[2]} is offered"
    return _other_payloads(offered, answered) or _other_suite(offered, answered) or _too_long(offered, answered)


def _other_payloads(offered: list[str], answered: list[str]) -> str:
    asked, got = encodings(offered), encodings(answered)
    numbers = {encoding: payload for payload, encoding in asked.items()}
    for payload in (int(text) for text in answered[0].split()[3:] if text.isdigit()):
        encoding = got.get(payload)
        if encoding in numbers and numbers[encoding] != payload and asked.get(payload) != encoding:
            return f"payload type {payload} for {encoding[0]}/{encoding[1]}, offered as {numbers[encoding]}"
    return ""


def _other_suite(offered: list[str], answered: list[str]) -> str:
    asked = [match.groups() for line in offered if (match := _CRYPTO.match(line))]
    got = [match.groups() for line in answered if (match := _CRYPTO.match(line))]
    if not asked:
        return ""
    if len(got) != 1:
        return f"{len(got)} crypto attributes in the answer, where one of those offered must be"
    if got[0] not in asked:
        wanted = ", ".join(f"{tag} {suite}" for tag, suite in asked)
        return f"a=crypto:{got[0][0]} {got[0][1]}, offered is {wanted}"
    return ""


def _too_long(offered: list[str], answered: list[str]) -> str:
    most, given = _number(_MAX_PTIME, offered), _number(_PTIME, answered)
    return f"a=ptime:{given}, offered is a=maxptime:{most}" if most and given > most else ""


def _number(pattern: re.Pattern[str], section: list[str]) -> int:
    return next((int(match.group(1)) for line in section if (match := pattern.match(line))), 0)


def _sdp_of(message: SipMessage) -> str:
    is_sdp = message.get("Content-Type").strip().lower().startswith("application/sdp")
    return decode_octets(message.body) if is_sdp else ""
