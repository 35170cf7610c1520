"""Octets to the PBX as they are, over a real trunk, and torture messages to PBXs that deal with them badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from serving_pbx import ServingPbx, tagged
from sip_peer import TcpPeer
from tls_peer import TlsPeer
from trunk_rig import TRUNK, Rig, RigMaker, connect

from harness.errors import HarnessMisuse, NotRun, PbxFault
from harness.process import SimulatorRefused
from harness.sip.message import SipMessage, answer_to
from scenarios.torture.trial import answers_as_expected, send_torture, takes_no_harm
from simulators.trunk.protocol import CloseLine, LineClosed, OctetsAnswered, OpenCalls, SendOctets
from simulators.trunk.raw_lines import VIA_PORT
from tests.scenarios.stand_ins import small_target

ODD = b"OPTIONS  sip:x@y  SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKodd\r\nCall-ID: odd\r\n"
DEADLINE_S = 15.0


def answer_of(call_id: str) -> bytes:
    return f"SIP/2.0 400 Bad\r\nVia: SIP/2.0/UDP x\r\nCall-ID: {call_id}\r\nContent-Length: 0\r\n\r\n".encode()


def answered(rig: Rig, line: str) -> bytes:
    return rig.trunk.wait_for(OctetsAnswered, lambda e: e.line == line, timeout_s=DEADLINE_S).octets


# Lines


def test_a_datagram_goes_as_it_is_and_its_answer_comes_to_nobody_else(rig: RigMaker) -> None:
    r = rig()
    line = r.trunk.call(SendOctets(octets=ODD))
    assert r.pbx._socket.recv(65535) == ODD
    r.pbx.send_octets(answer_of("other"))
    r.pbx.send_octets(answer_of("odd"))
    assert answered(r, line) == answer_of("odd")
    connect(r)
    assert [e.octets for e in r.trunk.events() if isinstance(e, OctetsAnswered)] == [answer_of("odd")]
    assert any(entry.octets == ODD for entry in r.trace())


def test_an_answer_to_the_port_of_the_via_is_heard_where_the_trunk_has_another(rig: RigMaker) -> None:
    r = rig()
    assert r.pbx_side_port != VIA_PORT
    line = r.trunk.call(SendOctets(octets=ODD))
    r.pbx._socket.sendto(answer_of("odd"), (TRUNK, VIA_PORT))
    assert answered(r, line) == answer_of("odd")
    r.trunk.call(CloseLine(line=line))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind((TRUNK, VIA_PORT))


def test_a_closed_line_hears_nothing(rig: RigMaker) -> None:
    r = rig()
    line = r.trunk.call(SendOctets(octets=ODD))
    r.trunk.call(CloseLine(line=line))
    r.trunk.call(CloseLine(line="line-99"))
    with pytest.raises(SimulatorRefused, match="line-1 is closed"):
        r.trunk.call(SendOctets(octets=ODD, line=line))
    r.pbx._socket.recv(65535)
    r.pbx.send_octets(answer_of("odd"))
    connect(r)
    assert r.count(OctetsAnswered) == 0


def test_a_stream_line_is_a_connection_of_its_own(rig: RigMaker) -> None:
    r = rig(tcp=True)
    assert isinstance(r.pbx, TcpPeer)
    connect(r)
    line = r.trunk.call(SendOctets(octets=ODD))
    r.pbx._listener.settimeout(DEADLINE_S)
    theirs, _ = r.pbx._listener.accept()
    with theirs:
        assert theirs.recv(65535) == ODD
        theirs.sendall(answer_of("whatever"))
        assert answered(r, line) == answer_of("whatever")
        r.trunk.call(SendOctets(octets=b"more", line=line))
        assert theirs.recv(65535) == b"more"
    r.trunk.wait_for(LineClosed, lambda e: e.line == line, timeout_s=DEADLINE_S)
    # The call's own connection is as it was.
    assert len(r.trunk.call(OpenCalls())) == 1
    assert r.pbx.accepted == 1


def test_a_line_over_tls(tls_rig: Callable[..., Rig]) -> None:
    r = tls_rig()
    assert isinstance(r.pbx, TlsPeer)
    line = r.trunk.call(SendOctets(octets=ODD))
    theirs = r.pbx._accepted.get(timeout=DEADLINE_S)
    assert theirs.recv(65535) == ODD
    theirs.close()
    r.trunk.wait_for(LineClosed, lambda e: e.line == line, timeout_s=DEADLINE_S)


def test_nobody_listens(rig: RigMaker) -> None:
    r = rig(tcp=True)
    r.pbx.close()
    with pytest.raises(SimulatorRefused, match="Connect call failed"):
        r.trunk.call(SendOctets(octets=ODD))


# PBXs that deal badly with torture messages


def foreign(request: SipMessage) -> bytes:
    answer = answer_to(request, 400, "Bad Request")
    answer.set("Call-ID", request.get("Call-ID"))
    answer.remove("CSeq")
    return answer.to_bytes()


@pytest.fixture
def tortured(rig: RigMaker) -> Iterator[Callable[..., Any]]:
    """Makes a scene with a real trunk and a PBX that treats messages so."""

    def make(treat: Callable[[SipMessage], bytes | None], *, deviations: dict[str, str] | None = None) -> Any:
        pbx = ServingPbx(treat)
        r = rig("keep_alive.interval_s = 0", pbx=pbx)
        pbx.serve()
        target = small_target().model_copy(update={"deviations": {} if deviations is None else deviations})
        notes: list[str] = []
        return SimpleNamespace(
            testbed=SimpleNamespace(trunk=r.trunk, target=target),
            note=notes.append,
            notes=notes,
            fault=lambda reason, stall_s=1.0: PbxFault(reason, stall_s=stall_s),
            trial=None,
            pbx=pbx,
        )

    yield make


def unheard(_message: SipMessage) -> None:
    return None


def accepting(message: SipMessage) -> bytes | None:
    return tagged(message, 200) if message.is_request and message.method != "ACK" else None


def test_pbxs_that_come_to_harm_are_caught(tortured: Callable[..., Any]) -> None:
    scene = tortured(accepting)
    send_torture(scene, "esc01")
    takes_no_harm(scene)
    answers_as_expected(scene)

    send_torture(scene, "clerr")
    with pytest.raises(PbxFault, match="message clerr: it accepted with 200 Reason what must be refused"):
        takes_no_harm(scene)
    # What it accepted is ended again.
    of_clerr = [m.method for m in scene.pbx.others if m.get("Call-ID").startswith("clerr")]
    assert of_clerr == ["INVITE", "ACK", "BYE"]

    scene.pbx.treat = foreign
    send_torture(scene, "quotbal")
    with pytest.raises(PbxFault, match=r"message quotbal: its answer 'SIP/2.0 400 Bad Request' is malformed: no CSeq"):
        takes_no_harm(scene)

    scene.pbx.treat = lambda message: tagged(message, 400)
    send_torture(scene, "bigcode")
    with pytest.raises(PbxFault, match=r"message bigcode: it answered a response with 'SIP/2.0 400 Reason'"):
        takes_no_harm(scene)

    scene.pbx.treat = unheard
    scene.pbx.deafened = True
    send_torture(scene, "unreason")
    with pytest.raises(PbxFault, match="answers no OPTIONS any more after the torture message unreason"):
        takes_no_harm(scene)


def test_deviations_fail_unless_the_target_declares_them(tortured: Callable[..., Any]) -> None:
    declared = {
        "RFC4475-badvers": "dropped",
        "RFC4475-clerr": "accepted",
        "RFC4475-esc01": "refused",
        "RFC3261-8.2.1": "of no torture message",
    }
    scene = tortured(unheard, deviations=declared)
    with pytest.raises(HarnessMisuse, match="no torture message was sent"):
        takes_no_harm(scene)
    send_torture(scene, "lwsruri")
    takes_no_harm(scene)
    with pytest.raises(PbxFault, match="message lwsruri: it gave no answer, where 400 is expected"):
        answers_as_expected(scene)
    send_torture(scene, "badvers")
    takes_no_harm(scene)
    with pytest.raises(NotRun, match=r"a known deviation of the PBX \(dropped\): it gave no answer, where 505"):
        answers_as_expected(scene)

    # Harm is never excused, and what is declared and not seen is told.
    scene.pbx.treat = accepting
    send_torture(scene, "clerr")
    for check in (takes_no_harm, answers_as_expected):
        with pytest.raises(PbxFault, match="what must be refused"):
            check(scene)
    send_torture(scene, "esc01")
    answers_as_expected(scene)
    assert scene.notes[-1] == "the target declares a deviation that was not seen: refused"


def test_a_final_answer_that_takes_its_time_is_waited_for(tortured: Callable[..., Any]) -> None:
    later: list[threading.Timer] = []

    def ring_first(message: SipMessage) -> bytes | None:
        if message.method != "INVITE":
            return None
        later.append(threading.Timer(0.6, lambda: scene.pbx.send_octets(tagged(message, 486))))
        later[-1].start()
        return tagged(message, 180)

    scene = tortured(ring_first)
    send_torture(scene, "baddate")
    answers_as_expected(scene)
    assert scene.notes == ["it answered 486 Reason"]
    later[0].join()
