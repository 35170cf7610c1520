"""The same INVITE by a second way, as when a proxy forks a call and both branches lead to one PBX (RFC 3261 section
8.2.2.2). What the PBX answers to it stays here, and is acknowledged. Pure: messages in, messages out."""

from __future__ import annotations

import secrets
from collections import OrderedDict

from harness.sip.message import SipMessage, parameter

REMEMBERED = 64
"""Ways; it takes a scenario to have one at all."""


class SecondWay:
    """See the module."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, str] = OrderedDict()
        self._invites: dict[str, SipMessage] = {}

    def copy_of(self, invite: SipMessage) -> SipMessage | None:
        """An INVITE that begins a call, with a branch of its own; None for any other, and when it comes again."""
        if invite.method != "INVITE" or parameter(invite.get("To"), "tag") or invite.branch in self._of:
            return None
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        copy = SipMessage(invite.first_line, list(invite.headers), invite.body)
        at = next(n for n, (name, _) in enumerate(copy.headers) if name.lower() in ("via", "v"))
        name, via = copy.headers[at]
        copy.headers[at] = (name, via.replace(invite.branch, branch, 1))
        self._of[invite.branch] = branch
        self._invites[branch] = copy
        if len(self._of) > REMEMBERED:
            self._invites.pop(self._of.popitem(last=False)[1], None)
        return copy

    def takes(self, answer: SipMessage) -> bool:
        """Whether a response is to the second INVITE."""
        return bool(self._invites) and not answer.is_request and answer.branch in self._invites

    def follows(self, answer: SipMessage) -> list[SipMessage]:
        """What the trunk sends after a response to it: nothing, ACK, or ACK and BYE for a call that was taken."""
        if answer.code < 200:
            return []
        invite = self._invites[answer.branch]
        number = int(invite.get("CSeq").split()[0])
        if answer.code >= 300:
            return [_request("ACK", invite.request_uri, invite.get("Via").split(",")[0], invite, answer, number)]
        target = answer.get("Contact").partition("<")[2].partition(">")[0] or invite.request_uri
        return [
            _request("ACK", target, _other_via(invite), invite, answer, number),
            _request("BYE", target, _other_via(invite), invite, answer, number + 1),
        ]


def _other_via(invite: SipMessage) -> str:
    via = invite.get("Via").split(",")[0]
    return via.replace(invite.branch, f"z9hG4bK{secrets.token_hex(8)}", 1)


def _request(method: str, uri: str, via: str, invite: SipMessage, answer: SipMessage, number: int) -> SipMessage:
    headers = [("Via", via), ("Max-Forwards", "70"), ("From", invite.get("From")), ("To", answer.get("To"))]
    headers += [("Call-ID", invite.get("Call-ID")), ("CSeq", f"{number} {method}")]
    return SipMessage(f"{method} {uri} SIP/2.0", headers)
