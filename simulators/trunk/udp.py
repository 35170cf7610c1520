"""A UDP socket of the edge: reads with a timestamp for each datagram, reports unreachable destinations."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from time import monotonic

from simulators.trunk.wire import Address, Wire, WireListener

IP_RECVERR = 11
"""``<linux/in.h>``: have ICMP errors of an unconnected socket reported."""
MSG_ERRQUEUE = 0x2000
MAX_DATAGRAM = 65535

log = logging.getLogger(__name__)


class UdpWire(Wire):
    """One bound socket for all peers; it sends from the port that it listens on."""

    name = "udp"
    reliable = False

    def __init__(self, local: Address, listener: WireListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            if sys.platform == "linux":
                self._socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            self._socket.bind(local)
        except OSError as taken:
            self._socket.close()
            raise OSError(taken.errno, f"UDP {local[0]}:{local[1]}: {taken.strerror}") from None
        self.local: Address = self._socket.getsockname()[:2]
        self._loop.add_reader(self._socket, self._readable)

    async def start(self) -> None:
        return

    def send(self, octets: bytes, destination: Address, reply_to: object | None = None) -> None:
        for _ in range(2):
            try:
                self._socket.sendto(octets, destination)
            except OSError as failed:
                # The error of an earlier datagram is reported on the next call; that one was not sent then.
                if failed.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    self._drain_errors()
                    continue
                self._listener.unreachable(destination, failed.strerror or str(failed))
                return
            self._listener.sent(self, octets, self.local, destination, monotonic())
            return

    async def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        self._drain_errors()
        while True:
            try:
                octets, source = self._socket.recvfrom(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._drain_errors()
                return
            self._listener.received(self, octets, source[:2], self.local, monotonic(), None)

    def _drain_errors(self) -> None:
        """Report every destination that ICMP called unreachable."""
        if sys.platform != "linux":
            return
        while True:
            try:
                _, _, _, destination = self._socket.recvmsg(0, 512, MSG_ERRQUEUE)
            except OSError:
                return
            if destination:
                log.warning("nobody listens at %s:%s (ICMP)", *destination[:2])
                self._listener.unreachable(destination[:2], "nobody listens there (ICMP port unreachable)")
