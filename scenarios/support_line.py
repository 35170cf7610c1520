"""The line that a scenario calls: one queue of the target with its numbers and agents, leased for the scenario."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harness.errors import Inconclusive, NotRun
from harness.leases import Lease, LeaseBook
from harness.target import Number, Purpose, Queue, Target

LINE_LEASE_S = 600.0


@dataclass(frozen=True, slots=True)
class SupportLine:
    """A leased queue. ``numbers`` are those of the target that lead to it, by purpose."""

    queue: Queue
    numbers: dict[Purpose, Number]
    lease: Lease

    def number(self, purpose: Purpose) -> Number:
        """The number for a purpose; raises NotRun when the target has none."""
        if purpose not in self.numbers:
            raise NotRun(f"the target declares no number with the purpose '{purpose}' for the queue {self.queue.name}")
        return self.numbers[purpose]


def lease_line(
    target: Target, book: LeaseBook, agents_needed: int = 0, *, trunk_address: str = "", pbx_calls: bool = False
) -> SupportLine:
    """Lease a queue that has a support number and at least ``agents_needed`` agents.

    Queues whose agents' calls come out at ``trunk_address`` are taken first, so that the others are free for whom
    they are; with ``pbx_calls`` no other will do. Raises NotRun when the target has no such queue, Inconclusive when
    all stay in use.
    """
    supported = {number.queue for number in target.numbers if number.purpose is Purpose.SUPPORT}
    here = {queue.name for queue in target.queues if target.trunk_address_of(queue) == trunk_address}
    suitable = {
        queue.name: queue
        for queue in sorted(target.queues, key=lambda queue: queue.name not in here)
        if queue.name in supported
        and len(queue.agents) >= agents_needed
        and (not pbx_calls or not trunk_address or queue.name in here)
    }
    if not suitable:
        most = max((len(queue.agents) for queue in target.queues), default=0)
        raise NotRun(
            f"the scenario needs a queue with {agents_needed} agents; the target's largest has {most}"
            if supported
            else "the target declares no number with the purpose 'support' that leads to a queue"
        )
    lease = book.take("queue", suitable, timeout_s=LINE_LEASE_S)
    queue = suitable[lease.name]
    shared = {n.purpose: n for n in target.numbers if not n.queue}
    own = {n.purpose: n for n in target.numbers if n.queue == queue.name}
    return SupportLine(queue, shared | own, lease)


def require_hours(number: Number, now: datetime | None, *, staffed: bool) -> None:
    """The scenario needs ``number`` staffed (or not) at the PBX's time ``now``.

    Raises NotRun when it is the other way round, Inconclusive when the PBX's clock is not known.
    """
    is_open = True
    if number.hours is not None:
        if now is None:
            raise Inconclusive(f"the hours of {number.number} matter here, but the PBX's clock is not known")
        is_open = number.hours.open_at(now)
    if is_open is staffed:
        return
    when = f"{now:%A %H:%M}" if now is not None else "any time"
    hours = number.hours.text if number.hours else "always"
    state = "open" if is_open else "closed"
    raise NotRun(
        f"{number.number} (hours: {hours}) is {state} at the PBX's time, {when}, and the scenario needs it "
        f"{'open' if staffed else 'closed'}"
    )
