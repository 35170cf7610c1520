"""A WhatsApp customer with a phone, as a scenario directs it."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from harness.errors import DELAY_S, NO_STALL, HarnessMisuse, Inconclusive, NotRun, PbxFault
from harness.messages import Event
from harness.process import AwaitExpired, SimulatorRefused
from scenarios.ear import Ear
from simulators.phones.customers import Customer as Identity
from simulators.phones.protocol import (
    Answer,
    CallAnswered,
    CallConnected,
    CallEnded,
    CallIncoming,
    CallProgress,
    Codec,
    Decline,
    HangUp,
    MediaActive,
    MediaEncryption,
    PayloadTypes,
    PhoneSettings,
    PlaceCall,
    Play,
    SendDigits,
    SwitchOff,
    SwitchOn,
)
from simulators.trunk.profile import MediaTable
from simulators.trunk.protocol import ENTRY_HEADER, CustomerOffline, CustomerOnline, MediaRule
from simulators.trunk.relay_rules import CHANGING

if TYPE_CHECKING:
    from scenarios.scene import Scene

TRYING = 100
NO_EVENTS = "PJMEDIA_RTP_EREMNORFC2833"
"""How pjsua2 says that the far end agreed on no telephone-event."""
JUDGES_REQUEST = frozenset({400, 401, 403, 404, 405, 406, 413, 414, 415, 416, 420, 484, 485, 488, 501, 505, 606})
"""Refusals (RFC 3261 section 21) by which a PBX judges the request itself; any other may come of somebody's delay."""
OWN_LEG_S = 5.0
"""Deadline, in s, of what happens between the customer's phone and the trunk alone."""


def payload_types(media: MediaTable) -> PayloadTypes:
    """The numbers that the trunk's offers have: the customer's phone offers them, and they pass as they are."""
    return PayloadTypes(opus=media.opus_payload_type, events=tuple(media.telephone_events.items()))


def stall_behind_refusal(code: int) -> float:
    """The shortest stand-still of ours, in s, that may be behind a refusal; ``NO_STALL`` when none can."""
    return NO_STALL if code in JUDGES_REQUEST else DELAY_S


class Customer:
    """One customer. ``label`` is what the scenario calls them, ``beacon_hz`` the tone that is their voice."""

    def __init__(self, scene: Scene, identity: Identity, *, label: str, codecs: tuple[Codec, ...] = ()) -> None:
        self._scene = scene
        self.identity = identity
        self.label = label
        self.phone = f"customer-{scene.testbed.number()}"
        self.codecs = codecs
        self.beacon_hz, self._voice = scene.voice(self.phone)
        self.call = ""
        self.called = ""
        self.incoming: CallIncoming | None = None
        self.contact = ""
        self.placed_at = 0.0
        self.pressed = ""
        """Keys pressed in the present call."""
        self.pressing_until = 0.0
        """When the last of them is over (CLOCK_MONOTONIC, s)."""
        self.media_rules: tuple[MediaRule, ...] | None = None
        """By which the trunk relays the media of the customer's calls; None: it flows directly."""
        self.pressed_at = 0.0
        """When the latest key was pressed (CLOCK_MONOTONIC, s)."""
        self.chosen_language = ""
        """Language that the customer has chosen by keypad in the present call."""
        self.mark = scene.testbed.customers.mark()
        self._born = self.mark
        self._rung: set[str] = set()
        self._ear: Ear | None = None

    @property
    def language(self) -> str:
        """The language that the target owes this customer: the chosen one, else that of the country."""
        return self.chosen_language or self._scene.testbed.target.language_of(self.identity.country)

    def switch_on(
        self,
        *,
        media_lost: bool = False,
        answer_late_s: float = 0.0,
        silence_limit_s: tuple[float, float] | None = None,
    ) -> None:
        """Put the phone in service and make it known to the trunk.

        With ``media_lost`` nothing that the PBX sends arrives. ``answer_late_s`` is how long its answer is under
        way. ``silence_limit_s`` is after how long without media, from the start and later, the app gives up a call;
        else it is what WhatsApp's rules say.
        """
        testbed = self._scene.testbed
        at_start_s, later_s = silence_limit_s or self._scene.whatsapp.silence_limits_s
        settings = PhoneSettings(
            phone=self.phone,
            address=testbed.phone_address(),
            user=self.identity.number,
            domain=testbed.trunk_address,
            display_name=self.identity.profile_name,
            plays=str(self._voice),
            drops_silent_after_s=at_start_s,
            drops_stalled_after_s=later_s,
            encryption=MediaEncryption(testbed.profile.media.encryption),
            payload_types=payload_types(testbed.profile.media),
            ice=testbed.profile.media.ice,
        )
        if self.codecs:
            settings = replace(settings, codecs=self.codecs)
        self.contact = testbed.customers.call(SwitchOn(settings=settings))
        self._scene.testbed.trunk.call(
            CustomerOnline(
                number=self.identity.number,
                profile_name=self.identity.profile_name,
                country=self.identity.country,
                contact=self.contact,
                media_lost=media_lost,
                answer_late_s=answer_late_s,
                media_rules=self.media_rules,
            )
        )

    def relay_media(self, rules: tuple[MediaRule, ...]) -> None:
        """Have the trunk relay the media of the customer's calls from now on, by these rules. Raises NotRun when they
        change what DTLS protects: those who call each other make its keys between them (RFC 5764), none is in the
        SDP."""
        profile = self._scene.testbed.profile
        if profile.media.encryption == "dtls" and any(isinstance(rule, CHANGING) for rule in rules):
            raise NotRun(
                f"the trunk's profile {profile.name!r} encrypts media by DTLS, whose keys only the PBX and the "
                "customer's phone have: key presses can be neither read nor changed on the way"
            )
        self.switch_off()
        self.media_rules = rules
        self.switch_on()

    def goes_offline(self) -> None:
        """The phone loses its network: nothing reaches it any more."""
        self.switch_off()
        self._scene.whatsapp.join(self.identity, online=False)

    def switch_off(self) -> None:
        """Take the phone out of service; its calls end."""
        testbed = self._scene.testbed
        testbed.customers.call(SwitchOff(phone=self.phone))
        testbed.trunk.call(CustomerOffline(number=self.identity.number))

    def calls(self, number: str, entry: str = "") -> None:
        """Call a business number; ``entry`` names the message or link that was tapped, empty: the call icon."""
        testbed = self._scene.testbed
        self.called = number
        self.chosen_language = ""
        self.call = f"{self.phone}-call-{testbed.number()}"
        self._ear = None
        self.pressed, self.pressing_until = "", 0.0
        self.mark = testbed.customers.mark()
        self.placed_at = monotonic()
        testbed.customers.call(
            PlaceCall(
                phone=self.phone,
                call=self.call,
                uri=f"sip:{number}@{testbed.customers_call}",
                codecs=self.codecs,
                headers=((ENTRY_HEADER, entry),) if entry else (),
            )
        )
        self._scene.note(f"{self.label} ({self.identity.profile_name}, {self.identity.number}) calls {number}")

    def rung(self, within_s: float) -> CallIncoming | None:
        """The next call that comes to the customer's phone; None when none does in time."""
        try:
            event = self._scene.testbed.customers.wait_for(
                CallIncoming,
                lambda e: e.phone == self.phone and e.call not in self._rung,
                timeout_s=within_s,
                since=self._born,
            )
        except AwaitExpired:
            return None
        self._rung.add(event.call)
        self.incoming, self.call, self._ear = event, event.call, None
        return event

    def answers(self) -> None:
        """Answer the ringing call."""
        self._require_call()
        self._scene.testbed.customers.call(Answer(call=self.call))

    def declines(self, code: int = 486) -> None:
        """Refuse the ringing call; 480 is WhatsApp giving up on a customer who does not react."""
        self._require_call()
        self._scene.testbed.customers.call(Decline(call=self.call, code=code))

    def answered_at(self) -> float:
        """When the customer answered the present call (200 sent; CLOCK_MONOTONIC, s). Raises Inconclusive."""
        try:
            return self._scene.testbed.customers.wait_for(
                CallAnswered, lambda e: e.call == self.call, timeout_s=OWN_LEG_S, since=self.mark
            ).at
        except AwaitExpired:
            raise Inconclusive(f"{self.label}'s phone did not answer within {OWN_LEG_S:g} s of being told to") from None

    def _require_call(self) -> None:
        if not self.call:
            raise HarnessMisuse(
                f"{self.label} has had no call yet",
                suggestion="add 'When the customer calls …' or 'Then the customer's phone rings' before",
            )

    def _refused(self, what: str, ended: CallEnded) -> PbxFault:
        return self._scene.fault(
            f"the PBX refused {what}: {ended.code} {ended.reason}", stall_s=stall_behind_refusal(ended.code)
        )

    def answered(self, within_s: float) -> float:
        """Wait for the PBX's answer; seconds from INVITE to 200. Raises PbxFault."""
        self._require_call()
        try:
            event = self._scene.testbed.customers.wait_for(
                Event,
                lambda e: isinstance(e, CallConnected | CallEnded) and e.call == self.call,
                timeout_s=within_s,
                since=self.mark,
                awaited=f"the PBX's answer to {self.label}'s call",
            )
        except AwaitExpired:
            raise self._scene.fault(
                f"the PBX did not answer {self.label}'s call to {self.called} within {within_s:g} s"
            ) from None
        if isinstance(event, CallEnded):
            raise self._refused(f"{self.label}'s call to {self.called}", event)
        return event.at - self.placed_at

    def rings(self, within_s: float) -> None:
        """Wait for 180 or 183 from the PBX. Raises PbxFault, NotRun when it answers at once."""
        self._require_call()
        try:
            event = self._scene.testbed.customers.wait_for(
                Event,
                lambda e: (
                    isinstance(e, CallProgress | CallConnected | CallEnded)
                    and e.call == self.call
                    and not (isinstance(e, CallProgress) and e.code == TRYING)
                ),
                timeout_s=within_s,
                since=self.mark,
            )
        except AwaitExpired:
            raise self._scene.fault(
                f"{self.label}'s call to {self.called} did not ring within {within_s:g} s"
            ) from None
        if isinstance(event, CallEnded):
            raise self._refused(f"{self.label}'s call", event)
        if isinstance(event, CallConnected):
            raise NotRun("this PBX answers without ringing first, so the customer cannot give up before the answer")

    def hangs_up(self) -> None:
        """End the call in whatever state: CANCEL before the answer, BYE after it."""
        self._require_call()
        self._scene.testbed.customers.call(HangUp(call=self.call))

    def presses(self, digits: str, *, tone_ms: int = 160, gap_ms: int = 80) -> None:
        """Press digits on the keypad (RFC 4733 events). Raises PbxFault when the PBX agreed on none."""
        self._require_call()
        self.pressed_at = monotonic()
        keys = SendDigits(call=self.call, digits=digits, tone_ms=tone_ms, gap_ms=gap_ms)
        try:
            self._scene.testbed.customers.call(keys)
        except SimulatorRefused as refused:
            if NO_EVENTS not in str(refused):
                raise
            raise self._scene.fault(
                f"{self.label} cannot press {digits}: the PBX's answer has no telephone-event (RFC 4733)"
            ) from None
        self.pressed += digits.upper()
        self.pressing_until = max(self.pressing_until, monotonic()) + len(digits) * (tone_ms + gap_ms) / 1000

    def says(self, wav: str) -> None:
        """Play ``wav`` once into the call in place of the beacon."""
        self._require_call()
        self._scene.testbed.customers.call(Play(call=self.call, wav=wav, loop=False))

    def plays_beacon(self) -> None:
        """Go back to the beacon after something was said."""
        self._require_call()
        self._scene.testbed.customers.call(Play(call=self.call, wav=str(self._voice)))

    def ended(self, within_s: float, after: str = "the other side hung up") -> CallEnded:
        """Wait for the end of the customer's leg; ``after`` what it should have ended. Raises PbxFault."""
        self._require_call()
        try:
            return self._scene.testbed.customers.wait_for(
                CallEnded, lambda e: e.call == self.call, timeout_s=within_s, since=self.mark
            )
        except AwaitExpired:
            raise self._scene.fault(f"{self.label}'s leg was still up {within_s:g} s after {after}") from None

    @property
    def ear(self) -> Ear:
        """What the customer hears in the present call. Raises PbxFault when there is no media at all."""
        self._require_call()
        if self._ear is None:
            try:
                media = self._scene.testbed.customers.wait_for(
                    Event,
                    lambda e: isinstance(e, MediaActive | CallEnded) and e.call == self.call,
                    timeout_s=OWN_LEG_S,
                    since=self.mark,
                )
            except AwaitExpired:
                raise self._scene.fault(f"{self.label}'s call has no audio: the PBX agreed on no media") from None
            if isinstance(media, CallEnded):
                raise self._scene.fault(f"{self.label}'s call ended without audio: {media.code} {media.reason}")
            assert isinstance(media, MediaActive)
            self._ear = Ear(self._scene.testbed.customers, media, self.mark, owner=self.label)
        return self._ear

    def first_sound_at(self, within_s: float) -> float | None:
        """When the customer heard the first sound of the present call (CLOCK_MONOTONIC, s); None: nothing in time."""
        deadline = monotonic() + within_s
        try:
            media = self._scene.testbed.customers.wait_for(
                MediaActive, lambda e: e.call == self.call, timeout_s=max(within_s, 0.0), since=self.mark
            )
        except AwaitExpired:
            return None
        if self._ear is None:
            self._ear = Ear(self._scene.testbed.customers, media, self.mark, owner=self.label)
        return self._ear.first_sound_at(max(deadline - monotonic(), 0.0))

    def ears(self) -> list[Ear]:
        """The ear of the present call, if it was used."""
        return [self._ear] if self._ear else []

    @property
    def in_call(self) -> bool:
        """Whether a call was placed and has not ended."""
        events = self._scene.testbed.customers.events(self.mark)
        return bool(self.call) and not any(isinstance(e, CallEnded) and e.call == self.call for e in events)

    def connected_at(self) -> float | None:
        """CLOCK_MONOTONIC of the answer, in s; None when the call was not answered (yet)."""
        for event in self._scene.testbed.customers.events(self.mark):
            if isinstance(event, CallConnected) and event.call == self.call:
                return event.at
        return None
