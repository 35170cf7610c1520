"""Pairs of UDP ports that RTP and RTCP come to (RFC 3550 section 11: an even port and the next)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from time import monotonic

from simulators.recorder.session import Hear

_TRIES = 200
_RECEIVE_BYTES = 1 << 20
"""A second without a turn for this process must not lose packets."""
_DATAGRAM_BYTES = 2048


class RtpPorts:
    """The ears of a recording server at one address, on the running event loop."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._pairs: dict[int, tuple[socket.socket, socket.socket, Hear]] = {}

    def open(self, hear: Hear) -> int:
        """Bind a pair; ``hear`` gets what comes. Raises OSError when there is none."""
        rtp, rtcp = self._bind()
        port: int = rtp.getsockname()[1]
        self._pairs[port] = (rtp, rtcp, hear)
        for udp in (rtp, rtcp):
            self._loop.add_reader(udp.fileno(), self._read, udp, hear, udp is rtcp)
        return port

    def close(self, port: int) -> None:
        """Read what has come already and close the pair. A port that is not open is left."""
        if port not in self._pairs:
            return
        rtp, rtcp, hear = self._pairs.pop(port)
        for udp in (rtp, rtcp):
            self._loop.remove_reader(udp.fileno())
            self._read(udp, hear, udp is rtcp)
            udp.close()

    def _bind(self) -> tuple[socket.socket, socket.socket]:
        for _ in range(_TRIES):
            rtp = self._socket(0)
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                with contextlib.suppress(OSError):
                    return rtp, self._socket(port + 1)
            rtp.close()
        raise OSError(errno.EADDRINUSE, "no pair of ports is free")

    def _socket(self, port: int) -> socket.socket:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            udp.bind((self._address, port))
        except OSError:
            udp.close()
            raise
        return udp

    def _read(self, udp: socket.socket, hear: Hear, to_rtcp: bool) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                octets = udp.recv(_DATAGRAM_BYTES)
                hear(octets, monotonic(), to_rtcp)
