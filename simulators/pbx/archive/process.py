"""The process of the archive: an HTTP server and its housekeeping on one asyncio loop."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from harness.child import Channel, ParentGone, is_stop
from harness.http_server import HttpServer
from harness.toml_file import load_model
from simulators.pbx.archive.app import make_app
from simulators.pbx.archive.settings import ArchiveConfig, ArchiveSettings
from simulators.pbx.archive.store import Store
from simulators.pbx.clock import ClockFile

HOUSEKEEPING_S = 0.1


def run(channel: Channel, config: ArchiveConfig) -> None:
    """Be the archive until told to stop. Raises OSError (a port in use), HarnessMisuse (its settings are wrong)."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="archive %(levelname)s %(name)s: %(message)s")
    asyncio.run(_live(channel, config))


async def _live(channel: Channel, config: ArchiveConfig) -> None:
    settings = load_model(Path(config.settings), ArchiveSettings)
    store = Store(Path(config.directory), Path(config.spool), settings)
    app = make_app(store, config.token, token_required=settings.token_required)
    server = HttpServer(app, config.address, config.port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def readable() -> None:
        try:
            while request := channel.receive():
                if is_stop(request.command):
                    stopped.set()
                    return
                channel.refuse(request, f"the archive does not know {type(request.command).__name__}")
        except ParentGone:
            loop.remove_reader(channel.fileno())
            stopped.set()

    clock = ClockFile(Path(config.clock)) if config.clock else None
    try:
        server.start()
        loop.add_reader(channel.fileno(), readable)
        channel.ready(carries_calls=False)
        while not stopped.is_set():
            store.take_in()
            store.expire(clock.now() if clock else datetime.now(UTC))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), HOUSEKEEPING_S)
        # What the PBX finished last is kept, too.
        store.take_in()
        loop.remove_reader(channel.fileno())
    finally:
        await server.stop()
