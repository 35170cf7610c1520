"""A trunk that does otherwise than its profile says for a while: what a profile becomes, what is then on the wire."""

from __future__ import annotations

import pytest
from sip_peer import ANSWER_SDP, SDP
from trunk_rig import BUSINESS, CUSTOMER, PBX, TRUNK, RigMaker, connect, place

from harness.process import SimulatorRefused
from scenarios.trunk_variants import VARIANTS
from simulators.trunk.profile import built_in_profiles, load_profile, varied
from simulators.trunk.protocol import CallFrom, DropConnections, VaryProfile

PARAMETERS = ";tgrp=wacall;trunk-context=byoc.example.com@"


@pytest.mark.parametrize("name", built_in_profiles())
@pytest.mark.parametrize("words", VARIANTS)
def test_every_variant_makes_a_profile(name: str, words: str) -> None:
    assert varied(load_profile(name), VARIANTS[words]).name == name


def test_tables_are_merged_lists_replaced_and_rules_added() -> None:
    profile = load_profile("meta-sdes")
    changed = varied(
        profile,
        '[security]\nalgorithms = ["SHA-256"]\n[headers.extra]\nX-One = "1"\n'
        '[[header_rules]]\naction = "remove"\nheader = "X-Two"\n',
    )
    assert [algorithm.value for algorithm in changed.security.algorithms] == ["SHA-256"]
    assert changed.security.realm == profile.security.realm
    assert changed.headers.extra == {**profile.headers.extra, "X-One": "1"}
    assert changed.header_rules[:-1] == profile.header_rules
    assert varied(profile, "") == profile


@pytest.mark.parametrize("changes", ["[security", "[security]\nalgorithm = 1\n", "nothing = 1\n"])
def test_nonsense_is_refused(changes: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)."):
        varied(load_profile("8x8"), changes)


def test_parameters_stand_behind_the_number_until_taken_back(rig: RigMaker) -> None:
    r = rig()
    for words, user in (
        ("puts parameters behind the called number", BUSINESS),
        ("puts parameters behind the called number without its plus", BUSINESS.removeprefix("+")),
    ):
        r.trunk.call(VaryProfile(changes=VARIANTS[words]))
        _, got = place(r)
        assert got.request_uri.startswith(f"sip:{user}{PARAMETERS}")
        assert got.get("To") == f"<sip:{BUSINESS}@{PBX}>"
    r.trunk.call(VaryProfile(changes=""))
    _, got = place(r)
    assert got.request_uri.startswith(f"sip:{BUSINESS}@")


def test_further_headers_and_no_key(rig: RigMaker) -> None:
    r = rig()
    r.trunk.call(VaryProfile(changes=VARIANTS["sends sixty further headers and a long Call-ID"]))
    _, got = place(r)
    assert len([name for name, _ in got.headers if name.lower().startswith("x-fb-trial-")]) == 60
    assert len(got.get("Call-ID")) > 300
    assert len(got.to_bytes()) > 4000
    r.trunk.call(VaryProfile(changes=VARIANTS["offers SRTP without a key"]))
    _, got = place(r, sdp=SDP + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n")
    assert b"a=crypto" not in got.body
    assert b"a=rtpmap" in got.body


def test_changes_that_make_no_profile_are_refused(rig: RigMaker) -> None:
    with pytest.raises(SimulatorRefused, match="algorithm"):
        rig().trunk.call(VaryProfile(changes="[security]\nalgorithm = 1\n"))


def test_everything_comes_twice(rig: RigMaker) -> None:
    r = rig("proxies.repeats = ['INVITE', 'BYE']")
    sent, got, ok = connect(r)
    again = r.pbx.request("INVITE")
    assert again.to_bytes() == got.to_bytes()
    r.phone.in_dialog(sent, ok, "BYE")
    first, second = r.pbx.request("BYE"), r.pbx.request("BYE")
    assert first.branch == second.branch
    r.pbx.answer(first, 200, "OK")
    r.pbx.answer(second, 200, "OK")
    assert r.finished().code == 200


def test_answers_have_lines_that_were_not_offered(rig: RigMaker) -> None:
    r = rig("media.answer_session_lines = ['a=group:BUNDLE audio']\nmedia.answer_audio_lines = ['a=rtcp-mux']")
    r.pbx.send(r.pbx.invite(BUSINESS, CUSTOMER, sdp=SDP))
    r.phone.answer(r.phone.request("INVITE"), 200, "OK", sdp=ANSWER_SDP)
    session, _, audio = r.pbx.response(200).body.decode().partition("m=audio")
    assert session.count("a=group:BUNDLE audio\r\n") == 1
    assert audio.count("a=rtcp-mux\r\n") == 1
    assert ANSWER_SDP.partition("m=audio")[2].splitlines()[0] == audio.splitlines()[0]


@pytest.mark.parametrize("tcp", [False, True])
def test_calls_from_another_address(rig: RigMaker, tcp: bool) -> None:
    r = rig(tcp=tcp)
    elsewhere = "127.0.12.21"
    r.trunk.call(CallFrom(address=elsewhere))
    sent, got = place(r)
    assert TRUNK in got.get("Via")
    r.pbx.answer(got, 180, "Ringing")
    r.phone.response(180)
    r.phone.cancel(sent)
    r.pbx.answer(r.pbx.request("CANCEL"), 200, "OK")
    r.pbx.answer(got, 487, "Request Terminated")
    r.pbx.request("ACK")
    to_pbx = [e.source.rpartition(":")[0] for e in r.trace() if e.destination.startswith(f"{PBX}:")]
    assert set(to_pbx) == {elsewhere}
    assert r.finished().code == 487
    r.trunk.call(CallFrom(address=""))
    place(r)
    invites = [e for e in r.trace() if e.first_line.startswith("INVITE ") and e.destination.startswith(f"{PBX}:")]
    assert invites[-1].source.startswith(f"{TRUNK}:")


def test_an_address_that_is_not_to_be_had(rig: RigMaker) -> None:
    with pytest.raises(SimulatorRefused, match="assign"):
        rig().trunk.call(CallFrom(address="192.0.2.1"))


def test_connections_are_closed_and_made_anew(rig: RigMaker) -> None:
    r = rig(tcp=True)
    sent, _, ok = connect(r)
    assert r.trunk.call(DropConnections()) == 1
    assert r.finished_not()
    r.phone.in_dialog(sent, ok, "BYE")
    r.pbx.answer(r.pbx.request("BYE"), 200, "OK")
    assert r.finished().code == 200
    assert rig().trunk.call(DropConnections()) == 0
