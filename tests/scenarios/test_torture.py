"""RFC 4475's messages as they are kept, and how reactions to them are judged."""

from __future__ import annotations

import hashlib

import pytest

from harness.errors import HarnessMisuse
from harness.sip.message import SipMessage, answer_to, salvage
from scenarios.torture.judgement import Finding, Rating, Reaction, judge
from scenarios.torture.messages import HERE, Nature, torture_message, torture_messages, with_own_branch

DIGEST = "c130abdedde20f53b7f1c70181dc8fc115afd568a12977d7db3d597f39a21378"
"""SHA-256 of all messages in the order of their names, as they come out of the archive in Appendix A."""


def reaction(name: str, *codes: int, stream: bool = False, closed: bool = False) -> Finding:
    """What is found when a PBX answers the message with these codes, well-formed."""
    sent = torture_message(name).octets
    answers = [answer(sent, code).to_bytes() for code in codes]
    return judge(torture_message(name), sent, Reaction(answers=answers, stream=stream, closed=closed))


def answer(sent: bytes, code: int) -> SipMessage:
    request = salvage(sent.replace(b"\r\n ", b" "))
    made = answer_to(request, code, "Reason")
    for name in ("From", "To"):
        made.set(name, "<sip:somebody@example.com>;tag=1")
    if not request.get("CSeq").split()[0].isdigit() or int(request.get("CSeq").split()[0]) >= 2**31:
        made.set("CSeq", "1 REGISTER")
    return made


def test_the_messages_are_those_of_the_rfc() -> None:
    files = sorted((HERE / "rfc4475").glob("*.dat"))
    assert [file.stem for file in files] == sorted(message.name for message in torture_messages())
    assert len(files) == 49
    assert hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() == DIGEST


def test_those_that_share_a_branch_get_one_of_their_own() -> None:
    for message in torture_messages():
        changed = with_own_branch(message.octets)
        assert len(changed) == len(message.octets)
        assert sum(a != b for a, b in zip(changed, message.octets, strict=True)) <= 10
    requests = [salvage(with_own_branch(m.octets)) for m in torture_messages() if m.nature is not Nature.RESPONSE]
    named = [request.branch for request in requests if request.branch]
    assert len(named) == len(set(named))
    assert len(named) > 35


def test_an_unknown_message_names_the_nearest() -> None:
    with pytest.raises(HarnessMisuse, match="did you mean 'badinv01'"):
        torture_message("badinv1")


@pytest.mark.parametrize("message", torture_messages(), ids=lambda m: m.name)
@pytest.mark.parametrize("stream", [False, True])
def test_a_pbx_that_does_as_the_rfc_says_keeps_it(message, stream: bool) -> None:
    kept = {
        Nature.WELL_FORMED: [200, 404, 403],
        Nature.UNSUPPORTED: list(message.codes),
        Nature.FLAWED: [400, 200, 404],
        Nature.BROKEN: list(message.codes),
        Nature.RESPONSE: [],
    }[message.nature]
    for code in kept:
        found = reaction(message.name, code, stream=stream)
        assert found.rating is Rating.KEPT, found.text
    if message.nature is Nature.RESPONSE:
        assert reaction(message.name, stream=stream).rating is Rating.KEPT


@pytest.mark.parametrize("message", torture_messages(), ids=lambda m: m.name)
def test_a_pbx_that_accepts_everything_is_at_fault(message) -> None:
    found = reaction(message.name, 200)
    expected = {
        Nature.WELL_FORMED: Rating.KEPT,
        Nature.FLAWED: Rating.KEPT,
        Nature.UNSUPPORTED: Rating.FAULT if message.must else Rating.DEVIATION,
        Nature.BROKEN: Rating.FAULT,
        Nature.RESPONSE: Rating.FAULT,
    }[message.nature]
    assert found.rating is expected, found.text
    assert "\n" not in found.text


@pytest.mark.parametrize("message", torture_messages(), ids=lambda m: m.name)
def test_a_pbx_that_never_answers_deviates(message) -> None:
    expected = Rating.KEPT if message.nature is Nature.RESPONSE else Rating.DEVIATION
    assert reaction(message.name).rating is expected
    on_stream = Rating.KEPT if not message.framed else expected
    assert reaction(message.name, stream=True).rating is on_stream
    assert reaction(message.name, stream=True, closed=True).rating is on_stream


@pytest.mark.parametrize(
    ("name", "code", "rating"),
    [
        ("esc01", 400, Rating.DEVIATION),
        ("badvers", 400, Rating.DEVIATION),
        ("wsinv", 481, Rating.KEPT),
        ("wsinv", 500, Rating.DEVIATION),
        ("mpart01", 501, Rating.KEPT),
        ("zeromf", 483, Rating.KEPT),
        ("bext01", 404, Rating.KEPT),
        ("clerr", 404, Rating.KEPT),
        ("clerr", 302, Rating.KEPT),
        ("insuf", 400, Rating.KEPT),
        ("unkscm", 200, Rating.DEVIATION),
        ("invut", 200, Rating.FAULT),
    ],
)
def test_other_answers(name: str, code: int, rating: Rating) -> None:
    found = reaction(name, code)
    assert found.rating is rating, found.text


def test_a_provisional_answer_is_none_yet() -> None:
    assert reaction("baddate", 100).rating is Rating.DEVIATION
    assert reaction("baddate", 100, 404).rating is Rating.KEPT


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: m.set("Call-ID", "other"), "its Call-ID is 'other'"),
        (lambda m: m.remove("Call-ID"), "no Call-ID"),
        (lambda m: m.remove("Via"), "no Via"),
        (lambda m: m.set("CSeq", "9 OPTIONS"), "CSeq 9 OPTIONS where 60 OPTIONS was asked"),
        (lambda m: m.set("CSeq", "60 INVITE"), "CSeq 60 INVITE where 60 OPTIONS was asked"),
        (lambda m: m.set("From", "<<"), "From '<<' is not an address"),
        (lambda m: setattr(m, "first_line", "SIP/2.0 4044 What"), "not a status line"),
        (lambda m: setattr(m, "first_line", "OPTIONS sip:a@b SIP/2.0"), "it is no response"),
    ],
)
def test_a_malformed_answer_is_a_fault(change, why: str) -> None:
    sent = torture_message("lwsdisp").octets
    made = answer(sent, 404)
    change(made)
    found = judge(torture_message("lwsdisp"), sent, Reaction(answers=[made.to_bytes()]))
    assert found.rating is Rating.FAULT
    assert f"malformed: {why}" in found.text


@pytest.mark.parametrize(("name", "code", "rating"), [("badaspec", 200, Rating.KEPT), ("scalar02", 405, Rating.KEPT)])
def test_what_is_malformed_may_be_echoed(name: str, code: int, rating: Rating) -> None:
    sent = torture_message(name).octets
    made = answer_to(salvage(sent), code, "Reason")
    made.set("To", f"{made.get('To')};tag=1")
    found = judge(torture_message(name), sent, Reaction(answers=[made.to_bytes()]))
    assert found.rating is rating, found.text


def test_an_answer_without_a_tag_deviates() -> None:
    sent = torture_message("lwsdisp").octets
    made = answer(sent, 404)
    made.set("To", "<sip:user@example.com>")
    found = judge(torture_message("lwsdisp"), sent, Reaction(answers=[made.to_bytes()]))
    assert found.rating is Rating.DEVIATION
    assert found.text.endswith("with no tag in To (RFC 3261 section 8.2.6.2)")


def test_what_follows_a_datagram_is_nobody_s_and_on_a_stream_another_message() -> None:
    message = torture_message("dblreq")
    first, _, rest = message.octets.partition(b"\r\n\r\n")
    answers = [answer(first + b"\r\n\r\n", 404).to_bytes(), answer(rest.lstrip(), 400).to_bytes()]
    datagram = judge(message, message.octets, Reaction(answers=answers))
    assert datagram.rating is Rating.FAULT
    assert "it answers what follows the message in the same datagram" in datagram.text
    for order in (answers, answers[::-1]):
        assert judge(message, message.octets, Reaction(answers=order, stream=True)).rating is Rating.KEPT
