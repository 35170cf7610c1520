"""What RFC 3261 asks of every call whoever made the PBX: tags in To, CSeq that counts on, ACKs that belong to their
INVITE; and RFC 4028's least interval. Pure: messages in, broken rules out.

A request that is lost for good leaves a gap in CSeq that looks like the PBX's own. It takes a network that loses a
whole transaction, since what a PBX sends comes again until it is answered (section 17.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.sip.message import SipMessage, parameter
from simulators.trunk.protocol import BrokenRule
from simulators.trunk.remembered import Remembered, ends_call

LEAST_INTERVAL_S = 90
"""RFC 4028 sections 4 and 5."""

_NOT_COUNTED = ("ACK", "CANCEL")
"""They have the number of their INVITE (RFC 3261 sections 9.1, 13.2.2.4)."""
_SECONDS = re.compile(r"\s*(\d+)")

Asked = tuple[str, str]
"""From tag and CSeq number of an INVITE of the PBX."""


@dataclass(slots=True)
class _Counted:
    """The last request of a side of the call, by which the next one is held."""

    number: int
    method: str


@dataclass(slots=True)
class _Call:
    """``sent`` are tags in To of the trunk's requests by branch and method, ``tags`` and ``refusals`` what the PBX put
    there: by branch and Contact, and by branch. ``seen`` are the PBX's requests; the same again is no other one."""

    sent: dict[tuple[str, str], str] = field(default_factory=dict)
    tags: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    refusals: dict[str, tuple[str, int]] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    counted: dict[str, _Counted] = field(default_factory=dict)
    invites: dict[Asked, SipMessage] = field(default_factory=dict)
    refused: dict[Asked, SipMessage] = field(default_factory=dict)


class DialogRules:
    """Sees all messages with the PBX. ``broke`` is told of each rule that it breaks: Call-ID, rule, why."""

    def __init__(self, broke: Callable[[str, BrokenRule, str], None]) -> None:
        self._broke = broke
        self._calls: Remembered[_Call] = Remembered()

    def sent(self, message: SipMessage) -> None:
        """A message goes to the PBX."""
        if message.is_request:
            tag = parameter(message.get("To"), "tag")
            self._call(message.get("Call-ID")).sent[message.branch, message.method] = tag
        elif message.code >= 300 and message.method == "INVITE":
            call = self._calls.get(message.get("Call-ID"))
            if call is not None:
                call.refused[_asked(message)] = message
        elif ends_call(message):
            self._calls.is_over(message.get("Call-ID"))

    def received(self, message: SipMessage) -> None:
        """A message came from the PBX."""
        self._judge_interval(message)
        if not message.is_request:
            self._judge_tag(message)
            if ends_call(message):
                self._calls.is_over(message.get("Call-ID"))
        elif message.method == "ACK":
            self._judge_ack(message)
        elif message.method not in _NOT_COUNTED:
            self._judge_number(message)

    def _judge_tag(self, answer: SipMessage) -> None:
        """A response other than 100 has a tag in To, the request's own or one that stays (section 8.2.6.2)."""
        call = self._calls.get(answer.get("Call-ID"))
        name = (answer.branch, answer.method)
        if call is None or answer.code <= 100 or name not in call.sent:
            return
        given, tag = call.sent[name], parameter(answer.get("To"), "tag")
        what = f"{answer.code} to {answer.method}"
        if not tag:
            self._break(answer, BrokenRule.TO_TAG, f"its {what} has no tag in To")
        elif given and tag != given:
            self._break(answer, BrokenRule.TO_TAG, f"To of its {what} has the tag {tag}, that of the request {given}")
        elif not given and answer.method == "INVITE":
            first, code = self._first_tag(call, answer, tag)
            if first != tag:
                why = f"To of its {code} had the tag {first}, of its {answer.code} {tag}"
                self._break(answer, BrokenRule.TO_TAG, why)

    @staticmethod
    def _first_tag(call: _Call, answer: SipMessage, tag: str) -> tuple[str, int]:
        """The tag that this user agent gave before to this INVITE, and in which response.

        Where a proxy forks an INVITE, several answer it, each with a tag of its own (section 19.3) and a Contact of its
        own. There is only one refusal (section 16.7), and it may be the proxy's.
        """
        if answer.code >= 300:
            return call.refusals.setdefault(answer.branch, (tag, answer.code))
        contact = answer.get("Contact")
        if not contact:
            return tag, answer.code
        return call.tags.setdefault((answer.branch, contact), (tag, answer.code))

    def _judge_number(self, request: SipMessage) -> None:
        """CSeq of a side's requests rises by one (section 12.2.1.1), of those with credentials, too (section 22.2)."""
        call = self._call(request.get("Call-ID"))
        side, number = _asked(request)
        if (name := (request.branch, request.method, number)) in call.seen:
            return
        call.seen.add(name)
        before, now = call.counted.get(side), _Counted(int(number), request.method)
        call.counted[side] = now
        if request.method == "INVITE":
            call.invites[side, number] = request
        if before is not None and now.number != before.number + 1:
            why = f"CSeq of its {before.method} was {before.number}, of its {now.method} after that {now.number}"
            self._break(request, BrokenRule.CSEQ, why)

    def _judge_ack(self, ack: SipMessage) -> None:
        """The ACK to a refusal is of the INVITE's transaction (section 17.1.1.3)."""
        call = self._calls.get(ack.get("Call-ID"))
        if call is None or (asked := _asked(ack)) not in call.refused or asked not in call.invites:
            return
        invite, refusal = call.invites[asked], call.refused[asked]
        tag, given = parameter(ack.get("To"), "tag"), parameter(refusal.get("To"), "tag")
        if ack.branch != invite.branch:
            why = f"the branch in Via of its ACK to {refusal.code} is {ack.branch}, of its INVITE {invite.branch}"
        elif ack.request_uri != invite.request_uri:
            why = f"its ACK to {refusal.code} is for {ack.request_uri}, its INVITE was for {invite.request_uri}"
        elif tag != given:
            why = f"To of its ACK to {refusal.code} has the tag {tag or 'none'}, that of the {refusal.code} {given}"
        else:
            return
        self._break(ack, BrokenRule.ACK, why)

    def _judge_interval(self, message: SipMessage) -> None:
        for name in ("Session-Expires", "Min-SE"):
            given = _SECONDS.match(message.get(name))
            if given is not None and int(given[1]) < LEAST_INTERVAL_S:
                first = message.method if message.is_request else f"{message.code} to {message.method}"
                self._break(message, BrokenRule.SESSION_TIMER, f"{name} of its {first} is {given[1]} s")

    def _break(self, message: SipMessage, rule: BrokenRule, why: str) -> None:
        self._broke(message.get("Call-ID"), rule, why)

    def _call(self, call_id: str) -> _Call:
        return self._calls.get(call_id) or self._calls.keep(call_id, _Call())


def _asked(message: SipMessage) -> Asked:
    return parameter(message.get("From"), "tag"), str(int(message.get("CSeq").partition(" ")[0]))
