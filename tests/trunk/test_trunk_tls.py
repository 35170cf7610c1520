"""TLS between trunk and PBX: calls both ways, and each way in which it fails."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_peer import ANSWER_SDP, TcpPeer
from tls_peer import NAME, TRUNK_NAME, TlsPeer
from trunk_rig import BUSINESS, CUSTOMER, PBX, TRUNK, Rig, connect, place

from harness.certificates import Authority, make_authority, self_signed
from simulators.trunk.client_hello import NotTlsError, parse_client_hello, record_length
from simulators.trunk.protocol import KeepAlive, Leg, Probe, TlsFailed
from simulators.trunk.tls_faults import TlsCause


def fault_of(rig: Rig) -> TlsFailed:
    """What a probe finds; its reason is the event's."""
    probed: KeepAlive = rig.trunk.call(Probe(timeout_s=4), timeout_s=6)
    failed = rig.trunk.wait_for(TlsFailed, timeout_s=4)
    assert probed.code == 0
    assert probed.why == f"TLS: {failed.why}"
    return failed


def test_call_over_tls(tls_rig: Callable[..., Rig]) -> None:
    r = tls_rig()
    sent, got, ok = connect(r)
    assert got.get("Via").startswith("SIP/2.0/TLS 127.0.12.20:")
    assert got.request_uri == f"sip:{BUSINESS}@{NAME}:{r.pbx.port};transport=tls"
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.CUSTOMER
    assert isinstance(r.pbx, TlsPeer)
    assert r.pbx.accepted == 1
    assert {entry.transport for entry in r.trace() if PBX in (entry.source + entry.destination)} == {"tls"}


def test_call_of_the_pbx_over_its_own_connection(tls_rig: Callable[..., Rig], tmp_path: Path) -> None:
    r = tls_rig()
    assert isinstance(r.pbx, TlsPeer)
    r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME)
    sent = r.pbx.invite(BUSINESS, CUSTOMER)
    r.pbx.send(sent)
    r.phone.answer(r.phone.request("INVITE"), 200, "OK", sdp=ANSWER_SDP)
    r.pbx.acknowledge(sent, ok := r.pbx.response(200))
    r.pbx.in_dialog(sent, ok, "BYE")
    r.pbx.response(200, "BYE")
    assert r.pbx.accepted == 0


def test_pbx_hangs_up_over_a_connection_of_its_own(tls_rig: Callable[..., Rig], tmp_path: Path) -> None:
    r = tls_rig()
    _, got, _ = connect(r)
    assert isinstance(r.pbx, TlsPeer)
    r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME)
    r.pbx.in_their_dialog(got, "BYE")
    r.pbx.response(200, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX


BAD = {
    TlsCause.WRONG_NAME: lambda ca: ca.issue("x", hosts=["other.example"]),
    TlsCause.EXPIRED: lambda ca: ca.issue("x", hosts=[NAME], ends=datetime.now(UTC) - timedelta(days=1)),
    TlsCause.NOT_YET_VALID: lambda ca: ca.issue("x", hosts=[NAME], begins=datetime.now(UTC) + timedelta(days=1)),
    TlsCause.SELF_SIGNED: lambda ca: self_signed("x", [NAME]),
    TlsCause.UNKNOWN_CA: lambda ca: make_authority("another").issue("x", hosts=[NAME]),
}


@pytest.mark.parametrize("cause", BAD)
def test_bad_certificate(tls_rig: Callable[..., Rig], authority: Authority, cause: TlsCause) -> None:
    failed = fault_of(tls_rig(BAD[cause](authority)))
    assert (failed.cause, failed.opened_here, failed.proven) == (cause, True, True)


@pytest.mark.parametrize("with_chain", [True, False])
def test_intermediate(tls_rig: Callable[..., Rig], authority: Authority, with_chain: bool) -> None:
    issued = authority.intermediate("below").issue("x", hosts=[NAME], with_chain=with_chain)
    r = tls_rig(issued)
    if with_chain:
        place(r)
        return
    failed = fault_of(r)
    assert failed.cause == TlsCause.UNKNOWN_CA
    assert "intermediate certificate is missing" in failed.why


def test_call_to_a_bad_certificate_ends_at_once(tls_rig: Callable[..., Rig], authority: Authority) -> None:
    r = tls_rig(BAD[TlsCause.EXPIRED](authority))
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    r.phone.response(503, timeout_s=2)
    assert r.finished().reason == "TLS: its certificate has expired"


@pytest.mark.parametrize("client_certificate", ["", "client.sip.fbclientcerts.com"])
def test_pbx_demands_a_client_certificate(tls_rig: Callable[..., Rig], client_certificate: str) -> None:
    r = tls_rig(demands=True, changes=f'tls.client_certificate = "{client_certificate}"')
    failed = fault_of(r)
    assert failed.cause == TlsCause.CLIENT_CERTIFICATE
    assert "do not request one" in failed.why


def test_pbx_that_closes_after_asking_for_a_certificate(
    tls_rig: Callable[..., Rig], authority: Authority, tmp_path: Path
) -> None:
    files = authority.issue(NAME, hosts=[NAME]).write(tmp_path, "asking")
    pbx = TcpPeer(PBX)
    r = tls_rig(pbx=pbx)
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    plain, _ = pbx._listener.accept()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    received, sending = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(received, sending, server_side=True)
    received.write(plain.recv(4096))
    with pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    plain.sendall(sending.read())
    plain.recv(1)
    # With the rest unread this is a reset, and no alert comes.
    plain.close()
    failed = r.trunk.wait_for(TlsFailed, timeout_s=4)
    assert failed.cause == TlsCause.CLIENT_CERTIFICATE
    assert "asks for a client certificate" in failed.why


def test_port_that_speaks_plain_sip(tls_rig: Callable[..., Rig]) -> None:
    pbx = TcpPeer(PBX)
    r = tls_rig(pbx=pbx)
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    connection, _ = pbx._listener.accept()
    connection.recv(4096)
    connection.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")
    assert r.trunk.wait_for(TlsFailed, timeout_s=4).cause == TlsCause.NOT_TLS
    connection.close()


def test_nobody_listens(tls_rig: Callable[..., Rig]) -> None:
    r = tls_rig()
    r.pbx.close()
    failed = fault_of(r)
    assert (failed.cause, failed.proven) == (TlsCause.NOBODY_LISTENS, False)


def test_alpn_is_refused(tls_rig: Callable[..., Rig], tmp_path: Path) -> None:
    r = tls_rig()
    assert isinstance(r.pbx, TlsPeer)
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME, alpn=("sip",))
    failed = r.trunk.wait_for(TlsFailed, timeout_s=4)
    assert (failed.cause, failed.opened_here, failed.proven) == (TlsCause.ALPN, False, True)
    assert r.count(TlsFailed) == 1
    r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME, alpn=("sip2",))


def test_pbx_does_not_trust_the_trunk(tls_rig: Callable[..., Rig], tmp_path: Path) -> None:
    r = tls_rig()
    assert isinstance(r.pbx, TlsPeer)
    (tmp_path / "other.pem").write_bytes(make_authority().pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        r.pbx.connect(str(tmp_path / "other.pem"), TRUNK_NAME)
    assert r.trunk.wait_for(TlsFailed, timeout_s=4).cause == TlsCause.TRUNK_CERTIFICATE


def test_plain_sip_to_the_tls_port(tls_rig: Callable[..., Rig]) -> None:
    r = tls_rig()
    with socket.create_connection((TRUNK, r.pbx_side_port), 4, (PBX, 0)) as plain:
        plain.sendall(b"OPTIONS sip:trunk SIP/2.0\r\n\r\n")
        failed = r.trunk.wait_for(TlsFailed, timeout_s=4)
    assert failed.cause == TlsCause.NOT_TLS
    assert "'OPTIO'" in failed.why


def hello(*alpn: str) -> bytes:
    """What OpenSSL sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    client = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("offered", [(), ("sip",), ("h2", "sip")])
def test_alpn_of_a_real_client(offered: tuple[str, ...]) -> None:
    record = hello(*offered)
    assert record_length(record[:5]) == len(record)
    assert parse_client_hello(record).alpn == offered


HELLO = hello("sip")


@given(st.binary(min_size=5, max_size=80) | st.integers(5, len(HELLO)).map(lambda n: HELLO[:n]))
def test_any_first_octets(octets: bytes) -> None:
    try:
        record_length(octets[:5])
        parse_client_hello(octets)
    except NotTlsError as told:
        assert "\n" not in str(told)
