import io

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.trace import SipTraceEntry, decode_octets
from reports.pcap import MOST_UDP_BYTES, capture
from tests.independent.tshark import MALFORMED, shown_by_tshark
from tests.reports.sample_run import whole_call

addresses = st.builds("127.0.{}.{}:{}".format, st.integers(0, 3), st.integers(1, 250), st.integers(1, 65_535))
payloads = st.binary(min_size=1, max_size=3_000) | st.builds(lambda n: b"SIP" * n, st.integers(1, 12_000))


@st.composite
def entries(draw):
    ends = draw(st.lists(addresses, min_size=2, max_size=4, unique=True))
    made = []
    for number in range(draw(st.integers(1, 12))):
        source, destination = draw(st.permutations(ends))[:2]
        at = 100.0 + number * 0.25
        transport = draw(st.sampled_from(["udp", "tcp", "tls"]))
        raw = decode_octets(draw(payloads))
        made.append(
            SipTraceEntry(at=at, wall=1.7e9 + at, source=source, destination=destination, transport=transport, raw=raw)
        )
    return made


def packets(octets):
    for at, frame in dpkt.pcap.Reader(io.BytesIO(octets)):
        yield at, dpkt.ethernet.Ethernet(frame).data


def address(packet, port):
    return ".".join(str(octet) for octet in packet) + f":{port}"


def plain(text, transport):
    return text[:-5] + ":5060" if transport == "tls" and text.endswith(":5061") else text


@given(entries())
def test_every_message_is_read_back(trace):
    """Octets, ends and times survive; TCP streams have no hole."""
    udp, streams, acknowledged = [], {}, {}
    for at, ip in packets(capture(trace).octets):
        assert dpkt.in_cksum(bytes(ip)[:20]) == 0
        ends = (address(ip.src, ip.data.sport), address(ip.dst, ip.data.dport))
        if isinstance(ip.data, dpkt.udp.UDP):
            udp.append((round(at, 3), *ends, ip.data.data))
            assert ip.data.ulen == 8 + len(ip.data.data)
            continue
        segment = ip.data
        if segment.flags & dpkt.tcp.TH_SYN:
            streams[ends] = (1, b"")
            continue
        expected, so_far = streams[ends]
        assert segment.seq == expected
        assert segment.ack == streams[ends[::-1]][0]
        streams[ends] = (expected + len(segment.data), so_far + segment.data)
        acknowledged[ends] = segment.ack
    assert udp == [
        (round(e.wall, 3), e.source, e.destination, e.octets[:MOST_UDP_BYTES]) for e in trace if e.transport == "udp"
    ]
    sent = {}
    for entry in trace:
        if entry.transport != "udp":
            ends = (plain(entry.source, entry.transport), plain(entry.destination, entry.transport))
            sent[ends] = sent.get(ends, b"") + entry.octets
    assert {ends: text for ends, (_, text) in streams.items() if text} == sent


@pytest.mark.parametrize(
    "change",
    [
        {"source": "nowhere"},
        {"destination": "127.0.0.1:99999"},
        {"source": "[::1]:5060"},
        {"wall": -1.0},
        {"wall": 1e11},
    ],
)
def test_what_cannot_be_a_packet_is_said(change):
    values = {"at": 1.0, "wall": 1.7e9, "source": "127.0.0.1:1", "destination": "127.0.0.2:2", "transport": "udp"}
    made = capture([SipTraceEntry(**(values | change), raw="x")])
    assert made.messages == 0
    assert "1 message" in made.problems[0]


def test_ipv6_and_overlong():
    entry = SipTraceEntry(
        at=1.0, wall=1.7e9, source="[::1]:5060", destination="[2001:db8::7]:5070", transport="udp", raw="A" * 70_000
    )
    made = capture([entry])
    ((_, ip),) = packets(made.octets)
    assert isinstance(ip, dpkt.ip6.IP6)
    assert len(ip.data.data) == MOST_UDP_BYTES
    assert "longer than a UDP packet: 1 message" in made.problems[0]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_wireshark_decodes_the_sip(tmp_path, transport):
    trace = whole_call(transport)
    file = tmp_path / "trace.pcap"
    file.write_bytes(capture(trace.entries).octets)
    assert shown_by_tshark(file, "sip", "sip.Call-ID") == [entry.call_id for entry in trace.entries]
    assert shown_by_tshark(file, MALFORMED, "frame.number") == []


def test_wireshark_sees_what_is_malformed(tmp_path):
    """A packet that says it is longer than it is."""
    octets = bytearray(capture(whole_call("udp").entries).octets)
    record = 24 + 16
    octets[record + 14 + 20 + 4 : record + 14 + 20 + 6] = b"\xff\xf0"
    file = tmp_path / "trace.pcap"
    file.write_bytes(octets)
    assert shown_by_tshark(file, MALFORMED, "frame.number") == ["1"]
