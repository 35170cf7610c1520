"""The last messages under a failure's reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.trace import SipTraceEntry
from scenarios.situation import last_messages, participant

NAMES = {"127.0.0.10": "PBX", "127.0.0.20": "trunk", "127.0.0.100:40000": "the customer"}


def message(
    at: float, raw: str, source: str = "127.0.0.20:5060", destination: str = "127.0.0.10:5060"
) -> SipTraceEntry:
    return SipTraceEntry(at=at, wall=0.0, source=source, destination=destination, transport="udp", raw=raw)


def test_requests_and_responses_as_lines() -> None:
    invite = message(10.25, "INVITE sip:1@x SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n")
    refusal = message(10.5, "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n", "127.0.0.10:5060", "127.0.0.100:40000")
    assert last_messages([invite, refusal], started_at=10.0, names=NAMES).splitlines() == [
        "+  0.250 s  trunk → PBX  INVITE sip:1@x SIP/2.0",
        "+  0.500 s  PBX → the customer  486 Busy Here (INVITE)",
    ]


def test_only_the_last_ones_are_told() -> None:
    seen = [message(at, f"OPTIONS sip:{at:g}@x SIP/2.0\r\n\r\n") for at in range(20)]
    lines = last_messages(seen, started_at=0.0, names=NAMES, count=3).splitlines()
    assert [line.split("sip:")[1] for line in lines] == ["17@x SIP/2.0", "18@x SIP/2.0", "19@x SIP/2.0"]


def test_nothing_was_seen() -> None:
    assert last_messages([], started_at=0.0, names=NAMES) == "no SIP message was seen"


def test_an_address_with_its_port_names_more_closely_than_without() -> None:
    names = NAMES | {"127.0.0.100": "somebody on that host"}
    assert participant("127.0.0.100:40000", names) == "the customer"
    assert participant("127.0.0.100:40001", names) == "somebody on that host"
    assert participant("192.0.2.1:5060", names) == "192.0.2.1:5060"


@given(st.text(), st.text())
def test_any_message_can_be_told(raw: str, address: str) -> None:
    assert last_messages([message(0.0, raw, address)], started_at=0.0, names=NAMES)
