"""A live support centre for tests: the reference PBX, agents with softphones, the trunk as a raw SIP peer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

import numpy as np

from harness.audio.wav import GrowingWav
from harness.messages import Event
from harness.process import Simulator
from harness.sip.message import SipMessage
from harness.target import Target, load_target
from simulators.pbx import reference
from simulators.pbx.adapters import adapter_for
from simulators.pbx.asterisk.ami import Manager
from simulators.pbx.blocks import relocate
from simulators.phones.protocol import (
    Answer,
    CallConnected,
    CallEnded,
    CallIncoming,
    HangUp,
    MediaActive,
    PhonesConfig,
    PhoneSettings,
    PlaceCall,
    Registered,
    Registration,
    SwitchOff,
    SwitchOn,
)
from tests.trunk.sip_peer import SipPeer

_BENIGN = re.compile(r"Session already DISCONNECTED")
"""A caller who hangs up while the PBX is about to do so."""

DEADLINE_S = 8.0
SOUND = 0.01
"""Amplitude of what is no silence, full scale being 1."""
SIP_PORT = 5060
CUSTOMER = "+34612345678"
E = TypeVar("E", bound=Event)


class SupportCentre:
    """``agents`` is the process of their softphones; phones are named by extension and number of the test."""

    def __init__(self, pbx: reference.ReferencePbx, agents: Simulator) -> None:
        self.pbx = pbx
        self.agents = agents
        self.target = pbx.running.target
        self.adapter = adapter_for(pbx.running)
        self.manager = Manager(pbx.running.control_url, pbx.running.control_user, pbx.running.control_password)
        self._phones: list[str] = []
        self._numbers = count(1)
        self._mark = 0

    def begin(self) -> None:
        """A new test: what happened before is over."""
        self._mark = self.agents.mark()

    def clear(self) -> None:
        """Phones off, calls ended, agents back in their queues."""
        for phone in self._phones:
            self.agents.call(SwitchOff(phone=phone))
        self._phones.clear()
        self.adapter.hang_up(list(self.adapter.channels() or ()))
        assert eventually(lambda: not self.adapter.channels())

    def agent(self, extension: str) -> str:
        """A registered softphone of an agent; its name."""
        phone = f"{extension}-{next(self._numbers)}"
        self.agents.call(
            SwitchOn(
                settings=PhoneSettings(
                    phone=phone,
                    address=self.target.phones.addresses[0],
                    user=extension,
                    domain=self.target.domain_of(extension),
                    registration=Registration(
                        registrar=self.target.registrar_of(extension),
                        username=extension,
                        password=self.target.agents.password.get_secret_value(),
                    ),
                )
            )
        )
        self._phones.append(phone)
        assert self.event(Registered, phone).code == 200
        assert eventually(lambda: self.adapter.agent_available(extension))
        return phone

    def customer(self, number: str = CUSTOMER) -> str:
        """A customer's phone that calls as the trunk does, by one of its addresses; its name."""
        phone = f"customer-{next(self._numbers)}"
        settings = PhoneSettings(
            phone=phone, address=self.target.trunk.addresses[-1], user=number, domain=self.target.pbx.host
        )
        self.agents.call(SwitchOn(settings=settings))
        self._phones.append(phone)
        return phone

    def calls(self, phone: str, number: str = CUSTOMER, headers: tuple[tuple[str, str], ...] = ()) -> str:
        """Dial on a phone; the call's name."""
        call = f"call-{next(self._numbers)}"
        uri = f"sip:{number}@{self.target.pbx.host}"
        self.agents.call(PlaceCall(phone=phone, call=call, uri=uri, headers=headers))
        return call

    def rings(self, phone: str) -> CallIncoming:
        """The call that rings at an agent's phone."""
        return self.event(CallIncoming, phone)

    def answers(self, phone: str) -> CallIncoming:
        """The agent answers what rings."""
        incoming = self.rings(phone)
        self.agents.call(Answer(call=incoming.call))
        self.event(CallConnected, phone)
        return incoming

    def hangs_up(self, call: str) -> None:
        self.agents.call(HangUp(call=call))

    def event(self, kind: type[E], phone: str) -> E:
        """The next event of a kind at a phone."""
        return self.agents.wait_for(
            kind, lambda e: getattr(e, "phone", "") == phone, timeout_s=DEADLINE_S, since=self._mark
        )

    def events(self, kind: type[E], phone: str) -> list[E]:
        """All events of a kind at a phone so far."""
        return [e for e in self.agents.events(self._mark) if isinstance(e, kind) and getattr(e, "phone", "") == phone]

    def ended(self, phone: str) -> CallEnded:
        return self.event(CallEnded, phone)

    def rang(self, phone: str) -> bool:
        return bool(self.events(CallIncoming, phone))

    @contextmanager
    def trunk(self, address: str = "") -> Iterator[SipPeer]:
        """The trunk at one of its addresses."""
        with self.peer(address or self.target.trunk.addresses[0]) as peer:
            yield peer

    @contextmanager
    def gateway(self) -> Iterator[SipPeer]:
        """The gateway to the public telephone network."""
        with self.peer(self.pbx.pstn_address) as peer:
            yield peer

    @contextmanager
    def peer(self, address: str) -> Iterator[SipPeer]:
        peer = SipPeer(address, SIP_PORT)
        peer.trunk = (self.target.pbx.host, SIP_PORT)
        try:
            yield peer
        finally:
            peer.close()

    @contextmanager
    def customer_calls(self, called: str, headers: dict[str, str], address: int = 0) -> Iterator[SipMessage]:
        """A call by the trunk that the PBX has answered; the answer. It is hung up at the end."""
        with self.trunk(self.target.trunk.addresses[address]) as trunk:
            invite = trunk.invite(CUSTOMER, called, extra=headers)
            trunk.send(invite)
            answer = trunk.response(200, timeout_s=DEADLINE_S)
            trunk.acknowledge(invite, answer)
            yield answer
            trunk.in_dialog(invite, answer, "BYE")
            trunk.response(200, "BYE")

    def contexts(self) -> list[str]:
        """Where in the dialplan the calls of the trunk are."""
        channels = self.manager.action("CoreShowChannels")
        return [m["Context"] for m in channels if m["Event"] == "CoreShowChannel" and "/trunk-" in m["Channel"]]


@contextmanager
def open_centre(
    directory: Path, twin: str | None = None, target: Target | None = None, *, own: bool = False
) -> Iterator[SupportCentre]:
    """A support centre: the reference PBX at 127.0.44.x, or that of another target."""
    target = target or relocate(load_target("reference"), "127.0.0", "127.0.44")
    pbx = reference.start(target, directory / "pbx", twin=twin, own=own)
    try:
        agents = Simulator(
            "agents",
            "simulators.phones.process:run",
            PhonesConfig(name="agents", directory=str(directory / "agents")),
            log=directory / "agents.log",
        )
        try:
            agents.ready()
            centre = SupportCentre(pbx, agents)
            yield centre
            centre.manager.close()
        finally:
            agents.stop()
    finally:
        pbx.stop()


def complaints(directory: Path, pbx: str = "pbx") -> list[str]:
    """What the PBX complained of, once it has been stopped."""
    log = (directory / pbx / "log" / "messages.log").read_text()
    return [line for line in log.splitlines() if re.search(r"\b(WARNING|ERROR)\b", line) and not _BENIGN.search(line)]


def hears_something(media: MediaActive) -> bool:
    """Whether what a phone hears is more than silence."""
    recording = GrowingWav(Path(media.recording), media.sample_rate_hz)
    return eventually(lambda: bool(np.abs(recording.read_new()).max(initial=0.0) > SOUND))


def eventually(holds: Callable[[], object], within_s: float = DEADLINE_S) -> bool:
    deadline = monotonic() + within_s
    while not holds():
        if monotonic() >= deadline:
            return False
        sleep(0.02)
    return True
