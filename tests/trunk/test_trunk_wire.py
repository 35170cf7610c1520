"""Transports, keep-alive, authentication, calls of the PBX, and what is not SIP."""

from __future__ import annotations

import pytest
from sip_peer import ANSWER_SDP, SDP, SipPeer, TcpPeer
from trunk_rig import BUSINESS, CUSTOMER, PBX, RigMaker, connect, place

from harness.sip.digest import DigestAlgorithm, parse_parameters, response_of
from harness.sip.message import SipMessage
from simulators.trunk.protocol import (
    CallStarted,
    CustomerOffline,
    Direction,
    KeepAlive,
    Leg,
    OpenCalls,
    Probe,
    Refused,
)

# TCP


def test_call_over_tcp(rig: RigMaker) -> None:
    r = rig(tcp=True)
    sent, got, ok = connect(r)
    assert got.get("Via").startswith("SIP/2.0/TCP 127.0.12.20:")
    assert ";transport=tcp" in got.get("Contact")
    assert ";transport=tcp" in got.request_uri
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.CUSTOMER
    assert isinstance(r.pbx, TcpPeer)
    assert r.pbx.accepted == 1
    assert {entry.transport for entry in r.trace() if PBX in (entry.source + entry.destination)} == {"tcp"}


def test_nothing_is_repeated_over_tcp(rig: RigMaker) -> None:
    r = rig(tcp=True)
    place(r)
    # sippy repeats an unanswered INVITE after 0.5 s and 1.5 s.
    r.pbx.nothing(0.8, lambda m: m.method == "INVITE")


def test_invite_is_repeated_over_udp(rig: RigMaker) -> None:
    r = rig()
    _, got = place(r)
    assert r.pbx.request("INVITE", timeout_s=1.5).branch == got.branch


def test_lost_connection_is_opened_again(rig: RigMaker) -> None:
    r = rig(tcp=True)
    sent, _got, ok = connect(r)
    assert isinstance(r.pbx, TcpPeer)
    r.pbx.hang_up_connection()
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().code == 200
    assert r.pbx.accepted == 2


def test_pbx_that_does_not_listen_on_tcp_refuses_with_503(rig: RigMaker) -> None:
    r = rig(tcp=True)
    r.pbx.close()
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    r.phone.response(503, timeout_s=2)
    assert r.finished().code == 503


def test_call_of_the_pbx_over_its_own_connection(rig: RigMaker) -> None:
    r = rig(tcp=True)
    assert isinstance(r.pbx, TcpPeer)
    r.pbx.connect()
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    inner = r.phone.request("INVITE")
    r.phone.answer(inner, 200, "OK", sdp=ANSWER_SDP)
    ok = r.pbx.response(200)
    r.pbx.acknowledge(sent, ok)
    r.phone.request("ACK")
    r.pbx.in_dialog(sent, ok, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX
    assert r.pbx.accepted == 0


# Keep-alive


def test_probe(rig: RigMaker) -> None:
    from threading import Thread

    r = rig()
    results: list[KeepAlive] = []
    asking = Thread(target=lambda: results.append(r.trunk.call(Probe())))
    asking.start()
    r.pbx.answer(r.pbx.request("OPTIONS"), 200, "OK")
    asking.join(4)
    assert results[0].code == 200
    assert results[0].round_trip_ms > 0


def test_probe_of_a_pbx_that_is_not_there(rig: RigMaker) -> None:
    r = rig()
    r.pbx.close()
    result = r.trunk.call(Probe())
    assert (result.code, result.round_trip_ms) == (0, 0.0)


def test_keep_alive_at_the_interval(rig: RigMaker) -> None:
    r = rig("keep_alive.interval_s = 0.2")
    for _ in range(3):
        r.pbx.answer(r.pbx.request("OPTIONS"), 200, "OK")
    first = r.trunk.wait_for(KeepAlive, timeout_s=2)
    assert first.code == 200


# Digest that the PBX demands


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize(("code", "header"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
def test_challenge_of_the_pbx_is_answered(rig: RigMaker, algorithm: DigestAlgorithm, code: int, header: str) -> None:
    r = rig(digest_username="trunk", digest_password="s3cret")
    _, got = place(r)
    challenge = f'Digest realm="acme",nonce="abc",qop="auth",algorithm={algorithm},opaque="x,y"'
    r.pbx.answer(got, code, "Prove It", extra={header: challenge})
    second = r.pbx.receive("INVITE", lambda m: m.method == "INVITE" and bool(credentials(m)))
    given = parse_parameters(credentials(second))
    assert given["uri"] == second.request_uri
    assert given["response"] == response_of(
        algorithm, username="trunk", realm="acme", password="s3cret", method="INVITE", given=given
    )
    assert int(second.get("CSeq").split()[0]) == int(got.get("CSeq").split()[0]) + 1
    r.pbx.answer(second, 200, "OK", sdp=ANSWER_SDP)
    r.phone.response(200)


def credentials(message: SipMessage) -> str:
    return message.get("Authorization") or message.get("Proxy-Authorization")


def test_challenge_without_credentials_is_a_refusal(rig: RigMaker) -> None:
    r = rig()
    _, got = place(r)
    r.pbx.answer(got, 401, "Unauthorized", extra={"WWW-Authenticate": 'Digest realm="acme",nonce="abc"'})
    r.phone.response(401)
    assert r.finished().code == 401


# Calls of the PBX


def test_business_call_that_the_customer_answers(rig: RigMaker) -> None:
    r = rig()
    sent = r.pbx.invite(BUSINESS, CUSTOMER.removeprefix("+"), display="Acme")
    r.pbx.send(sent)
    inner = r.phone.request("INVITE")
    assert inner.get("From").startswith(f'"Acme" <sip:{BUSINESS}@') or inner.get("From").startswith("Acme <")
    started = r.trunk.wait_for(CallStarted, timeout_s=2)
    assert (started.direction, started.customer) == (Direction.BUSINESS_INITIATED, CUSTOMER)
    assert started.pbx_call_id == sent.get("Call-ID")
    assert started.customer_call_id == inner.get("Call-ID")
    r.phone.answer(inner, 180, "Ringing")
    r.pbx.response(180)
    r.phone.answer(inner, 200, "OK", sdp=ANSWER_SDP)
    ok = r.pbx.response(200)
    assert ok.get("Server").startswith("8x8")
    r.pbx.acknowledge(sent, ok)
    r.phone.request("ACK")
    r.phone.in_their_dialog(inner, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.CUSTOMER


def test_business_call_that_the_customer_refuses(rig: RigMaker) -> None:
    r = rig()
    r.pbx.send(r.pbx.invite(BUSINESS, CUSTOMER))
    r.phone.answer(r.phone.request("INVITE"), 486, "User declined the call")
    assert r.pbx.response(486).first_line == "SIP/2.0 486 User declined the call"
    finished = r.finished()
    assert (finished.ended_by, finished.code) == (Leg.CUSTOMER, 486)


def test_business_call_that_the_pbx_cancels(rig: RigMaker) -> None:
    r = rig()
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    inner = r.phone.request("INVITE")
    r.phone.answer(inner, 180, "Ringing")
    r.pbx.response(180)
    r.pbx.cancel(sent)
    r.pbx.response(487)
    r.phone.answer(r.phone.request("CANCEL"), 200, "OK")
    r.phone.answer(inner, 487, "Request Terminated")
    assert r.finished().ended_by is Leg.PBX


def test_business_calls_that_the_trunk_refuses(rig: RigMaker) -> None:
    r = rig()
    r.pbx.send(r.pbx.invite(BUSINESS, "+34999999999"))
    r.pbx.response(404)
    r.trunk.call(CustomerOffline(number=CUSTOMER))
    r.pbx.send(r.pbx.invite(BUSINESS, CUSTOMER))
    r.pbx.response(480)
    stranger = SipPeer("127.0.12.66")
    stranger.trunk = r.pbx.trunk
    stranger.send(stranger.invite(BUSINESS, CUSTOMER))
    stranger.response(403)
    stranger.close()
    r.trunk.wait_for(Refused, lambda e: e.code == 403, timeout_s=2)
    refused = [event for event in r.trunk.events() if isinstance(event, Refused)]
    assert [event.code for event in refused] == [404, 480, 403]
    assert refused[2].source.startswith("127.0.12.66:")
    assert refused[0].called == "+34999999999"
    assert r.count(CallStarted) == 0


# What is not SIP


@pytest.mark.parametrize(
    "octets",
    [
        b"\x00" * 64,
        b"hello\r\n\r\n",
        b"INVITE\r\n\r\n",
        b"SIP/2.0 200\r\nVia: x\r\n\r\n",
        b"SIP/2.0 999 Odd\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP\r\n\r\n",
        b"\xff\xfe INVITE sip:x@y SIP/2.0\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    ],
)
def test_octets_that_are_not_sip_change_nothing(rig: RigMaker, octets: bytes) -> None:
    r = rig()
    r.pbx.send_octets(octets)
    connect(r)
    assert r.trunk.alive
    assert len(r.trunk.call(OpenCalls())) == 1
    assert any(entry.octets == octets for entry in r.trace())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("From", "<<<>>>"),
        ("To", ""),
        ("CSeq", "abc INVITE"),
        ("CSeq", "99999999999 INVITE"),
        ("CSeq", "1 BYE"),
        ("Contact", "<sip:"),
        ("Contact", None),
        ("Call-ID", None),
        ("Content-Length", "-1"),
        ("Content-Length", "100000"),
        ("Max-Forwards", "lots"),
        ("Record-Route", "nonsense"),
    ],
)
def test_broken_invite_is_answered_400(rig: RigMaker, header: str, value: str | None) -> None:
    r = rig()
    request = r.pbx.invite(BUSINESS, CUSTOMER)
    request.remove(header)
    octets = request.to_bytes()
    if header == "Content-Length":
        octets = octets.replace(f"Content-Length: {len(SDP)}".encode(), f"Content-Length: {value}".encode())
    elif value is not None:
        octets = octets.replace(b"\r\n", f"\r\n{header}: {value}\r\n".encode(), 1)
    r.pbx.send_octets(octets)
    r.pbx.receive("400", lambda m: m.code == 400)
    connect(r)


def test_stream_out_of_step_is_closed_and_the_trunk_goes_on(rig: RigMaker) -> None:
    r = rig(tcp=True)
    assert isinstance(r.pbx, TcpPeer)
    r.pbx.connect()
    request = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send_octets(request.to_bytes().replace(b"Content-Length:", b"X-Length:"))
    r.pbx.receive("400", lambda m: m.code == 400)
    r.pbx.hang_up_connection()
    connect(r)


def test_message_in_many_segments(rig: RigMaker) -> None:
    r = rig(tcp=True)
    assert isinstance(r.pbx, TcpPeer)
    r.pbx.connect()
    octets = r.pbx.invite(BUSINESS, CUSTOMER).to_bytes()
    for n in range(0, len(octets), 97):
        r.pbx.send_octets(octets[n : n + 97])
    r.phone.request("INVITE")
