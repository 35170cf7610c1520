"""A trunk in its own process, and raw SIP peers as PBX and phone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sip_peer import ANSWER_SDP, SipPeer, TcpPeer

from harness.messages import Event
from harness.process import Simulator
from harness.sip.message import SipMessage
from harness.trace import SipTraceEntry, read_trace
from simulators.trunk.profile import BUILT_IN
from simulators.trunk.protocol import (
    CallFinished,
    CustomerOnline,
    Leg,
    LegChanged,
    LegPhase,
    TrunkConfig,
    WhereCustomersCall,
)
from tests.ports import free_port

CUSTOMER = "+34600111222"
BUSINESS = "+442079460100"
TRUNK, PBX, PHONE = "127.0.12.20", "127.0.12.10", "127.0.12.30"


@dataclass
class Rig:
    """A trunk between ``phone`` and ``pbx``."""

    trunk: Simulator
    phone: SipPeer
    pbx: SipPeer
    pbx_side_port: int
    trace_path: Path

    def finished(self) -> CallFinished:
        return self.trunk.wait_for(CallFinished, timeout_s=4)

    def finished_not(self) -> bool:
        """Whether the call is still up."""
        return not self.count(CallFinished)

    def reaches(self, leg: Leg, phase: LegPhase) -> LegChanged:
        return self.trunk.wait_for(LegChanged, lambda e: e.leg is leg and e.phase is phase, timeout_s=4)

    def phases(self) -> list[tuple[str, str, int]]:
        return [(e.leg.value, e.phase.value, e.code) for e in self.trunk.events() if isinstance(e, LegChanged)]

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.trunk.events())

    def trace(self) -> list[SipTraceEntry]:
        return list(read_trace(self.trace_path))


class RigMaker:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rigs: list[Rig] = []

    def __call__(
        self, changes: str = "", *, tcp: bool = False, rules: str = "", pbx: SipPeer | None = None, **config
    ) -> Rig:
        """A rig whose profile is 8x8's with ``changes``: lines ``table.key = value``. ``pbx`` is another peer."""
        pbx = pbx or (TcpPeer(PBX) if tcp else SipPeer(PBX))
        phone = SipPeer(PHONE)
        port = free_port(TRUNK)
        profile = self._directory / f"profile-{port}.toml"
        profile.write_text(changed(changes) + rules, encoding="utf-8")
        if "profile" in config:
            profile = config.pop("profile")
        trace = self._directory / f"trace-{port}.jsonl"
        values = {
            "name": "trunk",
            "address": TRUNK,
            "customer_port": 0,
            "pbx_side_port": port,
            "pbx_host": PBX,
            "pbx_port": pbx.port,
            "pbx_transport": pbx.transport.lower(),
            "profile": str(profile),
            "trace": str(trace),
        }
        trunk = Simulator(
            "trunk",
            "simulators.trunk.process:run",
            TrunkConfig(**{**values, **config}),
            log=self._directory / f"trunk-{port}.log",
        )
        rig = Rig(trunk, phone, pbx, port, trace)
        self._rigs.append(rig)
        trunk.ready()
        host, _, customer_port = trunk.call(WhereCustomersCall()).partition(":")
        phone.trunk = (host, int(customer_port))
        pbx.trunk = (TRUNK, port)
        trunk.call(
            CustomerOnline(number=CUSTOMER, profile_name="Ana", country="ES", contact=f"{phone.address}:{phone.port}")
        )
        return rig

    def close(self) -> None:
        for rig in self._rigs:
            # Peers first: then the trunk's BYEs are unreachable at once and it does not wait for answers.
            rig.phone.close()
            rig.pbx.close()
            rig.trunk.stop()


def place(rig: Rig, **keywords) -> tuple[SipMessage, SipMessage]:
    """The phone calls; the INVITE that it sent and the one that the PBX got."""
    sent = rig.phone.invite(CUSTOMER, BUSINESS, **keywords)
    rig.phone.send(sent)
    return sent, rig.pbx.request("INVITE")


def connect(rig: Rig, **keywords) -> tuple[SipMessage, SipMessage, SipMessage]:
    """A call that is up; the third is the 200 that the phone got."""
    sent, got = place(rig, **keywords)
    rig.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    ok = rig.phone.response(200)
    rig.phone.acknowledge(sent, ok)
    rig.pbx.request("ACK")
    return sent, got, ok


def changed(changes: str) -> str:
    """The 8x8 profile, silent by default, with keys replaced."""
    text = (BUILT_IN / "8x8.toml").read_text(encoding="utf-8")
    for line in ["keep_alive.interval_s = 0", *changes.strip().splitlines()]:
        path, _, value = (part.strip() for part in line.partition("="))
        table, _, key = path.rpartition(".")
        if path == "headers.extra":
            before, _, after = text.partition("[headers.extra]")
            text = f"{before}extra = {value}\n\n[{after.partition('[')[2]}"
            continue
        head, section, rest = text.partition(f"[{table}]") if table else ("", "", text)
        lines = rest.splitlines(keepends=True)
        at = next(n for n, old in enumerate(lines) if old.split("=")[0].strip() == key)
        lines[at] = f"{key} = {value}\n"
        text = head + section + "".join(lines)
    return text
