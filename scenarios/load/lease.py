"""What of a target belongs to one generator of several: queues with their agents, numbers, addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.errors import HarnessMisuse
from harness.load.profile import MixLine
from harness.load.records import Flow
from harness.target import Purpose, Queue, Target
from harness.target.ivr_paths import Way, all_ways, read_way

CALLED = frozenset({Purpose.SUPPORT, Purpose.CALLBACK})
"""Purposes of the numbers behind which a call comes to a queue without a key pressed."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call of a line of the mix may go: the number, the keys, and the queue that they lead to."""

    number: str
    queue: Queue
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """One generator's share. No other generator has its queues or its trunk address."""

    target: Target
    trunk_address: str
    customers_address: str
    agents_address: str
    queues: tuple[Queue, ...]

    def queues_of(self, extension: str) -> tuple[str, ...]:
        """Names of the queues that an agent serves."""
        return tuple(queue.name for queue in self.queues if extension in queue.agents)

    def destinations(self, line: MixLine) -> tuple[Destination, ...]:
        """Where calls of a line of the mix may go. Raises HarnessMisuse when there is nothing."""
        found = tuple(_WAYS[line.flow](self, line))
        if not found:
            raise HarnessMisuse(
                f"the target {self.target.name!r} has nothing for the line {line.name or line.flow!r} of the mix "
                f"({_WANTED[line.flow]}) that this generator does not share with another",
                suggestion="run with fewer --workers, or declare more queues",
            )
        return found


def lease(target: Target, index: int, workers: int) -> Lease:
    """The share of generator ``index`` (from 0). Raises HarnessMisuse when the target has too few."""
    trunks = list(dict.fromkeys((*target.called_trunk_addresses(), *target.trunk.addresses)))
    phones = target.phones.addresses
    for what, have, need in (
        ("trunk addresses", len(trunks), workers),
        ("addresses for phones", len(phones), 2 * workers),
    ):
        if have < need:
            raise HarnessMisuse(
                f"the target {target.name!r} has {have} {what}, and {workers} generators need {need}",
                suggestion="run with fewer --workers, or declare more",
            )
    queues = tuple(queue for queue, owner in _owners(target, trunks, workers) if owner == index)
    if not queues:
        raise HarnessMisuse(
            f"the target {target.name!r} has no queue for generator {index + 1} of {workers}",
            suggestion="run with fewer --workers, or declare more queues",
        )
    return Lease(target, trunks[index], phones[2 * index], phones[2 * index + 1], queues)


def _owners(target: Target, trunks: list[str], workers: int) -> Iterator[tuple[Queue, int]]:
    """Whose each queue is: a front door's all belong to one; a queue whose calls to customers come out at a trunk
    address belongs to whose that is."""
    of_line = {queue: number for number, line in enumerate(target.ivr.lines) for queue in line.queues.values()}
    allowed = set(target.load.queues) or {queue.name for queue in target.queues}
    turn = 0
    for queue in target.queues:
        if queue.name not in allowed:
            continue
        if queue.name in of_line:
            yield queue, of_line[queue.name] % workers
        elif queue.trunk_address:
            yield queue, trunks.index(queue.trunk_address) % workers
        else:
            yield queue, turn % workers
            turn += 1


def _inbound(lease: Lease, line: MixLine) -> Iterator[Destination]:
    queues = {queue.name: queue for queue in lease.queues}
    for number in lease.target.numbers:
        wanted = number.number == line.number if line.number else number.purpose is Purpose.SUPPORT
        if wanted and number.purpose in CALLED and number.queue in queues:
            yield Destination(number.number, queues[number.queue])


def _ivr(lease: Lease, line: MixLine) -> Iterator[Destination]:
    ivr = lease.target.ivr
    queues = {queue.name: queue for queue in lease.queues}
    language = lease.target.languages.default
    for door in ivr.lines:
        if line.number not in ("", door.number):
            continue
        ways = [_way_of_keys(lease.target, line.keys, language)] if line.keys else _plain_ways(lease.target, language)
        for way in ways:
            queue = queues.get(door.queues[way.department])
            if queue is not None:
                yield Destination(door.number, queue, tuple(station.does for station in way.stations))


def _way_of_keys(target: Target, keys: str, language: str) -> Way:
    try:
        return read_way(target.ivr, ", ".join(keys), language)
    except ValueError as wrong:
        raise HarnessMisuse(
            f"the target {target.name!r}: {wrong}", where="mix.keys", suggestion="write the keys of one path, '12'"
        ) from None


def _plain_ways(target: Target, language: str) -> list[Way]:
    """Ways on which callers press keys of the menus and nothing else happens."""
    keys = set("0123456789*#")
    return [way for way in all_ways(target.ivr, language) if all(s.does in keys for s in way.stations)]


def _callback(lease: Lease, line: MixLine) -> Iterator[Destination]:
    for number in lease.target.numbers:
        queue = next((queue for queue in lease.queues if queue.name == number.queue), None)
        if queue is None or line.number not in ("", number.number) or number.purpose not in CALLED:
            continue
        if lease.target.trunk_address_of(queue) == lease.trunk_address:
            yield Destination(number.number, queue)


_WAYS: dict[Flow, Callable[[Lease, MixLine], Iterator[Destination]]] = {
    Flow.INBOUND: _inbound,
    Flow.IVR: _ivr,
    Flow.CALLBACK: _callback,
    Flow.ESCALATION: _inbound,
}

_WANTED = {
    Flow.INBOUND: "a number with purpose 'support' and a queue",
    Flow.IVR: "a front door ([ivr]) with its queues",
    Flow.CALLBACK: "a number whose queue's calls come out at the generator's own trunk address",
    Flow.ESCALATION: "a number with purpose 'support' and a queue",
}
