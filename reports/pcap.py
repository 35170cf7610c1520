"""A SIP trace as a capture file that Wireshark reads, also for calls that were encrypted on the wire.

Ethernet, IP, UDP and TCP headers are made here; payloads are the trace's messages, times are
wall-clock times. TCP connections get a handshake that the trace does not have, so that sequence
numbers have a beginning. Messages that were in TLS appear as plain TCP, at port 5060 where the real one
was 5061, because Wireshark expects ciphertext at 5061.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

import dpkt

from harness.trace import SipTraceEntry

SEGMENT_BYTES = 16_000
"""Payload of one TCP segment at most; loopback's MTU is 65536."""

MOST_UDP_BYTES = 65_507
_HOPS = 64
_CLIENT, _SERVER = b"\x02\x00\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x02"
_TLS_SIP_PORT, _PLAIN_SIP_PORT = 5061, 5060
_MOST_WALL_S = 2**32 - 1

Address = tuple[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A capture file's octets, how many messages are in it, and what could not be written."""

    octets: bytes
    messages: int
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Connection:
    """Next sequence number of each end of a TCP connection."""

    next_sequence: dict[Address, int] = field(default_factory=dict)


def capture(entries: Iterable[SipTraceEntry]) -> Capture:
    """The messages as a pcap file, in the order of their wall-clock times."""
    file = BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=dpkt.pcap.DLT_EN10MB, nano=False)
    connections: dict[frozenset[Address], _Connection] = {}
    written, unaddressed, cut = 0, 0, 0
    for entry in sorted(entries, key=lambda e: e.wall):
        ends = _ends(entry)
        if ends is None or not 0 <= entry.wall <= _MOST_WALL_S:
            unaddressed += 1
            continue
        source, destination = ends
        octets = entry.octets
        if entry.transport.lower() == "udp":
            cut += len(octets) > MOST_UDP_BYTES
            packets: Iterator[bytes] = iter([_udp(source, destination, octets[:MOST_UDP_BYTES])])
        else:
            connection = connections.setdefault(frozenset(ends), _Connection())
            packets = _tcp(connection, source, destination, octets)
        for packet in packets:
            writer.writepkt(packet, ts=entry.wall)
        written += 1
    problems = []
    if unaddressed:
        problems.append(f"not in the pcap for lack of a usable address or time: {_messages(unaddressed)}")
    if cut:
        problems.append(f"cut in the pcap, being longer than a UDP packet: {_messages(cut)}")
    return Capture(octets=file.getvalue(), messages=written, problems=tuple(problems))


def _messages(number: int) -> str:
    return f"{number} message{'' if number == 1 else 's'}"


def _ends(entry: SipTraceEntry) -> tuple[Address, Address] | None:
    source, destination = _address(entry.source), _address(entry.destination)
    if source is None or destination is None or len(source[0]) != len(destination[0]):
        return None
    if entry.transport.lower() != "tls":
        return source, destination
    return _plain_port(source), _plain_port(destination)


def _plain_port(address: Address) -> Address:
    host, port = address
    return host, _PLAIN_SIP_PORT if port == _TLS_SIP_PORT else port


def _address(text: str) -> Address | None:
    host, _, port = text.rpartition(":")
    try:
        packed = ipaddress.ip_address(host.strip("[]")).packed
        number = int(port)
    except ValueError:
        return None
    return (packed, number) if 0 < number < 65_536 else None


def _udp(source: Address, destination: Address, octets: bytes) -> bytes:
    datagram = dpkt.udp.UDP(sport=source[1], dport=destination[1], data=octets)
    datagram.ulen = 8 + len(octets)
    return _frame(source, destination, datagram, dpkt.ip.IP_PROTO_UDP)


def _tcp(connection: _Connection, source: Address, destination: Address, octets: bytes) -> Iterator[bytes]:
    """Segments of a message, after the handshake when the connection is new."""
    numbers = connection.next_sequence
    if not numbers:
        numbers[source] = numbers[destination] = 1
        yield _segment(source, destination, 0, 0, dpkt.tcp.TH_SYN)
        yield _segment(destination, source, 0, 1, dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)
        yield _segment(source, destination, 1, 1, dpkt.tcp.TH_ACK)
    for start in range(0, len(octets), SEGMENT_BYTES):
        piece = octets[start : start + SEGMENT_BYTES]
        flags = dpkt.tcp.TH_ACK | (dpkt.tcp.TH_PUSH if start + SEGMENT_BYTES >= len(octets) else 0)
        yield _segment(source, destination, numbers[source], numbers[destination], flags, piece)
        numbers[source] = (numbers[source] + len(piece)) % 2**32


def _segment(
    source: Address, destination: Address, sequence: int, acknowledged: int, flags: int, octets: bytes = b""
) -> bytes:
    segment = dpkt.tcp.TCP(
        sport=source[1], dport=destination[1], seq=sequence, ack=acknowledged, flags=flags, win=65_535, data=octets
    )
    return _frame(source, destination, segment, dpkt.ip.IP_PROTO_TCP)


def _frame(source: Address, destination: Address, content: dpkt.Packet, protocol: int) -> bytes:
    if len(source[0]) == 4:
        packet = dpkt.ip.IP(src=source[0], dst=destination[0], p=protocol, ttl=_HOPS, data=content)
        packet.len = 20 + len(content)
        kind = dpkt.ethernet.ETH_TYPE_IP
    else:
        packet = dpkt.ip6.IP6(src=source[0], dst=destination[0], nxt=protocol, hlim=_HOPS, data=content)
        packet.extension_hdrs, packet.all_extension_headers, packet.p = {}, [], protocol
        packet.plen = len(content)
        kind = dpkt.ethernet.ETH_TYPE_IP6
    hardware = (_CLIENT, _SERVER) if source <= destination else (_SERVER, _CLIENT)
    return bytes(dpkt.ethernet.Ethernet(src=hardware[0], dst=hardware[1], type=kind, data=packet))
