"""When what passed between the trunk and the PBX in each call. Pure: messages in, ``CallTimed`` out; times are
CLOCK_MONOTONIC in s, taken at the socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.sip.message import CHALLENGES, SipMessage, parameter
from simulators.trunk.protocol import CallTimed, Direction, Leg
from simulators.trunk.remembered import Remembered


@dataclass(slots=True)
class _Times:
    """Of one Call-ID on the PBX's side; ``invites`` are the branches that were seen."""

    invite_at: float
    invites: set[str] = field(default_factory=set)
    first_response_at: float | None = None
    provisional_at: float | None = None
    final_at: float | None = None
    code: int = 0
    reason: str = ""
    challenges: int = 0
    invites_repeated: int = 0
    bye_at: float | None = None
    bye_from: Leg | None = None
    bye_answered_at: float | None = None
    bye_code: int = 0


class CallTimes:
    """Sees all messages with the PBX."""

    def __init__(self) -> None:
        self._calls: Remembered[_Times] = Remembered()

    def seen(self, message: SipMessage, at: float, *, sent: bool) -> None:
        """A message was sent to the PBX, or came from it."""
        if message.is_request:
            self._request(message, at, sent)
            return
        times = self._calls.get(message.get("Call-ID"))
        if times is None:
            return
        method = message.method
        if method == "INVITE" and (times.code < 200 or times.code in CHALLENGES):
            _note_response(times, message, at)
        elif method == "BYE" and sent is (times.bye_from is Leg.PBX):
            _note_response_to_bye(times, message, at)

    def _request(self, message: SipMessage, at: float, sent: bool) -> None:
        method = message.method
        if method == "INVITE" and not parameter(message.get("To"), "tag"):
            self._invite(message, at)
        elif method == "BYE":
            times = self._calls.get(message.get("Call-ID"))
            if times is not None and times.bye_at is None:
                times.bye_at, times.bye_from = at, Leg.CUSTOMER if sent else Leg.PBX

    def _invite(self, message: SipMessage, at: float) -> None:
        call_id, branch = message.get("Call-ID"), message.branch
        times = self._calls.get(call_id)
        if times is None:
            times = self._calls.keep(call_id, _Times(at))
        elif branch in times.invites:
            times.invites_repeated += 1
        elif times.code in CHALLENGES:
            # With credentials now: the call goes on.
            times.final_at, times.code, times.reason = None, 0, ""
        times.invites.add(branch)

    def of_call(self, call: str, direction: Direction, pbx_call_id: str, at: float) -> CallTimed:
        """The times of a call that is over, which are forgotten here."""
        times = self._calls.get(pbx_call_id)
        self._calls.forget(pbx_call_id)
        if times is None:
            return CallTimed(at=at, call=call, pbx_call_id="", direction=direction)
        return CallTimed(
            at=at,
            call=call,
            pbx_call_id=pbx_call_id,
            direction=direction,
            invite_at=times.invite_at,
            first_response_at=times.first_response_at,
            provisional_at=times.provisional_at,
            final_at=times.final_at,
            code=times.code,
            reason=times.reason,
            challenges=times.challenges,
            invites_repeated=times.invites_repeated,
            bye_at=times.bye_at,
            bye_from=times.bye_from,
            bye_answered_at=times.bye_answered_at,
            bye_code=times.bye_code,
        )


def _note_response(times: _Times, message: SipMessage, at: float) -> None:
    code = message.code
    if times.first_response_at is None:
        times.first_response_at = at
    if code < 200:
        if code > 100 and times.provisional_at is None:
            times.provisional_at = at
        return
    if times.final_at is not None:
        # The same challenge again.
        return
    times.challenges += code in CHALLENGES
    times.final_at, times.code, times.reason = at, code, message.first_line.partition(f" {code} ")[2]


def _note_response_to_bye(times: _Times, message: SipMessage, at: float) -> None:
    first = times.bye_answered_at is None or times.bye_code in CHALLENGES
    if first and message.code >= 200:
        times.bye_answered_at, times.bye_code = at, message.code
