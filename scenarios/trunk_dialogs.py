"""What RFC 3261 asks of a PBX when all is not as it should be: requests inside calls that are not there or that come
too late, ACKs that get lost, responses that come twice, CANCEL against 200, messages that a stream cuts as it likes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise

from harness.errors import NO_STALL, Inconclusive, NotRun
from harness.sip.message import CHALLENGES, SipMessage, parse, salvage
from harness.trace import SipTraceEntry, host_of
from scenarios.checks import eventually
from scenarios.customer import Customer
from scenarios.deviations import tell_if_declared
from scenarios.scene import Scene
from scenarios.torture.trial import request_within
from scenarios.trunk_calls import trunk_call
from scenarios.trunk_requests import TrunkLine, own_via, request_of_the_trunk
from scenarios.trunk_variants import ACKS_LOST

CALL_REFUSED = 300
FINAL = 200
LOOP_DETECTED = 482
NO_SUCH_CALL = 481
OUT_OF_ORDER = 500
AGAIN_S = 3.0
"""A 200 without ACK comes again after 0.5 s and 1.5 s (RFC 3261 section 13.3.1.4); the rest is for a busy machine."""
UNKNOWN_CALL, OLD_REQUEST, SECOND_WAY = "RFC3261-12.2.2-a", "RFC3261-12.2.2-b", "RFC3261-8.2.2.2"
"""Requirements that a target's deviations name."""
ACK_WAIT_S = 32.0
"""How long a PBX sends a 200 again that gets no ACK: 64 times T1 (RFC 3261 section 13.3.1.4)."""
_IN_ONE_SEGMENT = 3
_CUTS = (5, 60, -40, -7)
"""Where a message is cut into segments: in its first line, in a header, before and in its body."""
_BODY = "OPTIONS sip:body@example.com SIP/2.0\r\n\r\nand more of it"
"""What only Content-Length tells from a message."""


# Requests inside calls


def refuses_unknown_call(scene: Scene, method: str) -> None:
    """A request inside a call that the PBX has never had gets 481. Raises PbxFault, KnownDeviation, NotRun."""
    request = request_of_the_trunk(scene, method, to_tag="never-there")
    answer = _answer_to(scene, request)
    if answer is None:
        why = f"the PBX gave no answer to {method} inside a call that is not there"
    elif answer.code != NO_SUCH_CALL:
        why = f"the PBX answered {method} inside a call that is not there with {_status(answer)}, not with 481"
    else:
        scene.note(_status(answer))
        return
    tell_if_declared(scene, UNKNOWN_CALL, why)
    raise scene.fault(f"{why}: the trunk keeps calls up that the PBX has forgotten (RFC 3261 section 12.2.2)")


def refuses_old_bye(scene: Scene, customer: Customer) -> None:
    """A BYE inside the customer's call, with a lower CSeq than its INVITE, gets 500. Raises PbxFault, KnownDeviation,
    Inconclusive."""
    request = _old_bye(scene, customer)
    answer = _answer_to(scene, request)
    number = request.get("CSeq").partition(" ")[0]
    if answer is not None and answer.code == OUT_OF_ORDER:
        scene.note(f"CSeq {number}: {_status(answer)}")
        return
    what = "no answer" if answer is None else _status(answer)
    why = f"a BYE with CSeq {number}, lower than the INVITE's, got {what} from the PBX, not 500"
    tell_if_declared(scene, OLD_REQUEST, why)
    raise scene.fault(f"{why}: what comes late or is forged ends calls (RFC 3261 section 12.2.2)")


def _answer_to(scene: Scene, request: SipMessage) -> SipMessage | None:
    """The final response to a request of a line of its own. Raises NotRun when the PBX asks for credentials first."""
    with TrunkLine(scene, request.to_bytes()) as line:
        answer = line.answers_to(request).get(request.get("Call-ID"))
        if answer is None:
            return None
        number = answer.get("CSeq").partition(" ")[0]
        if request.method == "INVITE":
            line.send(request_within(answer, "ACK", number))
            if answer.code < CALL_REFUSED:
                line.send(request_within(answer, "BYE", str(int(number) + 1)))
    if answer.code in CHALLENGES:
        raise NotRun(f"the PBX asks for credentials first ({_status(answer)})")
    return answer


def _old_bye(scene: Scene, customer: Customer) -> SipMessage:
    """A BYE as the trunk would send it (RFC 3261 section 12.2.1.1), but with a CSeq before that of the INVITE."""
    call_id = trunk_call(scene, customer).pbx_call_id
    of_call = [parse(e.octets) for e in scene.trunk_messages() if e.call_id == call_id]
    answer = next((m for m in of_call if m.method == "INVITE" and 200 <= m.code < 300), None)
    if answer is None:
        raise Inconclusive(f"the trunk saw no answer to {customer.label}'s call")
    number = int(answer.get("CSeq").split()[0])
    if not number:
        raise Inconclusive("the trunk's INVITE has the CSeq 0, and there is no lower one")
    target = answer.get("Contact").partition("<")[2].partition(">")[0]
    headers = [("Via", own_via(scene)), ("Max-Forwards", "70")]
    headers += [("Route", route) for route in _routes_of_the_pbx(scene, answer)]
    headers += [(name, answer.get(name)) for name in ("From", "To", "Call-ID")]
    headers.append(("CSeq", f"{number - 1} BYE"))
    return SipMessage(f"BYE {target} SIP/2.0", headers)


def _routes_of_the_pbx(scene: Scene, answer: SipMessage) -> list[str]:
    """The PBX's own part of the route set; the trunk's part is behind the trunk."""
    recorded = [part.strip() for value in answer.values("Record-Route") for part in value.split(",")]
    theirs = len(recorded) - len(scene.testbed.profile.proxies.record_route)
    return recorded[:theirs][::-1]


def _status(answer: SipMessage) -> str:
    return answer.first_line.removeprefix("SIP/2.0 ")


# ACKs


def answers_until_acknowledged(scene: Scene, customer: Customer) -> None:
    """The PBX has sent its 200 again for each ACK that was lost. Raises PbxFault."""
    call_id = trunk_call(scene, customer).pbx_call_id
    pbx = scene.testbed.target.pbx.host

    def answers() -> int:
        return sum(_is_answer_of(pbx, e) for e in _messages_of(scene, call_id))

    count = eventually(answers, lambda found: found > ACKS_LOST, AGAIN_S)
    if count <= ACKS_LOST:
        raise scene.fault(
            f"the PBX sent its 200 {count} times within {AGAIN_S:g} s, though {ACKS_LOST} ACKs were lost: a call whose "
            "ACK gets lost would stay half open (RFC 3261 section 13.3.1.4)"
        )
    scene.note(f"200 came {count} times")


def ends_what_nobody_acknowledges(scene: Scene, customer: Customer) -> None:
    """The PBX has ended a call, by BYE, whose 200 it sent in vain. Raises PbxFault; Inconclusive when somebody else
    ended it before."""
    call_id = trunk_call(scene, customer).pbx_call_id
    pbx = scene.testbed.target.pbx.host
    waited_s = ACK_WAIT_S + scene.testbed.target.deadlines.release_s

    def byes(entries: Iterable[SipTraceEntry]) -> list[SipTraceEntry]:
        return [e for e in entries if e.first_line.startswith("BYE ")]

    entries = eventually(partial(_messages_of, scene, call_id), lambda found: bool(byes(found)), waited_s)
    answers = [e for e in entries if _is_answer_of(pbx, e)]
    ends = byes(entries)
    if ends and host_of(ends[0].source) != pbx:
        raise Inconclusive(f"{customer.label}'s call was ended by the trunk before the PBX gave up")
    if not ends:
        raise scene.fault(
            f"the PBX sent its 200 {_times(len(answers))} without an ACK and has not ended the call within "
            f"{waited_s:g} s: an agent sits in a call that nobody is in (RFC 3261 section 13.3.1.4)"
        )
    after_s = ends[0].at - answers[0].at
    scene.note(f"200 came {_times(len(answers))} without an ACK, BYE after {after_s:.1f} s")


def acknowledges_each(scene: Scene) -> None:
    """Each final response to the PBX's INVITEs got an ACK, one that came twice got two. Raises PbxFault, Inconclusive
    when there was none."""
    pbx = scene.testbed.target.pbx.host

    def missing() -> list[str]:
        return unacknowledged(_between(scene.trunk_messages(), pbx), pbx)

    left = eventually(missing, lambda found: not found, scene.testbed.target.deadlines.release_s)
    if left:
        raise scene.fault(f"{left[0]} (RFC 3261 sections 13.2.2.4, 17.1.1.2): the trunk sends it again and again")
    finals = _finals(_between(scene.trunk_messages(), pbx), pbx)
    if not finals:
        raise Inconclusive("the trunk sent the PBX no final response to an INVITE")
    scene.note(", ".join(f"{code} came {_times(count)}, each with its ACK" for (_, _, code), count in finals.items()))


def refuses_second_way(scene: Scene) -> None:
    """Of INVITEs that differ in their branch alone the later got 482. Raises PbxFault, KnownDeviation, NotRun."""
    pbx = scene.testbed.target.pbx.host

    def answers() -> list[SipMessage]:
        sent = [parse(e.octets) for e in scene.trunk_invites(to_pbx=True)]
        first = {(m.get("Call-ID"), m.get("CSeq")): m.branch for m in reversed(sent)}
        later = {m.branch for m in sent if first[m.get("Call-ID"), m.get("CSeq")] != m.branch}
        from_pbx = [salvage(e.octets) for e in scene.trunk_messages() if host_of(e.source) == pbx]
        return [m for m in from_pbx if not m.is_request and m.branch in later and m.code >= FINAL]

    got = eventually(answers, bool, scene.testbed.target.deadlines.answer_s)
    if got and got[0].code in CHALLENGES:
        raise NotRun(f"the PBX asks for credentials first ({_status(got[0])})")
    if got and got[0].code == LOOP_DETECTED:
        scene.note(_status(got[0]))
        return
    why = f"the same INVITE by a second way got {_status(got[0]) if got else 'no answer'} from the PBX, not 482"
    tell_if_declared(scene, SECOND_WAY, why)
    raise scene.fault(f"{why}: where a proxy forks, the PBX takes one call for two (RFC 3261 section 8.2.2.2)")


Answered = tuple[str, str, str]
"""Call-ID, CSeq number, status code."""


def unacknowledged(entries: Sequence[SipTraceEntry], pbx: str) -> list[str]:
    """Final responses to INVITEs of the PBX at ``pbx`` that got fewer ACKs than they were sent, a line each."""
    acks = Counter(
        (e.call_id, _number(e)) for e in entries if e.first_line.startswith("ACK ") and host_of(e.source) == pbx
    )
    return [
        f"the PBX got {code} to its INVITE {_times(count)} and sent {acks[call_id, number] or 'no'} ACK"
        for (call_id, number, code), count in _finals(entries, pbx).items()
        if acks[call_id, number] < count
    ]


def _finals(entries: Iterable[SipTraceEntry], pbx: str) -> Counter[Answered]:
    return Counter(
        (e.call_id, _number(e), e.first_line.split()[1])
        for e in entries
        if host_of(e.destination) == pbx and e.first_line.startswith("SIP/2.0 ") and _is_final(e)
    )


def _between(entries: Iterable[SipTraceEntry], pbx: str) -> list[SipTraceEntry]:
    return [e for e in entries if pbx in (host_of(e.source), host_of(e.destination))]


def _is_final(entry: SipTraceEntry) -> bool:
    return entry.first_line.split()[1] >= "200" and entry.header("CSeq").endswith("INVITE")


def _messages_of(scene: Scene, call_id: str) -> list[SipTraceEntry]:
    """What trunk and PBX have sent each other in a call, until now."""
    return [e for e in _between(scene.trunk_messages(), scene.testbed.target.pbx.host) if e.call_id == call_id]


def _is_answer_of(pbx: str, entry: SipTraceEntry) -> bool:
    is_from_pbx = host_of(entry.source) == pbx
    return is_from_pbx and entry.first_line.startswith("SIP/2.0 2") and entry.header("CSeq").endswith("INVITE")


def _number(entry: SipTraceEntry) -> str:
    return entry.header("CSeq").partition(" ")[0]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


# CANCEL


def gives_up_at_the_answer(scene: Scene, customer: Customer) -> None:
    """The customer gives up when the PBX has sent its 200, which is still under way. Raises PbxFault."""
    if _answered_at(scene, customer) is None:
        raise scene.fault(f"the PBX did not answer {customer.label}'s call")
    customer.hangs_up()


def cancel_crossed_the_answer(scene: Scene, customer: Customer) -> None:
    """The trunk's CANCEL was sent after the PBX's 200 had come; the PBX answered it, and took the BYE that followed.
    Raises PbxFault, Inconclusive."""
    call_id = trunk_call(scene, customer).pbx_call_id
    answered = _answered_at(scene, customer)
    pbx = scene.testbed.target.pbx.host

    def codes(entries: Iterable[SipTraceEntry], method: str) -> list[str]:
        return [e.first_line.split()[1] for e in entries if host_of(e.source) == pbx and _answers(e, method)]

    def over(entries: list[SipTraceEntry]) -> bool:
        return bool(codes(entries, "CANCEL")) and bool(codes(entries, "BYE"))

    entries = eventually(partial(_messages_of, scene, call_id), over, scene.testbed.target.deadlines.release_s)
    cancels = [e.at for e in entries if e.first_line.startswith("CANCEL ")]
    if answered is None or not cancels or cancels[0] < answered:
        raise Inconclusive("CANCEL and 200 did not cross")
    for method in ("CANCEL", "BYE"):
        if not codes(entries, method):
            raise scene.fault(f"the PBX, which had just answered, gave no answer to {method}")
    if codes(entries, "BYE")[-1] != "200":
        raise scene.fault(f"the PBX answered the BYE of the call with {codes(entries, 'BYE')[-1]}", stall_s=NO_STALL)
    scene.note(
        f"CANCEL came {(cancels[0] - answered) * 1000:.0f} ms after the 200 and got {codes(entries, 'CANCEL')[0]}"
    )


def _answered_at(scene: Scene, customer: Customer) -> float | None:
    """When the PBX's 200 to the customer's call came (CLOCK_MONOTONIC, s)."""
    pbx, number = scene.testbed.target.pbx.host, customer.identity.number.lstrip("+")

    def answers() -> list[float]:
        found = [e for e in scene.trunk_messages() if _is_answer_of(pbx, e)]
        return [e.at for e in found if number in salvage(e.octets).get("From")]

    found = eventually(answers, bool, scene.testbed.target.deadlines.answer_s)
    return found[0] if found else None


def _answers(entry: SipTraceEntry, method: str) -> bool:
    return entry.first_line.startswith("SIP/2.0 ") and entry.header("CSeq").endswith(f" {method}")


# Streams


def takes_several_in_a_segment(scene: Scene) -> None:
    """Several OPTIONS in one segment of a stream get an answer each. Raises PbxFault, NotRun over UDP."""
    _require_stream(scene)
    requests = [request_of_the_trunk(scene, "OPTIONS", body=_BODY) for _ in range(_IN_ONE_SEGMENT)]
    with TrunkLine(scene, b"".join(request.to_bytes() for request in requests)) as line:
        answers = line.answers_to(*requests)
    if len(answers) < len(requests):
        raise scene.fault(
            f"of {len(requests)} OPTIONS in one segment the PBX answered {len(answers)}: at a trunk with many calls "
            "requests come so all the time (RFC 3261 section 18.3)"
        )
    scene.note(", ".join(_status(answer) for answer in answers.values()))


def takes_one_in_several_segments(scene: Scene) -> None:
    """An OPTIONS that comes in pieces gets its answer. Raises PbxFault, NotRun over UDP."""
    _require_stream(scene)
    request = request_of_the_trunk(scene, "OPTIONS", body=_BODY)
    octets = request.to_bytes()
    places = [0, *(cut % len(octets) for cut in _CUTS), len(octets)]
    first, *others = [octets[begin:end] for begin, end in pairwise(places)]
    with TrunkLine(scene, first) as line:
        for piece in others:
            # An answer to what was sent after a piece, over another connection: the PBX has had time to read the piece.
            if not scene.testbed.reachable():
                raise scene.fault("the PBX answers no OPTIONS while a message over another connection is incomplete")
            line.send(piece)
        answer = line.answers_to(request).get(request.get("Call-ID"))
    if answer is None:
        raise scene.fault(
            f"the PBX gave no answer to a request in {len(others) + 1} segments: what is longer than a segment never "
            "reaches it (RFC 3261 section 18.3)"
        )
    scene.note(f"{len(others) + 1} segments: {_status(answer)}")


def _require_stream(scene: Scene) -> None:
    transport = scene.testbed.target.pbx.transport
    if transport == "udp":
        raise NotRun("the trunk speaks UDP with this PBX, which has no segments")
