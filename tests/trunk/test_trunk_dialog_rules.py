"""Tags in To, CSeq, ACKs to refusals and session timers: what keeps to the rules, what does not, and raw PBXs that
break them in a call of a real trunk."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_peer import ANSWER_SDP
from trunk_rig import BUSINESS, CUSTOMER, RigMaker, connect, place

from harness.sip.message import SipMessage
from simulators.trunk.dialog_rules import DialogRules
from simulators.trunk.protocol import BrokenRule, CustomerOffline, Leg, LegPhase, RuleBroken

OUT, IN = ">", "<"
CONTACT = "Contact: <sip:b@pbx>"


def message(first: str, cseq: str, *more: str, branch: str = "1", to: str = "", tag: str = "t") -> SipMessage:
    """One of the call ``c``: ``to`` is the tag in To, ``tag`` the one in From."""
    headers = [
        ("Via", f"SIP/2.0/UDP trunk:5060;branch={branch}"),
        ("From", f"<sip:a@x>;tag={tag}"),
        ("To", f"<sip:b@y>;tag={to}" if to else "<sip:b@y>"),
        ("Call-ID", "c"),
        ("CSeq", cseq),
    ]
    headers += [(name, value.strip()) for name, _, value in (line.partition(":") for line in more)]
    return SipMessage(first if first.startswith("SIP/2.0") else f"{first} SIP/2.0", headers)


Seen = tuple[str, SipMessage]


def judged(*seen: Seen) -> list[tuple[BrokenRule, str]]:
    broken: list[tuple[BrokenRule, str]] = []

    def note(call_id: str, rule: BrokenRule, why: str) -> None:
        assert call_id == "c"
        broken.append((rule, why))

    rules = DialogRules(note)
    for way, one in seen:
        if way == OUT:
            rules.sent(one)
        else:
            rules.received(one)
    return broken


INVITE: Seen = (OUT, message("INVITE sip:b@y", "1 INVITE"))


def answer(code: int, to: str, *more: str, cseq: str = "1 INVITE", branch: str = "1") -> Seen:
    return IN, message(f"SIP/2.0 {code} Reason", cseq, *more, to=to, branch=branch)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ([INVITE, answer(100, ""), answer(180, "2", CONTACT), answer(200, "2", CONTACT)], ""),
        ([INVITE, answer(180, "")], "its 180 to INVITE has no tag in To"),
        ([INVITE, answer(486, "")], "its 486 to INVITE has no tag in To"),
        (
            [INVITE, answer(180, "2", CONTACT), answer(200, "3", CONTACT)],
            "To of its 180 had the tag 2, of its 200 3",
        ),
        # A proxy has forked: two user agents.
        ([INVITE, answer(180, "2", CONTACT), answer(200, "3", "Contact: <sip:c@pbx>")], ""),
        # A proxy has made the refusal itself.
        ([INVITE, answer(180, "2", CONTACT), answer(486, "3")], ""),
        ([INVITE, answer(486, "2"), answer(486, "3")], "To of its 486 had the tag 2, of its 486 3"),
        # With credentials it is another INVITE.
        (
            [
                INVITE,
                answer(401, "2"),
                (OUT, message("INVITE sip:b@y", "2 INVITE", branch="2")),
                answer(200, "3", CONTACT, cseq="2 INVITE", branch="2"),
            ],
            "",
        ),
        ([(OUT, message("BYE sip:b@y", "2 BYE", to="2")), answer(200, "2", cseq="2 BYE")], ""),
        (
            [(OUT, message("BYE sip:b@y", "2 BYE", to="2")), answer(200, "3", cseq="2 BYE")],
            "To of its 200 to BYE has the tag 3, that of the request 2",
        ),
        ([(OUT, message("OPTIONS sip:b@y", "2 OPTIONS")), answer(200, "", cseq="2 OPTIONS")], "its 200 to OPTIONS"),
        ([answer(200, "", cseq="2 OPTIONS", branch="of nobody")], ""),
    ],
)
def test_tags(seen: list[Seen], why: str) -> None:
    broken = judged(*seen)
    assert [rule for rule, _ in broken] == ([BrokenRule.TO_TAG] if why else [])
    assert all(told.startswith(why) for _, told in broken)


def counted(*cseqs: str, branches: Sequence[str] = ()) -> list[Seen]:
    """Requests of the PBX, each a transaction of its own."""
    named = branches or [f"b{n}" for n in range(len(cseqs))]
    return [(IN, message(f"{c.split()[1]} sip:a@x", c, branch=b)) for c, b in zip(cseqs, named, strict=True)]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (counted("7 INVITE", "7 ACK", "8 INVITE", "8 ACK", "9 BYE"), ""),
        (counted("7 INVITE", "7 CANCEL", "7 ACK"), ""),
        (counted("7 INVITE", "7 INVITE", branches=["same", "same"]), ""),
        (counted("7 INVITE", "8 BYE", "7 INVITE", branches=["same", "b", "same"]), ""),
        (counted("7 INVITE", "9 BYE"), "CSeq of its INVITE was 7, of its BYE after that 9"),
        (counted("7 INVITE", "7 BYE"), "CSeq of its INVITE was 7, of its BYE after that 7"),
        (counted("7 INVITE", "6 BYE"), "CSeq of its INVITE was 7, of its BYE after that 6"),
        (counted("7 INVITE", "7 INVITE"), "CSeq of its INVITE was 7, of its INVITE after that 7"),
        # Two sides of two calls that have one Call-ID count for themselves.
        ([*counted("7 INVITE"), (IN, message("BYE sip:a@x", "40 BYE", tag="other"))], ""),
    ],
)
def test_numbers(seen: list[Seen], why: str) -> None:
    assert judged(*seen) == ([(BrokenRule.CSEQ, why)] if why else [])


@given(st.integers(0, 2**31 - 30), st.lists(st.sampled_from(["INVITE", "UPDATE", "INFO", "BYE"]), max_size=20))
def test_requests_that_are_counted_break_nothing(first: int, methods: list[str]) -> None:
    assert judged(*counted(*(f"{first + n} {method}" for n, method in enumerate(methods)))) == []


ASKED: Seen = (IN, message("INVITE sip:a@x", "7 INVITE", branch="i"))
REFUSED: Seen = (OUT, message("SIP/2.0 486 Busy Here", "7 INVITE", branch="i", to="2"))
TAKEN: Seen = (OUT, message("SIP/2.0 200 OK", "7 INVITE", branch="i", to="2"))


@pytest.mark.parametrize(
    ("first", "ack", "why"),
    [
        (REFUSED, message("ACK sip:a@x", "7 ACK", branch="i", to="2"), ""),
        (REFUSED, message("ACK sip:a@x", "7 ACK", branch="j", to="2"), "the branch in Via of its ACK to 486 is j"),
        (REFUSED, message("ACK sip:other@x", "7 ACK", branch="i", to="2"), "its ACK to 486 is for sip:other@x"),
        (REFUSED, message("ACK sip:a@x", "7 ACK", branch="i"), "To of its ACK to 486 has the tag none"),
        # The ACK to a 200 is a transaction of its own and goes to the Contact.
        (TAKEN, message("ACK sip:contact@x", "7 ACK", branch="j", to="2"), ""),
    ],
)
def test_acks(first: Seen, ack: SipMessage, why: str) -> None:
    broken = judged(ASKED, first, (IN, ack))
    assert [rule for rule, _ in broken] == ([BrokenRule.ACK] if why else [])
    assert all(told.startswith(why) for _, told in broken)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("Session-Expires: 90;refresher=uac", ""),
        ("Session-Expires: 89;refresher=uac", "Session-Expires of its INVITE is 89 s"),
        ("x: 60", "Session-Expires of its INVITE is 60 s"),
        ("Min-SE: 0", "Min-SE of its INVITE is 0 s"),
        ("Min-SE: soon", ""),
    ],
)
def test_session_timers(header: str, why: str) -> None:
    broken = judged((IN, message("INVITE sip:a@x", "7 INVITE", header)))
    assert broken == ([(BrokenRule.SESSION_TIMER, why)] if why else [])


# Raw PBXs


def test_a_pbx_with_two_tags(rig: RigMaker) -> None:
    r = rig()
    _, got = place(r)
    r.pbx.answer(got, 180, "Ringing", tag="one")
    r.pbx.answer(got, 200, "OK", sdp=ANSWER_SDP, tag="two")
    broken = r.trunk.wait_for(RuleBroken, timeout_s=4)
    assert (broken.rule, broken.why) == (BrokenRule.TO_TAG, "To of its 180 had the tag one, of its 200 two")
    assert broken.pbx_call_id == got.get("Call-ID")


def test_a_pbx_that_does_not_count(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.reaches(Leg.PBX, LegPhase.CONNECTED)
    r.pbx.in_their_dialog(got, "UPDATE", number=50)
    r.pbx.in_their_dialog(got, "BYE", number=50)
    broken = r.trunk.wait_for(RuleBroken, lambda e: e.rule is BrokenRule.CSEQ, timeout_s=4)
    assert (broken.rule, broken.why) == (BrokenRule.CSEQ, "CSeq of its UPDATE was 50, of its BYE after that 50")


def test_a_pbx_whose_ack_is_of_no_transaction_and_whose_session_is_short(rig: RigMaker) -> None:
    r = rig()
    r.trunk.call(CustomerOffline(number=CUSTOMER))
    sent = r.pbx.invite(BUSINESS, CUSTOMER, extra={"Min-SE": "30"})
    r.pbx.send(sent)
    refusal = r.pbx.receive("refusal", lambda m: m.code >= 400)
    ack = r.pbx.acknowledgement(sent, refusal)
    ack.set("Via", sent.get("Via").replace("branch=z9hG4bK", "branch=z9hG4bKother"))
    r.pbx.send(ack)
    r.trunk.wait_for(RuleBroken, lambda e: e.rule is BrokenRule.ACK, timeout_s=4)
    broken = [e.rule for e in r.trunk.events() if isinstance(e, RuleBroken)]
    assert broken == [BrokenRule.SESSION_TIMER, BrokenRule.ACK]


def test_a_pbx_that_keeps_to_the_rules(rig: RigMaker) -> None:
    r = rig()
    _, got, _ = connect(r)
    r.reaches(Leg.PBX, LegPhase.CONNECTED)
    r.pbx.in_their_dialog(got, "UPDATE", number=50)
    r.pbx.in_their_dialog(got, "BYE", number=51)
    r.pbx.response(200, "BYE")
    # That it hangs up just after a refused UPDATE is another rule's matter.
    assert [e for e in r.trunk.events() if isinstance(e, RuleBroken) and e.rule is not BrokenRule.REQUEST] == []
