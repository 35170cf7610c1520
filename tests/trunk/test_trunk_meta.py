"""Calls on the profile meta-sdes, message by message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sip_peer import ANSWER_SDP, SDP, SipPeer
from tls_peer import NAME, TRUNK_NAME, TlsPeer
from trunk_rig import BUSINESS, CUSTOMER, TRUNK, Rig

from harness.sip.digest import DigestAlgorithm, parse_parameters, response_of
from harness.sip.message import SipMessage
from simulators.trunk.profile import built_in_profiles, load_profile
from simulators.trunk.protocol import BrokenRule, Leg, LegPhase, RuleBroken

CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
OFFER = SDP.replace("RTP/AVP 96 0 8 9 120", "RTP/SAVP 96 120") + CRYPTO
ANSWER = ANSWER_SDP.replace("RTP/AVP", "RTP/SAVP") + CRYPTO


@pytest.fixture
def meta(tls_rig: Callable[..., Rig]) -> Callable[..., Rig]:
    def make(**keywords) -> Rig:
        return tls_rig(profile="meta-sdes", trunk_hostname=TRUNK_NAME, **keywords)

    return make


def test_profiles_that_come_with_it() -> None:
    assert "meta-sdes" in built_in_profiles()
    assert load_profile("meta-sdes").transport == "tls"


def place(rig: Rig) -> tuple[SipMessage, SipMessage]:
    sent = rig.phone.invite(CUSTOMER, BUSINESS, display="Ana 🌸", sdp=OFFER)
    rig.phone.send(sent)
    return sent, rig.pbx.request("INVITE")


def test_invite_as_meta_sends_it(meta: Callable[..., Rig]) -> None:
    _, got = place(meta())
    assert got.request_uri == f"sip:{BUSINESS}@{NAME};transport=tls"
    assert got.get("To") == f"<sip:{BUSINESS}@{NAME}>"
    assert got.get("From").startswith(f'"Ana 🌸" <sip:{CUSTOMER}@wa.meta.vc>;tag=')
    assert got.get("Contact") == f"<sip:{CUSTOMER}@{TRUNK_NAME};transport=tls;ob>;isfocus"
    assert got.get("Call-ID").startswith("outgoing:wacid.")
    assert got.get("User-Agent") == "Facebook SipGateway"
    assert got.get("X-FB-External-Domain") == "wa.meta.vc"
    assert got.get("x-wa-meta-country-code") == "ES"
    assert [bool(got.get(name)) for name in ("P-Asserted-Identity", "Session-Expires", "Supported")] == [False] * 3
    body = got.body.decode()
    assert "a=group:BUNDLE audio\r\na=msid-semantic: WMS " in body.partition("m=audio")[0]
    assert "m=audio 40000 RTP/SAVP 96 120\r\n" in body
    assert "a=mid:audio\r\n" in body.partition("m=audio")[2]


def test_challenge_is_answered_with_metas_uri(meta: Callable[..., Rig]) -> None:
    r = meta(digest_password="s3cret")
    _, got = place(r)
    challenge = 'Digest realm="acme",nonce="abc",qop="auth",algorithm=MD5'
    r.pbx.answer(got, 407, "Prove It", extra={"Proxy-Authenticate": challenge})
    r.pbx.request("ACK")
    second = r.pbx.request("INVITE")
    given = parse_parameters(second.get("Proxy-Authorization"))
    assert given["uri"] == f"sip:{BUSINESS}@{NAME}"
    assert given["username"] == BUSINESS.removeprefix("+")
    assert second.request_uri == f"{given['uri']};transport=tls"
    assert given["response"] == response_of(
        DigestAlgorithm.MD5,
        username=given["username"],
        realm="acme",
        password="s3cret",
        method="INVITE",
        given=given,
    )
    assert second.get("Call-ID") == got.get("Call-ID")
    assert int(second.get("CSeq").split()[0]) == int(got.get("CSeq").split()[0]) + 1


def connect(rig: Rig, *, routes: bool = True) -> tuple[SipMessage, SipMessage, SipMessage]:
    sent, got = place(rig)
    answered = got if routes else SipMessage(got.first_line, [h for h in got.headers if h[0] != "Record-Route"])
    rig.pbx.answer(answered, 200, "OK", sdp=ANSWER)
    ok = rig.phone.response(200)
    rig.phone.acknowledge(sent, ok)
    return sent, got, ok


def in_call(peer: SipPeer, invite: SipMessage, method: str) -> SipMessage:
    """A request of the PBX with the recorded route."""
    uri = invite.get("Contact").partition("<")[2].partition(">")[0]
    headers = [
        ("Via", f"SIP/2.0/TLS {peer.address}:{peer.port};branch=z9hG4bK{method}"),
        *[("Route", route) for route in invite.values("Record-Route")],
        ("From", f"{invite.get('To')};tag=peer"),
        ("To", invite.get("From")),
        ("Call-ID", invite.get("Call-ID")),
        ("CSeq", f"50 {method}"),
        ("Contact", peer.contact()),
    ]
    return SipMessage(f"{method} {uri} SIP/2.0", headers)


def test_meta_hangs_up(meta: Callable[..., Rig]) -> None:
    r = meta()
    sent, _, ok = connect(r)
    r.pbx.request("ACK")
    r.phone.in_dialog(sent, ok, "BYE")
    bye = r.pbx.request("BYE")
    assert bye.get("x-wa-meta-call-duration") == "0"
    assert bye.get("x-wa-meta-wacid").startswith("wacid.")
    assert bye.get("X-FB-External-Domain") == "wa.meta.vc"
    assert len(list(bye.values("Record-Route"))) == 2
    r.pbx.answer(bye, 200, "OK")
    assert r.finished().ended_by is Leg.CUSTOMER


@pytest.mark.parametrize(
    ("method", "code"), [("INVITE", 500), ("UPDATE", 405), ("INFO", 405), ("REFER", 405), ("PRACK", 405)]
)
def test_requests_inside_a_call_that_meta_refuses(meta: Callable[..., Rig], method: str, code: int) -> None:
    r = meta()
    _, got, _ = connect(r)
    r.pbx.request("ACK")
    r.pbx.send(in_call(r.pbx, got, method))
    r.pbx.response(code, method)
    assert r.finished_not()


def test_pbx_hangs_up_by_the_recorded_route(meta: Callable[..., Rig]) -> None:
    r = meta()
    _, got, _ = connect(r)
    r.pbx.request("ACK")
    r.pbx.send(in_call(r.pbx, got, "BYE"))
    r.pbx.response(200, "BYE")
    r.phone.answer(r.phone.request("BYE"), 200, "OK")
    assert r.finished().ended_by is Leg.PBX


def test_pbx_without_the_record_route(meta: Callable[..., Rig]) -> None:
    r = meta()
    _, got, _ = connect(r, routes=False)
    broken = r.trunk.wait_for(RuleBroken, timeout_s=4)
    assert (broken.rule, broken.pbx_call_id) == (BrokenRule.RECORD_ROUTE, got.get("Call-ID"))
    r.reaches(Leg.CUSTOMER, LegPhase.CONNECTED)
    r.pbx.send(in_call(r.pbx, got, "BYE"))
    refused = r.pbx.response(404, "BYE")
    assert refused.get("Warning").startswith("399 127.0.12.20 ")
    r.pbx.nothing(0.3, lambda m: m.method == "ACK")
    assert r.finished_not()


def test_call_of_the_pbx(meta: Callable[..., Rig], tmp_path) -> None:
    r = meta()
    assert isinstance(r.pbx, TlsPeer)
    r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME)
    sent = business_invite(r)
    r.pbx.send(sent)
    r.phone.answer(r.phone.request("INVITE"), 200, "OK", sdp=ANSWER)
    ok = r.pbx.response(200)
    first, second = ok.values("Record-Route")
    assert (first, second) == (
        "<sip:onevc-sip-proxy.fbinfra.net:8191;transport=tls;lr>",
        f"<sip:{TRUNK_NAME};transport=tls;lr>",
    )
    assert ok.get("X-FB-External-Domain") == "wa.meta.vc"


def business_invite(rig: Rig, *, host: str = "wa.meta.vc", scheme: str = "sip", sender: str = NAME, sdp: str = OFFER):
    invite = rig.pbx.invite(BUSINESS, CUSTOMER, sdp=sdp)
    invite.first_line = f"INVITE {scheme}:{CUSTOMER}@{host};transport=tls SIP/2.0"
    invite.set("From", f"<sip:{BUSINESS}@{sender}>;tag=1")
    return invite


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"host": TRUNK}, 404, "SIP INVITEs using IP in request URI are not allowed"),
        ({"scheme": "sips"}, 404, "Not Found"),
        ({"sender": "127.0.12.10"}, 403, "SIP server 127.0.12.10 from INVITE does not match any SIP server"),
        ({"sender": f"sub.{NAME}"}, 403, "SIP server sub.pbx.example from INVITE does not match"),
        ({"sdp": SDP}, 403, "SDP validation error: RTP/AVP where SRTP is wanted"),
        ({"sender": "example"}, 0, ""),
    ],
)
def test_calls_that_meta_refuses(
    meta: Callable[..., Rig], tmp_path, changed: dict[str, str], code: int, text: str
) -> None:
    r = meta()
    assert isinstance(r.pbx, TlsPeer)
    r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME)
    r.pbx.send(business_invite(r, **changed))
    if not code:
        r.phone.request("INVITE")
        return
    refused = r.pbx.response(code)
    assert refused.first_line.startswith(f"SIP/2.0 {code} {text}")
    assert f'"{text}' in refused.get("Warning")
    assert refused.get("Warning").startswith("399 wa.meta.vc ")


def test_register_is_forbidden(meta: Callable[..., Rig], tmp_path) -> None:
    r = meta()
    assert isinstance(r.pbx, TlsPeer)
    r.pbx.connect(str(tmp_path / "ca.pem"), TRUNK_NAME)
    register = business_invite(r)
    register.first_line = "REGISTER sip:wa.meta.vc;transport=tls SIP/2.0"
    register.set("CSeq", "1 REGISTER")
    r.pbx.send(register)
    r.pbx.response(403, "REGISTER")
