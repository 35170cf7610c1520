"""A raw PBX that serves by itself, on a thread of its own, while a scenario's check runs against the trunk."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from sip_peer import SipPeer
from trunk_rig import PBX, TRUNK

from harness.sip.message import SipMessage, answer_to, salvage

JOIN_S = 15.0


class ServingPbx(SipPeer):
    """A PBX over UDP that answers the trunk's OPTIONS, and whatever else comes as ``treat`` says (None: not at all)."""

    def __init__(self, treat: Callable[[SipMessage], bytes | None]) -> None:
        super().__init__(PBX)
        self.treat = treat
        self.deafened = False
        self._closing = False
        self.others: list[SipMessage] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def serve(self) -> None:
        self._socket.settimeout(None)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (self.address, self.port))
        self._thread.join(JOIN_S)
        super().close()

    def _serve(self) -> None:
        while not self._closing:
            octets, source = self._socket.recvfrom(65535)
            message = salvage(octets)
            if message.method == "OPTIONS" and f"{TRUNK}:" in message.get("Via"):
                if not self.deafened:
                    self._socket.sendto(tagged(message, 200), source)
                continue
            self.others.append(message)
            answer = self.treat(message)
            if answer is not None:
                self._socket.sendto(answer, source)


def tagged(request: SipMessage, code: int) -> bytes:
    """A response with a tag in To."""
    answer = answer_to(request, code, "Reason")
    answer.set("To", f"{request.get('To').partition(';tag')[0]};tag=pbx")
    return answer.to_bytes()
