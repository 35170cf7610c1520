"""A generator's process: customers and agents with light phones, a trunk beside it, and the calls between them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from harness.child import Channel, ParentGone
from harness.child_loop import takes_requests
from harness.errors import TrunkproofError
from harness.load.records import HealthSample
from harness.messages import Event, Request
from scenarios.load.protocol import Drain, GeneratorConfig, HealthSampled, Offer, ScoreSound
from scenarios.load.stage import LoadStage

DRAIN_AT_STOP_S = 2.0
"""Shorter than the parent waits for the process."""

COLLECT_AFTER = 10_000
"""Objects made and not freed before the youngest are looked through (Python: 700)."""

log = logging.getLogger(__name__)


def run(channel: Channel, config: GeneratorConfig) -> None:
    """Place calls until told to stop. Raises HarnessMisuse for a target or mix that cannot be played."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"{config.worker} %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_Generator(channel, config).live())


class _Generator:
    def __init__(self, channel: Channel, config: GeneratorConfig) -> None:
        self._channel = channel
        self._config = config
        self._stopped = asyncio.Event()
        self._parent_gone = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        Path(self._config.directory).mkdir(parents=True, exist_ok=True)
        stage = self._stage = LoadStage(self._config, self._emit)
        try:
            await stage.open()
            # What is here now stays: looked through with each collection, it would stop the loop for some 50 ms.
            gc.collect()
            gc.freeze()
            gc.set_threshold(COLLECT_AFTER)
            loop.add_signal_handler(signal.SIGTERM, self._stopped.set)
            with takes_requests(self._channel, self._stopped, self._carry_out):
                self._channel.ready()
                watch = loop.create_task(stage.health.watch(self._sampled, stage.tick))
                await self._stopped.wait()
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            await stage.drain(0.0, DRAIN_AT_STOP_S)
        finally:
            await stage.close()

    def _sampled(self, sample: HealthSample) -> None:
        if not self._stage.at_rest:
            self._emit(HealthSampled(sample=sample))

    def _emit(self, event: Event) -> None:
        try:
            if not self._parent_gone:
                self._channel.emit(event)
        except ParentGone:
            self._parent_gone = True
            self._stopped.set()

    def _carry_out(self, request: Request) -> None:
        handler = _COMMANDS.get(type(request.command))
        if handler is None:
            self._channel.refuse(request, f"a generator knows no {type(request.command).__name__}")
            return
        try:
            handler(self, request)
        except TrunkproofError as refused:
            self._channel.refuse(request, str(refused))

    def _offer(self, request: Request) -> None:
        assert isinstance(request.command, Offer)
        self._stage.offer(request.command)
        self._channel.reply(request)

    def _drain(self, request: Request) -> None:
        command = request.command
        assert isinstance(command, Drain)
        self._answer_later(request, self._stage.drain(command.patience_s))

    def _score(self, request: Request) -> None:
        self._answer_later(request, self._stage.score_sound())

    def _answer_later(self, request: Request, work: Coroutine[Any, Any, int]) -> None:
        async def do() -> None:
            value = await work
            with contextlib.suppress(ParentGone):
                self._channel.reply(request, value)

        task = asyncio.get_running_loop().create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_COMMANDS: dict[type[Any], Callable[[_Generator, Request], None]] = {
    Offer: _Generator._offer,
    Drain: _Generator._drain,
    ScoreSound: _Generator._score,
}
