"""The testbed of one worker at one PBX: its trunk and WhatsApp's platform, and the worker's people around them.

It lives as long as the worker; each scenario gets a ``Scene`` on it.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from itertools import cycle
from pathlib import Path

from harness.errors import NO_STALL, Inconclusive, PbxFault
from harness.lag import Stalled
from harness.leases import Lease, LeaseBook
from harness.process import Simulator
from harness.trace import SipTraceEntry
from scenarios.capacity import Capacity
from scenarios.crew import Crew
from scenarios.recipes import platform_config, trunk_config
from scenarios.starting import Simulators, await_ready
from scenarios.system import RunSettings, System
from simulators.pbx.adapter import PbxAdapter
from simulators.pbx.adapters import adapter_for
from simulators.phones.customers import CustomerBook
from simulators.trunk.profile import load_profile
from simulators.trunk.protocol import KeepAlive, Probe, TlsFailed, TrunkConfig, WhereCustomersCall
from simulators.whatsapp.protocol import Faces, PlatformConfig, WhereFaces

TRUNK_LEASE_S = 120.0
PROBE_S = 2.0
TLS_PROBE_S = 5.0
"""Longer than the trunk waits for a TLS handshake, so that it can tell that there was none."""


class Testbed:
    """See the module. ``worker`` names it in logs and evidence."""

    __test__ = False  # not a test class, whatever its name looks like to pytest

    def __init__(self, settings: RunSettings, system: System, crew: Crew) -> None:
        self.settings = settings
        self.system = system
        self.crew = crew
        self.worker = crew.worker
        self.target = system.running.target
        self.profile = load_profile(system.profile)
        self.leases = LeaseBook(settings.directory / ".leases" / system.key)
        self.pbx: PbxAdapter = adapter_for(system.running)
        self.directory = crew.directory / system.key
        self._trunk_lease = self._lease_trunk(self._unbound_addresses())
        # A socket's path may have 107 octets, a run's directory may have more.
        self._sockets = Path(tempfile.mkdtemp(prefix="trunkproof-"))
        self.access_token = secrets.token_urlsafe(24)
        pool = list(self.target.phones.addresses)
        # Each worker begins elsewhere in the pool, so that ladders of parallel scenarios show other addresses.
        start = crew.seed * 37 % len(pool)
        self._phone_addresses = cycle(pool[start:] + pool[:start])
        self._simulators = Simulators(
            settings.directory / "logs",
            f"{system.key}-{self.worker}",
            {"platform": self._platform_recipe, "trunk": self._trunk_recipe},
        )
        self.customers_call = ""
        self.faces = Faces(graph="", cpaas="")

    @property
    def trunk(self) -> Simulator:
        return self._simulators["trunk"]

    @property
    def platform(self) -> Simulator:
        return self._simulators["platform"]

    @property
    def customers(self) -> Simulator:
        return self.crew.customers

    @property
    def agents(self) -> Simulator:
        return self.crew.agents

    @property
    def customer_book(self) -> CustomerBook:
        return self.crew.customer_book

    @property
    def capacity(self) -> Capacity:
        return self.crew.capacity

    @property
    def webhooks(self) -> str:
        return self.crew.webhooks

    @property
    def stalls(self) -> list[Stalled]:
        return self.crew.stalls

    @property
    def trunk_address(self) -> str:
        return self._trunk_lease.name

    @property
    def trunk_trace(self) -> Path:
        return self.directory / "trunk" / "trace.jsonl"

    @property
    def pstn_log(self) -> Path:
        return Path(self.system.pstn_log)

    def agent_messages(self, since: float) -> list[SipTraceEntry]:
        """SIP messages between the PBX and the agents' phones since a moment (CLOCK_MONOTONIC, s)."""
        return self.crew.agent_messages(since)

    def phone_address(self) -> str:
        """The next local address for a phone."""
        return next(self._phone_addresses)

    def number(self) -> int:
        """A number that no other thing of this worker has."""
        return self.crew.number()

    def make_ready(self, trunk_address: str = "") -> None:
        """Start what does not run, with the trunk at ``trunk_address`` if that matters.

        Raises Inconclusive when the PBX does not answer or a simulator cannot start.
        """
        if trunk_address and trunk_address != self.trunk_address:
            self._move_trunk(trunk_address)
        people = self.crew.simulators.missing()
        missing = self._simulators.missing()
        if "platform" in missing and "trunk" not in missing:
            # The trunk's way to the platform is gone with it.
            missing.append("trunk")
        # What is not known now has been forgotten: a start may fail half-way.
        self.crew.forget(people)
        if "trunk" in missing:
            self.customers_call = ""
        if "platform" in missing:
            self.faces = Faces(graph="", cpaas="")
        await_ready(self.crew.simulators.start(people) + self._simulators.start(missing))
        self.crew.settle()
        if not self.customers_call:
            self.customers_call = self.trunk.call(WhereCustomersCall())
        if not self.faces.graph:
            self.faces = self.platform.call(WhereFaces())
        self.require_reachable()

    def reachable(self) -> bool:
        """Whether the PBX answers OPTIONS from the trunk at all; any final code will do."""
        return self._probe().code != 0

    def _probe(self) -> KeepAlive:
        timeout_s = TLS_PROBE_S if self.target.pbx.transport == "tls" else PROBE_S
        answer: KeepAlive = self.trunk.call(Probe(timeout_s=timeout_s), timeout_s=timeout_s + 3)
        return answer

    def require_reachable(self) -> None:
        """Raises Inconclusive when the PBX is silent, PbxFault when it is there and spoils TLS."""
        mark = self.trunk.mark()
        answer = self._probe()
        if answer.code:
            return
        pbx = self.target.pbx
        where = f"the PBX at {pbx.host}:{pbx.port}/{pbx.transport}"
        failed = [e for e in self.trunk.events(mark) if isinstance(e, TlsFailed) and e.opened_here]
        if failed and failed[-1].proven:
            raise PbxFault(f"{where} gets no call over TLS: {failed[-1].why}", stall_s=NO_STALL, kind=failed[-1].kind)
        why = f" ({answer.why})" if answer.why else ""
        raise Inconclusive(
            f"{where} did not answer OPTIONS from the trunk at {self.trunk_address} in time{why}: "
            "is it running, and does it admit that address?"
        )

    def stop(self) -> None:
        """End the trunk and the platform; the people are the worker's."""
        self._simulators.stop()
        self._trunk_lease.release()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _unbound_addresses(self) -> list[str]:
        """Trunk addresses, those first that the PBX sends no calls to: others may need the rest."""
        bound = self.target.called_trunk_addresses()
        return sorted(self.target.trunk.addresses, key=lambda address: address in bound)

    def _lease_trunk(self, addresses: list[str]) -> Lease:
        return self.leases.take("trunk address", addresses, timeout_s=TRUNK_LEASE_S)

    def _move_trunk(self, address: str) -> None:
        """Have the trunk at another address; it starts when it is needed."""
        self._simulators.drop("trunk")
        # Given back before the other is asked for: two who wait for each other's would wait for ever.
        self._trunk_lease.release()
        try:
            self._trunk_lease = self._lease_trunk([address])
        except Inconclusive:
            self._trunk_lease = self._lease_trunk(self._unbound_addresses())
            raise

    @property
    def _policy_socket(self) -> Path:
        return self._sockets / "policy"

    def _platform_recipe(self) -> tuple[str, PlatformConfig]:
        return "simulators.whatsapp.process:run", platform_config(
            self.target,
            name=f"platform {self.worker}",
            policy_socket=str(self._policy_socket),
            access_token=self.access_token,
            app_secret=self.crew.app_secret,
        )

    def _trunk_recipe(self) -> tuple[str, TrunkConfig]:
        return "simulators.trunk.process:run", trunk_config(
            self.system,
            name=f"trunk {self.worker}",
            address=self.trunk_address,
            trace=self.trunk_trace,
            policy_socket=str(self._policy_socket),
        )
