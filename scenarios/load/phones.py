"""The light phones of a generator: customers at one address, agents at another, a media engine for each."""

from __future__ import annotations

import asyncio
import contextlib

from harness.errors import HarnessMisuse, Inconclusive
from harness.load.profile import LoadProfile
from harness.load.quality import quality
from harness.load.records import EarFigures, Party
from scenarios.load.desk import Desk
from scenarios.load.lease import Lease
from scenarios.load.leg import Leg
from scenarios.load.live import LiveCall
from scenarios.load.playable import security_of
from scenarios.system import System
from simulators.light_phones.accounts import Account
from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.media.engine import MediaEngine, StampHeard, Stream
from simulators.light_phones.media.facts import StreamReport
from simulators.light_phones.media.voices import FRAMES_PER_S
from simulators.light_phones.sdp import Codec, Security
from simulators.trunk.protocol import ENTRY_HEADER

OWN_ADDRESS = "127.0.0.1"
"""Of both sides when there is no PBX."""
REGISTERED_FOR_S = 600
AT_ONCE = 16
"""REGISTERs under way at the same time: agents do not all come to work in the same second."""
UNREGISTER_S = 2.0
LOOK_S = 0.05
OK = 200
SIDES = len(Party)


class LightPhones:
    """See the module. Calls that come in go to ``desk``."""

    def __init__(self, profile: LoadProfile, lease: Lease | None, system: System | None, desk: Desk) -> None:
        self._media = profile.media
        self._lease = lease
        self._desk = desk
        self._security = security_of(system.profile) if system else Security.NONE
        self._registered: list[str] = []
        self._customer_codecs = tuple(map(Codec, profile.media.codecs))
        self.engines: tuple[MediaEngine, ...] = ()

    async def open(self) -> None:
        """Open the sockets. Raises Inconclusive when this machine has no media engine."""
        lease = self._lease
        addresses = (lease.customers_address, lease.agents_address) if lease else (OWN_ADDRESS, OWN_ADDRESS)
        self.engines = tuple(MediaEngine(address) for address in addresses)
        depth_ms = self._media.jitter_buffer_ms
        self._customers, self._agents = (
            LightExchange(address, engine, jitter_buffer_ms=depth_ms)
            for address, engine in zip(addresses, self.engines, strict=True)
        )
        self._customers.on_incoming = self._desk.customer_rings
        self._agents.on_incoming = self._desk.agent_rings
        await self._customers.start()
        await self._agents.start()

    async def close(self) -> None:
        """Unregister, and close all. Safe at any time."""
        if len(self.engines) == SIDES:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNREGISTER_S):
                    await asyncio.gather(*map(self._agents.unregister, self._registered))
            await self._customers.close()
            await self._agents.close()
        for engine in self.engines:
            engine.close()

    @property
    def customers_contact(self) -> str:
        """``ip:port`` of all customers' phones."""
        host, port = self._customers.local
        return f"{host}:{port}"

    async def register_agents(self, extensions: list[str]) -> None:
        """Have them at work. Raises Inconclusive when the PBX takes one of them not."""
        gate = asyncio.Semaphore(AT_ONCE)
        self._registered = extensions

        async def one(extension: str) -> tuple[str, int]:
            async with gate:
                return extension, await self._agents.register(self._account(extension), REGISTERED_FOR_S)

        for extension, code in await asyncio.gather(*map(one, extensions)):
            if code != OK:
                raise Inconclusive(f"the PBX did not let agent {extension} register: {code or 'no response'}")

    def dial(self, live: LiveCall, trunk: str) -> Leg:
        """A customer calls, by the trunk at ``trunk`` (``ip:port``); empty: the agent directly."""
        plan = live.plan
        if trunk:
            user, at = plan.dialled, trunk
        else:
            host, port = self._agents.local
            (user,), at = plan.agents, f"{host}:{port}"
        host, _, port_text = at.rpartition(":")
        call = self._customers.dial(
            plan.customer,
            f"sip:{user}@{at}",
            (host, int(port_text)),
            codecs=self._customer_codecs,
            security=self._security,
            headers=[(ENTRY_HEADER, plan.entry)] if plan.entry else [],
            call_number=plan.call,
            party=Party.CUSTOMER,
        )
        return Leg(call)

    def report(self, leg: Leg) -> StreamReport | None:
        """What came to a leg that has ended; None: it never had a stream."""
        leg.call.media.close()
        report = leg.call.media.report
        return report if isinstance(report, StreamReport) else None

    def speak(self, leg: Leg) -> None:
        """A party that has said by tones who it is speaks from now on."""
        stream = leg.call.stream
        if isinstance(stream, Stream):
            with contextlib.suppress(HarnessMisuse):  # it has just ended
                stream.speak()

    def keep(self, leg: Leg, seconds: float) -> None:
        """Keep what comes to a leg's ear from now on, for its last report."""
        stream = leg.call.stream
        if isinstance(stream, Stream):
            with contextlib.suppress(HarnessMisuse):  # as above
                stream.keep(round(seconds * FRAMES_PER_S))

    async def first_packet(self, leg: Leg, within_s: float) -> bool:
        """Whether something came to a leg's ear in time."""
        for _ in range(int(within_s / LOOK_S)):
            stream = leg.call.stream
            if leg.ended.done() or stream is None:
                return False
            if stream.report().received:
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def hand_on(self) -> None:
        """Tell the desk who was heard where since the last time."""
        for engine in self.engines:
            for event in engine.heard():
                if isinstance(event, StampHeard):
                    self._desk.heard(id(event.stream), event.call, event.party, event.at)

    def mos(self, leg: Leg, figures: EarFigures) -> float | None:
        """Estimated quality at a leg's ear."""
        agreed = leg.call.media.agreed
        if agreed is None:
            return None
        found = quality(figures, agreed.codec, jitter_buffer_ms=self._media.jitter_buffer_ms)
        return found.mos if found else None

    def _account(self, extension: str) -> Account:
        assert self._lease is not None
        target = self._lease.target
        host, _, port = target.registrar_of(extension).partition(":")
        return Account(
            user=extension,
            password=target.agents.password.get_secret_value(),
            domain=target.domain_of(extension),
            registrar=(host, int(port or 5060)),
        )
