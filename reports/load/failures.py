"""What went wrong, by cause: which calls, since when, and one of them message by message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.evidence import Participant, Role, ScenarioRecord
from harness.load.records import CallRecord, Cause, Flow
from harness.load.table import Table
from harness.trace import SipTraceEntry
from harness.verdict import Blame, Verdict
from reports.ladder import Ladder, build_ladder, host_of
from reports.load.columns import Numbers
from reports.load.judged import began

EXAMPLES = 5
"""Calls of a group that are told one by one."""
_OTHER_LEG_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A call that failed. ``at`` is when it began (s)."""

    call: CallRecord
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Calls that failed alike. ``up_then`` is how many calls were up when the first of them began.

    ``shown`` is the call whose messages the ladder shows; None: none of them was kept.
    """

    cause: Cause
    code: int
    reason: str
    count: int
    share: float
    first_at: float
    last_at: float
    up_then: int
    by_line: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]
    shown: Example | None
    messages: tuple[SipTraceEntry, ...]
    ladder: Ladder


def failure_groups(calls: Table[CallRecord], messages: Sequence[SipTraceEntry]) -> list[FailureGroup]:
    """The PBX's failures by the time of their first, then those of the generator's own."""
    failed = calls["cause"] != Cause.NONE.value
    if not failed.any():
        return []
    codes = np.where(calls["cause"] == Cause.REFUSED.value, np.nan_to_num(calls["code"]), 0).astype(int)
    at = began(calls)
    kept = _by_call_id(messages)
    starts, ends = np.sort(calls["started_at"]), np.sort(calls["ended_at"])
    groups = []
    for cause, code in sorted(set(zip(calls["cause"][failed], codes[failed].tolist(), strict=True))):
        members = np.flatnonzero((calls["cause"] == cause) & (codes == code))
        members = members[np.argsort(at[members], kind="stable")]
        groups.append(_group(calls, members, at, kept, messages, code, starts, ends))
    return sorted(groups, key=lambda group: (group.cause is Cause.GENERATOR, group.first_at))


def _group(
    calls: Table[CallRecord],
    members: np.ndarray[tuple[int], np.dtype[np.int64]],
    at: Numbers,
    kept: dict[str, list[SipTraceEntry]],
    messages: Sequence[SipTraceEntry],
    code: int,
    starts: Numbers,
    ends: Numbers,
) -> FailureGroup:
    first = float(at[members[0]])
    shown = next((n for n in members if calls["call_id"][n] and calls["call_id"][n] in kept), None)
    picked = [calls.row(int(n)) for n in members[:EXAMPLES]]
    traced = None if shown is None else Example(call=calls.row(int(shown)), at=float(at[shown]))
    told = _messages_of(traced.call, kept, messages) if traced else []
    return FailureGroup(
        cause=Cause(calls["cause"][members[0]]),
        code=code,
        reason=picked[0].reason if code else "",
        count=len(members),
        share=100 * len(members) / len(calls),
        first_at=first,
        last_at=float(at[members[-1]]),
        up_then=int(np.searchsorted(starts, first) - np.searchsorted(ends, first)),
        by_line=tuple(Counter(_line(calls, int(n)) for n in members).most_common()),
        examples=tuple(Example(call=call, at=float(at[n])) for call, n in zip(picked, members, strict=False)),
        shown=traced,
        messages=tuple(told),
        ladder=_ladder(traced.call, told) if traced else Ladder(columns=(), rows=()),
    )


def _line(calls: Table[CallRecord], number: int) -> str:
    return str(calls["name"][number] or calls["flow"][number])


def _by_call_id(messages: Sequence[SipTraceEntry]) -> dict[str, list[SipTraceEntry]]:
    found: dict[str, list[SipTraceEntry]] = {}
    for entry in messages:
        found.setdefault(entry.call_id, []).append(entry)
    return found


def _messages_of(
    call: CallRecord, kept: dict[str, list[SipTraceEntry]], messages: Sequence[SipTraceEntry]
) -> list[SipTraceEntry]:
    """Those of the trunk's leg with the PBX, and of the leg with the customer: of the same number, at the same time."""
    own = kept[call.call_id]
    begun = min(entry.at for entry in own)
    number = call.customer.lstrip("+")
    beside = {
        entry.call_id
        for entry in messages
        if number
        and entry.first_line.startswith("INVITE ")
        and abs(entry.at - begun) < _OTHER_LEG_WITHIN_S
        and number in entry.header("From") + entry.header("To")
    }
    return sorted(
        [*own, *(entry for call_id in beside - {call.call_id} for entry in kept[call_id])], key=lambda entry: entry.at
    )


def _ladder(call: CallRecord, messages: Sequence[SipTraceEntry]) -> Ladder:
    """The ladder of one call; its times are since its first message."""
    record = ScenarioRecord(
        feature="",
        feature_file="",
        line=0,
        name=call.why,
        verdict=Verdict.FAIL,
        blame=Blame.PBX,
        started_wall=messages[0].wall,
        started_at=messages[0].at,
        duration_s=0.0,
        talk_s=0.0,
        participants=_participants(call, messages),
    )
    return build_ladder(record, messages)


def _participants(call: CallRecord, messages: Sequence[SipTraceEntry]) -> list[Participant]:
    """Who is who, by the leg that is known: the trunk sends the INVITE to the PBX, of a callback the other way."""
    invite = next((m for m in messages if m.call_id == call.call_id and m.first_line.startswith("INVITE ")), None)
    if invite is None:
        return []
    trunk, pbx = invite.source, invite.destination
    if call.flow is Flow.CALLBACK:
        trunk, pbx = pbx, trunk
    # The trunk's port towards customers is another one, at the same host.
    ends = {address for m in messages if m.call_id != call.call_id for address in (m.source, m.destination)}
    ours = sorted({trunk} | {address for address in ends if host_of(address) == host_of(trunk)})
    others = sorted(ends - {*ours, pbx})
    return [
        Participant(name="trunk", role=Role.TRUNK, addresses=ours),
        Participant(name="PBX", role=Role.PBX, addresses=[pbx]),
        *(
            Participant(name="the customer", role=Role.CUSTOMER, addresses=addresses, detail=call.customer)
            for addresses in ([others] if others else [])
        ),
    ]
