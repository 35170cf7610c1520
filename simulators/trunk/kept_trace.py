"""The trace of a trunk that carries many calls: what passes is held for a while, and written for few calls only.

No sockets and no clock: every message comes with its time (CLOCK_MONOTONIC, s).
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulators.trunk.wire import Address

HELD_S = 5.0
"""How long the messages of a call that is over can still be asked for."""
MOST_KEPT = 200
"""Calls whose messages are written."""
MOST_FAILED = 100
"""Calls among them that were kept because they failed; there is room for those that are asked for."""
MOST_HELD = 8192
"""Calls whose messages are held; the oldest are let go of then."""
MOST_MESSAGES = 100
"""Of one call; it is the first that matter."""

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_REFUSAL = re.compile(rb"SIP/2\.0 (?!401|407)[3-6]\d\d ")


@dataclass(frozen=True, slots=True)
class HeldMessage:
    octets: bytes
    source: Address
    destination: Address
    transport: str
    at: float


Write = Callable[[HeldMessage], None]


@dataclass(slots=True)
class _Group:
    """The messages of a call, or of a Call-ID that is of no call. ``written``: they are in the trace, and further ones
    go there at once."""

    call: str = ""
    call_ids: list[bytes] = field(default_factory=list)
    messages: list[HeldMessage] = field(default_factory=list)
    written: bool = False


class KeptTrace:
    """Give it all messages, and what is known of calls; ``write`` gets those to be kept."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._groups: OrderedDict[bytes, _Group] = OrderedDict()
        self._calls: dict[str, _Group] = {}
        self._leaving: deque[tuple[float, _Group]] = deque()
        """Until when groups are held, in that order."""
        self._kept = 0
        self._kept_for_failure = 0

    def record(self, message: HeldMessage) -> None:
        """A message as it was on the wire."""
        self._let_go(message.at)
        found = _CALL_ID.search(message.octets)
        call_id = found[1] if found else b""
        group = self._groups.get(call_id)
        if group is None:
            group = self._groups[call_id] = _Group(call_ids=[call_id])
            # If it becomes a call, that is decided at the call's end.
            self._leaving.append((message.at + HELD_S, group))
            if len(self._groups) > MOST_HELD:
                self._forget(next(iter(self._groups.values())))
        if group.written:
            self._write(message)
        elif len(group.messages) < MOST_MESSAGES:
            group.messages.append(message)

    def started(self, call: str, call_ids: Iterable[str]) -> None:
        """These Call-IDs are of one call; of one of them there are messages already."""
        joined = _Group(call)
        for call_id in (text.encode("utf-8", "surrogateescape") for text in call_ids):
            before = self._groups.get(call_id)
            joined.messages += before.messages if before else []
            joined.call_ids.append(call_id)
            self._groups[call_id] = joined
        self._calls[call] = joined

    def finished(self, call: str, at: float, *, failed: bool) -> None:
        """A call is over; one that failed is kept."""
        group = self._calls.get(call)
        if group is None:
            return
        if failed:
            self._keep_failed(group)
        self._leaving.append((at + HELD_S, group))

    def keep(self, call: str) -> bool:
        """Whether the call's messages are written now."""
        group = self._calls.get(call)
        return group is not None and self._keep(group)

    def close(self) -> None:
        """Nothing more comes."""
        self._let_go(float("inf"))

    def _keep_failed(self, group: _Group) -> None:
        if self._kept_for_failure < MOST_FAILED and not group.written:
            self._kept_for_failure += self._keep(group)

    def _keep(self, group: _Group) -> bool:
        if not group.written and self._kept < MOST_KEPT:
            self._kept += 1
            group.written = True
            for message in group.messages:
                self._write(message)
            group.messages.clear()
        return group.written

    def _let_go(self, now: float) -> None:
        while self._leaving and self._leaving[0][0] <= now:
            _, group = self._leaving.popleft()
            # An INVITE that the trunk itself refused is of no call, and is what a reader will look for.
            if not group.call and self._groups.get(group.call_ids[0]) is group and _is_refused(group):
                self._keep_failed(group)
            self._forget(group)

    def _forget(self, group: _Group) -> None:
        self._calls.pop(group.call, None)
        for call_id in group.call_ids:
            if self._groups.get(call_id) is group:
                del self._groups[call_id]


def _is_refused(group: _Group) -> bool:
    return any(_REFUSAL.match(message.octets) for message in group.messages)
