"""The SIP ladder of a scenario as data: columns of participants, rows of messages and steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

from harness.evidence import Participant, Role, ScenarioRecord, StepStatus
from harness.trace import SipTraceEntry
from reports.sip_view import SipView, view
from reports.visible import one_line

CALL_COLOURS = 8
"""Call-IDs are told apart by this many colours, used in turn."""

_MOST_COLUMNS = 8
_CROWD_NAMES = {Role.CUSTOMER.value: "customers", Role.AGENT.value: "agents", "": "others"}
_ROLE_ORDER = {role: position for position, role in enumerate(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A participant: name, role (empty when the address belongs to nobody known), addresses."""

    name: str
    role: str
    addresses: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A message. ``index`` counts the scenario's messages from 0, ``at_s`` is since the scenario's start.

    ``source`` and ``destination`` are columns, ``names`` who they are; ``party`` is whom of a column that
    stands for several. ``call`` is the position of its Call-ID among ``Ladder.calls``, None without one.
    """

    index: int
    at_s: float
    source: int
    destination: int
    entry: SipTraceEntry
    view: SipView
    call: int | None
    retransmission: bool
    names: tuple[str, str]
    party: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """A Given/When/Then that began at ``at_s``."""

    at_s: float
    text: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One Call-ID: between whom it was first seen, and how many messages it has.

    ``colour`` is None for registrations and keep-alives: these stay grey.
    """

    call_id: str
    between: tuple[str, str]
    messages: int
    colour: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    columns: tuple[Column, ...]
    rows: tuple[Arrow | StepLine, ...]
    calls: tuple[Call, ...] = field(default=())

    @property
    def arrows(self) -> list[Arrow]:
        return [row for row in self.rows if isinstance(row, Arrow)]


class _Directory:
    """Finds the participant behind an address; strangers get a column of their own."""

    def __init__(self, participants: Sequence[Participant]) -> None:
        ordered = sorted(participants, key=lambda p: _ROLE_ORDER[p.role])
        self.columns = [
            Column(
                name=one_line(p.name, limit=60),
                role=p.role.value,
                addresses=tuple(one_line(a, limit=60) for a in _worth_showing(p.addresses)),
                detail=one_line(p.detail, limit=120),
            )
            for p in ordered
        ]
        self._exact: dict[str, int] = {}
        hosts: dict[str, set[int]] = {}
        for position, participant in enumerate(ordered):
            for address in participant.addresses:
                self._exact.setdefault(address, position)
                hosts.setdefault(host_of(address), set()).add(position)
        # A TCP client's port is ephemeral: then the host alone says who it is, if it is one's own.
        self._hosts = {host: next(iter(owners)) for host, owners in hosts.items() if len(owners) == 1}

    def position(self, address: str) -> int:
        """Column of ``ip:port``."""
        for known in (self._exact.get(address), self._exact.get(host_of(address)), self._hosts.get(host_of(address))):
            if known is not None:
                return known
        host = host_of(address)
        self._hosts[host] = len(self.columns)
        self.columns.append(
            Column(name=one_line(host, limit=60) or "?", role="", addresses=(one_line(address, limit=60),))
        )
        return self._hosts[host]


def build_ladder(record: ScenarioRecord, entries: Sequence[SipTraceEntry]) -> Ladder:
    """The ladder of a scenario; rows by time, a step before the messages that it caused."""
    directory = _Directory(record.participants)
    positions: dict[str, int] = {}
    seen: set[tuple[str, ...]] = set()
    first_seen: list[tuple[str, tuple[str, str], bool]] = []
    arrows: list[Arrow] = []
    for index, entry in enumerate(sorted(entries, key=lambda e: e.at)):
        glance = view(entry)
        source, destination = directory.position(entry.source), directory.position(entry.destination)
        names = (directory.columns[source].name, directory.columns[destination].name)
        call: int | None = None
        if glance.call_id:
            if glance.call_id not in positions:
                positions[glance.call_id] = len(first_seen)
                first_seen.append((glance.call_id, names, glance.housekeeping))
            call = positions[glance.call_id]
        identity = (entry.source, entry.destination, *glance.transaction)
        # Without a branch nothing tells a repetition from a new request of the same looks.
        retransmission = bool(glance.transaction[1]) and identity in seen
        seen.add(identity)
        arrows.append(
            Arrow(
                index=index,
                at_s=entry.at - record.started_at,
                source=source,
                destination=destination,
                entry=entry,
                view=glance,
                call=call,
                retransmission=retransmission,
                names=names,
            )
        )
    counts = Counter(arrow.call for arrow in arrows)
    colours = cycle(range(CALL_COLOURS))
    ladder = Ladder(
        columns=tuple(directory.columns),
        rows=_with_steps(record, arrows),
        calls=tuple(
            Call(
                call_id=call_id,
                between=between,
                messages=counts[position],
                colour=None if housekeeping else next(colours),
            )
            for position, (call_id, between, housekeeping) in enumerate(first_seen)
        ),
    )
    return _narrowed(ladder)


def host_of(address: str) -> str:
    """``ip`` of ``ip:port`` or ``[ip]:port``."""
    host, colon, port = address.rpartition(":")
    return host.strip("[]") if colon and port.isdecimal() else address.strip("[]")


def _worth_showing(addresses: Sequence[str]) -> list[str]:
    """Without a bare host that is there with a port too."""
    with_port = {host_of(address) for address in addresses if host_of(address) != address}
    return [address for address in addresses if address not in with_port]


def _with_steps(record: ScenarioRecord, arrows: list[Arrow]) -> tuple[Arrow | StepLine, ...]:
    steps = [
        StepLine(
            at_s=step.started_at - record.started_at,
            text=one_line(f"{step.keyword.strip()} {step.text}", limit=160),
            failed=step.status is StepStatus.FAILED,
        )
        for step in record.steps
        if step.status is not StepStatus.NOT_REACHED and step.started_at
    ]
    if not arrows:
        return ()
    rows: list[tuple[float, int, Arrow | StepLine]] = [(step.at_s, 0, step) for step in steps]
    rows += [(arrow.at_s, 1, arrow) for arrow in arrows]
    return tuple(row for _, _, row in sorted(rows, key=lambda item: item[:2]))


def _narrowed(ladder: Ladder) -> Ladder:
    """In a crowd, all customers share a column, and so do all agents and all strangers."""
    if len(ladder.columns) <= _MOST_COLUMNS:
        return ladder
    members: dict[object, list[int]] = {}
    for position, column in enumerate(ladder.columns):
        members.setdefault(column.role if column.role in _CROWD_NAMES else position, []).append(position)
    columns: list[Column] = []
    place: dict[int, int] = {}
    crowded: set[int] = set()
    for new, old in enumerate(members.values()):
        place |= dict.fromkeys(old, new)
        column = ladder.columns[old[0]]
        if len(old) > 1:
            crowded.add(new)
            addresses = tuple(address for position in old for address in ladder.columns[position].addresses)
            column = Column(name=f"{len(old)} {_CROWD_NAMES[column.role]}", role=column.role, addresses=addresses)
        columns.append(column)
    rows = tuple(_moved(row, place, crowded) if isinstance(row, Arrow) else row for row in ladder.rows)
    return Ladder(columns=tuple(columns), rows=rows, calls=ladder.calls)


def _moved(arrow: Arrow, place: dict[int, int], crowded: set[int]) -> Arrow:
    source, destination = place[arrow.source], place[arrow.destination]
    ends = zip((source, destination), arrow.names, strict=True)
    party = ", ".join(name for column, name in ends if column in crowded)
    return replace(arrow, source=source, destination=destination, party=party)
