"""What the scenarios of transactions and digest say of PBXs that do it right and of PBXs that do not: raw ones around a
real trunk, and messages as they would be in a trace."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from serving_pbx import ServingPbx, tagged
from sip_peer import ANSWER_SDP, SipPeer, TcpPeer
from test_trunk_digest import credentials
from trunk_rig import BUSINESS, CUSTOMER, PBX, TRUNK, Rig, RigMaker, connect, place

from harness.errors import Inconclusive, KnownDeviation, NotRun, PbxFault
from harness.sip.framing import StreamFramer
from harness.sip.message import SipMessage, answer_to, salvage
from harness.trace import SipTraceEntry
from scenarios import checks
from scenarios.trunk_dialogs import (
    acknowledges_each,
    answers_until_acknowledged,
    cancel_crossed_the_answer,
    ends_what_nobody_acknowledges,
    refuses_old_bye,
    refuses_unknown_call,
    takes_one_in_several_segments,
    takes_several_in_a_segment,
    unacknowledged,
)
from scenarios.trunk_digest import answers_first_known, proves_itself_if_it_knows, sends_no_refused_credentials
from scenarios.trunk_variants import VARIANTS
from simulators.trunk.protocol import CallStarted, Direction, VaryProfile
from tests.scenarios.stand_ins import FakeClock, small_target

CALLER = SimpleNamespace(identity=SimpleNamespace(number=CUSTOMER), label="the customer")
Treat = Callable[[SipMessage], bytes | None]


def scene_of(r: Rig | None, *, transport: str = "udp", deviations: dict[str, str] | None = None) -> Any:
    """What the checks need of a scene: a real trunk, or none."""
    target = small_target(
        pbx={"host": PBX, "transport": transport}, trunk={"addresses": [TRUNK]}, deviations=deviations or {}
    )
    notes: list[str] = []
    return SimpleNamespace(
        testbed=SimpleNamespace(
            trunk=r and r.trunk,
            target=target,
            trunk_address=TRUNK,
            profile=SimpleNamespace(proxies=SimpleNamespace(record_route=[])),
            reachable=lambda: True,
        ),
        trunk_events=lambda: r.trunk.events() if r else [],
        trunk_messages=lambda: r.trace() if r else [],
        note=notes.append,
        notes=notes,
        fault=lambda reason, stall_s=1.0: PbxFault(reason, stall_s=stall_s),
    )


@pytest.fixture
def serving(rig: RigMaker) -> Callable[[Treat], Rig]:
    """A trunk with a PBX that treats messages so."""

    def make(treat: Treat) -> Rig:
        pbx = ServingPbx(treat)
        r = rig(pbx=pbx)
        pbx.serve()
        return r

    return make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(checks, "monotonic", clock.monotonic)
    monkeypatch.setattr(checks, "sleep", clock.sleep)
    return clock


def entry(way: str, first: str, cseq: str, at: float = 0.0, *headers: str) -> SipTraceEntry:
    """A message between trunk and PBX; ``way`` is ``>`` to the PBX."""
    lines = [first, "Call-ID: c", f"CSeq: {cseq}", f"From: <sip:{CUSTOMER}@x>;tag=a", f"To: <sip:{CUSTOMER}@y>"]
    ends = [f"{TRUNK}:5060", f"{PBX}:5060"]
    source, destination = ends if way == ">" else ends[::-1]
    raw = "\r\n".join([*lines, *headers, "", ""])
    return SipTraceEntry(at=at, wall=at, source=source, destination=destination, transport="udp", raw=raw)


# Requests inside calls


@pytest.mark.parametrize("method", ["BYE", "INVITE"])
def test_a_call_that_is_not_there(serving: Callable[[Treat], Rig], method: str) -> None:
    code = 481

    def treat(message: SipMessage) -> bytes | None:
        return None if message.method == "ACK" else tagged(message, code)

    r = serving(treat)
    scene = scene_of(r)
    refuses_unknown_call(scene, method)
    assert scene.notes == ["481 Reason"]

    code = 200
    with pytest.raises(PbxFault, match=f"answered {method} inside a call that is not there with 200 Reason, not with"):
        refuses_unknown_call(scene, method)
    code = 401
    with pytest.raises(NotRun, match="asks for credentials first"):
        refuses_unknown_call(scene, method)
    declared = scene_of(r, deviations={"RFC3261-12.2.2-a": "404"})
    code = 404
    with pytest.raises(KnownDeviation, match=r"\(404\): the PBX answered"):
        refuses_unknown_call(declared, method)
    # An INVITE that was taken is ended again.
    sent = [m.method for m in r.pbx.others]  # type: ignore[attr-defined]
    assert sent.count("BYE") == (1 if method == "INVITE" else 4)


def test_an_old_bye(serving: Callable[[Treat], Rig]) -> None:
    refuses = True

    def treat(message: SipMessage) -> bytes | None:
        if message.method == "INVITE":
            answer = answer_to(message, 200, "OK")
            answer.set("To", f"{message.get('To')};tag=pbx")
            answer.add("Contact", f"<sip:pbx@{PBX}:{r.pbx.port}>")
            answer.add("Content-Type", "application/sdp")
            answer.body = ANSWER_SDP.encode()
            return answer.to_bytes()
        old = message.method == "BYE" and int(message.get("CSeq").split()[0]) < numbers[0]
        return None if message.method == "ACK" else tagged(message, 500 if old and refuses else 200)

    r = serving(treat)
    sent = r.phone.invite(CUSTOMER, BUSINESS)
    r.phone.send(sent)
    r.phone.acknowledge(sent, r.phone.response(200))
    numbers = [int(m.get("CSeq").split()[0]) for m in r.pbx.others if m.method == "INVITE"]  # type: ignore[attr-defined]
    r.trunk.wait_for(CallStarted, timeout_s=4)
    scene = scene_of(r)
    refuses_old_bye(scene, CALLER)  # type: ignore[arg-type]
    assert scene.notes == [f"CSeq {numbers[0] - 1}: 500 Reason"]
    assert r.finished_not()

    refuses = False
    with pytest.raises(PbxFault, match=rf"a BYE with CSeq {numbers[0] - 1}, lower than the INVITE's, got 200 Reason"):
        refuses_old_bye(scene, CALLER)  # type: ignore[arg-type]


# ACKs


def test_acks_that_are_lost(rig: RigMaker) -> None:
    r = rig()
    r.trunk.call(VaryProfile(changes=VARIANTS["loses the first 2 ACKs"]))
    sent, got = place(r)
    for _ in range(2):
        r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.phone.acknowledge(sent, r.phone.response(200))
    r.pbx.nothing(0.3, lambda m: m.method == "ACK" and m.is_request)
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.pbx.request("ACK")
    r.trunk.wait_for(CallStarted, timeout_s=4)
    scene = scene_of(r)
    answers_until_acknowledged(scene, CALLER)  # type: ignore[arg-type]
    assert scene.notes == ["200 came 3 times"]


def test_a_pbx_that_answers_once(rig: RigMaker, clock: FakeClock) -> None:
    r = rig()
    connect(r)
    r.trunk.wait_for(CallStarted, timeout_s=4)
    with pytest.raises(PbxFault, match="the PBX sent its 200 1 times within 3 s, though 2 ACKs were lost"):
        answers_until_acknowledged(scene_of(r), CALLER)  # type: ignore[arg-type]


def test_a_pbx_that_gives_up(rig: RigMaker) -> None:
    r = rig()
    r.trunk.call(VaryProfile(changes=VARIANTS["loses every ACK"]))
    sent, got = place(r)
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.phone.acknowledge(sent, r.phone.response(200))
    for _ in range(10):
        r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP)
    r.pbx.nothing(0.3, lambda m: m.method == "ACK" and m.is_request)
    r.trunk.wait_for(CallStarted, timeout_s=4)
    r.pbx.in_their_dialog(got, "BYE")
    r.pbx.response(200, "BYE")
    scene = scene_of(r)
    ends_what_nobody_acknowledges(scene, CALLER)  # type: ignore[arg-type]
    assert scene.notes[0].startswith("200 came 11 times without an ACK, BYE after")


UNACKNOWLEDGED = [entry("<", "SIP/2.0 200 OK", "1 INVITE", at) for at in (1.0, 1.5)]


def test_a_pbx_that_never_gives_up(clock: FakeClock) -> None:
    with pytest.raises(PbxFault, match="the PBX sent its 200 2 times without an ACK and has not ended the call within"):
        ends_what_nobody_acknowledges(scene_with(UNACKNOWLEDGED), CALLER)  # type: ignore[arg-type]


def test_a_call_that_the_trunk_ends_says_nothing_of_the_pbx(clock: FakeClock) -> None:
    ended = [*UNACKNOWLEDGED, entry(">", "BYE sip:x SIP/2.0", "2 BYE", 5.0)]
    with pytest.raises(Inconclusive, match="ended by the trunk"):
        ends_what_nobody_acknowledges(scene_with(ended), CALLER)  # type: ignore[arg-type]


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("code", [200, 486])
def test_responses_that_come_twice(rig: RigMaker, clock: FakeClock, tcp: bool, code: int) -> None:
    r = rig(tcp=tcp)
    r.trunk.call(VaryProfile(changes=VARIANTS["sends each final response twice"]))
    if isinstance(r.pbx, TcpPeer):
        r.pbx.connect()
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    r.phone.answer(r.phone.request("INVITE"), code, "Reason", sdp=ANSWER_SDP if code == 200 else "")
    final = r.pbx.response(code)
    r.pbx.acknowledge(sent, final)
    if tcp and code == 486:
        # Nothing repeats a refusal over TCP.
        acknowledges_each(scene_of(r))
        return
    assert r.pbx.response(code).branch == final.branch
    with pytest.raises(PbxFault, match=f"the PBX got {code} to its INVITE 2 times and sent 1 ACK"):
        acknowledges_each(scene_of(r))
    r.pbx.acknowledge(sent, final)
    # Its BYE or an OPTIONS behind the ACK: what is answered has been read in order.
    probe = r.pbx.invite(BUSINESS, CUSTOMER, sdp="")
    options = SipMessage(probe.first_line.replace("INVITE", "OPTIONS"), [*probe.headers])
    options.set("CSeq", "1 OPTIONS")
    r.pbx.send(options)
    r.pbx.response(200, "OPTIONS")
    scene = scene_of(r)
    acknowledges_each(scene)
    assert scene.notes == [f"{code} came 2 times, each with its ACK"]


def test_no_response_no_judgement(clock: FakeClock) -> None:
    with pytest.raises(Inconclusive, match="no final response"):
        acknowledges_each(scene_of(None))


def test_challenges_are_acknowledged_too() -> None:
    challenge = entry(">", "SIP/2.0 407 Proxy Authentication Required", "1 INVITE")
    assert unacknowledged([challenge], PBX) == ["the PBX got 407 to its INVITE once and sent no ACK"]
    assert unacknowledged([challenge, entry("<", "ACK sip:x SIP/2.0", "1 ACK")], PBX) == []
    assert unacknowledged([challenge, entry("<", "ACK sip:x SIP/2.0", "2 ACK")], PBX) != []
    assert unacknowledged([entry(">", "SIP/2.0 180 Ringing", "1 INVITE")], PBX) == []


# CANCEL

ANSWERED = entry("<", "SIP/2.0 200 OK", "1 INVITE", 1.0)
CROSSED = [ANSWERED, entry(">", "CANCEL sip:x SIP/2.0", "1 CANCEL", 1.1)]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([*CROSSED, entry("<", "SIP/2.0 481 Gone", "1 CANCEL"), entry("<", "SIP/2.0 200 OK", "2 BYE")], None),
        ([*CROSSED, entry("<", "SIP/2.0 200 OK", "2 BYE")], "gave no answer to CANCEL"),
        ([*CROSSED, entry("<", "SIP/2.0 200 OK", "1 CANCEL")], "gave no answer to BYE"),
        (
            [*CROSSED, entry("<", "SIP/2.0 200 OK", "1 CANCEL"), entry("<", "SIP/2.0 481 Gone", "2 BYE")],
            "answered the BYE of the call with 481",
        ),
    ],
)
def test_cancel_against_200(clock: FakeClock, entries: list[SipTraceEntry], told: str | None) -> None:
    scene = scene_with(entries)
    if told is None:
        cancel_crossed_the_answer(scene, CALLER)  # type: ignore[arg-type]
        assert scene.notes == ["CANCEL came 100 ms after the 200 and got 481"]
        return
    with pytest.raises(PbxFault, match=told):
        cancel_crossed_the_answer(scene, CALLER)  # type: ignore[arg-type]


def test_a_cancel_before_the_answer_says_nothing(clock: FakeClock) -> None:
    scene = scene_with([entry(">", "CANCEL sip:x SIP/2.0", "1 CANCEL", 0.5), ANSWERED])
    with pytest.raises(Inconclusive, match="did not cross"):
        cancel_crossed_the_answer(scene, CALLER)  # type: ignore[arg-type]


def scene_with(entries: list[SipTraceEntry], **more: Any) -> Any:
    started = CallStarted(
        call="call",
        direction=Direction.USER_INITIATED,
        customer=CUSTOMER,
        business=BUSINESS,
        wacid="w",
        customer_call_id="x",
        pbx_call_id="c",
    )
    scene = scene_of(None, **more)
    scene.trunk_events = lambda: [started]
    scene.trunk_messages = lambda: entries
    return scene


# Streams


class StreamPbx:
    """A PBX on TCP that answers OPTIONS. Without ``framed`` it takes each read for a message of its own."""

    transport = "TCP"

    def __init__(self, *, framed: bool) -> None:
        self._framed = framed
        self._listener = socket.create_server((PBX, 0))
        self.address, self.port = self._listener.getsockname()
        self.trunk = ("", 0)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        framer = StreamFramer()
        with connection:
            while octets := connection.recv(65535):
                for message in framer.feed(octets) if self._framed else [octets]:
                    asked = salvage(message)
                    if asked.method == "OPTIONS" and asked.get("Call-ID"):
                        connection.sendall(tagged(asked, 200))


def test_a_pbx_that_cuts_by_content_length(rig: RigMaker) -> None:
    scene = scene_of(rig(pbx=StreamPbx(framed=True)), transport="tcp")  # type: ignore[arg-type]
    takes_several_in_a_segment(scene)
    takes_one_in_several_segments(scene)
    assert scene.notes == [", ".join(["200 Reason"] * 3), "5 segments: 200 Reason"]


def test_a_pbx_that_takes_each_read_for_a_message(rig: RigMaker) -> None:
    scene = scene_of(rig(pbx=StreamPbx(framed=False)), transport="tcp")  # type: ignore[arg-type]
    scene.testbed.target = scene.testbed.target.model_copy(
        update={"deadlines": scene.testbed.target.deadlines.model_copy(update={"answer_s": 0.5})}
    )
    with pytest.raises(PbxFault, match="of 3 OPTIONS in one segment the PBX answered 1"):
        takes_several_in_a_segment(scene)
    with pytest.raises(PbxFault, match="no answer to a request in 5 segments"):
        takes_one_in_several_segments(scene)


def test_udp_has_no_segments() -> None:
    for check in (takes_several_in_a_segment, takes_one_in_several_segments):
        with pytest.raises(NotRun, match="UDP"):
            check(scene_of(None))


# Digest


def challenge(*algorithms: str, cseq: str = "1 INVITE") -> SipTraceEntry:
    offered = [f'Proxy-Authenticate: Digest realm="r",nonce="n",algorithm={name}' for name in algorithms]
    return entry(">", "SIP/2.0 407 Proxy Authentication Required", cseq, 0.0, *offered)


def proof(algorithm: str, number: int = 2, user: str = "44") -> SipTraceEntry:
    given = f'Proxy-Authorization: Digest username="{user}", realm="r", algorithm={algorithm}'
    return entry("<", f"INVITE sip:{CUSTOMER}@y SIP/2.0", f"{number} INVITE", 0.0, given)


class Caller:
    """An agent whose PBX answers each further challenge so."""

    def __init__(self, entries: list[SipTraceEntry], knows: str) -> None:
        self._entries, self._knows = entries, knows
        self.dialling = False
        self.called = 0

    def calls(self, number: str) -> None:
        self.called += 1
        if self._knows:
            self._entries.append(proof(self._knows, 10 + self.called))

    def outcome(self, within_s: float) -> None:
        return None


@pytest.mark.parametrize(
    ("offered", "used", "knows", "told", "calls"),
    [
        (["SHA-256", "MD5"], "SHA-256", "", None, 0),
        # It may know no SHA-256.
        (["SHA-256", "MD5"], "MD5", "", None, 1),
        (["SHA-256", "MD5"], "MD5", "SHA-256", "by MD5, though SHA-256 came before it, which it knows", 1),
        (["MD5", "SHA-256"], "SHA-256", "MD5", "by SHA-256, though MD5 came before it", 1),
        (["SHAKE-999", "MD5"], "MD5", "", None, 0),
        (["MD5"], "SHA-256", "", "credentials are by SHA-256; offered were MD5", 0),
    ],
)
def test_first_challenge(
    clock: FakeClock, offered: list[str], used: str, knows: str, told: str | None, calls: int
) -> None:
    entries = [challenge(*offered), proof(used)]
    agent = Caller(entries, knows)
    varied: list[str] = []
    for declared in ({}, {"RFC8760-2.4-a": "the last one"}):
        scene = scene_with(entries, deviations=declared)
        scene.last_agent = agent
        scene.trunk_varied = lambda changes, instead: _noted(varied, changes)
        if told is None:
            answers_first_known(scene, CALLER)  # type: ignore[arg-type]
        else:
            excused = KnownDeviation if declared and "though" in told else PbxFault
            with pytest.raises(excused, match=told):
                answers_first_known(scene, CALLER)  # type: ignore[arg-type]
    assert agent.called == 2 * calls
    assert len(varied) == 2 * calls


class _noted:  # noqa: N801 - it stands for a function that makes a context
    def __init__(self, kept: list[str], changes: str) -> None:
        kept.append(changes)

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


def test_no_credentials_at_all(clock: FakeClock) -> None:
    with pytest.raises(PbxFault, match="no credentials"):
        answers_first_known(scene_with([challenge("MD5")]), CALLER)  # type: ignore[arg-type]
    with pytest.raises(NotRun, match="does not know SHA-256"):
        proves_itself_if_it_knows(scene_with([challenge("SHA-256")]), CALLER)  # type: ignore[arg-type]
    with pytest.raises(Inconclusive, match="did not challenge"):
        proves_itself_if_it_knows(scene_with([]), CALLER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ([proof("MD5")], None),
        # The same message again, and another algorithm.
        ([proof("MD5"), proof("MD5"), proof("SHA-256", 3)], None),
        ([proof("MD5"), proof("MD5", 3), proof("MD5", 4)], "which had been refused, 3 times in all"),
        ([], "sent no credentials"),
    ],
)
def test_refused_credentials(clock: FakeClock, sent: list[SipTraceEntry], told: str | None) -> None:
    if told is None:
        sends_no_refused_credentials(scene_with(sent), CALLER)  # type: ignore[arg-type]
        return
    with pytest.raises(PbxFault, match=told):
        sends_no_refused_credentials(scene_with(sent), CALLER)  # type: ignore[arg-type]
    if sent:
        with pytest.raises(KnownDeviation, match=r"ten times"):
            sends_no_refused_credentials(
                scene_with(sent, deviations={"RFC3261-22.3": "ten times"}),
                CALLER,  # type: ignore[arg-type]
            )


def challenged(pbx: SipPeer, sent: SipMessage) -> SipMessage:
    refusal = pbx.receive("407", lambda m: m.code == 407 and m.get("CSeq") == sent.get("CSeq"))
    pbx.acknowledge(sent, refusal)
    return refusal


def again(sent: SipMessage, value: str) -> SipMessage:
    number = int(sent.get("CSeq").split()[0]) + 1
    invite = SipMessage(sent.first_line, [(n, v) for n, v in sent.headers if n != "Proxy-Authorization"], sent.body)
    invite.set("CSeq", f"{number} INVITE")
    invite.set("Via", sent.get("Via").replace("branch=z9hG4bK", f"branch=z9hG4bK{number}"))
    invite.add("Proxy-Authorization", value)
    return invite


@pytest.mark.parametrize("code", [403, 407])
def test_a_trunk_that_takes_no_credentials(rig: RigMaker, code: int) -> None:
    r = rig(digest_password="pw")
    r.trunk.call(VaryProfile(changes=VARIANTS[f"refuses credentials with {code}"]))
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    first = challenged(r.pbx, sent)
    proven = again(sent, credentials(first.get("Proxy-Authenticate"), uri=f"sip:{CUSTOMER}@{TRUNK}"))
    r.pbx.send(proven)
    refusal = r.pbx.receive(str(code), lambda m: m.code == code and m.get("CSeq") == proven.get("CSeq"))
    fresh = list(refusal.values("Proxy-Authenticate"))
    assert bool(fresh) is (code == 407)
    assert not any("stale" in value or value == first.get("Proxy-Authenticate") for value in fresh)


def test_a_trunk_that_offers_what_nobody_knows(rig: RigMaker) -> None:
    r = rig(digest_password="pw")
    r.trunk.call(VaryProfile(changes=VARIANTS["offers digest by an unknown algorithm and MD5"]))
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    foreign, known = challenged(r.pbx, sent).values("Proxy-Authenticate")
    assert ("algorithm=SHAKE-999" in foreign, "algorithm=MD5" in known) == (True, True)
    proven = again(sent, credentials(known, uri=f"sip:{CUSTOMER}@{TRUNK}"))
    r.pbx.send(proven)
    assert r.phone.request("INVITE")
