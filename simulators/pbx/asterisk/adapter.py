"""The reference PBX seen from inside: channels, queues, clock, messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from time import monotonic, sleep

from harness.errors import HarnessMisuse, Inconclusive
from simulators.pbx.adapter import PbxChannel, PbxResources, QueueState, RunningPbx
from simulators.pbx.asterisk.ami import Manager, ManagerError, Message
from simulators.pbx.clock import ClockFile
from simulators.pbx.instance import Layout
from simulators.pbx.process_use import ProcessUse, Use
from simulators.pbx.started import servers_of

CLOCK_MOVED_S = 2.0
"""Within this a moved clock must be seen, and so far it may have gone on by then, in s."""

POLL_S = 0.02

_CHANNEL = re.compile(r"^[^/]+/(?P<peer>.+)-[0-9a-f]+(?:;[12])?$")
_DEVICE_NOT_IN_USE = "1"
_EXTENSION_IDLE = "0"
_NO_EXTENSION = "-1"
_ON_THIS_MACHINE = ("rootfs", "local")
_AGENTS_CONTEXT = "from-agents"
_AGENT_RINGS_S = 30


class AsteriskPbx:
    """Asks Asterisk's manager interface; reads its spool. Raises Inconclusive when it does not answer."""

    def __init__(self, running: RunningPbx) -> None:
        self._running = running
        self._target = running.target
        self._manager = Manager(running.control_url, running.control_user, running.control_password)
        spool = Layout(PurePosixPath(running.directory))
        self._voicemail = Path(spool.voicemail)
        # In a container Asterisk knows itself by another number.
        self._pid_file = Path(spool.run) / "asterisk.pid" if running.provider in _ON_THIS_MACHINE else None
        self._process: ProcessUse | None = None
        self._own = running.own
        self._clock = ClockFile(Path(spool.clock))
        self._offset_s = self._clock.offset_s()

    def channels(self) -> Sequence[PbxChannel] | None:
        """Call legs that exist now; a leg to an agent has the caller's number as its caller."""
        agents = set(self._target.agents.extensions)
        events = self._events("CoreShowChannels", "CoreShowChannel")
        return [_channel(event, agents) for event in events]

    def queue(self, name: str) -> QueueState | None:
        """Who waits in a queue, longest first, and which of its agents could be rung now."""
        messages = self._manager.action("QueueStatus", Queue=name)
        if not any(m["Event"] == "QueueParams" for m in messages):
            # Asterisk answers for a queue that it does not have as for one that is empty.
            raise Inconclusive(f"the PBX has no queue {name!r}")
        entries = [m for m in messages if m["Event"] == "QueueEntry"]
        members = [m for m in messages if m["Event"] == "QueueMember"]
        return QueueState(
            name=name,
            waiting=tuple(m["CallerIDNum"] for m in sorted(entries, key=lambda m: int(m["Position"] or 0))),
            available_agents=tuple(
                m["Name"] for m in members if m["Status"] == _DEVICE_NOT_IN_USE and m["Paused"] != "1"
            ),
        )

    def resources(self) -> PbxResources | None:
        """Counted by Asterisk itself, which lists nothing for it; the rest from ``/proc`` where it runs on this
        machine outside of a container. Raises Inconclusive."""
        status = self._manager.action("CoreStatus")[0]
        queues = self._events("QueueSummary", "QueueSummary")
        use = self._use()
        return PbxResources(
            channels=int(status["CoreCurrentCalls"] or 0),
            waiting=sum(int(queue["Callers"] or 0) for queue in queues),
            cpu=use.cpu if use else None,
            memory_bytes=use.memory_bytes if use else None,
            descriptors=use.descriptors if use else None,
        )

    def now(self) -> datetime | None:
        """The PBX's clock, as it itself formats it."""
        zone = self._target.pbx.timezone
        answer = self._manager.action("Getvar", Variable=f"STRFTIME(,{zone},%Y-%m-%dT%H:%M:%S)")[0]
        try:
            return datetime.fromisoformat(answer["Value"])
        except ValueError:
            raise Inconclusive(f"the PBX's clock reads {answer['Value']!r}") from None

    def set_clock(self, local: datetime) -> bool | None:
        """Move the clock and wait until Asterisk itself shows it. Raises HarnessMisuse, Inconclusive."""
        if not self._own:
            raise HarnessMisuse(
                "the scenario moves the clock of a PBX that other scenarios use as well",
                suggestion="tag the scenario, or its feature, with @own_pbx",
            )
        self._clock.set_to(local, self._target.pbx.timezone)
        self._follow_clock()
        deadline = monotonic() + CLOCK_MOVED_S
        while (shown := self.now()) is None or abs((shown - local).total_seconds()) > CLOCK_MOVED_S:
            if monotonic() >= deadline:
                raise Inconclusive(f"the PBX's clock was moved to {local}, but shows {shown}")
            sleep(POLL_S)
        return True

    def reset(self) -> None:
        """Put the clock back to where the target has it start, if it was moved."""
        if self._own and self._clock.offset_s() != self._offset_s:
            self._clock.set_offset(self._offset_s)
            self._follow_clock()

    def voicemail_messages(self, number: str) -> Sequence[Path] | None:
        """Messages left for a number; they have a file of their own number each."""
        return sorted((self._voicemail / number.lstrip("+") / "INBOX").glob("msg*.wav"))

    def agent_available(self, extension: str) -> bool | None:
        """Whether the agent's presence is idle (registered, no call, not ringing) and no queue has them paused.

        Raises Inconclusive for an extension that the PBX does not have.
        """
        presence = self._manager.action("ExtensionState", Exten=extension, Context=_AGENTS_CONTEXT)[0]["Status"]
        if presence == _NO_EXTENSION:
            raise Inconclusive(f"the PBX has no agent {extension!r}")
        members = [m for m in self._manager.action("QueueStatus", Member=extension) if m["Event"] == "QueueMember"]
        return presence == _EXTENSION_IDLE and not any(m["Paused"] == "1" for m in members)

    def click_to_call(self, extension: str, number: str) -> bool | None:
        """Ring the agent's phone, which shows the customer's ``number``; once answered, dial it for them.

        Returns at once; that the agent's phone cannot be reached is not told. Raises Inconclusive when refused.
        """
        self._manager.action(
            "Originate",
            Channel=f"PJSIP/{extension}",
            Context=_AGENTS_CONTEXT,
            Exten=number,
            Priority="1",
            CallerID=f"<{number}>",
            Timeout=str(_AGENT_RINGS_S * 1000),
            Async="true",
        )
        return True

    def hang_up(self, channels: Sequence[PbxChannel]) -> None:
        """End these call legs; one that is gone already is fine."""
        for channel in channels:
            with suppress(ManagerError):
                self._manager.action("Hangup", Channel=channel.name, Cause="16")

    def sites(self) -> Sequence[str] | None:
        """It is of one place: no sites, and no SBC."""
        return None

    def site_channels(self, name: str) -> Sequence[PbxChannel] | None:
        return None

    def stop_site(self, name: str) -> bool | None:
        return None

    def start_site(self, name: str) -> bool | None:
        return None

    def restart_sbc(self) -> bool | None:
        return None

    def version(self) -> str:
        """What Asterisk says it is."""
        return f"Asterisk {self._manager.action('CoreSettings')[0]['AsteriskVersion']}"

    def wait_until_booted(self) -> None:
        """Returns when Asterisk has loaded all its modules."""
        self._manager.command("core waitfullybooted")

    def has_module(self, like: str) -> bool:
        """Whether a module with ``like`` in its name runs."""
        return any("Running" in line for line in self._manager.command(f"module show like {like}"))

    def close(self) -> None:
        """Close the connection to the manager interface."""
        self._manager.close()

    def _follow_clock(self) -> None:
        for server in servers_of(self._running).values():
            server.follow_clock()

    def _use(self) -> Use | None:
        if self._process is None and self._pid_file is not None:
            with suppress(OSError, ValueError):
                self._process = ProcessUse(int(self._pid_file.read_text()))
        return self._process.look() if self._process else None

    def _events(self, action: str, event: str) -> list[Message]:
        return [message for message in self._manager.action(action) if message["Event"] == event]


def _channel(event: Message, agents: set[str]) -> PbxChannel:
    match = _CHANNEL.match(event["Channel"])
    peer = match["peer"] if match else event["Channel"]
    connected, own = event["ConnectedLineNum"], event["CallerIDNum"]
    # On a leg that the PBX placed, "caller ID" is the account called and "connected line" the caller.
    placed_by_pbx = peer in agents and own == peer and connected not in ("", "<unknown>")
    in_queue = event["Application"] == "Queue"
    return PbxChannel(
        name=event["Channel"],
        peer=peer,
        caller_number=connected if placed_by_pbx else own,
        called_number=peer if placed_by_pbx else event["Exten"],
        state=event["ChannelStateDesc"],
        queue=event["ApplicationData"].partition(",")[0] if in_queue else "",
    )
