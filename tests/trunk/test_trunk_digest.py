"""Digest authentication that the trunk demands of the PBX."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_peer import SipPeer
from trunk_rig import BUSINESS, CUSTOMER, Rig, RigMaker

from harness.sip.digest import DigestAlgorithm, parse_parameters, response_of
from harness.sip.message import SipMessage
from simulators.trunk.digest import URI_MISMATCH, Challenger, Expected, Proof
from simulators.trunk.protocol import CallStarted, Refused

USER = BUSINESS.removeprefix("+")
EXPECTED = Expected(method="INVITE", username=USER, called=CUSTOMER)


def test_digest_example_of_rfc_7616() -> None:
    given = {
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "uri": "/dir/index.html",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    who = {"username": "Mufasa", "realm": "http-auth@example.org", "password": "Circle of Life", "method": "GET"}
    assert response_of(DigestAlgorithm.MD5, **who, given=given) == "8ca523f5e9506fed4657c9700eebdbec"
    assert (
        response_of(DigestAlgorithm.SHA_256, **who, given=given)
        == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )


def credentials(
    challenge: str,
    *,
    username: str = USER,
    password: str = "pw",
    uri: str = f"sip:{CUSTOMER}@127.0.12.20:5060",
    count: int = 1,
    method: str = "INVITE",
) -> str:
    """What a PBX answers to a challenge."""
    given = parse_parameters(challenge)
    given |= {"uri": uri, "nc": f"{count:08x}", "cnonce": "c", "qop": "auth"}
    algorithm = DigestAlgorithm(given["algorithm"])
    proof = response_of(
        algorithm, username=username, realm=given["realm"], password=password, method=method, given=given
    )
    return (
        f'Digest username="{username}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
        f'response="{proof}", algorithm={algorithm}, qop=auth, nc={given["nc"]}, cnonce="c"'
    )


@pytest.fixture
def challenger() -> Challenger:
    return Challenger("r", "pw", tuple(DigestAlgorithm))


def test_credentials_for_each_algorithm_and_for_both(challenger: Challenger) -> None:
    first, second = challenger.challenges(now=100.0)
    assert challenger.judge([credentials(first)], EXPECTED, 101.0).proof is Proof.GOOD
    assert challenger.judge([credentials(second)], EXPECTED, 101.0).proof is Proof.GOOD
    both = [credentials(value) for value in challenger.challenges(now=100.0)]
    assert challenger.judge(both, EXPECTED, 101.0).proof is Proof.GOOD


def test_nonce_holds_while_its_count_rises(challenger: Challenger) -> None:
    challenge = challenger.challenges(now=100.0)[0]
    proofs = [
        challenger.judge([credentials(challenge, count=count)], EXPECTED, now).proof
        for count, now in ((1, 101.0), (2, 102.0), (2, 103.0), (1, 104.0), (0x10, 105.0), (0x11, 1000.0))
    ]
    assert proofs == [Proof.GOOD, Proof.GOOD, Proof.STALE, Proof.STALE, Proof.GOOD, Proof.STALE]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"username": BUSINESS}, f"the digest user is '{BUSINESS}', expected '{USER}'"),
        ({"password": "wrong"}, "the digest response does not prove the password"),
        ({"method": "BYE"}, "the digest response does not prove the password"),
        (
            {"uri": "sip:+15550001111@127.0.12.20"},
            f"the digest uri is 'sip:+15550001111@127.0.12.20', the call is to '{CUSTOMER}'",
        ),
        ({"uri": ""}, f"the digest uri is '', the call is to '{CUSTOMER}'"),
    ],
)
def test_what_is_wrong_is_said_precisely(challenger: Challenger, changes: dict[str, str], why: str) -> None:
    judgement = challenger.judge([credentials(challenger.challenges(100.0)[0], **changes)], EXPECTED, 101.0)
    assert (judgement.proof, judgement.why) == (Proof.WRONG, why)
    assert judgement.phrase == (URI_MISMATCH if "uri" in changes else "")


@pytest.mark.parametrize(
    "uri",
    [
        f"sip:{CUSTOMER}@wa.meta.vc;transport=tls",
        f"sip:{CUSTOMER}@wa.meta.vc",
        f"sip:{CUSTOMER.removeprefix('+')}@wa.meta.vc",
        f"sip:%2B{CUSTOMER.removeprefix('+')};user=phone@wa.meta.vc",
    ],
)
def test_digest_uri_is_compared_by_its_user(challenger: Challenger, uri: str) -> None:
    assert (
        challenger.judge([credentials(challenger.challenges(100.0)[0], uri=uri)], EXPECTED, 101.0).proof is Proof.GOOD
    )


def test_algorithm_that_was_not_offered() -> None:
    challenge = Challenger("r", "pw", (DigestAlgorithm.SHA_256,)).challenges(100.0)[0]
    judgement = Challenger("r", "pw", (DigestAlgorithm.MD5,)).judge([credentials(challenge)], EXPECTED, 101.0)
    assert judgement.why == "the digest algorithm is SHA-256, offered are MD5"


def test_credentials_for_another_realm_do_not_count(challenger: Challenger) -> None:
    other = Challenger("other", "pw", tuple(DigestAlgorithm)).challenges(100.0)[0]
    assert challenger.judge([credentials(other)], EXPECTED, 101.0).proof is Proof.ABSENT
    assert challenger.judge([], EXPECTED, 101.0).proof is Proof.ABSENT


@given(st.text(max_size=200))
def test_any_authorization_is_judged(text: str) -> None:
    challenger = Challenger("r", "p", tuple(DigestAlgorithm))
    for value in (text, f"Digest {text}", f'Digest realm="r",nonce="n",username="{USER}",{text}'):
        assert challenger.judge([value], EXPECTED, 0.0).proof in (Proof.ABSENT, Proof.WRONG)


# On the wire


def challenged(rig: Rig) -> list[str]:
    """Challenges that a first INVITE of the PBX gets."""
    first = rig.pbx.invite(BUSINESS, CUSTOMER)
    rig.pbx.send(first)
    response = rig.pbx.response(407)
    rig.pbx.acknowledge(first, response)
    return list(response.values("Proxy-Authenticate"))


def call_with(peer: SipPeer, *values: str) -> SipMessage:
    sent = peer.invite(BUSINESS, CUSTOMER)
    sent.headers += [("Proxy-Authorization", value) for value in values]
    peer.send(sent)
    return sent


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5", "both"])
def test_business_number_authenticates_by_its_digits(rig: RigMaker, algorithm: str) -> None:
    r = rig(digest_password="pw")
    offered = challenged(r)
    assert [parse_parameters(value)["algorithm"] for value in offered] == ["SHA-256", "MD5"]
    assert r.count(Refused) == 0
    call_with(r.pbx, *[credentials(value) for value in offered if algorithm in ("both", value) or algorithm in value])
    r.phone.answer(r.phone.request("INVITE"), 180, "Ringing")
    r.pbx.response(180)
    assert r.count(Refused) == 0


def test_user_of_the_target_file(rig: RigMaker) -> None:
    r = rig(digest_username="pbx", digest_password="pw")
    call_with(r.pbx, credentials(challenged(r)[0], username="pbx"))
    r.phone.request("INVITE")


def test_digest_user_with_plus_is_refused(rig: RigMaker) -> None:
    r = rig(digest_password="pw")
    call_with(r.pbx, credentials(challenged(r)[0], username=BUSINESS))
    answer = r.pbx.response(403)
    why = f"the digest user is '{BUSINESS}', expected '{USER}'"
    assert answer.first_line == "SIP/2.0 403 Forbidden"
    assert answer.get("Warning") == f'399 127.0.12.20 "{why}"'
    refused = r.trunk.wait_for(Refused, timeout_s=2)
    assert (refused.code, refused.reason, refused.caller, refused.called) == (403, why, BUSINESS, CUSTOMER)
    assert r.count(CallStarted) == 0


def test_digest_for_another_number_is_refused_with_metas_text(rig: RigMaker) -> None:
    r = rig("security.wrong_credentials_code = 403", digest_password="pw")
    call_with(r.pbx, credentials(challenged(r)[0], uri="sip:+15550001111@127.0.12.20"))
    assert r.pbx.response(403).first_line == f"SIP/2.0 403 {URI_MISMATCH}"
    assert r.trunk.wait_for(Refused, timeout_s=2).text == URI_MISMATCH


def test_nonce_is_used_again(rig: RigMaker) -> None:
    r = rig(digest_password="pw")
    challenge = challenged(r)[0]
    for count in (1, 2):
        call_with(r.pbx, credentials(challenge, count=count))
        r.phone.answer(r.phone.request("INVITE"), 486, "Busy Here")
        r.pbx.response(486)
    call_with(r.pbx, credentials(challenge, count=2))
    fresh = list(r.pbx.response(407).values("Proxy-Authenticate"))
    assert all("stale=true" in value for value in fresh)
    call_with(r.pbx, credentials(fresh[0]))
    r.phone.request("INVITE")


def test_no_password_no_challenge(rig: RigMaker) -> None:
    r = rig()
    r.pbx.send(r.pbx.invite(BUSINESS, CUSTOMER))
    r.phone.request("INVITE")


def test_business_number_is_the_user_towards_the_pbx_too(rig: RigMaker) -> None:
    r = rig(digest_password="pw")
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    challenge = 'Digest realm="acme",nonce="abc",qop="auth",algorithm=MD5'
    r.pbx.answer(r.pbx.request("INVITE"), 407, "Prove It", extra={"Proxy-Authenticate": challenge})
    second = r.pbx.receive("INVITE", lambda m: m.method == "INVITE" and bool(m.get("Proxy-Authorization")))
    assert parse_parameters(second.get("Proxy-Authorization"))["username"] == USER


@pytest.mark.parametrize(
    ("uri", "to", "good"),
    [
        (f"sip:{CUSTOMER}@wa.meta.vc;transport=tls", f"sip:{CUSTOMER}@wa.meta.vc", True),
        (f"sip:{CUSTOMER}@wa.meta.vc", f"sip:{CUSTOMER}@wa.meta.vc;transport=tls", True),
        (f"sip:{CUSTOMER}@WA.meta.vc", f"sip:{CUSTOMER}@wa.meta.vc", True),
        (f"sip:{CUSTOMER}@wa.meta.vc:5061;transport=tls", f"sip:{CUSTOMER}@wa.meta.vc", False),
        (f"sip:{CUSTOMER}@127.0.0.1", f"sip:{CUSTOMER}@wa.meta.vc", False),
        (f"sips:{CUSTOMER}@wa.meta.vc", f"sip:{CUSTOMER}@wa.meta.vc", False),
    ],
)
def test_uri_is_held_against_to(uri: str, to: str, good: bool) -> None:
    challenger = Challenger("realm", "pw", (DigestAlgorithm.MD5,), whole_uri=True)
    given = credentials(challenger.challenges(0.0)[0], uri=uri)
    expected = Expected(method="INVITE", username=USER, called=CUSTOMER, to=to)
    judgement = challenger.judge([given], expected, 1.0)
    assert judgement.proof is (Proof.GOOD if good else Proof.WRONG)
    assert judgement.phrase == ("" if good else URI_MISMATCH)
