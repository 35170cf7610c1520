"""Webhooks on their way: signature, order, retries, duplicates, receivers that misbehave, and an end to it all."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from harness.errors import HarnessMisuse
from harness.http_server import HttpServer
from simulators.whatsapp import delivery as delivery_module
from simulators.whatsapp.delivery import Delivery
from simulators.whatsapp.protocol import WebhookDelivered, WebhookHabits

ADDRESS = "127.0.41.2"
SECRET = "a secret"
WAIT_S = 10.0
QUICK = WebhookHabits(retry_delays_s=(0.01, 0.01), timeout_s=0.3)


class Receiver:
    """A backend: what it answers, and what it got."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()
        self.answer: Callable[[], Awaitable[Response]] | None = None

    async def take(self, request: Request) -> Response:
        self.got.put_nowait((await request.body(), request.headers.get("X-Hub-Signature-256", "")))
        if self.answer is not None:
            return await self.answer()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)

    async def numbers(self, count: int) -> list[int]:
        async with asyncio.timeout(WAIT_S):
            return [json.loads((await self.got.get())[0])["number"] for _ in range(count)]


class Desk:
    """A delivery and the events that it emits."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[WebhookDelivered] = asyncio.Queue()
        self.delivery = Delivery(SECRET, self.seen.put_nowait)  # type: ignore[arg-type]

    async def attempts(self, count: int) -> list[tuple[int, int]]:
        async with asyncio.timeout(WAIT_S):
            seen = [await self.seen.get() for _ in range(count)]
        return [(event.attempt, event.status) for event in seen]


@asynccontextmanager
async def desk(habits: WebhookHabits = QUICK) -> AsyncIterator[tuple[Desk, Receiver]]:
    receiver, made = Receiver(), Desk()
    server = HttpServer(Starlette(routes=[Route("/hooks", receiver.take, methods=["POST"])]), ADDRESS)
    server.start()
    made.delivery.deliver_to(f"{server.url}/hooks", habits)
    made.delivery.start()
    try:
        yield made, receiver
    finally:
        await made.delivery.stop()
        await server.stop()


def run(case: Callable[[Desk, Receiver], Awaitable[None]], habits: WebhookHabits = QUICK) -> None:
    async def whole() -> None:
        before = asyncio.all_tasks()
        async with desk(habits) as (made, receiver):
            await case(made, receiver)
        assert asyncio.all_tasks() == before

    asyncio.run(whole())


def test_the_signature_is_over_the_raw_body() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        made.delivery.put({"number": 1, "text": "ñ"})
        async with asyncio.timeout(WAIT_S):
            body, signature = await receiver.got.get()
        assert signature == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert json.loads(body)["text"] == "ñ"
        assert await made.attempts(1) == [(1, 200)]

    run(case)


def test_webhooks_come_in_order() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        for number in range(20):
            made.delivery.put({"number": number})
        assert await receiver.numbers(20) == list(range(20))

    run(case)


def test_what_is_not_taken_is_tried_again_until_it_is() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        receiver.statuses = [500, 302]
        made.delivery.put({"number": 1})
        assert await made.attempts(3) == [(1, 500), (2, 302), (3, 200)]

    run(case)


def test_after_the_last_attempt_it_is_given_up_and_others_go_on() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        receiver.statuses = [500] * 3
        made.delivery.put({"number": 1})
        assert await made.attempts(3) == [(1, 500), (2, 500), (3, 500)]
        made.delivery.put({"number": 2})
        assert await made.attempts(1) == [(1, 200)]

    run(case)


def test_duplicates() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        for number in (1, 2):
            made.delivery.put({"number": number})
        assert await receiver.numbers(4) == [1, 1, 2, 2]

    run(case, WebhookHabits(duplicates=True))


def test_pairs_change_places_and_the_odd_one_comes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "ALONE_S", 0.05)

    async def case(made: Desk, receiver: Receiver) -> None:
        for number in range(5):
            made.delivery.put({"number": number})
        assert await receiver.numbers(5) == [1, 0, 3, 2, 4]

    run(case, WebhookHabits(reordered=True))


def test_a_receiver_that_does_not_answer_costs_its_timeout_only() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        async def never() -> Response:
            await asyncio.Event().wait()
            raise AssertionError

        receiver.answer = never
        made.delivery.put({"number": 1})
        assert await made.attempts(1) == [(1, 0)]

    run(case, WebhookHabits(retry_delays_s=(), timeout_s=0.1))


def test_an_answer_without_end_is_an_answer() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        async def endless() -> Response:
            async def chunks() -> AsyncIterator[bytes]:
                while True:
                    await asyncio.sleep(0)
                    yield b"x" * 1000

            return StreamingResponse(chunks())

        receiver.answer = endless
        made.delivery.put({"number": 1})
        assert await made.attempts(1) == [(1, 200)]

    run(case)


def test_a_dead_receiver_is_no_answer_and_nothing_is_left_at_the_end() -> None:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        port = taken.getsockname()[1]

        async def case(made: Desk, receiver: Receiver) -> None:
            made.delivery.deliver_to(f"http://{ADDRESS}:{port}/", WebhookHabits(retry_delays_s=(3600.0,)))
            for number in range(50):
                made.delivery.put({"number": number})
            assert await made.attempts(50) == [(1, 0)] * 50

        run(case)


def test_forgetting_ends_retries_and_habits_but_not_delivery() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        receiver.statuses = [500]
        made.delivery.put({"number": 1})
        assert await made.attempts(1) == [(1, 500)]
        made.delivery.put({"number": 2})
        await made.delivery.forget()
        made.delivery.put({"number": 3})
        while (await made.attempts(1)) != [(1, 200)]:
            pass
        assert (await receiver.numbers(receiver.got.qsize()))[-1] == 3
        assert receiver.got.empty()

    run(case, WebhookHabits(duplicates=True, retry_delays_s=(3600.0,)))


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(delivery_module, "MOST_WAITING", 3)

    async def case(made: Desk, receiver: Receiver) -> None:
        for number in range(5):
            made.delivery.put({"number": number})
        assert await receiver.numbers(3) == [0, 1, 2]

    run(case)
    assert "one is dropped" in caplog.text


def test_without_a_url_nothing_is_delivered() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        made.delivery.put({"number": 1})
        made.delivery.deliver_to("", QUICK)
        made.delivery.put({"number": 2})
        assert await receiver.numbers(1) == [1]
        assert receiver.got.empty()

    run(case)


def test_a_receiver_that_can_have_no_address_is_no_answer() -> None:
    async def case(made: Desk, receiver: Receiver) -> None:
        made.delivery.deliver_to(f"http://{'a' * 70}.example/", WebhookHabits(retry_delays_s=()))
        made.delivery.put({"number": 1})
        assert await made.attempts(1) == [(1, 0)]

    run(case)


@pytest.mark.parametrize(
    "url", ["nowhere", "ftp://127.0.0.1/", "http://", "http://[", "http://a:b/", "/hooks", "http://\u2024/"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(HarnessMisuse, match="no URL for webhooks"):
        Delivery(SECRET, lambda _: None).deliver_to(url, QUICK)
