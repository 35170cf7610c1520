"""When the last RTCP packet of a call came in, as the kernel knows it.

pjmedia counts an RTCP packet only if it carries a report about what we sent. One that carries none (RFC 3550
section 6.4: nothing was heard from us since the last report, as on hold) is media all the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket

# socket(7): the receive time of the last packet that was passed to the user, a struct timeval.
_SIOCGSTAMP = 0x8906
_TIMEVAL_BYTES = 16


class RtcpSocket:
    """The UDP socket of this process that is bound to ``local`` (``ip:port``)."""

    def __init__(self, local: str) -> None:
        self.local = local
        self._descriptor = _descriptor_bound_to(local)

    def last_arrival(self) -> bytes | None:
        """Changes with each packet from the first question on; None while none came or it can't be known."""
        if self._descriptor is None:
            return None
        try:
            return fcntl.ioctl(self._descriptor, _SIOCGSTAMP, bytes(_TIMEVAL_BYTES))
        except OSError:
            return None


def _descriptor_bound_to(local: str) -> int | None:
    host, _, port = local.rpartition(":")
    if not port.isdecimal():
        return None
    wanted = (host, int(port))
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            # The constructor refuses what is no socket; the family is right for IPv4, whose name we look for.
            candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, fileno=int(name))
            try:
                if candidate.getsockname() == wanted:
                    return int(name)
            finally:
                # It belongs to pjlib.
                candidate.detach()
    return None
