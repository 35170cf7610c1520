"""A supervisor with a softphone, who dials into agents' calls."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from harness.errors import HarnessMisuse, NotRun
from harness.leases import Lease, LeaseBook
from harness.target import Target
from scenarios.agent import Agent

if TYPE_CHECKING:
    from scenarios.scene import Scene

LEASE_S = 600.0


class Monitoring(StrEnum):
    """Ways of being in an agent's call, by their keys in ``[supervision]``."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


class Supervisor(Agent):
    """A supervisor's account, leased for the scenario."""

    def __init__(self, scene: Scene, lease: Lease) -> None:
        super().__init__(scene, lease.name)
        self.name = "the supervisor"
        self.lease = lease


def lease_supervisor(target: Target, book: LeaseBook) -> Lease:
    """A supervisor's account that no other scenario has. Raises NotRun when the target has none, Inconclusive."""
    if not target.supervision.extensions:
        raise NotRun("the target declares no supervisor in [supervision]")
    return book.take("supervisor", target.supervision.extensions, timeout_s=LEASE_S)


def dial_code(target: Target, way: Monitoring, agent: Agent) -> str:
    """What is dialled to be in the agent's call. Raises HarnessMisuse when the target does not say."""
    code: str = getattr(target.supervision, way.value)
    if not code:
        raise HarnessMisuse(
            f"the target does not say what a supervisor dials to {way}",
            suggestion=f'add {way} = "*9…{{agent}}" under [supervision]',
        )
    return code.replace("{agent}", agent.extension)
