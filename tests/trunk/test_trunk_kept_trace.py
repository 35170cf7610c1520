"""Which messages a trunk with many calls writes down."""

from __future__ import annotations

from simulators.trunk.kept_trace import HELD_S, MOST_FAILED, MOST_HELD, MOST_KEPT, MOST_MESSAGES, HeldMessage, KeptTrace

A, B = ("127.0.0.20", 5060), ("127.0.0.10", 5060)


class Told:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.trace = KeptTrace(lambda message: self.written.append(message.octets))

    def message(self, call_id: str, at: float = 0.0, first: str = "INVITE sip:x SIP/2.0") -> None:
        octets = f"{first}\r\nVia: x\r\nCall-ID: {call_id}\r\n\r\n".encode()
        self.trace.record(HeldMessage(octets, A, B, "udp", at))


def test_a_call_that_is_asked_for_in_time_and_what_comes_after() -> None:
    told = Told()
    told.message("phone")
    told.trace.started("call", ("phone", "pbx"))
    told.message("pbx", 0.1)
    told.trace.finished("call", 1.0, failed=False)
    assert told.trace.keep("call")
    told.message("pbx", 1.1)
    assert len(told.written) == 3


def test_a_call_that_is_asked_for_too_late() -> None:
    told = Told()
    told.trace.started("call", ("phone", "pbx"))
    told.message("pbx")
    told.trace.finished("call", 1.0, failed=False)
    told.message("other", 1.0 + HELD_S)
    assert not told.trace.keep("call")
    assert told.written == []


def test_a_call_may_last() -> None:
    told = Told()
    told.message("phone")
    told.trace.started("call", ("phone", "pbx"))
    told.message("other", 1000.0)
    told.trace.finished("call", 1000.0, failed=True)
    assert len(told.written) == 1


def test_an_invite_that_became_no_call_is_kept_when_it_was_refused() -> None:
    told = Told()
    for call_id, answer in (("refused", "SIP/2.0 403 Forbidden"), ("challenged", "SIP/2.0 407 Auth"), ("ping", "")):
        told.message(call_id)
        told.message(call_id, 0.1, answer or "SIP/2.0 200 OK")
    told.trace.close()
    assert len(told.written) == 2 and b"403" in told.written[1]


def test_failures_leave_room_for_calls_that_are_asked_for() -> None:
    told = Told()
    for n in range(MOST_KEPT * 2):
        told.trace.started(f"call {n}", (f"a{n}", f"b{n}"))
        told.message(f"a{n}")
        told.trace.finished(f"call {n}", 0.0, failed=n >= MOST_KEPT)
    assert len(told.written) == MOST_FAILED
    assert sum(told.trace.keep(f"call {n}") for n in range(MOST_KEPT)) == MOST_KEPT - MOST_FAILED


def test_memory_has_an_end() -> None:
    told = Told()
    for n in range(MOST_HELD + 10):
        told.message(str(n))
    for n in range(MOST_MESSAGES + 10):
        told.message("long", first=f"INFO sip:{n} SIP/2.0")
    assert len(told.trace._groups) <= MOST_HELD
    told.trace.started("call", ("long", "pbx"))
    assert told.trace.keep("call")
    assert len(told.written) == MOST_MESSAGES
