"""The UDP socket of an exchange: each datagram comes with the time at which the kernel got it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from time import monotonic, time

from harness.errors import Inconclusive
from simulators.light_phones.uris import Address

MAX_DATAGRAM = 65535
RECEIVE_BUFFER = 4 << 20
AT_A_TIME = 64
"""Datagrams that are read before other work has its turn."""

SO_TIMESTAMPNS = 35
"""``<asm-generic/socket.h>``: the time of arrival (CLOCK_REALTIME) comes with each datagram, in s and ns."""
SO_RXQ_OVFL = 40
"""How many datagrams were dropped because the buffer was full comes with the next one, once there are any."""
SO_RCVBUFFORCE = 33
"""Root may have more than the system's limit."""
_STAMP = struct.Struct("@ll")
_DROPS = struct.Struct("@I")
_ANCILLARY = socket.CMSG_SPACE(_STAMP.size) + socket.CMSG_SPACE(_DROPS.size)


class Wire:
    """``received`` gets octets, sender and time of arrival (CLOCK_MONOTONIC, s)."""

    def __init__(self, address: str, port: int, received: Callable[[bytes, Address, float], None]) -> None:
        self._received = received
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            with contextlib.suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            for option in (SO_TIMESTAMPNS, SO_RXQ_OVFL):
                self._socket.setsockopt(socket.SOL_SOCKET, option, 1)
            self._socket.bind((address, port))
        except OSError as taken:
            self._socket.close()
            raise Inconclusive(f"no UDP port {port or ''} for SIP at {address}: {taken.strerror or taken}") from None
        self.local: Address = self._socket.getsockname()[:2]
        self.unsent = 0
        """Datagrams that the kernel did not take; SIP sends them again."""
        self.dropped = 0
        """Datagrams that were lost here because nobody read them in time."""
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def send(self, octets: bytes, destination: Address) -> None:
        try:
            self._socket.sendto(octets, destination)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _readable(self) -> None:
        receive, behind = self._socket.recvmsg, time() - monotonic()
        for _ in range(AT_A_TIME):
            try:
                octets, ancillary, _, source = receive(MAX_DATAGRAM, _ANCILLARY)
            except OSError:
                return
            at = 0.0
            for _, kind, data in ancillary:
                if kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = _STAMP.unpack(data)
                    at = seconds + nanoseconds / 1e9 - behind
                elif kind == SO_RXQ_OVFL:
                    (self.dropped,) = _DROPS.unpack(data)
            self._received(octets, source, at or monotonic())
            if self._socket.fileno() < 0:
                return
