"""The trunk itself survives RFC 4475's messages and what can be made of them: edge and core, in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inside import FORGOTTEN_S, Dialog, Inside, respond, within
from mutations import Plan, mutated, plans
from sip_peer import SDP
from trunk_rig import CUSTOMER

from harness.sip.framing import FramingError, StreamFramer
from harness.sip.message import SipMessage, parse
from scenarios.torture.messages import Nature, TortureMessage, torture_messages, with_own_branch
from simulators.trunk.protocol import Leg

FUZZ = settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
IN_DIALOG = ("BYE", "INVITE", "UPDATE", "INFO", "ACK", "CANCEL", "OPTIONS", "PRACK", "REFER", "MESSAGE")
TRANSACTION_S = 33
"""A little more than 64*T1, after which a transaction is over (RFC 3261 section 17)."""
LATE = (100, 183, 200, 302, 401, 407, 486, 603)
LAST_OF_CALL = 2 * len(IN_DIALOG) + len(LATE) - 1


@pytest.fixture(params=[("8x8", "udp"), ("meta-sdes", "tls")], ids=lambda made: made[0])
def trunk(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Inside]:
    caplog.set_level(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        profile, transport = request.param
        made = Inside(tmp_path_factory.mktemp("inside"), patch, profile=profile, transport=transport)
        yield made
        forgets(made)
        made.close()


def copes(trunk: Inside, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing went wrong inside, and a good request is answered."""
    troubles = trunk.troubles + [_told(record) for record in caplog.records if record.levelno >= logging.ERROR]
    # The next example has troubles of its own.
    trunk.troubles.clear()
    caplog.clear()
    assert troubles == []
    asked = parse(trunk.good("OPTIONS"))
    answers = [parse(octets) for octets in trunk.feed(asked.to_bytes())]
    assert [a.code for a in answers if a.get("Call-ID") == asked.get("Call-ID")] == [200]


def _told(record: logging.LogRecord) -> str:
    return logging.Formatter().format(record)


def forgets(trunk: Inside) -> None:
    """Nothing of what came is held for ever, whatever it was."""
    trunk.later(FORGOTTEN_S)
    assert trunk.left() == {}


@pytest.mark.parametrize("leg", list(Leg))
def test_all_messages_are_survived_and_forgotten(trunk: Inside, leg: Leg, caplog: pytest.LogCaptureFixture) -> None:
    for message in torture_messages():
        trunk.feed(with_own_branch(message.octets), leg)
        assert trunk.troubles == [], message.name
        assert not [r for r in caplog.records if r.levelno >= logging.ERROR], message.name
    copes(trunk, caplog)


@pytest.mark.parametrize("message", torture_messages(), ids=lambda m: m.name)
def test_the_trunk_s_own_answers(trunk: Inside, message: TortureMessage, caplog: pytest.LogCaptureFixture) -> None:
    """Responses are ignored, what is broken is refused, and every answer can be read."""
    answers = [parse(octets) for octets in trunk.feed(message.octets)]
    finals = [answer.code for answer in answers if answer.code >= 200]
    if message.nature is Nature.RESPONSE:
        assert answers == []
    elif message.nature is Nature.BROKEN:
        assert all(code >= 400 for code in finals)
    copes(trunk, caplog)


MESSAGES = [message.octets for message in torture_messages()]
GOOD = (("INVITE", SDP, CUSTOMER), ("REGISTER", "", ""), ("OPTIONS", "", ""))
SIDES = st.sampled_from(list(Leg))


@FUZZ
@given(position=st.integers(0, len(MESSAGES) + len(GOOD) - 1), plan=plans(), leg=SIDES)
def test_what_is_made_of_the_messages_is_survived(
    trunk: Inside, caplog: pytest.LogCaptureFixture, position: int, plan: Plan, leg: Leg
) -> None:
    if position < len(MESSAGES):
        octets = with_own_branch(MESSAGES[position])
    else:
        method, sdp, called = GOOD[position - len(MESSAGES)]
        octets = trunk.good(method, sdp=trunk.offer if sdp else "", called=called)
    trunk.feed(mutated(octets, plan), leg)
    copes(trunk, caplog)


@FUZZ
@given(blows=st.lists(st.tuples(st.integers(0, LAST_OF_CALL), plans(least=0)), min_size=1, max_size=3))
def test_what_is_made_of_a_call_s_messages_is_survived(
    trunk: Inside, caplog: pytest.LogCaptureFixture, blows: list[tuple[int, Plan]]
) -> None:
    call = trunk.dialog()
    for position, plan in blows:
        leg, octets = _of_call(call)[position]
        trunk.feed(mutated(octets, plan), leg)
    # What it has set going runs its course: repetitions, time-outs, goodbyes.
    trunk.later(TRANSACTION_S)
    trunk.inside(lambda: trunk.core.hang_up_all("the example is over"))
    copes(trunk, caplog)


def _of_call(call: Dialog) -> list[tuple[Leg, bytes]]:
    """Messages that may come in a call, from both sides."""
    pbx = [(Leg.PBX, within(call.invite, call.answer, m, 2, SDP if m == "INVITE" else "")) for m in IN_DIALOG]
    phone = [(Leg.CUSTOMER, _of_phone(call.inner, method)) for method in IN_DIALOG]
    late = [(Leg.CUSTOMER, respond(call.inner, code)) for code in LATE]
    return pbx + phone + late


def _of_phone(inner: SipMessage, method: str) -> bytes:
    request = SipMessage(f"{method} {inner.get('Contact').strip('<>')} SIP/2.0", body=SDP.encode())
    request.headers = [
        ("Via", inner.get("Via").partition(";")[0] + ";branch=z9hG4bKphone"),
        ("From", f"{inner.get('To')};tag=phone"),
        ("To", inner.get("From")),
        ("Call-ID", inner.get("Call-ID")),
        ("CSeq", f"7 {method}"),
        ("Contact", "<sip:phone@127.0.12.30:5060>"),
        ("Content-Type", "application/sdp"),
    ]
    return request.to_bytes()


@FUZZ
@given(
    pieces=st.lists(st.tuples(st.sampled_from(MESSAGES), plans(least=0, most=2)), min_size=1, max_size=4),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_a_stream_of_torture_is_survived(
    trunk: Inside, caplog: pytest.LogCaptureFixture, pieces: list[tuple[bytes, Plan]], cuts: list[float]
) -> None:
    """However it is cut into segments, what the framer makes of it reaches the core or ends the connection."""
    stream = b"\r\n\r\n".join(mutated(with_own_branch(octets), plan) for octets, plan in pieces)
    places = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    framer = StreamFramer()
    try:
        for start, end in pairwise(places):
            for octets in framer.feed(stream[start:end]):
                trunk.feed(octets)
    except FramingError as error:
        assert "\n" not in str(error)
    copes(trunk, caplog)
