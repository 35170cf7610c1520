"""The reference PBX's recording client (SRC), as a process beside Asterisk (``…recording_client:run``).

Asterisk has no SIPREC of its own. Its dialplan says by UserEvent who talks with whom; from then on each party's
voice is taken by ChanSpy, one direction only, and sent by Asterisk itself (``UnicastRTP``) to the port that the
recording server gave for it: the customer's is label 1, that of whoever talks with them label 2.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from harness.child import Channel
from harness.child_loop import ends_when_told
from harness.toml_file import load_model
from simulators.pbx.asterisk.ami import Message
from simulators.pbx.asterisk.manager_stream import ManagerStream
from simulators.pbx.siprec_client.metadata import Call, Speaker, document
from simulators.pbx.siprec_client.session import Agent, RecordingSession, ServerRefused
from simulators.pbx.siprec_client.settings import ClientSettings

TALKS = "RecordedTalk"
"""The UserEvent: ``CustomerChannel``, ``AgentChannel``, ``Agent``, ``Caller``, ``Called``, ``Queue``, ``Wacid``,
``Consent``, and the PBX's own time, ``Now``."""
CUSTOMER, AGENT = "1", "2"
_FACTS = {
    "Caller": "caller",
    "Called": "called",
    "Queue": "queue",
    "Wacid": "wacid",
    "Agent": "agent",
    "Consent": "consent",
}

log = logging.getLogger("siprec")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingClientConfig:
    """The PBX's manager interface, and the recording server; ``address`` is the client's own."""

    address: str
    manager_port: int
    user: str
    password: str
    server: str
    server_port: int
    settings: str


@dataclass(slots=True)
class _Recorded:
    """A call that is being recorded. ``media`` holds the ports of the offer, which only send; ``ahead_s`` is how far
    the PBX's clock is ahead of ours."""

    call: Call
    session: RecordingSession
    customer: Speaker
    agent: Speaker
    media: list[socket.socket]
    ahead_s: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


def run(channel: Channel, config: RecordingClientConfig) -> None:
    """Record until told to stop. Raises ManagerError when the PBX's manager interface does not let it in."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_Client(channel, config).serve())


class _Client:
    def __init__(self, channel: Channel, config: RecordingClientConfig) -> None:
        self._channel = channel
        self._config = config
        self._settings = load_model(Path(config.settings), ClientSettings)
        self._agent = Agent()
        self._recorded: dict[str, _Recorded] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def serve(self) -> None:
        config = self._config
        self._manager = await ManagerStream.connect(config.address, config.manager_port, config.user, config.password)
        await self._agent.open(config.address)
        loop = asyncio.get_running_loop()
        listening = loop.create_task(self._listen())
        try:
            with ends_when_told(self._channel, self._over, "the recording client"):
                self._channel.ready(carries_calls=False)
                await self._over.wait()
            await asyncio.gather(*(self._end(name) for name in list(self._recorded)))
        finally:
            listening.cancel()
            self._manager.close()
            self._agent.close()

    async def _listen(self) -> None:
        async for message in self._manager:
            if message["Event"] == "UserEvent" and message["UserEvent"] == TALKS:
                self._do(self._talks(message))
            elif message["Event"] == "Hangup" and message["Channel"] in self._recorded:
                self._do(self._end(message["Channel"]))
            elif message["Response"] == "Error":
                log.warning("the PBX refused: %s", message["Message"])
        log.warning("the PBX closed its manager interface")

    def _do(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talks(self, event: Message) -> None:
        """An agent has taken a call: begin to record it, or go on with this agent."""
        now = _time_of(event)
        agent = Speaker(
            aor=f"sip:{event['Agent']}@{self._config.address}", name=event["Agent"], label=AGENT, joined=now
        )
        try:
            if event["CustomerChannel"] in self._recorded:
                await self._joins(self._recorded[event["CustomerChannel"]], agent, event["AgentChannel"])
            else:
                await self._begin(event, agent)
        except (ServerRefused, OSError) as refused:
            log.error("%s is not recorded: %s", event["CustomerChannel"], refused)

    async def _begin(self, event: Message, agent: Speaker) -> None:
        facts = {name: event[key] for key, name in _FACTS.items() if event[key]}
        customer = Speaker(
            aor=f"sip:{event['Caller']}@{self._config.address}", name="", label=CUSTOMER, joined=agent.joined
        )
        recorded = _Recorded(
            call=Call(started=agent.joined, facts=facts),
            session=RecordingSession(self._agent, (self._config.server, self._config.server_port)),
            customer=customer,
            agent=agent,
            media=[_bound(self._config.address) for _ in (CUSTOMER, AGENT)],
            ahead_s=agent.joined - time.time(),
        )
        self._recorded[event["CustomerChannel"]] = recorded
        async with recorded.turn:
            ports = [each.getsockname()[1] for each in recorded.media]
            try:
                await recorded.session.begin(
                    dict(zip((CUSTOMER, AGENT), ports, strict=True)),
                    self._document(recorded.call, (customer, agent), complete=True),
                    required=self._settings.requires_siprec,
                )
            except ServerRefused:
                _close(self._recorded.pop(event["CustomerChannel"]))
                raise
            self._listen_to(event["CustomerChannel"], recorded, CUSTOMER)
            if not self._settings.deaf_to_agents:
                self._listen_to(event["AgentChannel"], recorded, AGENT)

    async def _joins(self, recorded: _Recorded, agent: Speaker, channel: str) -> None:
        async with recorded.turn:
            left = replace(recorded.agent, left=agent.joined)
            recorded.agent = agent
            self._listen_to(channel, recorded, AGENT)
            await recorded.session.tell(self._document(recorded.call, (left, agent), complete=False))

    def _document(self, call: Call, speakers: Sequence[Speaker], *, complete: bool) -> bytes:
        if not self._settings.names_participants:
            speakers = ()
        if self._settings.swaps_labels:
            speakers = [replace(each, label=AGENT if each.label == CUSTOMER else CUSTOMER) for each in speakers]
        return document(call, speakers, complete=complete)

    def _listen_to(self, channel: str, recorded: _Recorded, label: str) -> None:
        """Have Asterisk send what comes from a channel; it stops when the channel does."""
        self._manager.act(
            "Originate",
            Channel=f"UnicastRTP/{recorded.session.host}:{recorded.session.ports[label]}/c(ulaw)",
            Application="ChanSpy",
            Data=f"{channel},{'' if self._settings.one_stream else 'o'}qE",
            Async="true",
        )

    async def _end(self, customer_channel: str) -> None:
        recorded = self._recorded.pop(customer_channel, None)
        if recorded is None:
            return
        async with recorded.turn:
            over = replace(recorded.call, stopped=time.time() + recorded.ahead_s)
            speakers = [replace(each, left=over.stopped) for each in (recorded.customer, recorded.agent)]
            with contextlib.suppress(ServerRefused):
                await recorded.session.tell(self._document(over, speakers, complete=False))
            await recorded.session.end()
            _close(recorded)


def _time_of(event: Message) -> float:
    """The PBX's own time at an event, as Unix time; ours when it cannot be read."""
    try:
        return datetime.fromisoformat(event["Now"]).timestamp()
    except ValueError:
        return time.time()


def _bound(address: str) -> socket.socket:
    """A port of the offer; what comes there (RTCP of the server) is not read."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    udp.bind((address, 0))
    return udp


def _close(recorded: _Recorded) -> None:
    for udp in recorded.media:
        udp.close()
