"""The Unix-domain socket on which trunks ask the platform about calls (``harness.call_policy``)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from harness.call_policy import (
    LONGEST_LINE,
    CallAsked,
    CallDecided,
    CallEndOrdered,
    CallMoved,
    CallOrdered,
    decode,
    encode,
)
from harness.errors import Inconclusive
from simulators.whatsapp.service import Platform

UNAVAILABLE = (503, "Service Unavailable")
"""Answer of a platform that cannot write its ledger (Meta, troubleshooting: generic internal)."""

log = logging.getLogger(__name__)


class PolicyServer:
    """Any number of trunks, each on a connection of its own; its calls end with the connection."""

    def __init__(self, platform: Platform, path: str) -> None:
        self._platform = platform
        self._path = path
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises OSError: a path that is too long, is in no directory, or belongs to another file."""
        try:
            self._server = await asyncio.start_unix_server(self._take, self._path, limit=LONGEST_LINE)
        except OSError as cannot:
            raise OSError(f"{self._path} cannot be listened on: {cannot.strerror or cannot}") from None

    async def stop(self) -> None:
        """Close the connections and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        Path(self._path).unlink(missing_ok=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trunk = _ConnectedTrunk(writer)
        self._platform.trunk_connected(trunk)
        try:
            while line := await reader.readline():
                self._heard(line, trunk)
                await writer.drain()
        except ValueError:
            log.warning("a message of more than %d octets: the connection ends", LONGEST_LINE)
        except OSError as broken:
            log.info("a trunk's connection broke: %s", broken)
        finally:
            with contextlib.suppress(Inconclusive):
                self._platform.trunk_gone(trunk)
            writer.close()

    def _heard(self, line: bytes, trunk: _ConnectedTrunk) -> None:
        try:
            message = decode(line)
        except ValueError as wrong:
            log.warning("%s", wrong)
            return
        match message:
            case CallAsked():
                trunk.send(self._decide(message, trunk))
            case CallMoved():
                self._moved(message)
            case _:
                log.warning("a trunk does not say %s", type(message).__name__)

    def _decide(self, asked: CallAsked, trunk: _ConnectedTrunk) -> CallDecided:
        try:
            return self._platform.decide(asked, trunk)
        except Inconclusive as cannot:
            log.error("%s", cannot)
            code, text = UNAVAILABLE
            return CallDecided(call=asked.call, allowed=False, code=code, text=text)

    def _moved(self, moved: CallMoved) -> None:
        try:
            self._platform.moved(moved)
        except Inconclusive as cannot:
            log.error("%s", cannot)


class _ConnectedTrunk:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def send(self, message: CallDecided | CallOrdered | CallEndOrdered) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(message))
