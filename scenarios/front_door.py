"""The front door that a scenario walks through: one line of the target's map with all its queues, leased."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import NotRun
from harness.leases import Lease, LeaseBook
from harness.target import IvrLine, IvrSection, Target

LINE_LEASE_S = 600.0


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """A leased line. ``agents`` are the extensions of each department's queue on it."""

    ivr: IvrSection
    line: IvrLine
    agents: dict[str, list[str]]
    lease: Lease

    def require_department(self, name: str) -> None:
        """Raises NotRun when the map has no such department."""
        if name not in self.ivr.departments:
            raise NotRun(f"the target's front door has no department {name!r} (it has {', '.join(self.agents)})")

    def department_of(self, extension: str) -> list[str]:
        """Departments that an agent serves."""
        return [name for name, agents in self.agents.items() if extension in agents]

    def operator(self) -> str:
        """Department of whom a caller gets who wants a person. Raises NotRun when there is none."""
        if not self.ivr.operator:
            raise NotRun("the target's front door has no operator ([ivr] operator)")
        return self.ivr.operator


def lease_front_door(target: Target, book: LeaseBook) -> FrontDoor:
    """Lease a line with all its queues. Raises NotRun when the target has none, Inconclusive when all stay in use."""
    lines = {line.number: line for line in target.ivr.lines}
    if not lines:
        raise NotRun("the target declares no front door ([ivr])")
    lease = book.take("front door", lines, timeout_s=LINE_LEASE_S)
    line = lines[lease.name]
    served = {queue.name: queue.agents for queue in target.queues}
    return FrontDoor(target.ivr, line, {name: served[queue] for name, queue in line.queues.items()}, lease)
