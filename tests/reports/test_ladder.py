from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Participant, Role, ScenarioRecord, Step, StepStatus
from harness.masking import mask_message, mask_text
from harness.trace import SipTraceEntry, decode_octets
from harness.verdict import Blame, Verdict
from reports.ladder import Arrow, StepLine, build_ladder
from reports.ladder_svg import FILE_WIDTH, draw, draw_svg
from reports.ladder_text import draw_text
from reports.sip_view import UNREADABLE, view
from tests.reports.sample_run import PARTICIPANTS, PBX, STARTED_AT, TRUNK, refused_call, whole_call

SVG = "{http://www.w3.org/2000/svg}"


def record(**more):
    values = {
        "feature": "f", "feature_file": "f.feature", "line": 1, "name": "n", "verdict": Verdict.PASS,
        "blame": Blame.NOBODY, "started_wall": 1.0, "started_at": STARTED_AT, "duration_s": 1.0, "talk_s": 1.0,
        "participants": PARTICIPANTS,
    }  # fmt: skip
    return ScenarioRecord(**(values | more))


def entry(raw, at=STARTED_AT, source=TRUNK, destination=PBX):
    return SipTraceEntry(at=at, wall=1.7e9, source=source, destination=destination, transport="udp", raw=raw)


def test_columns_go_from_customer_to_pstn():
    ladder = build_ladder(record(), whole_call().entries)
    assert [c.name for c in ladder.columns] == ["the customer", "trunk 8x8", "PBX", "Ana", "Bilal", "PSTN trap"]


def test_a_call_is_told_in_order():
    arrows = [a for a in build_ladder(record(), whole_call().entries).arrows if not a.view.housekeeping]
    told = [(a.names[0], a.view.label, a.names[1]) for a in arrows[:4]]
    assert told == [
        ("the customer", "INVITE", "trunk 8x8"),
        ("trunk 8x8", "100 Trying", "the customer"),
        ("trunk 8x8", "INVITE", "PBX"),
        ("trunk 8x8", "INVITE", "PBX"),
    ]
    assert [a.retransmission for a in arrows[:4]] == [False, False, False, True]
    assert arrows[0].view.hint == "Opus +3"
    assert arrows[-1].view.label == "200 OK (BYE)"


def test_calls_have_colours_and_housekeeping_has_none():
    ladder = build_ladder(record(), whole_call().entries)
    coloured = [call for call in ladder.calls if call.colour is not None]
    assert [call.colour for call in coloured] == [0, 1, 2]
    assert {a.view.method for a in ladder.arrows if a.view.housekeeping} == {"REGISTER", "OPTIONS"}


def test_hold_and_refusals_are_seen():
    labels = {a.view.label: a.view for a in build_ladder(record(), whole_call().entries).arrows}
    assert labels["re-INVITE"].hint == "sendonly"
    assert labels["401 Unauthorized (REGISTER)"].tone == "challenge"
    assert labels["REGISTER + credentials"].tone == "request"
    refused = build_ladder(record(), refused_call().entries)
    assert refused.arrows[-2].view.tone == "refusal"


def test_a_stranger_gets_a_column():
    ladder = build_ladder(record(), refused_call().entries)
    stranger = ladder.columns[ladder.arrows[-1].destination]
    assert (stranger.name, stranger.role) == ("127.0.0.99", "")


def test_tcp_client_ports_belong_to_their_host():
    ladder = build_ladder(record(), [entry("x", source="127.0.0.10:49152", destination="127.0.0.110:5060")])
    assert ladder.arrows[0].names == ("PBX", "Ana")


def test_steps_stand_before_what_they_caused():
    step = Step(
        keyword="When", text="it calls", line=3, status=StepStatus.PASSED, started_at=STARTED_AT + 0.6, duration_s=1.0
    )
    rows = build_ladder(record(steps=[step]), whole_call().entries).rows
    position = next(n for n, row in enumerate(rows) if isinstance(row, StepLine))
    following = rows[position + 1]
    assert isinstance(following, Arrow)
    assert following.view.label == "INVITE"


def test_a_crowd_shares_columns():
    people = [
        Participant(name=f"customer {n}", role=Role.CUSTOMER, addresses=[f"127.0.1.{n}:5060"]) for n in range(1, 11)
    ]
    people += [p for p in PARTICIPANTS if p.role in (Role.TRUNK, Role.PBX)]
    ladder = build_ladder(
        record(participants=people), [entry("x", source="127.0.1.7:5060", destination="127.0.0.20:5070")]
    )
    assert [c.name for c in ladder.columns] == ["10 customers", "trunk 8x8", "PBX"]
    assert ladder.arrows[0].party == "customer 7"


def test_svg_has_an_arrow_per_message_and_no_script():
    root = ElementTree.fromstring(draw_svg(build_ladder(record(), whole_call().entries), "A <name> & more"))
    messages = [g for g in root.iter(f"{SVG}g") if "msg" in g.get("class", "").split()]
    assert len(messages) == len(whole_call().entries)
    assert not list(root.iter(f"{SVG}script"))


def test_text_ladder_keeps_to_its_columns():
    text = draw_text(build_ladder(record(), whole_call().entries))
    arrows = [line for line in text.splitlines() if ">" in line or "<" in line]
    assert "INVITE (Opus +3)" in text
    assert "(again)" in text
    assert len({line.index("|") for line in arrows if line.count("|") == 6}) == 1


def test_empty_ladder():
    ladder = build_ladder(record(), [])
    assert "No SIP message" in draw_text(ladder)
    ElementTree.fromstring(draw_svg(ladder, "x"))


fragments = st.sampled_from(
    ["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 999999 x", "Via: SIP/2.0/UDP h;branch=z9hG4bKa", "Call-ID: a",
     "CSeq: 1 INVITE", "CSeq: \x00", "To: <sip:x>;tag=1", "i: \x00", "\r\n", "\r\n\r\n",
     "m=audio 1 RTP/AVP 0 8 999999", "a=rtpmap:0 PCMU/8000", "m=audio", "<b>&", "\x00\x1b", " folded"]
)  # fmt: skip
messages = st.binary(max_size=400).map(decode_octets) | st.lists(fragments, max_size=12).map("\r\n".join)
ends = st.sampled_from([TRUNK, PBX, "127.0.0.10:9", "", "x", "[::1]:5060", "127.0.0.100:40012", "é:1"])


@given(st.lists(st.tuples(messages, ends, ends, st.floats(-1e6, 1e6)), max_size=12))
def test_any_message_can_be_drawn(parts):
    trace = [entry(raw, STARTED_AT + at, source, destination) for raw, source, destination, at in parts]
    ladder = build_ladder(record(), trace)
    assert len(ladder.arrows) == len(trace)
    ElementTree.fromstring(draw_svg(ladder, "x").encode("utf-8"))
    draw_text(ladder).encode("utf-8")
    if trace:
        drawing = draw(ladder, FILE_WIDTH)
        assert sum(row.is_message for row in drawing.rows) == len(trace)


def test_garbage_is_called_unreadable():
    assert view(entry("\x00\x01 nothing of SIP")).label == UNREADABLE
    assert view(entry("\r\n\r\n")).housekeeping


def test_hostile_lengths_are_read_in_no_time():
    """Each would take minutes with a pattern that backtracks."""
    for raw in (
        "INVITE x" + " " * 200_000,
        "SIP/2.0 200" + " " * 200_000 + "\nx",
        "INVITE x SIP/2.0\r\nVia: " + "; " * 100_000 + "\r\n\r\n" + "m=audio 1 " * 20_000,
        "sip:" * 50_000,
        "response" * 20_000 + "=" * 50_000,
    ):
        view(entry(mask_message(raw)))
        mask_text(raw)
