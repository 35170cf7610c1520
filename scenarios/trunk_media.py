"""What the provider asks of a call's media: who sends first, one source, nothing before the answer, never silence.

The trunk relays the customer's media for it and looks at what the PBX sends: headers of RTP are readable in SRTP, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from harness.errors import NO_STALL, NotRun
from harness.process import AwaitExpired
from scenarios.business_calls import RING_S, silence_limits_s
from scenarios.checks import eventually
from scenarios.customer import Customer
from scenarios.deviations import tell_if_declared
from scenarios.scene import Scene
from scenarios.trunk_calls import relayed, trunk_call
from simulators.phones.protocol import CallEnded
from simulators.trunk.protocol import (
    HeldBack,
    Leg,
    LegChanged,
    LegPhase,
    MediaWay,
    PacketsLost,
    WayCounts,
)

ALL = 100
FEW_TURNS = 8
"""Where one source follows another a packet of the first may come late: that is no second stream."""
TOLD_S = 2.0
"""How long the trunk may take to tell what it has seen, in s."""
ONE_SOURCE = "T38"
"""The requirement that a target's deviations name."""


def watch(scene: Scene, customer: Customer) -> None:
    """The customer's media passes through the trunk from now on, unchanged."""
    customer.relay_media(())
    scene.note("the trunk sees the packets of the call")


def business_sends_first(scene: Scene, customer: Customer) -> None:
    """Nothing comes from the customer's side before the PBX has sent, and the app does not wait for long. Raises NotRun
    for DTLS, which needs both sides."""
    if scene.testbed.profile.media.encryption == "dtls":
        raise NotRun("with DTLS the customer's side answers the handshake before anybody can send")
    customer.relay_media((HeldBack(way=MediaWay.TO_PBX),))
    customer.switch_off()
    customer.switch_on(silence_limit_s=silence_limits_s(scene))


def bears_little_silence(scene: Scene, customer: Customer, *, rtcp_only: bool = False) -> None:
    """The app gives up calls without media in the shorter time; with ``rtcp_only`` all RTP of the PBX is lost."""
    rules = (PacketsLost(way=MediaWay.TO_CUSTOMER, percent=ALL),) if rtcp_only else ()
    customer.relay_media(rules)
    customer.switch_off()
    customer.switch_on(silence_limit_s=silence_limits_s(scene))


def stays_up(scene: Scene, customer: Customer) -> None:
    """The call is still up after a time in which the app would have given up, had nothing come. Raises PbxFault."""
    limit_s = max(silence_limits_s(scene))
    watched_s = limit_s * 1.5
    try:
        ended = scene.testbed.customers.wait_for(
            CallEnded, lambda e: e.call == customer.call, timeout_s=watched_s, since=customer.mark
        )
    except AwaitExpired:
        counts = _way(scene, customer, MediaWay.TO_CUSTOMER)
        scene.note(f"up {watched_s:g} s later; {counts.received} RTP and {counts.rtcp} RTCP packets came from the PBX")
        return
    if ended.silent:
        raise scene.fault(
            f"{customer.label}'s app gave up the call: neither RTP nor RTCP came from the PBX for {limit_s:g} s "
            f"({limit_s * scene.testbed.target.platform.media_timers:g} s at WhatsApp)"
        )
    raise scene.fault(f"{customer.label}'s call ended: {ended.code} {ended.reason}")


def pbx_has_sent_first(scene: Scene, customer: Customer) -> None:
    """The PBX sent RTP although none had come. Raises PbxFault."""

    def begun() -> WayCounts:
        return _way(scene, customer, MediaWay.TO_CUSTOMER)

    limit_s, _ = silence_limits_s(scene)
    counts = eventually(begun, lambda way: bool(way.first_at), limit_s + RING_S)
    if not counts.first_at:
        raise scene.fault(
            f"the PBX sent no RTP within {limit_s:g} s of its answer: it waits for the first packet, as Meta does, so "
            f"{customer.label}'s app gives up"
        )
    answered = _reached(scene, customer, LegPhase.CONNECTED)
    scene.note(f"the PBX's first packet came {(counts.first_at - answered) * 1000:.0f} ms after its answer")


def one_source_at_a_time(scene: Scene, customer: Customer) -> None:
    """Of the PBX's RTP in the customer's call no two sources (SSRC) take turns. Raises PbxFault."""
    counts = _sent_by_pbx(scene, customer)
    sources = dict.fromkeys(counts.sources)
    if len(counts.sources) - len(sources) > FEW_TURNS:
        raise scene.fault(
            f"the PBX sent RTP of {len(sources)} sources at a time (SSRC {_shown(sources)}), which took turns "
            f"{len(counts.sources)} times or more: Meta takes one, more of them garble what the customer hears",
            stall_s=NO_STALL,
        )
    after = ", one after the other" if len(sources) > 1 else ""
    scene.note(f"{counts.received} packets of SSRC {_shown(sources)}{after}")


def one_source(scene: Scene, customer: Customer) -> None:
    """All RTP of the PBX in the customer's call has one SSRC. Raises PbxFault, KnownDeviation."""
    one_source_at_a_time(scene, customer)
    sources = dict.fromkeys(_sent_by_pbx(scene, customer).sources)
    if len(sources) > 1:
        why = f"the PBX went on under another source, {len(sources)} in one call (SSRC {_shown(sources)})"
        tell_if_declared(scene, ONE_SOURCE, why)
        raise scene.fault(f"{why}: Meta asks for one", stall_s=NO_STALL)


def _sent_by_pbx(scene: Scene, customer: Customer) -> WayCounts:
    counts = _way(scene, customer, MediaWay.TO_CUSTOMER)
    if not counts.received:
        raise scene.fault("the PBX sent no RTP")
    return counts


def _shown(sources: Iterable[int]) -> str:
    return ", ".join(f"{source:08x}" for source in sources)


def silent_before_answer(scene: Scene, customer: Customer) -> None:
    """No RTP of the PBX came before its 200: WhatsApp takes the first packet for the answer. Raises PbxFault."""
    answered = _reached(scene, customer, LegPhase.CONNECTED)
    counts = _way(scene, customer, MediaWay.TO_CUSTOMER)
    early_s = answered - counts.first_at
    if counts.first_at and early_s > 0:
        raise scene.fault(
            f"the PBX sent sound {early_s:.1f} s before it answered: WhatsApp takes the first packet for "
            "the answer, and the customer's call counts from there",
            stall_s=NO_STALL,
        )
    scene.note("no packet came before the answer")


def _way(scene: Scene, customer: Customer, way: MediaWay) -> WayCounts:
    return relayed(scene, trunk_call(scene, customer).call, way)


def _reached(scene: Scene, customer: Customer, phase: LegPhase) -> float:
    """When the PBX's leg reached a phase (CLOCK_MONOTONIC, s). Raises PbxFault when it has not.

    What the customer's phone tells may be here before what the trunk tells: they are two processes.
    """
    call = trunk_call(scene, customer).call

    def is_it(event: LegChanged) -> bool:
        return (event.call, event.leg, event.phase) == (call, Leg.PBX, phase)

    try:
        return scene.testbed.trunk.wait_for(LegChanged, is_it, timeout_s=TOLD_S).at
    except AwaitExpired:
        raise scene.fault(f"the PBX's leg of {customer.label}'s call is not {phase}") from None


def hang_up_at_once(scene: Scene, customer: Customer) -> None:
    """The customer and the agent who has the call hang up in the same moment: two BYEs cross."""
    agent = scene.last_agent
    before = monotonic()
    customer.hangs_up()
    agent.hangs_up()
    scene.note(f"both hung up within {(monotonic() - before) * 1000:.0f} ms")
