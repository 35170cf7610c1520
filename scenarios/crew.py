"""The people of one worker: customers' phones, agents' phones and the business's backend, whatever PBX they are at."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from itertools import count
from pathlib import Path

from harness.errors import DELAY_S
from harness.lag import LagWatch, Stalled
from harness.process import Simulator
from harness.trace import SipTraceEntry
from scenarios.capacity import Capacity
from scenarios.recipes import LOOPBACK
from scenarios.starting import Simulators
from simulators.backend.protocol import BackendConfig, WhereWebhooks
from simulators.phones.customers import CustomerBook
from simulators.phones.protocol import Codecs, Limits, PhoneLimits, PhonesConfig
from simulators.phones.sip_log import SipLogReader

SHORTFALL_NAME = "shortfall.txt"
"""Beside a worker's other files, when there is one: a line that the run's notes must have."""


class Crew:
    """See the module. Simulators that died are started anew, so one crash costs one scenario."""

    def __init__(self, run_directory: Path, worker: str, seed: int) -> None:
        self.worker = worker
        self.seed = seed
        self.directory = run_directory / "work" / worker
        self.customer_book = CustomerBook(seed)
        self.app_secret = secrets.token_hex(16)
        self.webhooks = ""
        """URL at which the business's backend takes webhooks."""
        self.capacity = Capacity(frozenset(), PhoneLimits(max_calls=0, max_phones=0))
        self.stalls: list[Stalled] = []
        """Times in which this very process, whose clock decides what is late, was kept from running."""
        LagWatch(self.stalls.append, stall_s=DELAY_S).start()
        self._numbers = count(1)
        self._agents_log = SipLogReader(self.directory / "no-agents-yet")
        self._agent_messages: list[SipTraceEntry] = []
        self.simulators = Simulators(
            run_directory / "logs",
            worker,
            {
                "backend": self._backend,
                "customers": lambda: self._phones("customers"),
                "agents": lambda: self._phones("agents"),
            },
        )

    @property
    def customers(self) -> Simulator:
        return self.simulators["customers"]

    @property
    def agents(self) -> Simulator:
        return self.simulators["agents"]

    def number(self) -> int:
        """A number that no other thing of this worker has."""
        return next(self._numbers)

    def agent_messages(self, since: float) -> list[SipTraceEntry]:
        """SIP messages between PBXs and the agents' phones since a moment (CLOCK_MONOTONIC, s)."""
        self._agent_messages.extend(self._agents_log.read())
        return [message for message in self._agent_messages if message.at >= since]

    def forget(self, missing: Collection[str]) -> None:
        """Forget what those have told that do not run."""
        if "backend" in missing:
            self.webhooks = ""

    def settle(self) -> None:
        """Learn what is not known yet."""
        if not self.webhooks:
            self.webhooks = self.simulators["backend"].call(WhereWebhooks())
        if not self.capacity.codecs:
            self.capacity = Capacity(frozenset(self.customers.call(Codecs())), self.customers.call(Limits()))
            if shortfall := self.capacity.shortfall():
                (self.directory / SHORTFALL_NAME).write_text(f"{shortfall}\n", encoding="utf-8")

    def stop(self) -> None:
        """End all of them."""
        self.simulators.stop()

    def _backend(self) -> tuple[str, BackendConfig]:
        config = BackendConfig(name=f"backend {self.worker}", address=LOOPBACK, app_secret=self.app_secret)
        return "simulators.backend.process:run", config

    def _phones(self, name: str) -> tuple[str, PhonesConfig]:
        directory = self.directory / f"{name}-{self.number()}"
        directory.mkdir(parents=True, exist_ok=True)
        if name == "agents":
            self._agents_log = SipLogReader(directory / "pjsip.log")
        return "simulators.phones.process:run", PhonesConfig(name=f"{name} {self.worker}", directory=str(directory))
