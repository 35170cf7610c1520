"""Processor time of the trunk's media relay: ``python -m benchmarks.media_relay [--calls N] [--seconds S] [--srtp]``.

Each call has both ways, 50 packets/s each, of a size as Opus at 20 kbit/s makes them, from a process of its own; what
is measured is the relay's loop alone, as it runs in the trunk. With ``--srtp`` it has to be opened and closed towards
the PBX, where a rule looks into packets.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import re
import socket
import struct
import subprocess
import sys
import time

import pylibsrtp

from simulators.trunk.protocol import DurationsRecounted, EndsLost, Leg, MediaWay, PacketsLost
from simulators.trunk.relay import Relay

ADDRESS = "127.0.0.1"
PACKET_S = 0.02
OCTETS = 62
SDP = "v=0\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} {profile} 111 126\r\na=rtpmap:126 telephone-event/8000\r\n"
KEY = bytes(range(30))
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(KEY).decode()}\r\n"
RULES = (
    DurationsRecounted(way=MediaWay.TO_PBX),
    EndsLost(way=MediaWay.TO_PBX),
    PacketsLost(way=MediaWay.TO_CUSTOMER, percent=5),
)


def send(seconds: float, ports: list[int], srtp: bool) -> None:
    """Send to every port at the pace of RTP."""
    sender = pylibsrtp.Session(pylibsrtp.Policy(key=KEY, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        start = time.monotonic()
        for number in range(round(seconds / PACKET_S)):
            time.sleep(max(0.0, start + number * PACKET_S - time.monotonic()))
            packet = struct.pack("!BBHII", 0x80, 111, number % 65536, number * 960, 1) + bytes(OCTETS)
            packet = sender.protect(packet) if srtp else packet
            for port in ports:
                out.sendto(packet, (ADDRESS, port))


async def measure(calls: int, seconds: float, srtp: bool) -> tuple[float, int, int, int]:
    """CPU seconds that relaying took, packets that came, that went on, that could not be read."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind((ADDRESS, 0))
    sdp = SDP.format(host=ADDRESS, port=sink.getsockname()[1], profile="RTP/SAVP" if srtp else "RTP/AVP")
    sdp += CRYPTO if srtp else ""
    relays = [Relay(ADDRESS, RULES) for _ in range(calls)]
    told = [relay.pass_sdp(leg, sdp) for relay in relays for leg in Leg]
    ports = [port for text in told for port in re.findall(r"m=audio (\d+)", text)]
    command = [
        sys.executable,
        "-m",
        "benchmarks.media_relay",
        "--seconds",
        str(seconds),
        *(["--srtp"] if srtp else []),
        "--send",
        *ports,
    ]
    with subprocess.Popen(command) as sender:
        spent = time.process_time()
        await asyncio.get_running_loop().run_in_executor(None, sender.wait)
        spent = time.process_time() - spent
    counts = [way for relay in relays for way in relay.counts()]
    for relay in relays:
        relay.close()
    sink.close()
    return (
        spent,
        sum(way.received for way in counts),
        sum(way.sent for way in counts),
        sum(way.unread for way in counts),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=20, help="relayed at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long")
    parser.add_argument("--srtp", action="store_true", help="media encrypted, with its keys in the SDP")
    parser.add_argument("--send", nargs="+", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send(options.seconds, options.send, options.srtp)
        return 0
    spent, received, sent, unread = asyncio.run(measure(options.calls, options.seconds, options.srtp))
    due = 2 * options.calls * round(options.seconds / PACKET_S)
    print(f"{options.calls} calls, {options.seconds:g} s: {received} of {due} packets came, {sent} went on")
    if unread:
        print(f"{unread} could not be read: the figures below are not those of SRTP")
    print(f"{1e6 * spent / received:.1f} µs of CPU per packet")
    print(f"{100 * spent / options.seconds / options.calls:.2f} % of a core per call")
    return 0


if __name__ == "__main__":
    sys.exit(main())
