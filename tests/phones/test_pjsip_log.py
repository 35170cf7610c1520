from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.phones.endpoint import request_address
from simulators.phones.sip_log import SipLogReader, read_sip_log

PHONE, PBX = "127.0.11.1:40001", "127.0.11.9:5060"
STAMP = "2026-11-23 20:59:22.802"
WALL = datetime.strptime(STAMP, "%Y-%m-%d %H:%M:%S.%f").timestamp()


def noise(text="Session count dec to 3 by mod-invite"):
    return f"{STAMP}      dlg0x55bd68264c00  .....{text}\n".encode()


def note(text):
    return f"{STAMP}           trunkproof  {text}\n".encode()


def message(direction, octets, far=PBX):
    preposition = {"RX": "from", "TX": "to"}[direction]
    head = (
        f"{STAMP}           pjsua_core.c  ....{direction} {len(octets)} bytes Request msg X/cseq=1 (tdta0x1) "
        f"{preposition} UDP {far}:\n"
    )
    return head.encode() + octets + b"\n--end msg--\n"


def request(method="INVITE", uri=f"sip:1001@{PHONE}", via=PBX, call_id="c1", body="", to="1001"):
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\n"
        f"To: <sip:{to}@pbx.example>\r\nCall-ID: {call_id}\r\n\r\n{body}"
    ).encode("utf-8", "surrogateescape")


def response(via, call_id="c1"):
    return f"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP {via}\r\nCall-ID: {call_id}\r\n\r\n".encode()


ANCHOR = note(f"clock wall={WALL - 10:.6f} monotonic=500.000000") + note(f"phone 1001 at {PHONE}")


def parse(tmp_path, *parts):
    log = tmp_path / "pjsip.log"
    log.write_bytes(b"".join(parts))
    return read_sip_log(log)


def test_directions_addresses_and_times(tmp_path):
    entries = parse(
        tmp_path,
        ANCHOR,
        noise(),
        message("RX", request()),
        noise(),
        message("TX", response(PBX)),
        message("TX", request("BYE", uri=f"sip:x@{PBX}", via=PHONE)),
        message("RX", response(PHONE)),
    )
    assert [(e.source, e.destination) for e in entries] == [
        (PBX, PHONE),
        (PHONE, PBX),
        (PHONE, PBX),
        (PBX, PHONE),
    ]
    assert {e.transport for e in entries} == {"udp"}
    assert all(abs(e.wall - WALL) < 1e-6 and abs(e.at - 510.0) < 1e-3 for e in entries)
    assert entries[0].call_id == "c1"


def test_a_request_to_a_number_finds_the_phone_of_that_number(tmp_path):
    (entry,) = parse(tmp_path, ANCHOR, message("RX", request(uri="sip:1001@pbx.example")))
    assert entry.destination == PHONE


def test_an_end_marker_inside_a_body_does_not_end_the_message(tmp_path):
    octets = request(body="text\n--end msg--\nmore")
    (entry,) = parse(tmp_path, ANCHOR, message("RX", octets))
    assert entry.octets == octets


def test_octets_that_are_no_utf8_survive(tmp_path):
    octets = request(body="\udcff\udc80 Ω 🌸")
    (entry,) = parse(tmp_path, ANCHOR, message("RX", octets))
    assert entry.octets == octets


def test_no_log_no_messages(tmp_path):
    assert read_sip_log(tmp_path / "absent.log") == []


@settings(deadline=None)
@given(
    bodies=st.lists(st.text(max_size=40), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
)
def test_reading_in_pieces_gives_what_reading_at_once_gives(tmp_path_factory, bodies, cuts):
    whole = ANCHOR + b"".join(
        noise() + message("RX", request(body=body.encode("utf-8", "replace").decode())) for body in bodies
    )
    log = tmp_path_factory.mktemp("log") / "pjsip.log"
    log.write_bytes(whole)
    at_once = read_sip_log(log)
    assert len(at_once) == len(bodies)
    reader = SipLogReader(log)
    found = []
    for cut in sorted(cuts):
        log.write_bytes(whole[:cut])
        if cut >= reader.offset:
            found += reader.read()
    log.write_bytes(whole)
    found += reader.read()
    assert found == at_once


@given(st.binary(max_size=400))
def test_any_log_can_be_read(tmp_path_factory, octets):
    log = tmp_path_factory.mktemp("log") / "pjsip.log"
    log.write_bytes(octets + b"\n")
    assert read_sip_log(log) == []


def test_address_of_a_request_uri():
    assert request_address("INVITE sip:+1@127.0.0.1:5070;ob SIP/2.0\r\n") == "127.0.0.1:5070"
    assert request_address("INVITE sip:127.0.0.1 SIP/2.0\r\n") == "127.0.0.1:5060"
    assert request_address("INVITE tel:+1 SIP/2.0\r\n") == ""
