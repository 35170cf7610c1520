"""A far end line by line: SIP from the trunk's tests, RTP and RTCP over two sockets of its own."""

import socket
import struct
import time

from two_phones import DEADLINE_S

from tests.trunk.sip_peer import SipPeer

SSRC = 0x1234
EMPTY_RECEIVER_REPORT = struct.pack("!BBHI", 0x80, 201, 1, SSRC)
"""RFC 3550 section 6.4.2: a report on no source at all."""


class FarEnd(SipPeer):
    """Calls a phone, with PCMU as its only codec."""

    def __init__(self, address, phone):
        super().__init__(address)
        host, port = phone.split(":")
        self.trunk = host, int(port)
        self.rtp, self.rtcp = adjacent_sockets(address)
        self.sent = 0

    @property
    def sdp(self):
        port = self.rtp.getsockname()[1]
        return (
            f"v=0\r\no=- 1 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
        )

    def close(self):
        super().close()
        self.rtp.close()
        self.rtcp.close()

    def send_rtp(self, to):
        header = struct.pack("!BBHII", 0x80, 0, self.sent & 0xFFFF, 160 * self.sent, SSRC)
        self.sent += 1
        self.rtp.sendto(header + b"\xff" * 160, to)

    def send_empty_report(self, to):
        """RTCP that tells nothing but that somebody is there."""
        self.rtcp.sendto(EMPTY_RECEIVER_REPORT, (to[0], to[1] + 1))

    def hears(self):
        """Wait for one RTP packet; its payload type."""
        self.rtp.settimeout(DEADLINE_S)
        return self.rtp.recv(2048)[1] & 0x7F

    def until(self, met, send, every_s=0.02):
        """Send again and again until something is met."""
        deadline = time.monotonic() + DEADLINE_S
        while not met():
            assert time.monotonic() < deadline
            send()
            time.sleep(every_s)


def media_address(sdp):
    """Where the RTP of an SDP goes."""
    lines = sdp.decode().split("\r\n")
    host = next(line.split()[-1] for line in lines if line.startswith("c="))
    return host, int(next(line.split()[1] for line in lines if line.startswith("m=audio")))


def adjacent_sockets(address):
    """An even port for RTP and the next one for RTCP."""
    for port in range(42000, 44000, 2):
        pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        try:
            for number, one in enumerate(pair):
                one.bind((address, port + number))
        except OSError:
            for one in pair:
                one.close()
        else:
            return pair
    raise AssertionError(f"no pair of ports is free at {address}")
