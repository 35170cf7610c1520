"""Ports for what tests start."""

from __future__ import annotations

import socket


def free_port(host: str) -> int:
    """A port of ``host`` that is free for UDP and TCP."""
    with socket.create_server((host, 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        port = tcp.getsockname()[1]
        udp.bind((host, port))
        return int(port)
