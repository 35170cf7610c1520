"""What the trunk's messages say about calls that the PBX placed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.errors import HarnessMisuse, Inconclusive, PbxFault
from harness.trace import SipTraceEntry
from scenarios import business_calls, checks
from scenarios.business_calls import call_is_refused, final_answers, no_further_try, pbx_is_told_code
from simulators.trunk.profile import load_profile
from simulators.whatsapp.refusals import Refusal
from tests.scenarios.stand_ins import FakeClock, small_target

TRUNK, PBX = "127.0.0.20:5060", "127.0.0.10:5060"
NUMBER = "+34600111222"
NO_PERMISSION = "No Approved Call Permission Found: No approved call permission from the recipient"


def message(
    first_line: str, at: float, *, from_pbx: bool, call_id: str = "1@pbx", sequence: int = 1, tag: str = ""
) -> SipTraceEntry:
    source, destination = (PBX, TRUNK) if from_pbx else (TRUNK, PBX)
    raw = (
        f"{first_line}\r\nTo: <sip:{NUMBER}@127.0.0.20>{tag}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} INVITE\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    return SipTraceEntry(at=at, wall=at, source=source, destination=destination, transport="udp", raw=raw)


def invite(at: float, **changes: object) -> SipTraceEntry:
    return message(f"INVITE sip:{NUMBER}@127.0.0.20 SIP/2.0", at, from_pbx=True, **changes)  # type: ignore[arg-type]


def answer(at: float, code: int, text: str, **changes: object) -> SipTraceEntry:
    return message(f"SIP/2.0 {code} {text}", at, from_pbx=False, tag=";tag=t", **changes)  # type: ignore[arg-type]


def scene(*messages: SipTraceEntry) -> SimpleNamespace:
    def invites(*, to_pbx: bool) -> list[SipTraceEntry]:
        source = TRUNK if to_pbx else PBX
        return [m for m in messages if m.first_line.startswith("INVITE") and m.source == source]

    return SimpleNamespace(
        testbed=SimpleNamespace(target=small_target(), trunk_address="127.0.0.20", profile=load_profile("8x8")),
        trunk_messages=lambda: list(messages),
        trunk_invites=invites,
        fault=lambda reason, stall_s=0.0: PbxFault(reason, stall_s=stall_s),
        note=lambda text: None,
        last_agent=SimpleNamespace(began_at=0.5),
    )


CUSTOMER = SimpleNamespace(identity=SimpleNamespace(number=NUMBER), label="the customer")
CHALLENGED = (
    invite(1.0),
    answer(1.1, 407, "Proxy Authentication Required"),
    invite(1.2, sequence=2),
    answer(1.3, 100, "Trying", sequence=2),
)
REFUSED = (*CHALLENGED, answer(1.4, 403, NO_PERMISSION, sequence=2))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(now=1.4)
    monkeypatch.setattr(checks, "monotonic", clock.monotonic)
    monkeypatch.setattr(checks, "sleep", clock.sleep)
    monkeypatch.setattr(business_calls, "monotonic", clock.monotonic)
    return clock


def test_a_challenge_and_a_repetition_are_no_final_answers() -> None:
    here = scene(*REFUSED, answer(1.9, 403, NO_PERMISSION, sequence=2))
    assert [(a.code, a.text) for a in final_answers(here, CUSTOMER)] == [(403, NO_PERMISSION)]  # type: ignore[arg-type]


def test_the_platforms_words_are_recognised() -> None:
    call_is_refused(scene(*REFUSED), CUSTOMER, (Refusal.NO_PERMISSION,))  # type: ignore[arg-type]


def test_a_refusal_for_another_reason_is_a_fault_that_names_both() -> None:
    wrong = scene(*CHALLENGED, answer(1.4, 403, "Wrong digest", sequence=2))
    with pytest.raises(PbxFault, match=r"for another reason: 403 Wrong digest \(expected 403 No Approved"):
        call_is_refused(wrong, CUSTOMER, (Refusal.NO_PERMISSION,))  # type: ignore[arg-type]


def test_a_call_that_our_own_platform_let_through_is_not_the_pbxs_fault() -> None:
    with pytest.raises(Inconclusive, match="let the call through"):
        call_is_refused(scene(*CHALLENGED, answer(1.4, 200, "OK", sequence=2)), CUSTOMER, (Refusal.NO_PERMISSION,))  # type: ignore[arg-type]


def test_a_pbx_that_never_called_is_at_fault() -> None:
    with pytest.raises(PbxFault, match="sent no INVITE for the customer to the trunk"):
        pbx_is_told_code(scene(), CUSTOMER, 486)  # type: ignore[arg-type]


def test_another_code() -> None:
    busy = scene(*CHALLENGED, answer(1.4, 486, "User declined the call", sequence=2))
    pbx_is_told_code(busy, CUSTOMER, 486)  # type: ignore[arg-type]
    with pytest.raises(PbxFault, match="ended with 486 User declined the call, not with 480"):
        pbx_is_told_code(busy, CUSTOMER, 480)  # type: ignore[arg-type]


def test_no_invite_after_the_refusal_is_fine(clock: FakeClock) -> None:
    no_further_try(scene(*REFUSED), CUSTOMER)  # type: ignore[arg-type]
    assert clock.now >= 1.4 + small_target().deadlines.no_retry_s


@pytest.mark.parametrize("again", [invite(2.0, call_id="2@pbx"), invite(2.0, sequence=3)])
def test_a_new_invite_after_the_refusal_is_a_fault(again: SipTraceEntry) -> None:
    with pytest.raises(PbxFault, match=r"called the customer again 0\.6 s after 403 No Approved"):
        no_further_try(scene(*REFUSED, again), CUSTOMER)  # type: ignore[arg-type]


def test_a_repeated_invite_and_one_inside_the_dialog_are_no_new_tries() -> None:
    no_further_try(scene(*REFUSED, invite(2.0, sequence=2), invite(2.1, sequence=3, tag=";tag=t")), CUSTOMER)  # type: ignore[arg-type]


def test_an_earlier_calls_answer_is_not_the_latest_ones() -> None:
    here = scene(*REFUSED)
    here.last_agent.began_at = 1.5
    with pytest.raises(Inconclusive, match="has not answered"):
        pbx_is_told_code(here, CUSTOMER, 403)  # type: ignore[arg-type]


def test_nothing_can_be_tried_again_that_was_not_tried() -> None:
    with pytest.raises(HarnessMisuse, match="has not called the customer"):
        no_further_try(scene(), CUSTOMER)  # type: ignore[arg-type]
