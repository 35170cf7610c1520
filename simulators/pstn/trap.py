"""The PSTN gateway that must never ring: a SIP listener that notes every INVITE and refuses it.

Runs in a process of its own (``simulators.pstn.trap:run``). What comes in is written as JSON lines, one
INVITE each, so that a run that was killed has its evidence too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, time
from typing import IO

from harness.child import Channel
from harness.child_loop import ends_when_told
from harness.messages import Event
from simulators.pstn.sip import Request, StreamReader, parse_request, response

REFUSAL = (403, "PSTN forbidden for WhatsApp calls")
_READ_BYTES = 65_536


PSTN_PORT = 5060


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapConfig:
    """Where the trap listens (UDP and TCP), and the file that gets one JSON line per INVITE."""

    address: str
    port: int = PSTN_PORT
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PstnCall:
    """An INVITE at the gateway. ``at`` is CLOCK_MONOTONIC, ``wall`` Unix time, both in s.

    ``caller`` and ``called`` are the user parts of From and Request-URI, ``source`` is ``ip:port``,
    ``raw`` the whole message.
    """

    at: float
    wall: float
    caller: str
    called: str
    source: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PstnCallSeen(Event):
    """A call came out at the PSTN gateway."""

    caller: str
    called: str
    source: str


def pstn_calls(path: Path, since: float = 0.0) -> list[PstnCall]:
    """Calls that the trap noted in the file at or after ``since`` (CLOCK_MONOTONIC), oldest first.

    A file that does not exist has none; a last line that is still being written is left out.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    whole = text[: text.rfind("\n") + 1]
    calls = [PstnCall(**json.loads(line)) for line in whole.splitlines()]
    return [call for call in calls if call.at >= since]


def run(channel: Channel, config: TrapConfig) -> None:
    """Entry of the process: listen until told to stop."""
    asyncio.run(_serve(channel, config))


class Trap:
    """What the gateway answers to whom. An INVITE that is repeated (RFC 3261 section 17.1.1.2) counts once."""

    def __init__(self, channel: Channel, log: IO[str]) -> None:
        self._channel = channel
        self._log = log
        self._seen: set[tuple[str, str]] = set()

    def answers(self, datagram: bytes, source: str) -> list[bytes]:
        """Responses to a message from ``source``; none to what is no request, and none to ACK."""
        request = parse_request(datagram)
        if request is None:
            return []
        match request.method:
            case "INVITE":
                self._note(request, source)
                return [response(request, 100, "Trying"), response(request, *REFUSAL)]
            case "ACK":
                return []
            case "OPTIONS":
                return [response(request, 200, "OK")]
            case _:
                return [response(request, 405, "Method Not Allowed")]

    def _note(self, request: Request, source: str) -> None:
        key = (request.header("call-id"), request.header("cseq"))
        if key in self._seen:
            return
        self._seen.add(key)
        call = PstnCall(
            at=monotonic(),
            wall=time(),
            caller=request.caller,
            called=request.called,
            source=source,
            raw=request.raw,
        )
        self._log.write(json.dumps(asdict(call)) + "\n")
        self._log.flush()
        self._channel.emit(PstnCallSeen(at=call.at, caller=call.caller, called=call.called, source=source))


class _Datagrams(asyncio.DatagramProtocol):
    """UDP side."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        for answer in self._trap.answers(data, f"{addr[0]}:{addr[1]}"):
            self._transport.sendto(answer, addr)


async def _converse(trap: Trap, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One TCP connection, until it closes or what comes in is no SIP."""
    host, port = writer.get_extra_info("peername")[:2]
    messages = StreamReader()
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while data := await reader.read(_READ_BYTES):
            for message in messages.feed(data):
                for answer in trap.answers(message, f"{host}:{port}"):
                    writer.write(answer)
            await writer.drain()
            if messages.broken:
                return


async def _serve(channel: Channel, config: TrapConfig) -> None:
    loop = asyncio.get_running_loop()
    log_path = Path(config.log)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8") as log:
        trap = Trap(channel, log)
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(trap), local_addr=(config.address, config.port)
            )
            server = await asyncio.start_server(
                lambda reader, writer: _converse(trap, reader, writer), config.address, config.port
            )
        except OSError as taken:
            raise OSError(taken.errno, f"{config.address}:{config.port}: {os.strerror(taken.errno or 0)}") from None
        over = asyncio.Event()
        try:
            with ends_when_told(channel, over, "the PSTN trap"):
                channel.ready()
                await over.wait()
        finally:
            transport.close()
            server.close()
