"""A PBX on TLS for tests; handshakes are done in a thread, as a PBX does them while a test waits for something else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from queue import Empty, Queue
from time import monotonic

from sip_peer import DEADLINE_S, SipPeer

from harness.certificates import CertificateFiles
from harness.sip.framing import StreamFramer
from harness.sip.message import SipMessage, parse

NAME = "pbx.example"
TRUNK_NAME = "trunk.example"


class TlsPeer(SipPeer):
    """``files`` are the PBX's certificate; ``demands`` is a CA file: clients must have a certificate of it."""

    def __init__(self, address: str, files: CertificateFiles, *, demands: str = "") -> None:
        super().__init__(address)
        self._socket.close()
        self._listener = socket.create_server((address, 0))
        self.address, self.port = self._listener.getsockname()
        self.transport = "TLS"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        if demands:
            self._context.load_verify_locations(demands)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._connection: ssl.SSLSocket | None = None
        self._accepted: Queue[ssl.SSLSocket] = Queue()
        self.accepted = 0
        self.failures: list[str] = []
        self._framer = StreamFramer()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._accepted.put(self._context.wrap_socket(plain, server_side=True))
                self.accepted += 1
            except OSError as failed:
                self.failures.append(str(failed))

    def connect(self, ca: str, name: str, *, alpn: tuple[str, ...] = ()) -> None:
        """Open a connection to the trunk as a careful PBX does. Raises ssl.SSLError."""
        context = ssl.create_default_context(cafile=ca)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        plain = socket.create_connection(self.trunk, DEADLINE_S, (self.address, 0))
        self._connection = context.wrap_socket(plain, server_hostname=name)
        self._framer = StreamFramer()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def send_octets(self, octets: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(octets)

    def _read(self, deadline: float) -> list[SipMessage]:
        if self._connection is None:
            try:
                self._connection = self._accepted.get(timeout=max(0.001, deadline - monotonic()))
            except Empty:
                raise TimeoutError from None
        self._connection.settimeout(max(0.001, deadline - monotonic()))
        octets = self._connection.recv(65535)
        if not octets:
            self._connection = None
            return []
        return [parse(message) for message in self._framer.feed(octets)]
