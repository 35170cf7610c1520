"""The testbed of one worker: trunk, WhatsApp's platform, the business's backend and all phones around one PBX.

It lives as long as the worker; each scenario gets a ``Scene`` on it. A simulator that died is started
anew for the next scenario, so one crash costs one scenario.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

from harness.errors import Inconclusive
from harness.lag import LagWatch, Stalled
from harness.leases import Lease, LeaseBook
from harness.process import Simulator
from harness.trace import SipTraceEntry
from scenarios.capacity import Capacity
from simulators.backend.protocol import BackendConfig, WhereWebhooks
from simulators.pbx.adapter import PbxAdapter, RunningPbx
from simulators.pbx.adapters import adapter_for
from simulators.phones.customers import CustomerBook
from simulators.phones.protocol import Codecs, Limits, PhoneLimits, PhonesConfig
from simulators.phones.sip_log import SipLogReader
from simulators.trunk.protocol import KeepAlive, Probe, TrunkConfig, WhereCustomersCall
from simulators.whatsapp.protocol import Faces, PlatformConfig, WhereFaces

TRUNK_LEASE_S = 120.0
PROBE_S = 2.0
NICE = 10
LOOPBACK = "127.0.0.1"
"""Where the platform's and the backend's HTTP servers are: their ports are ephemeral."""
LATE_S = 1.0
"""What is awaited has deadlines of seconds: being kept from running for less than this does not matter."""
SHORTFALL_NAME = "shortfall.txt"
"""Beside a worker's other files, when there is one: a line that the run's notes must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What every worker of a run must know; plain values that survive pickling."""

    run_directory: str
    running: RunningPbx
    profile: str
    pstn_log: str
    pstn_address: str
    seed: int

    @property
    def directory(self) -> Path:
        return Path(self.run_directory)


class Testbed:
    """See the module. ``worker`` names it in logs and evidence."""

    __test__ = False  # not a test class, whatever its name looks like to pytest

    def __init__(self, settings: RunSettings, worker: str) -> None:
        self.settings = settings
        self.worker = worker
        self.target = settings.running.target
        self.leases = LeaseBook(settings.directory / ".leases")
        self.pbx: PbxAdapter = adapter_for(settings.running)
        self.customer_book = CustomerBook(settings.seed)
        self.directory = settings.directory / "work" / worker
        self._numbers = count(1)
        self._trunk_lease = self._lease_trunk(self._unbound_addresses())
        # A socket's path may have 107 octets, a run's directory may have more.
        self._sockets = Path(tempfile.mkdtemp(prefix="trunkproof-"))
        self.access_token = secrets.token_urlsafe(24)
        self.app_secret = secrets.token_hex(16)
        pool = list(self.target.phones.addresses)
        # Each worker begins elsewhere in the pool, so that ladders of parallel scenarios show other addresses.
        start = settings.seed * 37 % len(pool)
        self._phone_addresses = cycle(pool[start:] + pool[:start])
        self._simulators: dict[str, Simulator] = {}
        self._agents_log = SipLogReader(self.directory / "no-agents-yet")
        self._agent_messages: list[SipTraceEntry] = []
        self.stalls: list[Stalled] = []
        """Times in which this very process, whose clock decides what is late, was kept from running."""
        LagWatch(self.stalls.append, stall_s=LATE_S).start()
        self.customers_call = ""
        self.faces = Faces(graph="", cpaas="")
        self.webhooks = ""
        """URL at which the business's backend takes webhooks."""
        self.capacity = Capacity(frozenset(), PhoneLimits(max_calls=0, max_phones=0))

    @property
    def trunk(self) -> Simulator:
        return self._simulators["trunk"]

    @property
    def platform(self) -> Simulator:
        return self._simulators["platform"]

    @property
    def customers(self) -> Simulator:
        return self._simulators["customers"]

    @property
    def agents(self) -> Simulator:
        return self._simulators["agents"]

    @property
    def trunk_address(self) -> str:
        return self._trunk_lease.name

    @property
    def trunk_trace(self) -> Path:
        return self.directory / "trunk" / "trace.jsonl"

    @property
    def pstn_log(self) -> Path:
        return Path(self.settings.pstn_log)

    def agent_messages(self, since: float) -> list[SipTraceEntry]:
        """SIP messages between the PBX and the agents' phones since a moment (CLOCK_MONOTONIC, s)."""
        self._agent_messages.extend(self._agents_log.read())
        return [message for message in self._agent_messages if message.at >= since]

    def phone_address(self) -> str:
        """The next local address for a phone."""
        return next(self._phone_addresses)

    def number(self) -> int:
        """A number that no other thing of this worker has."""
        return next(self._numbers)

    def make_ready(self, trunk_address: str = "") -> None:
        """Start what does not run, with the trunk at ``trunk_address`` if that matters.

        Raises Inconclusive when the PBX does not answer or a simulator cannot start.
        """
        if trunk_address and trunk_address != self.trunk_address:
            self._move_trunk(trunk_address)
        starts: dict[str, Callable[[], Simulator]] = {
            "platform": self._start_platform,
            "backend": self._start_backend,
            "trunk": self._start_trunk,
            "customers": lambda: self._start_phones("customers"),
            "agents": lambda: self._start_phones("agents"),
        }
        missing = [name for name in starts if name not in self._simulators or not self._simulators[name].alive]
        if "platform" in missing and "trunk" not in missing:
            # The trunk's way to the platform is gone with it.
            missing.append("trunk")
        if missing:
            self._start(missing, starts)
        self.require_reachable()

    def _start(self, missing: list[str], starts: dict[str, Callable[[], Simulator]]) -> None:
        for name in missing:
            if name in self._simulators:
                self._simulators.pop(name).stop()
        if "trunk" in missing:
            self.customers_call = ""
        if "platform" in missing:
            self.faces = Faces(graph="", cpaas="")
        if "backend" in missing:
            self.webhooks = ""
        for name in missing:
            self._simulators[name] = starts[name]()
        # What this process does from here on is analysis: it must not take the processor from calls.
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        with ThreadPoolExecutor(len(missing)) as waiters:
            list(waiters.map(lambda name: self._simulators[name].ready(), missing))
        if not self.customers_call:
            self.customers_call = self.trunk.call(WhereCustomersCall())
        if not self.faces.graph:
            self.faces = self.platform.call(WhereFaces())
        if not self.webhooks:
            self.webhooks = self._simulators["backend"].call(WhereWebhooks())
        if not self.capacity.codecs:
            self.capacity = Capacity(frozenset(self.customers.call(Codecs())), self.customers.call(Limits()))
            if shortfall := self.capacity.shortfall():
                (self.directory / SHORTFALL_NAME).write_text(f"{shortfall}\n", encoding="utf-8")

    def reachable(self) -> bool:
        """Whether the PBX answers OPTIONS from the trunk at all; any final code will do."""
        answer: KeepAlive = self.trunk.call(Probe(timeout_s=PROBE_S), timeout_s=PROBE_S + 3)
        return answer.code != 0

    def require_reachable(self) -> None:
        """Raises Inconclusive when the PBX is silent."""
        if not self.reachable():
            pbx = self.target.pbx
            raise Inconclusive(
                f"the PBX at {pbx.host}:{pbx.port}/{pbx.transport} did not answer OPTIONS from the trunk at "
                f"{self.trunk_address} within {PROBE_S:g} s: is it running, and does it admit that address?"
            )

    def stop(self) -> None:
        """End all simulators of this worker."""
        simulators, self._simulators = list(self._simulators.values()), {}
        if simulators:
            with ThreadPoolExecutor(len(simulators)) as stoppers:
                list(stoppers.map(lambda simulator: simulator.stop(), simulators))
        self._trunk_lease.release()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _unbound_addresses(self) -> list[str]:
        """Trunk addresses, those first that the PBX sends no calls to: others may need the rest."""
        bound = {self.target.trunk_address_of(queue) for queue in self.target.queues}
        return sorted(self.target.trunk.addresses, key=lambda address: address in bound)

    def _lease_trunk(self, addresses: list[str]) -> Lease:
        return self.leases.take("trunk address", addresses, timeout_s=TRUNK_LEASE_S)

    def _move_trunk(self, address: str) -> None:
        """Have the trunk at another address; it starts when it is needed."""
        if "trunk" in self._simulators:
            self._simulators.pop("trunk").stop()
        self._trunk_lease.release()
        self._trunk_lease = self._lease_trunk([address])

    def _start_platform(self) -> Simulator:
        platform, trunk = self.target.platform, self.target.trunk
        return self._simulator(
            "platform",
            "simulators.whatsapp.process:run",
            PlatformConfig(
                name=f"platform {self.worker}",
                address=LOOPBACK,
                policy_socket=str(self._policy_socket),
                access_token=self.access_token,
                app_secret=self.app_secret,
                sip_password=trunk.digest_password.get_secret_value(),
                sip_hostname=self.target.pbx.host,
                rules=str(platform.rules or ""),
                availability=str(platform.availability or ""),
            ),
        )

    def _start_backend(self) -> Simulator:
        return self._simulator(
            "backend",
            "simulators.backend.process:run",
            BackendConfig(name=f"backend {self.worker}", address=LOOPBACK, app_secret=self.app_secret),
        )

    @property
    def _policy_socket(self) -> Path:
        return self._sockets / "policy"

    def _start_trunk(self) -> Simulator:
        pbx, trunk = self.target.pbx, self.target.trunk
        return self._simulator(
            "trunk",
            "simulators.trunk.process:run",
            TrunkConfig(
                name=f"trunk {self.worker}",
                address=self.trunk_address,
                customer_port=0,
                pbx_side_port=trunk.port,
                pbx_host=pbx.host,
                pbx_port=pbx.port,
                pbx_transport=pbx.transport,
                profile=self.settings.profile,
                trace=str(self.trunk_trace),
                digest_username=trunk.digest_username,
                digest_password=trunk.digest_password.get_secret_value(),
                policy_socket=str(self._policy_socket),
            ),
        )

    def _start_phones(self, name: str) -> Simulator:
        directory = self.directory / f"{name}-{self.number()}"
        directory.mkdir(parents=True, exist_ok=True)
        if name == "agents":
            self._agents_log = SipLogReader(directory / "pjsip.log")
        return self._simulator(
            name,
            "simulators.phones.process:run",
            PhonesConfig(name=f"{name} {self.worker}", directory=str(directory)),
        )

    def _simulator(self, name: str, entry: str, config: Any) -> Simulator:
        log = self.settings.directory / "logs" / f"{name}-{self.worker}.log"
        return Simulator(f"the {name} simulator", entry, config, log=log)
