"""A torture message on its way to the PBX, and what comes of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from harness.errors import NO_STALL, HarnessMisuse
from harness.messages import Event
from harness.process import AwaitExpired, SimulatorRefused
from harness.sip.message import SipMessage
from scenarios.deviations import tell_if_declared
from scenarios.scene import Scene
from scenarios.torture.judgement import Finding, Rating, Reaction, final, judge
from scenarios.torture.messages import TortureMessage, torture_message, with_own_branch
from simulators.trunk.protocol import CloseLine, KeepAlive, LineClosed, OctetsAnswered, Probe, SendOctets

AT_ONCE_S = 0.15
QUIET_S = 0.35
"""How long nothing must come, before and after the PBX has answered OPTIONS that were sent later, to count as no
answer. A PBX refuses at once or not at all: the reference PBX takes 1 to 6 ms. A client would wait for 32 s (RFC 3261,
timer F), which for 19 messages without an answer is ten minutes."""
LATER_REQUESTS = 3
"""A PBX may handle requests side by side: one that it answers may have overtaken another, three have not."""
PROBE_S = 2.0


@dataclass(slots=True)
class Trial:
    """One message that was sent. ``reaction`` is known once nothing more is to come."""

    message: TortureMessage
    sent: bytes
    reaction: Reaction
    deaf: bool = False

    @property
    def finding(self) -> Finding:
        return judge(self.message, self.sent, self.reaction)


def send_torture(scene: Scene, name: str) -> None:
    """Send the message from the trunk's address, and wait for the answer or for what shows that there is none.

    Raises HarnessMisuse for a name that RFC 4475 does not have.
    """
    message = torture_message(name)
    trunk = scene.testbed.trunk
    mark, octets = trunk.mark(), with_own_branch(message.octets)
    line: str = trunk.call(SendOctets(octets=octets))
    stream = scene.testbed.target.pbx.transport != "udp"
    try:
        deaf = _await_answer(scene, octets, line, mark)
        reaction = _reaction(trunk.events(mark), line, stream)
        _acknowledge(scene, message, line, final(octets, reaction.answers))
    finally:
        trunk.call(CloseLine(line=line))
    scene.trial = Trial(message, octets, reaction, deaf)
    scene.note(scene.trial.finding.text)


def takes_no_harm(scene: Scene) -> None:
    """The PBX still answers OPTIONS, and has done nothing to the message that must never be. Raises PbxFault."""
    trial = _trial(scene)
    name = trial.message.name
    if trial.deaf or not _alive(scene):
        raise scene.fault(f"the PBX answers no OPTIONS any more after the torture message {name}", stall_s=PROBE_S)
    if trial.finding.rating is Rating.FAULT:
        raise scene.fault(f"the PBX got the torture message {name}: {trial.finding.text}", stall_s=NO_STALL)


def answers_as_expected(scene: Scene) -> None:
    """The PBX did what RFC 4475 says it should. Raises PbxFault, KnownDeviation for one that the target declares."""
    trial = _trial(scene)
    message, finding = trial.message, trial.finding
    if finding.rating is Rating.KEPT:
        declared = scene.testbed.target.deviations.get(message.requirement)
        if declared is not None:
            scene.note(f"the target declares a deviation that was not seen: {declared}")
        return
    if finding.rating is Rating.DEVIATION:
        tell_if_declared(scene, message.requirement, finding.text)
    raise scene.fault(f"the PBX got the torture message {message.name}: {finding.text}", stall_s=QUIET_S)


def _trial(scene: Scene) -> Trial:
    if scene.trial is None:
        raise HarnessMisuse(
            "no torture message was sent", suggestion='let "the trunk sends the torture message …" come before'
        )
    return scene.trial


def _await_answer(scene: Scene, sent: bytes, line: str, mark: int) -> bool:
    """Wait until the reaction is complete; the result tells whether the PBX stopped answering OPTIONS meanwhile."""
    if _ends_within(scene, sent, line, mark, AT_ONCE_S):
        return False
    for _ in range(LATER_REQUESTS):
        if not _alive(scene):
            return True
    if not _ends_within(scene, sent, line, mark, QUIET_S) and _reaction(scene.testbed.trunk.events(mark), line).answers:
        # A provisional answer promises a final one.
        _ends_within(scene, sent, line, mark, scene.testbed.target.deadlines.answer_s)
    return False


def _ends_within(scene: Scene, sent: bytes, line: str, mark: int, timeout_s: float) -> bool:
    """Whether the final answer to what was sent comes over the line, or the line's end."""

    def ends(event: Event) -> bool:
        if isinstance(event, OctetsAnswered):
            return event.line == line and final(sent, [event.octets]) is not None
        return isinstance(event, LineClosed) and event.line == line

    try:
        scene.testbed.trunk.wait_for(Event, ends, timeout_s=timeout_s, since=mark)
    except AwaitExpired:
        return False
    return True


def _reaction(events: list[Event], line: str, stream: bool = False) -> Reaction:
    return Reaction(
        answers=tuple(e.octets for e in events if isinstance(e, OctetsAnswered) and e.line == line),
        stream=stream,
        closed=any(isinstance(e, LineClosed) and e.line == line for e in events),
    )


def _alive(scene: Scene) -> bool:
    answer: KeepAlive = scene.testbed.trunk.call(Probe(timeout_s=PROBE_S), timeout_s=PROBE_S + 3)
    return answer.code != 0


def _acknowledge(scene: Scene, message: TortureMessage, line: str, answer: SipMessage | None) -> None:
    """End what the answer to an INVITE has begun: its repetitions, and the call when there is one."""
    if message.method != "INVITE" or answer is None:
        return
    trunk, number = scene.testbed.trunk, answer.get("CSeq").partition(" ")[0]
    # A connection that the PBX has closed takes no more.
    with suppress(SimulatorRefused):
        trunk.call(SendOctets(octets=request_within(answer, "ACK", number), line=line))
        if answer.code < 300:
            mark, bye = trunk.mark(), request_within(answer, "BYE", str(int(number) + 1) if number.isdigit() else "2")
            trunk.call(SendOctets(octets=bye, line=line))
            _ends_within(scene, bye, line, mark, scene.testbed.target.deadlines.release_s)


def request_within(answer: SipMessage, method: str, number: str) -> bytes:
    """A request of the transaction or the dialog that the answer belongs to."""
    target = answer.get("Contact").partition("<")[2].partition(">")[0] or "sip:user@example.com"
    via = answer.get("Via").split(",")[0]
    if answer.code < 300:
        # A request of its own (RFC 3261 section 13.2.2.4); that of a refusal belongs to the INVITE's transaction.
        via = f"{via.partition(';')[0]};branch=z9hG4bK{method.lower()}{monotonic():.6f};rport"
    headers = [("Via", via), ("Max-Forwards", "70")]
    headers += [(name, answer.get(name)) for name in ("From", "To", "Call-ID")]
    headers.append(("CSeq", f"{number} {method}"))
    return SipMessage(f"{method} {target} SIP/2.0", headers).to_bytes()
