"""``trunkproof trunk``: a trunk and one customer's phone in front of a PBX, by hand.

Place a call to any number, press keys, hang up, and watch the messages pass.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from harness.errors import Inconclusive
from harness.messages import Event
from harness.process import AwaitExpired, Simulator, SimulatorRefused
from harness.target import Target, load_target
from scenarios.customer import payload_types
from simulators.pbx import reference
from simulators.phones.protocol import (
    CallConnected,
    CallEnded,
    Codec,
    Codecs,
    HangUp,
    MediaEncryption,
    PhonesConfig,
    PhoneSettings,
    PlaceCall,
    SendDigits,
    SwitchOn,
)
from simulators.trunk.profile import find_profile, load_profile
from simulators.trunk.protocol import CustomerOnline, KeepAlive, Probe, TrunkConfig, WhereCustomersCall
from trunkproof.fitting import fitted
from trunkproof.live_ladder import LiveLadder, TraceFollower
from trunkproof.own_network import enter_if_needed

DEFAULT_CALLER = "+447700900123"
DEFAULT_NAME = "Ana Ångström"
PHONE = "customer"
ENDED_S = 10.0
PROBE_S = 5.0
"""Longer than the trunk waits for a TLS handshake, so that it can tell that there was none."""
REFRESH_S = 0.05
EXIT_CONNECTED, EXIT_PBX_FAULT = 0, 1
HELP = "call NUMBER · d DIGITS · h hang up · q quit"


class Prompt(Protocol):
    """Asks for the next line; raises EOFError at the end of the input."""

    def __call__(self, text: str, /) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkRequest:
    """What the command line asks for. ``number`` empty: interactive. Times in s."""

    target: str = "reference"
    profile: str = ""
    number: str = ""
    talk_s: float = 5.0
    digits: str = ""
    answer_s: float = 60.0
    caller: str = DEFAULT_CALLER
    name: str = DEFAULT_NAME
    keep_alives: bool = False


def command(
    target: Annotated[str, typer.Option(help="Target file, or name of a built-in target.")] = "reference",
    profile: Annotated[str, typer.Option(help="Trunk profile: a name or a file.")] = "",
    call: Annotated[str, typer.Option(help="Place one call to this number, then leave.")] = "",
    talk: Annotated[float, typer.Option(help="With --call: hang up after so many seconds.")] = 5.0,
    digits: Annotated[str, typer.Option(help="With --call: keys to press once connected.")] = "",
    caller: Annotated[str, typer.Option(help="The customer's number.")] = DEFAULT_CALLER,
    name: Annotated[str, typer.Option(help="The customer's WhatsApp profile name.")] = DEFAULT_NAME,
    keep_alives: Annotated[bool, typer.Option("--keep-alives", help="Show OPTIONS too.")] = False,
) -> None:
    """Be a trunk with one customer: place calls by hand and watch the messages pass."""
    enter_if_needed([target], profile)
    request = TrunkRequest(
        target=target,
        profile=profile,
        number=call,
        talk_s=talk,
        digits=digits,
        caller=caller,
        name=name,
        keep_alives=keep_alives,
    )
    raise typer.Exit(trunk(request, Console()))


def trunk(request: TrunkRequest, console: Console, prompt: Prompt = input) -> int:
    """Run the command. Returns the exit code: 0, or 1 when a call placed by ``number`` was not answered.

    Raises HarnessMisuse for a bad target or profile and Inconclusive when the PBX cannot be reached.
    """
    target = load_target(request.target)
    profile = request.profile or target.trunk.profile
    target = fitted(target, load_profile(profile))
    directory = Path("out") / f"trunk-{datetime.now():%Y%m%d-%H%M%S}"
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        target = _with_pbx(target, directory, console, stack)
        live = _LiveTrunk(request, target, str(find_profile(profile).resolve()), directory, console)
        stack.callback(live.stop)
        live.start()
        console.print(
            f"trunk {live.address} · profile {profile} · PBX {pbx_place(target)} · trace {live.trace}", style="dim"
        )
        if request.number:
            return live.one_call(request)
        live.converse(prompt)
    return EXIT_CONNECTED


def _with_pbx(target: Target, directory: Path, console: Console, stack: ExitStack) -> Target:
    """The target with its PBX up: the reference PBX is started, any other one is the user's."""
    if target.pbx.adapter != "asterisk-reference":
        return target
    pbx = reference.start(
        target,
        directory / "pbx",
        provider=target.pbx.provider,
        progress=lambda text: console.print(text, style="dim"),
    )
    stack.callback(pbx.stop)
    return pbx.running.target


def pbx_place(target: Target) -> str:
    """Where a target's PBX is, for messages."""
    return f"{target.pbx.host}:{target.pbx.port}/{target.pbx.transport}"


class _LiveTrunk:
    """The two processes, and the ladder that a thread prints."""

    def __init__(self, request: TrunkRequest, target: Target, profile: str, directory: Path, console: Console) -> None:
        self._request = request
        self._target = target
        self._profile = profile
        self._directory = directory
        self._console = console
        self._simulators: list[Simulator] = []
        self._stopping = threading.Event()
        self._printer: threading.Thread | None = None
        self._calls = 0
        self.address = ""
        self.trace = directory / "trace.jsonl"

    def start(self) -> None:
        """Raises Inconclusive when a simulator does not start or the PBX does not answer."""
        self._trunk = self._start_trunk()
        self._phone = self._simulator(
            "phone",
            "simulators.phones.process:run",
            PhonesConfig(name="phone", directory=str(self._directory / "phone")),
        )
        self._phone.ready()
        self._customer_side = self._trunk.call(WhereCustomersCall())
        available = self._phone.call(Codecs())
        media = load_profile(self._profile).media
        settings = PhoneSettings(
            phone=PHONE,
            address=self._target.phones.addresses[0],
            user=self._request.caller,
            domain=self.address,
            display_name=self._request.name,
            codecs=tuple(codec for codec in Codec if codec in available),
            encryption=MediaEncryption(media.encryption),
            payload_types=payload_types(media),
            ice=media.ice,
        )
        contact = self._phone.call(SwitchOn(settings=settings))
        self._trunk.call(
            CustomerOnline(number=self._request.caller, profile_name=self._request.name, country="", contact=contact)
        )
        self._printer = threading.Thread(target=self._print, name="ladder")
        self._printer.start()
        self._require_pbx()

    def stop(self) -> None:
        """End both processes; the ladder is printed to its end."""
        for simulator in reversed(self._simulators):
            simulator.stop()
        self._stopping.set()
        if self._printer is not None:
            self._printer.join()

    def one_call(self, request: TrunkRequest) -> int:
        """Call, press keys, talk, hang up. Returns the exit code."""
        call = self._place(request.number)
        outcome = self._outcome(call, request.answer_s)
        if outcome is None:
            self._console.print(f"not answered within {request.answer_s:g} s", style="red")
            self._phone.call(HangUp(call=call))
            self._ended(call, ENDED_S)
            return EXIT_PBX_FAULT
        if isinstance(outcome, CallEnded):
            return EXIT_PBX_FAULT
        if request.digits:
            self._phone.call(SendDigits(call=call, digits=request.digits))
        if self._ended(call, request.talk_s) is None:
            self._phone.call(HangUp(call=call))
            self._ended(call, ENDED_S)
        return EXIT_CONNECTED

    def converse(self, prompt: Prompt) -> None:
        """Carry out what the user types until they leave."""
        self._console.print(HELP, style="bold")
        call = ""
        while True:
            try:
                word, _, rest = prompt("").strip().partition(" ")
            except (EOFError, KeyboardInterrupt):
                return
            if word in ("q", "quit"):
                return
            try:
                call = self._do(word, rest.strip(), call)
            except SimulatorRefused as refused:
                self._console.print(str(refused), style="red")

    def _do(self, word: str, rest: str, call: str) -> str:
        """One typed command. Returns the name of the call that further commands are about."""
        if word == "call" and rest:
            return self._place(rest)
        if word == "d" and rest and call:
            self._phone.call(SendDigits(call=call, digits=rest))
        elif word == "h" and call:
            self._phone.call(HangUp(call=call))
        elif word:
            self._console.print(HELP if call or word not in ("d", "h") else "there is no call yet", style="yellow")
        return call

    def _place(self, number: str) -> str:
        self._calls += 1
        call = f"call-{self._calls}"
        self._phone.call(PlaceCall(phone=PHONE, call=call, uri=f"sip:{number}@{self._customer_side}"))
        return call

    def _outcome(self, call: str, timeout_s: float) -> CallConnected | CallEnded | None:
        """How a call began: connected, ended at once, or None when neither happened in time."""

        def decides(event: Event) -> bool:
            return isinstance(event, CallConnected | CallEnded) and event.call == call

        try:
            event = self._phone.wait_for(Event, decides, timeout_s=timeout_s)
        except AwaitExpired:
            return None
        assert isinstance(event, CallConnected | CallEnded)
        return event

    def _ended(self, call: str, timeout_s: float) -> CallEnded | None:
        try:
            return self._phone.wait_for(CallEnded, lambda event: event.call == call, timeout_s=timeout_s)
        except AwaitExpired:
            return None

    def _require_pbx(self) -> None:
        answer: KeepAlive = self._trunk.call(Probe(timeout_s=PROBE_S), timeout_s=PROBE_S + 3)
        if not answer.code:
            why = f" ({answer.why})" if answer.why else ""
            raise Inconclusive(
                f"the PBX at {pbx_place(self._target)} did not answer OPTIONS from {self.address}{why}: is it running, "
                "and does it admit that address?"
            )

    def _start_trunk(self) -> Simulator:
        """A trunk at the first of the target's addresses that is free."""
        refused: SimulatorRefused | None = None
        for address in self._target.trunk.addresses:
            trunk = self._simulator("trunk", "simulators.trunk.process:run", self._trunk_config(address))
            try:
                trunk.ready()
            except SimulatorRefused as taken:
                refused = taken
                continue
            self.address = address
            return trunk
        assert refused is not None
        raise refused

    def _trunk_config(self, address: str) -> TrunkConfig:
        target = self._target
        return TrunkConfig(
            name="trunk",
            address=address,
            customer_port=0,
            pbx_side_port=target.trunk.port,
            pbx_host=target.pbx.host,
            pbx_port=target.pbx.port,
            pbx_transport=target.pbx.transport,
            profile=self._profile,
            trace=str(self.trace),
            business_hostname=target.pbx.hostname,
            trunk_hostname=target.trunk.hostname,
            tls_ca=str(target.trunk.ca or ""),
            tls_certificate=str(target.trunk.certificate or ""),
            tls_key=str(target.trunk.key or ""),
            digest_username=target.trunk.digest_username,
            digest_password=target.trunk.digest_password.get_secret_value(),
        )

    def _simulator(self, name: str, entry: str, config: object) -> Simulator:
        simulator = Simulator(name, entry, config, log=self._directory / f"{name}.log")
        self._simulators.append(simulator)
        if name == "phone":
            simulator.listen(self._tell)
        return simulator

    def _tell(self, event: Event) -> None:
        if isinstance(event, CallEnded):
            said = f"{event.call} ended: {event.code} {event.reason}, {event.connected_s:.1f} s connected"
            if event.rtp is not None:
                rtp = event.rtp
                said += f", {rtp.codec}, {rtp.received_packets} RTP packets heard, {rtp.received_lost} lost"
            self._console.print(said, style="bold", soft_wrap=True)

    def _print(self) -> None:
        follower = TraceFollower(self.trace)
        ladder = LiveLadder(self._console, self._customer_side, keep_alives=self._request.keep_alives)
        last = False
        while not last:
            # What came before the end of the processes is still printed.
            last = self._stopping.wait(REFRESH_S)
            for entry in follower.read():
                ladder.show(entry)
