"""Delivery of webhooks over HTTP: signed as Meta signs them, retried, and with whatever habits are wanted.

First attempts go one after another in the order of the events; retries go their own way and overtake nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from harness.errors import HarnessMisuse
from harness.messages import Event
from simulators.whatsapp.protocol import WebhookDelivered, WebhookHabits
from simulators.whatsapp.webhooks import Webhook

SIGNATURE_HEADER = "X-Hub-Signature-256"
MOST_WAITING = 10_000
MOST_RETRYING = 1_000
"""Webhooks that wait for their first or a further attempt, at most; what is above is dropped and logged."""
ALONE_S = 1.0
"""How long a webhook that shall change places waits for another one."""
NO_ANSWER = 0

log = logging.getLogger(__name__)


def signature(app_secret: str, body: bytes) -> str:
    """Value of ``X-Hub-Signature-256``: HMAC-SHA256 over the raw body (Meta, webhooks)."""
    return f"sha256={hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Due:
    url: str
    body: bytes
    habits: WebhookHabits


class Delivery:
    """Takes webhooks at once and delivers them from tasks of the running loop, until stopped."""

    def __init__(self, app_secret: str, emit: Callable[[Event], None]) -> None:
        self._app_secret = app_secret
        self._emit = emit
        self._url = ""
        self._habits = WebhookHabits()
        self._waiting: asyncio.Queue[_Due] = asyncio.Queue(MOST_WAITING)
        self._runner: asyncio.Task[None] | None = None
        self._retries: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    def deliver_to(self, url: str, habits: WebhookHabits) -> None:
        """From now on; empty: nowhere. Raises HarnessMisuse when it is no URL of a web server."""
        if url:
            _check(url)
        self._url = url
        self._habits = habits

    def put(self, webhook: Webhook) -> None:
        """Have a webhook delivered."""
        if not self._url:
            return
        try:
            self._waiting.put_nowait(_Due(self._url, json.dumps(webhook).encode(), self._habits))
        except asyncio.QueueFull:
            log.warning("%d webhooks wait already: one is dropped", MOST_WAITING)

    def start(self) -> None:
        """Begin to deliver."""
        self._client = httpx.AsyncClient(trust_env=False)
        self._runner = asyncio.get_running_loop().create_task(self._run(self._client))

    async def forget(self) -> None:
        """Give up what is not delivered yet, and all habits; the URL stays."""
        if self._client is None:
            return
        await self._give_up()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._habits = WebhookHabits()
        self._runner = asyncio.get_running_loop().create_task(self._run(self._client))

    async def stop(self) -> None:
        """Give up what is not delivered yet and close all connections."""
        await self._give_up()
        if self._client is not None:
            await self._client.aclose()

    async def _give_up(self) -> None:
        tasks = [*self._retries, *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, client: httpx.AsyncClient) -> None:
        while True:
            for due in await self._next():
                for _ in range(2 if due.habits.duplicates else 1):
                    if not await self._attempt(client, due, 1):
                        self._retry(client, due)

    async def _next(self) -> list[_Due]:
        """What is delivered next, in this order."""
        first = await self._waiting.get()
        if not first.habits.reordered:
            return [first]
        try:
            async with asyncio.timeout(ALONE_S):
                return [await self._waiting.get(), first]
        except TimeoutError:
            return [first]

    def _retry(self, client: httpx.AsyncClient, due: _Due) -> None:
        if not due.habits.retry_delays_s:
            return
        if len(self._retries) >= MOST_RETRYING:
            log.warning("%d webhooks are tried again already: one is dropped", MOST_RETRYING)
            return
        task = asyncio.get_running_loop().create_task(self._try_again(client, due))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _try_again(self, client: httpx.AsyncClient, due: _Due) -> None:
        for attempt, delay_s in enumerate(due.habits.retry_delays_s, 2):
            await asyncio.sleep(delay_s)
            if await self._attempt(client, due, attempt):
                return

    async def _attempt(self, client: httpx.AsyncClient, due: _Due, attempt: int) -> bool:
        """Whether the receiver took it."""
        status = await self._post(client, due)
        self._emit(WebhookDelivered(body=due.body.decode(), status=status, attempt=attempt))
        return httpx.codes.is_success(status)

    async def _post(self, client: httpx.AsyncClient, due: _Due) -> int:
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(self._app_secret, due.body)}
        try:
            # The answer's body is not read: nobody needs it, and it may have no end.
            async with (
                asyncio.timeout(due.habits.timeout_s),
                client.stream("POST", due.url, content=due.body, headers=headers, timeout=None) as response,
            ):
                return response.status_code
        except (httpx.HTTPError, OSError, UnicodeError) as none:
            log.info("no answer from %s: %s", due.url, none or type(none).__name__)
            return NO_ANSWER


def _check(url: str) -> None:
    try:
        sound = httpx.URL(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except (httpx.InvalidURL, ValueError):
        sound = False
    if not sound:
        raise HarnessMisuse(f"'{url}' is no URL for webhooks", suggestion="write it as http://127.0.0.1:8080/webhooks")
