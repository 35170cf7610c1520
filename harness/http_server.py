"""An ASGI app on a socket of its own, served by uvicorn on the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

GOODBYE_S = 1
"""How long requests in progress may take once the server stops."""
BACKLOG = 128


class HttpServer:
    """Listens from the moment it is made: what connects before ``start`` waits.

    ``port`` 0 takes a free one; ``url`` says which. Raises OSError when the address cannot be bound.
    """

    def __init__(self, app: Any, address: str, port: int = 0) -> None:
        self._socket = _listening(address, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{f'[{address}]' if ':' in address else address}:{self.port}"
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http="h11",
                ws="none",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GOODBYE_S,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._serving = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Answer what has been asked, then close the socket; at most ``GOODBYE_S`` and a bit."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business."""
        yield


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as cannot:
        listener.close()
        reason = cannot.strerror if isinstance(cannot, OSError) else cannot
        raise OSError(f"{address}:{port} cannot be listened on: {reason}") from None
    return listener
