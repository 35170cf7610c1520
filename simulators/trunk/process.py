"""The trunk's process: one trunk at one local address, on one asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from harness.child import Channel, ParentGone
from harness.child_loop import takes_requests
from harness.errors import HarnessMisuse, TrunkproofError
from harness.messages import Event, Request
from harness.trace import SipTraceWriter
from simulators.trunk.core import TrunkCore
from simulators.trunk.edge import TRANSPORTS, Edge, Trace
from simulators.trunk.header_rules import parse_rules
from simulators.trunk.policy import PolicyClient
from simulators.trunk.profile import Profile, load_profile, varied
from simulators.trunk.protocol import (
    CallFinished,
    CallFrom,
    CallStarted,
    CloseLine,
    CountMedia,
    CustomerOffline,
    CustomerOnline,
    DropConnections,
    KeepAlive,
    KeepTrace,
    LegChanged,
    OpenCalls,
    Probe,
    SendOctets,
    SetHeaderRules,
    TrunkConfig,
    VaryProfile,
    WhereCustomersCall,
)
from simulators.trunk.raw_lines import LineError, RawLines
from simulators.trunk.switchboard import Places
from simulators.trunk.tls_files import settings_for

COLLECT_AFTER_CALLS = 100
COLLECT_WITH_UP_TO = 60
"""Calls with which a full collection of garbage takes some 10 ms, and is not in their way."""
GOODBYE_S = 1.5
"""How long calls that are ended by Stop may take to say so."""

log = logging.getLogger(__name__)


def run(channel: Channel, config: TrunkConfig) -> None:
    """Be a trunk until told to stop. Raises OSError (a port in use) and HarnessMisuse (a bad profile)."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"{config.name} %(levelname)s %(name)s: %(message)s"
    )
    profile = load_profile(config.profile)
    asyncio.run(_Trunk(channel, config, profile).live())


class _Trunk:
    def __init__(self, channel: Channel, config: TrunkConfig, profile: Profile) -> None:
        self._channel = channel
        self._config = config
        self._profile = profile
        self._stopped = asyncio.Event()
        self._parent_gone = False
        self._no_calls = asyncio.Event()
        self._platform: PolicyClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = 0
        """Calls since the last full collection of garbage."""

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        transport = self._transport()
        pbx = await self._resolve_pbx(loop)
        self._core = TrunkCore(self._config, self._profile, self._emit)
        if self._config.policy_socket:
            self._platform = PolicyClient(
                self._config.policy_socket, ordered=self._core.order, end_ordered=self._core.end_order
            )
        trace = Trace(SipTraceWriter(Path(self._config.trace)), self._config.trace_calls)
        self._edge = Edge(self._profile, trace, self._core, self._config.pbx_delay_ms / 1000)
        try:
            await self._edge.start(
                self._config.address,
                self._config.customer_port,
                self._config.pbx_side_port,
                transport,
                settings_for(self._config, self._profile) if transport == "tls" else None,
            )
            places = Places(
                customer_side=self._edge.customer.local,
                pbx_side=self._edge.pbx.local,
                pbx=pbx,
                pbx_name=self._config.pbx_host,
                pbx_transport=transport,
            )
            self._raw_lines = RawLines(self._edge.pbx, pbx, self._emit)
            self._core.start(places, self._edge.customer.send, self._edge.pbx.send, self._platform)
            if self._platform is not None:
                await self._platform.start()
            with takes_requests(self._channel, self._stopped, self._carry_out):
                _collect_seldom()
                self._channel.ready()
                self._keep_alive(loop)
                await self._stopped.wait()
            await self._raw_lines.close_all()
            await self._say_goodbye()
        finally:
            if self._platform is not None:
                await self._platform.close()
            self._core.close()
            await self._edge.close()

    def _transport(self) -> str:
        name = self._config.pbx_transport or self._profile.transport
        if name not in TRANSPORTS:
            known = ", ".join(TRANSPORTS)
            raise HarnessMisuse(f"the trunk has no transport '{name}'", suggestion=f"it has {known}")
        return name

    async def _resolve_pbx(self, loop: asyncio.AbstractEventLoop) -> tuple[str, int]:
        host, port = self._config.pbx_host, self._config.pbx_port
        try:
            found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        except OSError as unknown:
            raise HarnessMisuse(f"the PBX's host '{host}' has no address: {unknown.strerror}") from None
        return str(found[0][4][0]), port

    async def _say_goodbye(self) -> None:
        self._core.hang_up_all("the trunk was stopped")
        if self._core.open_calls():
            loop = asyncio.get_running_loop()
            deadline = loop.time() + GOODBYE_S
            while self._core.open_calls() and loop.time() < deadline:
                self._no_calls.clear()
                try:
                    await asyncio.wait_for(self._no_calls.wait(), deadline - loop.time())
                except TimeoutError:
                    break

    def _keep_alive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send OPTIONS now and again after the profile's interval."""
        table = self._profile.keep_alive
        if table.interval_s and not self._stopped.is_set():
            self._core.probe(table.timeout_s, self._emit)
            loop.call_later(table.interval_s, self._keep_alive, loop)

    def _emit(self, event: Event) -> None:
        if isinstance(event, LegChanged) and not self._config.tells_legs:
            return
        kept = self._edge.trace.kept
        if kept is not None and isinstance(event, CallStarted):
            kept.started(event.call, (event.customer_call_id, event.pbx_call_id))
        elif kept is not None and isinstance(event, CallFinished):
            kept.finished(event.call, event.at, failed=not 200 <= event.code < 300)
        if isinstance(event, CallFinished):
            self._tidy_up()
        try:
            if not self._parent_gone:
                self._channel.emit(event)
        except ParentGone:
            self._end_alone()
        if not self._core.open_calls():
            self._no_calls.set()

    def _tidy_up(self) -> None:
        """What calls that are over have left behind is freed when it costs next to nothing: with few calls up."""
        self._ended += 1
        if self._ended >= COLLECT_AFTER_CALLS and len(self._core.open_calls()) <= COLLECT_WITH_UP_TO:
            self._ended = 0
            # Sippy is amid the call that has ended.
            asyncio.get_running_loop().call_soon(gc.collect)

    def _end_alone(self) -> None:
        self._parent_gone = True
        self._stopped.set()

    def _carry_out(self, request: Request) -> None:
        handler = _COMMANDS.get(type(request.command))
        if handler is None:
            self._channel.refuse(request, f"the trunk does not know {type(request.command).__name__}")
            return
        try:
            handler(self, request)
        except (TrunkproofError, ValueError) as refused:
            self._channel.refuse(request, str(refused))

    def _where_customers_call(self, request: Request) -> None:
        host, port = self._edge.customer.local
        self._channel.reply(request, f"{host}:{port}")

    def _customer_online(self, request: Request) -> None:
        assert isinstance(request.command, CustomerOnline)
        self._core.customers.online(request.command)
        self._channel.reply(request)

    def _customer_offline(self, request: Request) -> None:
        assert isinstance(request.command, CustomerOffline)
        self._core.customers.offline(request.command.number)
        self._channel.reply(request)

    def _set_header_rules(self, request: Request) -> None:
        assert isinstance(request.command, SetHeaderRules)
        self._edge.add_rules(parse_rules(request.command.rules))
        self._channel.reply(request)

    def _vary_profile(self, request: Request) -> None:
        assert isinstance(request.command, VaryProfile)
        profile = varied(self._profile, request.command.changes)
        self._core.use(profile)
        self._edge.use(profile)
        self._channel.reply(request)

    def _drop_connections(self, request: Request) -> None:
        async def drop() -> None:
            self._channel.reply(request, await self._edge.pbx.drop_connections())

        self._spawn(drop())

    def _call_from(self, request: Request) -> None:
        command = request.command
        assert isinstance(command, CallFrom)

        async def move() -> None:
            try:
                await self._edge.call_from(command.address)
            except OSError as refused:
                self._channel.refuse(request, str(refused))
            else:
                self._channel.reply(request)

        self._spawn(move())

    def _probe(self, request: Request) -> None:
        assert isinstance(request.command, Probe)

        def done(result: KeepAlive) -> None:
            self._emit(result)
            if not self._parent_gone:
                self._channel.reply(request, result)

        self._core.probe(request.command.timeout_s, done)

    def _send_octets(self, request: Request) -> None:
        command = request.command
        assert isinstance(command, SendOctets)
        if command.line:
            try:
                self._raw_lines.send(command.line, command.octets)
            except LineError as closed:
                raise ValueError(str(closed)) from closed
            self._channel.reply(request, command.line)
            return
        self._spawn(self._open_line(request, command.octets))

    async def _open_line(self, request: Request, octets: bytes) -> None:
        with contextlib.suppress(ParentGone):
            try:
                name = await self._raw_lines.open(octets)
            except LineError as failed:
                self._channel.refuse(request, str(failed))
                return
            self._channel.reply(request, name)

    def _close_line(self, request: Request) -> None:
        assert isinstance(request.command, CloseLine)
        self._spawn(self._raw_lines.close(request.command.line))
        self._channel.reply(request)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _count_media(self, request: Request) -> None:
        assert isinstance(request.command, CountMedia)
        self._channel.reply(request, self._core.media_of(request.command.call))

    def _keep_trace(self, request: Request) -> None:
        assert isinstance(request.command, KeepTrace)
        kept = self._edge.trace.kept
        self._channel.reply(request, kept is None or kept.keep(request.command.call))

    def _open_calls(self, request: Request) -> None:
        self._channel.reply(request, self._core.open_calls())


def _collect_seldom() -> None:
    """Full garbage collections are for every 15,000 calls or so, apart from those of ``_tidy_up``: one takes 0.1 s and
    more with 800 calls up, and of a call that is over no more than 12 kB wait for it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(1000, 10, 400)


_COMMANDS: dict[type[Any], Callable[[_Trunk, Request], None]] = {
    WhereCustomersCall: _Trunk._where_customers_call,
    CustomerOnline: _Trunk._customer_online,
    CustomerOffline: _Trunk._customer_offline,
    SetHeaderRules: _Trunk._set_header_rules,
    VaryProfile: _Trunk._vary_profile,
    DropConnections: _Trunk._drop_connections,
    CallFrom: _Trunk._call_from,
    Probe: _Trunk._probe,
    SendOctets: _Trunk._send_octets,
    CloseLine: _Trunk._close_line,
    CountMedia: _Trunk._count_media,
    KeepTrace: _Trunk._keep_trace,
    OpenCalls: _Trunk._open_calls,
}
