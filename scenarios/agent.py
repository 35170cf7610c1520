"""An agent with a softphone that registers at the PBX, as a scenario directs it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.errors import NO_STALL, HarnessMisuse, Inconclusive
from harness.messages import Event
from harness.process import AwaitExpired
from scenarios.ear import Ear
from simulators.phones.protocol import (
    Answer,
    CallConnected,
    CallEnded,
    CallIncoming,
    Decline,
    HangUp,
    Hold,
    MediaActive,
    PhoneSettings,
    PlaceCall,
    Play,
    Registered,
    Registration,
    SendDigits,
    SwitchOff,
    SwitchOn,
    Transfer,
)

if TYPE_CHECKING:
    from scenarios.scene import Scene

REGISTER_S = 5.0
OWN_LEG_S = 5.0
OK = 200
_USER = "*+"
"""Keys that stand as they are in the user part of a SIP URI; ``#`` is escaped (RFC 3261 section 25.1)."""


class Agent:
    """One agent account. ``beacon_hz`` is the tone that is their voice."""

    def __init__(self, scene: Scene, extension: str) -> None:
        self._scene = scene
        self.extension = extension
        self.name = scene.testbed.target.agents.names.get(extension, f"agent {extension}")
        self.phone = f"agent-{extension}-{scene.testbed.number()}"
        self.beacon_hz, self._voice = scene.voice(self.phone)
        self.incoming: CallIncoming | None = None
        self.began_at = 0.0
        """When the agent's latest call began, in or out (CLOCK_MONOTONIC, s); 0: none yet."""
        self._call = ""
        self._dialled = ""
        self.contact = ""
        self.mark = scene.testbed.agents.mark()
        self._ears: dict[str, Ear] = {}

    @property
    def call(self) -> str:
        """The agent's latest call. Raises HarnessMisuse when there was none."""
        if not self._call:
            raise HarnessMisuse(
                f"{self.name}'s phone has not rung", suggestion='add "Then an agent\'s phone rings" before'
            )
        return self._call

    def rang(self, event: CallIncoming) -> None:
        """A call came to the agent's phone."""
        self.incoming = event
        self._call, self.began_at = event.call, event.at

    def calls(self, number: str) -> None:
        """Dial a number (E.164), an extension or a code on the softphone, by way of the PBX."""
        testbed = self._scene.testbed
        self._call = self._dialled = f"{self.phone}-call-{testbed.number()}"
        self.began_at = monotonic()
        testbed.agents.call(
            PlaceCall(phone=self.phone, call=self._call, uri=f"sip:{quote(number, safe=_USER)}@{self._registrar}")
        )
        self._scene.note(f"{self.name} ({self.extension}) dials {number}")

    def connected(self, within_s: float) -> float:
        """Wait until the call that the agent dialled is answered; CLOCK_MONOTONIC, s. Raises PbxFault."""
        event = self.outcome(within_s)
        if event is None:
            raise self._scene.fault(f"{self.name}'s call was not answered within {within_s:g} s")
        if isinstance(event, CallEnded):
            raise self._scene.fault(f"{self.name}'s call failed: {event.code} {event.reason}")
        return event.at

    def call_failed(self, within_s: float) -> CallEnded:
        """Wait until the call that the agent dialled has failed. Raises PbxFault when it goes on, or got through."""
        event = self.outcome(within_s)
        if event is None:
            raise self._scene.fault(
                f"{self.name}'s call was refused, but {within_s:g} s later the PBX has not told the agent"
            )
        if isinstance(event, CallConnected):
            raise self._scene.fault(
                f"{self.name}'s call was refused, but the PBX answered it: the agent takes it for a conversation",
                stall_s=NO_STALL,
            )
        return event

    def outcome(self, within_s: float) -> CallConnected | CallEnded | None:
        """What became of the call that the agent dialled; None when it is still open after that time."""
        call = self.call
        try:
            event = self._scene.testbed.agents.wait_for(
                Event,
                lambda e: isinstance(e, CallConnected | CallEnded) and e.call == call,
                timeout_s=within_s,
                since=self.mark,
            )
        except AwaitExpired:
            return None
        assert isinstance(event, CallConnected | CallEnded)
        return event

    @property
    def dialling(self) -> bool:
        """Whether a call that the agent dialled is up."""
        events = self._scene.testbed.agents.events(self.mark)
        return bool(self._dialled) and not any(isinstance(e, CallEnded) and e.call == self._dialled for e in events)

    @property
    def _registrar(self) -> str:
        return self._scene.testbed.target.registrar_of(self.extension)

    def switch_on(self) -> None:
        """Put the softphone in service; it begins to register."""
        testbed = self._scene.testbed
        agents = testbed.target.agents
        registrar = self._registrar
        self.contact = testbed.agents.call(
            SwitchOn(
                settings=PhoneSettings(
                    phone=self.phone,
                    address=testbed.phone_address(),
                    user=self.extension,
                    domain=testbed.target.domain_of(self.extension),
                    display_name=self.name,
                    plays=str(self._voice),
                    registration=Registration(
                        registrar=registrar,
                        username=self.extension,
                        password=agents.password.get_secret_value(),
                        transport=agents.transport,
                    ),
                )
            )
        )

    def registered(self) -> None:
        """Wait until the PBX has accepted the registration.

        A refusal is Inconclusive: we cannot tell a wrong password in the target file from a broken registrar.
        """
        try:
            answer = self._scene.testbed.agents.wait_for(
                Registered, lambda e: e.phone == self.phone, timeout_s=REGISTER_S, since=self.mark
            )
        except AwaitExpired:
            raise Inconclusive(
                f"the PBX did not answer the registration of agent {self.extension} within {REGISTER_S:g} s",
                detail=self._scene.situation(),
            ) from None
        if answer.code != OK:
            raise Inconclusive(
                f"the PBX refused the registration of agent {self.extension}: {answer.code} {answer.reason}; "
                "check [agents] in the target file",
                detail=self._scene.situation(),
            )

    def switch_off(self) -> None:
        """Unregister; calls at the phone end."""
        self._scene.testbed.agents.call(SwitchOff(phone=self.phone))

    def answers(self) -> float:
        """Answer the ringing call; CLOCK_MONOTONIC of the moment both sides agreed. Raises PbxFault."""
        self._scene.testbed.agents.call(Answer(call=self.call))
        try:
            return self._scene.testbed.agents.wait_for(
                CallConnected, lambda e: e.call == self.call, timeout_s=OWN_LEG_S, since=self.mark
            ).at
        except AwaitExpired:
            raise self._scene.fault(
                f"{self.name} answered, but the PBX did not acknowledge it within {OWN_LEG_S:g} s"
            ) from None

    def declines(self) -> None:
        """Refuse the ringing call with 486 Busy Here."""
        self._scene.testbed.agents.call(Decline(call=self.call))

    def hangs_up(self) -> None:
        """End the call."""
        self._scene.testbed.agents.call(HangUp(call=self.call))

    def holds(self, *, on: bool) -> None:
        """Put the call on hold, or take it back."""
        self._scene.testbed.agents.call(Hold(call=self.call, on=on))

    def presses(self, digits: str, *, tone_ms: int = 120, gap_ms: int = 80) -> None:
        """Press keys on the softphone in the call (RFC 4733 events)."""
        self._scene.testbed.agents.call(SendDigits(call=self.call, digits=digits, tone_ms=tone_ms, gap_ms=gap_ms))

    def says(self, wav: str) -> None:
        """Play ``wav`` once into the call in place of the beacon; an empty path: say nothing."""
        self._scene.testbed.agents.call(Play(call=self.call, wav=wav, loop=False))

    def plays_beacon(self) -> None:
        """Go back to the beacon after something was said."""
        self._scene.testbed.agents.call(Play(call=self.call, wav=str(self._voice)))

    def transfers_to(self, other: Agent) -> None:
        """Blind transfer (REFER) to another agent's extension."""
        uri = f"sip:{other.extension}@{self._registrar}"
        self._scene.testbed.agents.call(Transfer(call=self.call, uri=uri))

    def ended(self, within_s: float, after: str = "the other side hung up") -> CallEnded:
        """Wait for the end of the agent's leg; ``after`` what it should have ended. Raises PbxFault."""
        try:
            return self._scene.testbed.agents.wait_for(
                CallEnded, lambda e: e.call == self.call, timeout_s=within_s, since=self.mark
            )
        except AwaitExpired:
            raise self._scene.fault(f"{self.name}'s leg was still up {within_s:g} s after {after}") from None

    def ears(self) -> list[Ear]:
        """Ears of all calls so far that were listened to."""
        return list(self._ears.values())

    @property
    def in_call(self) -> bool:
        """Whether a call is at the phone, ringing or answered."""
        events = self._scene.testbed.agents.events(self.mark)
        here = {e.call for e in events if isinstance(e, CallIncoming) and e.phone == self.phone}
        return self.dialling or bool(here - {e.call for e in events if isinstance(e, CallEnded)})

    @property
    def ear(self) -> Ear:
        """What the agent hears in the present call. Raises PbxFault when there is no media at all."""
        if self.call not in self._ears:
            try:
                media = self._scene.testbed.agents.wait_for(
                    MediaActive, lambda e: e.call == self.call, timeout_s=OWN_LEG_S, since=self.mark
                )
            except AwaitExpired:
                raise self._scene.fault(f"{self.name}'s call has no audio: the PBX agreed on no media") from None
            self._ears[self.call] = Ear(self._scene.testbed.agents, media, self.mark, owner=self.name)
        return self._ears[self.call]
