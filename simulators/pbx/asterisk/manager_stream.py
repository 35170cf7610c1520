"""Asterisk's manager interface over TCP: events as they happen, and actions that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from simulators.pbx.asterisk.ami import ManagerError, Message, parse_messages

_LONGEST = 1 << 16


class ManagerStream:
    """A connection that is logged in. Raises ManagerError when it cannot be or breaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, host: str, port: int, user: str, password: str) -> ManagerStream:
        """Log in."""
        try:
            reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST)
        except OSError as refused:
            raise ManagerError(f"the PBX's manager interface at {host}:{port} cannot be reached: {refused}") from None
        stream = cls(reader, writer)
        stream.act("Login", Username=user, Secret=password)
        async for message in stream:
            if message["Response"] == "Success":
                return stream
            if message["Response"]:
                raise ManagerError(f"the PBX refused the login to its manager interface: {message['Message']}")
        raise ManagerError("the PBX closed its manager interface at the login")

    def act(self, name: str, **fields: str) -> None:
        """Send an action; its response comes among the messages."""
        lines = [f"Action: {name}", *(f"{key}: {value}" for key, value in fields.items())]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError(f"a field of the manager action {name} has a line end in it")
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Messages until the connection ends."""
        while True:
            try:
                octets = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                return
            for message in parse_messages(octets.decode("utf-8", "replace")):
                yield message

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
