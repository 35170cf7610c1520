"""trunkproof's generator, in a process of its own: light phones without media, or with their media engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any

from benchmarks.light_signalling import NoEngine
from benchmarks.versus.protocol import (
    GIVE_UP_S,
    RETURNED_SHARE,
    USER,
    EndTalk,
    GeneratorConfig,
    PlaceCalls,
    Placed,
    Talk,
    Talked,
)
from harness.child import Channel
from harness.child_loop import takes_requests
from harness.errors import HarnessMisuse
from harness.load.records import Party
from harness.messages import Request
from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.media.engine import MediaEngine
from simulators.light_phones.media.facts import StreamReport
from simulators.light_phones.outgoing import OutgoingCall
from simulators.light_phones.sdp import Codec

UNDER_WAY_S = 0.2
"""How long what was sent last may take to come back."""
CODECS = (Codec.PCMU,)


def run(channel: Channel, config: GeneratorConfig) -> None:
    """Serve commands until Stop."""
    if config.cores:
        os.sched_setaffinity(0, config.cores)
    asyncio.run(_Generator(channel, config).serve())


class _Generator:
    def __init__(self, channel: Channel, config: GeneratorConfig) -> None:
        self._channel = channel
        self._address = config.address
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._talk: _Conversations | None = None
        self._handlers: dict[type, Callable[[Any], Awaitable[Any]]] = {
            PlaceCalls: self._place,
            Talk: self._begin_talk,
            EndTalk: self._end_talk,
        }

    async def serve(self) -> None:
        with takes_requests(self._channel, self._over, self._begin):
            self._channel.ready()
            await self._over.wait()

    def _begin(self, request: Request) -> None:
        task = asyncio.create_task(self._carry_out(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, request: Request) -> None:
        self._channel.reply(request, await self._handlers[type(request.command)](request.command))

    async def _place(self, command: PlaceCalls) -> Placed:
        exchange = LightExchange(self._address, NoEngine())
        await exchange.start()
        try:
            began, planned_s = monotonic(), command.calls / command.rate
            tasks = await paced(command.calls, command.rate, lambda: complete(exchange, command))
            done, _ = await asyncio.wait(tasks, timeout=max(0.0, began + planned_s + GIVE_UP_S - monotonic()))
            took = monotonic() - began
            await give_up(tasks)
        finally:
            await exchange.close()
        completed = sum(task.result() for task in done)
        return Placed(
            calls=command.calls,
            completed=completed,
            failed=command.calls - completed,
            retransmissions=exchange.counts.again,
            took_s=took,
        )

    async def _begin_talk(self, command: Talk) -> int:
        self._talk = _Conversations(self._address)
        return await self._talk.begin(command)

    async def _end_talk(self, _command: EndTalk) -> Talked:
        talk, self._talk = self._talk, None
        if talk is None:
            raise HarnessMisuse("no calls are up")
        return await talk.end()


class _Conversations:
    """Calls that stay up, with media."""

    def __init__(self, address: str) -> None:
        self._engine = MediaEngine(address)
        self._exchange = LightExchange(address, self._engine)
        self._calls: list[OutgoingCall] = []

    async def begin(self, command: Talk) -> int:
        await self._exchange.start()
        remote = command.remote

        async def talk() -> bool:
            call = self._exchange.dial(
                USER,
                remote.uri,
                (remote.host, remote.port),
                codecs=CODECS,
                call_number=len(self._calls) + 1,
                party=Party.CUSTOMER,
            )
            self._calls.append(call)
            return await call.answered()

        return sum(await asyncio.gather(*await paced(command.calls, command.rate, talk)))

    async def end(self) -> Talked:
        up = [call for call in self._calls if call.up]
        for call in up:
            call.media.silence()
        await asyncio.sleep(UNDER_WAY_S)
        for call in up:
            call.hang_up()
        await asyncio.gather(*(call.ended() for call in up))
        reports = [(call.media.call_number, call.media.report) for call in up]
        await self._exchange.close()
        self._engine.close()
        return heard(reports)


def heard(reports: list[tuple[int, StreamReport]]) -> Talked:
    """What calls heard, each with its number: their own stamps must have come back, and nobody else's."""
    stamps = [
        stamp for number, report in reports for stamp in report.stamps if (stamp.call, stamp.party) == _own(number)
    ]
    strangers = sum(stamp.packets for number, report in reports for stamp in report.stamps if stamp.call != number)
    verified = sum(is_verified(number, report) for number, report in reports)
    return Talked(
        calls=len(reports),
        sent=sum(report.sent for _, report in reports),
        returned=sum(stamp.packets for stamp in stamps),
        lost=sum(stamp.lost for stamp in stamps),
        late=sum(report.late for _, report in reports),
        verified=verified,
        intact=verified == len(reports),
        note=f"{strangers} packets of another call" if strangers else "",
    )


def is_verified(number: int, report: StreamReport) -> bool:
    """Whether whatever came back has this call's own stamp, and nearly all that was sent came back."""
    if [(stamp.call, stamp.party) for stamp in report.stamps] != [_own(number)]:
        return False
    (own,) = report.stamps
    return report.unstamped == 0 and own.packets >= RETURNED_SHARE * report.sent


def _own(number: int) -> tuple[int, Party]:
    return number, Party.CUSTOMER


async def complete(exchange: LightExchange, command: PlaceCalls) -> bool:
    """One call from its INVITE to the 200 to its BYE; whether it was that."""
    remote = command.remote
    call = exchange.dial(USER, remote.uri, (remote.host, remote.port), codecs=CODECS)
    if not await call.answered():
        return False
    call.hang_up()
    return (await call.ended()).code == 200


async def paced(count: int, rate: float, begin: Callable[[], Coroutine[Any, Any, bool]]) -> list[asyncio.Task[bool]]:
    """Begin ``count`` of something at ``rate`` per s, whatever becomes of those before; all that was begun."""
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), list[asyncio.Task[bool]]()
    while len(tasks) < count:
        due = min(count, int((loop.time() - began) * rate) + 1)
        tasks += [asyncio.create_task(begin()) for _ in range(due - len(tasks))]
        await asyncio.sleep(max(0.0, began + len(tasks) / rate - loop.time()))
    return tasks


async def give_up(tasks: list[asyncio.Task[bool]]) -> None:
    """End what is not over."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
