"""The process of the business's backend: an HTTP server for webhooks on one asyncio loop."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from harness.child import Channel, ParentGone
from harness.child_loop import takes_requests
from harness.http_server import HttpServer
from harness.messages import Event, Request
from simulators.backend.protocol import AnswerWith, BackendConfig, WebhookReceived, WhereWebhooks
from simulators.backend.webhooks import SIGNATURE_HEADER, Inbox

PATH = "/webhooks"
LONGEST_BODY = 3 * 1024 * 1024
"""Octets of a webhook at most (Meta, webhooks: payloads may have 3 MB)."""
TOO_LONG = 413


def run(channel: Channel, config: BackendConfig) -> None:
    """Be a backend until told to stop. Raises OSError (a port in use)."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format=f"{config.name} %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(_Backend(channel, config).live())


def make_app(inbox: Inbox, emit: Callable[[Event], None]) -> Starlette:
    """The backend as an ASGI app: any path takes webhooks."""

    async def subscribe(request: HttpRequest) -> Response:
        status, text = inbox.subscription(request.query_params)
        return PlainTextResponse(text, status)

    async def take(request: HttpRequest) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                return Response(status_code=TOO_LONG)
        status, signed = inbox.webhook(bytes(body), request.headers.get(SIGNATURE_HEADER, ""))
        text = body.decode("utf-8", "replace")
        emit(WebhookReceived(path=request.url.path, body=text, signed=signed, status=status))
        return Response(status_code=status)

    everywhere = "/{path:path}"
    return Starlette(routes=[Route(everywhere, subscribe, methods=["GET"]), Route(everywhere, take, methods=["POST"])])


class _Backend:
    def __init__(self, channel: Channel, config: BackendConfig) -> None:
        self._channel = channel
        self._config = config
        self._inbox = Inbox(config.app_secret, config.verify_token)
        self._stopped = asyncio.Event()

    async def live(self) -> None:
        self._server = HttpServer(make_app(self._inbox, self._emit), self._config.address, self._config.port)
        try:
            self._server.start()
            with takes_requests(self._channel, self._stopped, self._carry_out):
                self._channel.ready(carries_calls=False)
                await self._stopped.wait()
        finally:
            await self._server.stop()

    def _emit(self, event: Event) -> None:
        try:
            self._channel.emit(event)
        except ParentGone:
            self._stopped.set()

    def _carry_out(self, request: Request) -> None:
        command = request.command
        match command:
            case WhereWebhooks():
                self._channel.reply(request, f"{self._server.url}{PATH}")
            case AnswerWith(status=status, times=times):
                try:
                    self._inbox.answer_with(status, times)
                except ValueError as refused:
                    self._channel.refuse(request, str(refused))
                else:
                    self._channel.reply(request)
            case _:
                self._channel.refuse(request, f"the backend does not know {type(command).__name__}")
