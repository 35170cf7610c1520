"""The platform's process: one service, its HTTP faces, its trunks and its webhooks, on one asyncio loop."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from harness.child import Channel, ParentGone
from harness.child_loop import takes_requests
from harness.errors import TrunkproofError
from harness.http_server import HttpServer
from harness.messages import Event, Request
from simulators.whatsapp.availability import load_availability
from simulators.whatsapp.delivery import Delivery
from simulators.whatsapp.faces.access import FaceSettings
from simulators.whatsapp.faces.app import make_app
from simulators.whatsapp.ledger import Ledger
from simulators.whatsapp.ledger_store import StoredLedger
from simulators.whatsapp.people import Directory
from simulators.whatsapp.policy_server import PolicyServer
from simulators.whatsapp.protocol import (
    AnswerRequest,
    AskPermission,
    BeginAnew,
    ChangeInProfile,
    DeliverWebhooksTo,
    Faces,
    History,
    MoveClock,
    PlatformConfig,
    PutBusiness,
    PutUser,
    WebhookHabits,
    WhatRules,
    WhereFaces,
    WriteToBusiness,
)
from simulators.whatsapp.refusals import Refused
from simulators.whatsapp.rules import load_rules
from simulators.whatsapp.service import Platform

log = logging.getLogger(__name__)


def run(channel: Channel, config: PlatformConfig) -> None:
    """Be a platform until told to stop. Raises OSError (a port in use) and HarnessMisuse (a bad file)."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"{config.name} %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    ledger = Ledger(
        Directory(), rules=load_rules(_path(config.rules)), availability=load_availability(_path(config.availability))
    )
    if not config.ledger:
        asyncio.run(_Process(channel, config, ledger).live())
        return
    with closing(StoredLedger(Path(config.ledger), ledger)) as stored:
        asyncio.run(_Process(channel, config, stored).live())


def _path(name: str) -> Path | None:
    return Path(name) if name else None


class _Process:
    def __init__(self, channel: Channel, config: PlatformConfig, ledger: Ledger | StoredLedger) -> None:
        self._channel = channel
        self._config = config
        self._stopped = asyncio.Event()
        self._parent_gone = False
        self._delivery = Delivery(config.app_secret, self._emit)
        self._platform = Platform(ledger, now=time.time, emit=self._emit, deliver=self._delivery.put)
        self._policy = PolicyServer(self._platform, config.policy_socket)
        self._requests: asyncio.Queue[Request] = asyncio.Queue()

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        self._delivery.deliver_to(self._config.webhook_url, WebhookHabits())
        self._platform.end_calls_of_the_dead()
        settings = FaceSettings(
            access_token=self._config.access_token,
            sip_password=self._config.sip_password,
            sip_hostname=self._config.sip_hostname,
        )
        app = make_app(self._platform, settings, self._emit)
        self._http = HttpServer(app, self._config.address, self._config.port)
        try:
            if self._config.policy_socket:
                await self._policy.start()
            self._http.start()
            self._delivery.start()
            working = loop.create_task(self._work())
            working.add_done_callback(lambda _: self._stopped.set())
            with takes_requests(self._channel, self._stopped, self._requests.put_nowait):
                self._channel.ready(carries_calls=False)
                await self._stopped.wait()
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
        finally:
            await self._policy.stop()
            await self._http.stop()
            await self._delivery.stop()

    def _emit(self, event: Event) -> None:
        try:
            if not self._parent_gone:
                self._channel.emit(event)
        except ParentGone:
            self._end_alone()

    def _end_alone(self) -> None:
        self._parent_gone = True
        self._stopped.set()

    async def _work(self) -> None:
        """Carry out one command after another: some take a moment, and their order counts."""
        try:
            while True:
                await self._carry_out(await self._requests.get())
        except ParentGone:
            self._end_alone()

    async def _carry_out(self, request: Request) -> None:
        handler = _COMMANDS.get(type(request.command))
        if handler is None:
            self._channel.refuse(request, f"the platform does not know {type(request.command).__name__}")
            return
        try:
            value = await handler(self, request.command)
        except (Refused, TrunkproofError) as refused:
            self._channel.refuse(request, str(refused))
        else:
            self._channel.reply(request, value)

    async def _where_faces(self, _: WhereFaces) -> Faces:
        return Faces(graph=self._http.url, cpaas=self._http.url)

    async def _begin_anew(self, _: BeginAnew) -> None:
        self._platform.begin_anew()
        await self._delivery.forget()

    async def _put_business(self, command: PutBusiness) -> str:
        return self._platform.put_business(command.business)

    async def _put_user(self, command: PutUser) -> None:
        self._platform.put_user(command.user)

    async def _move_clock(self, command: MoveClock) -> float:
        return self._platform.move_clock(command.by_s)

    async def _write_to_business(self, command: WriteToBusiness) -> str:
        return self._platform.write_to_business(command.user, command.business, command.text)

    async def _answer_request(self, command: AnswerRequest) -> None:
        self._platform.answer_request(command.user, command.request, command.answer)

    async def _change_in_profile(self, command: ChangeInProfile) -> None:
        self._platform.change_in_profile(command.user, command.business, allowed=command.allowed)

    async def _history(self, command: History) -> None:
        self._platform.add_history(command.events)

    async def _ask_permission(self, command: AskPermission) -> Any:
        return self._platform.permission(command.business, command.user)

    async def _what_rules(self, _: WhatRules) -> Any:
        return self._platform.rules

    async def _deliver_webhooks_to(self, command: DeliverWebhooksTo) -> None:
        self._delivery.deliver_to(command.url, command.habits)


_COMMANDS: dict[type[Any], Callable[[_Process, Any], Awaitable[Any]]] = {
    WhereFaces: _Process._where_faces,
    BeginAnew: _Process._begin_anew,
    PutBusiness: _Process._put_business,
    PutUser: _Process._put_user,
    MoveClock: _Process._move_clock,
    WriteToBusiness: _Process._write_to_business,
    AnswerRequest: _Process._answer_request,
    ChangeInProfile: _Process._change_in_profile,
    History: _Process._history,
    AskPermission: _Process._ask_permission,
    WhatRules: _Process._what_rules,
    DeliverWebhooksTo: _Process._deliver_webhooks_to,
}
