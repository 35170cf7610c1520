"""The recording server as a process: its sockets, its clock and its files (``simulators.recorder.process:run``).

Recordings lie in the directory as ``<id>.wav`` with ``<id>.json`` beside it, which is written last and appears whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from time import monotonic, time

from harness.audio.wav import write_wav
from harness.child import Channel, ParentGone
from harness.child_loop import ends_when_told
from harness.messages import Event
from harness.sip.framing import FramingError, StreamFramer
from harness.trace import SipTraceEntry, SipTraceWriter, decode_octets
from simulators.recorder.protocol import RecorderConfig, RecordingEnded, RecordingRefused
from simulators.recorder.recording import Recording, faults, from_json, to_json
from simulators.recorder.rtp_ports import RtpPorts
from simulators.recorder.server import Origin, Outgoing, RecordingServer
from simulators.recorder.session import RecordingSession

REFUSALS = "refused.jsonl"
"""Beside the recordings: what was refused, one JSON object a line."""
_READ_BYTES = 65_536


def recordings(directory: Path) -> list[Recording]:
    """Recordings whose files are whole, in the order in which they began. Raises ValueError for any other file."""
    found = [from_json(path.read_text(encoding="utf-8")) for path in directory.glob("*.json")]
    return sorted(found, key=lambda recording: recording.began)


def refusals(directory: Path, since: float) -> list[RecordingRefused]:
    """What was refused at or after a moment (CLOCK_MONOTONIC, s), oldest first."""
    try:
        text = (directory / REFUSALS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    whole = text[: text.rfind("\n") + 1]
    refused = [RecordingRefused(**json.loads(line)) for line in whole.splitlines()]
    return [each for each in refused if each.at >= since]


def run(channel: Channel, config: RecorderConfig) -> None:
    """Entry of the process: record until told to stop."""
    asyncio.run(_Process(channel, config).serve())


class _Process:
    def __init__(self, channel: Channel, config: RecorderConfig) -> None:
        self._channel = channel
        self._config = config
        self._directory = Path(config.directory)
        self._trace = SipTraceWriter(Path(config.trace))
        self._over = asyncio.Event()
        self._files: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._udp: asyncio.DatagramTransport | None = None

    async def serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        address, port = self._config.address, self._config.port
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            self._udp, _ = await self._loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(address, port)
            )
            tcp = await asyncio.start_server(self._converse, address, port)
        except OSError as taken:
            raise OSError(taken.errno, f"{address}:{port}: {os.strerror(taken.errno or 0)}") from None
        self._server = RecordingServer(address, port, RtpPorts(address), self._tell, self._keep)
        try:
            with ends_when_told(self._channel, self._over, "the recording server"):
                self._channel.ready()
                await self._over.wait()
            self._server.end_all(monotonic(), "the recording server was stopped")
            await asyncio.gather(*self._files)
        finally:
            self._udp.close()
            tcp.close()
            self._trace.close()

    def datagram(self, octets: bytes, address: tuple[str, int]) -> None:
        """One UDP datagram."""
        self._received(octets, Origin(address[0], address[1]))

    def _received(self, octets: bytes, origin: Origin) -> None:
        at = monotonic()
        if octets.strip():
            self._note(octets, str(origin), self._here, origin, at)
        try:
            self._send(self._server.received(octets, origin, at, time()))
        except ParentGone:
            self._over.set()
        self._rewind()

    @property
    def _here(self) -> str:
        return f"{self._config.address}:{self._config.port}"

    def _send(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self._note(message.octets, self._here, str(message.to), message.to, monotonic())
            if isinstance(message.to.connection, asyncio.StreamWriter):
                message.to.connection.write(message.octets)
            elif self._udp is not None:
                self._udp.sendto(message.octets, (message.to.address, message.to.port))

    def _note(self, octets: bytes, source: str, destination: str, far: Origin, at: float) -> None:
        transport = "tcp" if far.reliable else "udp"
        self._trace.write(
            SipTraceEntry(
                at=at,
                wall=time(),
                source=source,
                destination=destination,
                transport=transport,
                raw=decode_octets(octets),
            )
        )

    def _rewind(self) -> None:
        """Set the clock to when a response is to be sent again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._server.next_due
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - monotonic()), self._due)

    def _due(self) -> None:
        self._send(self._server.due(monotonic()))
        self._rewind()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection, until it closes or what comes in is no SIP."""
        host, port = writer.get_extra_info("peername")[:2]
        origin = Origin(host, port, writer)
        framer = StreamFramer()
        with contextlib.suppress(OSError), contextlib.closing(writer):
            try:
                while octets := await reader.read(_READ_BYTES):
                    for message in framer.feed(octets):
                        self._received(message, origin)
                    await writer.drain()
            except FramingError as broken:
                with contextlib.suppress(ParentGone):
                    self._tell(RecordingRefused(method="", code=0, reason=str(broken), call_id="", source=str(origin)))

    def _tell(self, event: Event) -> None:
        if isinstance(event, RecordingRefused):
            with (self._directory / REFUSALS).open("a", encoding="utf-8") as refused:
                refused.write(json.dumps(asdict(event)) + "\n")
        self._channel.emit(event)

    def _keep(self, session: RecordingSession, at: float, why: str) -> None:
        """Write a session's files on a thread of their own: half an hour of sound takes a second."""
        task = self._loop.create_task(self._write(session, at, why))
        self._files.add(task)
        task.add_done_callback(self._files.discard)

    async def _write(self, session: RecordingSession, at: float, why: str) -> None:
        event = await asyncio.to_thread(_write_files, self._directory, session, at, why)
        with contextlib.suppress(ParentGone):
            self._channel.emit(event)


def _write_files(directory: Path, session: RecordingSession, at: float, why: str) -> RecordingEnded:
    wav = directory / f"{session.id}.wav"
    recording, sound = session.finish(at, why, wav.name)
    write_wav(wav, sound, recording.rate_hz)
    facts = directory / f"{session.id}.json"
    unfinished = facts.with_suffix(".part")
    unfinished.write_text(to_json(recording), encoding="utf-8")
    unfinished.replace(facts)
    return RecordingEnded(at=at, recording=recording, facts=str(facts), wav=str(wav), faults=faults(recording))


class _Datagrams(asyncio.DatagramProtocol):
    """UDP side."""

    def __init__(self, process: _Process) -> None:
        self._process = process

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._process.datagram(data, addr)
