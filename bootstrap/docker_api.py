"""The few requests to a Docker engine that setting up needs, over its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from bootstrap.errors import BootstrapError

_PING_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 30.0
# The engine answers an import only when it has unpacked everything.
_IMPORT_TIMEOUT_S = 600.0


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def answers(path: Path) -> bool:
    """Whether a Docker engine answers at the socket ``path`` within 2 s."""
    connection = _UnixConnection(path, _PING_TIMEOUT_S)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def has_image(path: Path, name: str) -> bool:
    """Whether the engine has an image called ``name``. Raises OSError when it does not answer."""
    connection = _UnixConnection(path, _ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", f"/images/{quote(name)}/json")
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()


def import_image(path: Path, name: str, archive: Iterable[bytes]) -> None:
    """Make an image called ``name`` of the tar stream ``archive``.

    Raises BootstrapError with the engine's own words when it refuses, OSError when it goes away.
    """
    repository, _, tag = name.rpartition(":")
    connection = _UnixConnection(path, _IMPORT_TIMEOUT_S)
    try:
        connection.request(
            "POST",
            f"/images/create?fromSrc=-&repo={quote(repository)}&tag={quote(tag)}",
            body=archive,
            headers={"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    # The engine answers 200 before it has read the archive; errors come as a later JSON line.
    complaints = [entry["error"] for line in text.splitlines() if "error" in (entry := json.loads(line))]
    if answer.status != http.HTTPStatus.OK or complaints:
        raise BootstrapError(f"Docker can't import the image {name}: {'; '.join(complaints) or text.strip()}")
