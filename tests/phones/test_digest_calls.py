"""An agent's softphone whose PBX wants digest authentication for everything (RFC 3261 section 22)."""

import hashlib
import re

import pytest
from two_phones import TwoPhones

from simulators.phones.protocol import (
    CallConnected,
    CallEnded,
    CallProgress,
    Codec,
    HangUp,
    PhoneSettings,
    PlaceCall,
    Registered,
    Registration,
    SwitchOff,
    SwitchOn,
)
from tests.trunk.sip_peer import SipPeer, TcpPeer

pytest.importorskip("pjsua2")

REALM, USER, PASSWORD = "pbx", "1004", "s3cret:x"
CALLED = "+447700900123"


@pytest.fixture(scope="module")
def phones(tmp_path_factory):
    two = TwoPhones(tmp_path_factory.mktemp("phones"))
    yield two
    two.simulator.stop()


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Pbx:
    """Challenges a request and reads what comes back."""

    def __init__(self, peer):
        self.peer = peer
        self.nonces = 0

    def demand(self, method, code, challenge, credentials):
        """The authenticated request that follows a challenged one; checks its digest."""
        first = self.peer.request(method)
        nonce = f"nonce-{self.nonces}"
        self.nonces += 1
        value = f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"'
        self.peer.answer(first, code, extra={challenge: value})
        second = self.peer.receive(
            f"{method} with {credentials}", lambda m: m.method == method and bool(m.get(credentials))
        )
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', second.get(credentials)))
        assert (given["username"], given["realm"], given["nonce"]) == (USER, REALM, nonce)
        assert given["response"] == md5(
            md5(USER, REALM, PASSWORD),
            nonce,
            given["nc"],
            given["cnonce"],
            given["qop"],
            md5(method, given["uri"]),
        )
        assert int(second.get("CSeq").split()[0]) == int(first.get("CSeq").split()[0]) + 1
        assert second.get("Call-ID") == first.get("Call-ID")
        return second


@pytest.fixture(scope="module", params=["udp", "tcp"])
def pbx(request, phones):
    """A PBX at which the agent's phone is registered."""
    peer = (SipPeer if request.param == "udp" else TcpPeer)("127.0.45.6")
    registrar = f"{peer.address}:{peer.port}"
    since = phones.simulator.mark()
    phones.simulator.call(
        SwitchOn(
            settings=PhoneSettings(
                phone="agent",
                address="127.0.45.5",
                user=USER,
                domain=peer.address,
                codecs=(Codec.PCMA,),
                registration=Registration(
                    registrar=registrar, username=USER, password=PASSWORD, transport=request.param
                ),
            )
        )
    )
    pbx = Pbx(peer)
    register = pbx.demand("REGISTER", 401, "WWW-Authenticate", "Authorization")
    peer.answer(register, 200, "OK", extra={"Contact": register.get("Contact"), "Expires": "300"})
    assert phones.wait(Registered, since, phone="agent").code == 200
    yield pbx
    # Switching off waits for an answer to the un-REGISTER that this peer does not give.
    phones.simulator.call(SwitchOff(phone="agent"))
    peer.close()


def place(phones, pbx, name, headers=()):
    suffix = "" if pbx.peer.transport == "UDP" else ";transport=tcp"
    # Retransmissions of what the call before had.
    pbx.peer._waiting.clear()
    since = phones.simulator.mark()
    phones.simulator.call(
        PlaceCall(
            phone="agent",
            call=name,
            uri=f"sip:{CALLED}@{pbx.peer.address}:{pbx.peer.port}{suffix}",
            headers=headers,
        )
    )
    return since


ANSWER = (
    "v=0\r\no=- 2 2 IN IP4 127.0.45.6\r\ns=-\r\nc=IN IP4 127.0.45.6\r\nt=0 0\r\n"
    "m=audio 41000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


@pytest.mark.parametrize(
    ("code", "challenge", "credentials"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_an_agents_call_is_authenticated(phones, pbx, code, challenge, credentials):
    name = f"callback-{code}-{pbx.peer.transport}"
    since = place(phones, pbx, name, (("X-Case", "4711"),))
    invite = pbx.demand("INVITE", code, challenge, credentials)
    assert invite.request_uri.startswith(f"sip:{CALLED}@")
    assert (invite.get("X-Case"), f"<sip:{USER}@" in invite.get("From")) == ("4711", True)
    pbx.peer.answer(invite, 180)
    phones.wait(CallProgress, since, call=name, code=180)
    pbx.peer.answer(invite, 200, "OK", sdp=ANSWER)
    phones.wait(CallConnected, since, call=name)
    phones.simulator.call(HangUp(call=name, headers=(("Reason", "Q.850;cause=16"),)))
    bye = pbx.peer.request("BYE")
    pbx.peer.answer(bye, 200)
    assert bye.get("Reason") == "Q.850;cause=16"
    assert phones.wait(CallEnded, since, call=name).code == 200
    assert len([e for e in phones.simulator.events(since) if isinstance(e, CallEnded)]) == 1


def test_a_cancel_with_a_reason(phones, pbx):
    name = f"cancelled-{pbx.peer.transport}"
    since = place(phones, pbx, name)
    invite = pbx.demand("INVITE", 407, "Proxy-Authenticate", "Proxy-Authorization")
    pbx.peer.answer(invite, 180)
    phones.wait(CallProgress, since, call=name, code=180)
    phones.simulator.call(HangUp(call=name, headers=(("Reason", "SIP;cause=487"),)))
    cancel = pbx.peer.request("CANCEL")
    assert cancel.get("Reason") == "SIP;cause=487"
    pbx.peer.answer(cancel, 200)
    pbx.peer.answer(invite, 487)
    ended = phones.wait(CallEnded, since, call=name)
    assert (ended.code, ended.by_us) == (487, True)


def test_a_refusal_after_authentication_is_final(phones, pbx):
    name = f"refused-{pbx.peer.transport}"
    since = place(phones, pbx, name)
    invite = pbx.demand("INVITE", 407, "Proxy-Authenticate", "Proxy-Authorization")
    pbx.peer.answer(invite, 403, "Forbidden")
    ended = phones.wait(CallEnded, since, call=name)
    assert (ended.code, ended.reason, ended.by_us) == (403, "Forbidden", False)
