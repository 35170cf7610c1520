"""Access to a PBX's control interface: Asterisk's manager interface, Kamailio's RPC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """One user and password for all parts of a PBX; ports are the same at each address."""

    user: str
    password: str
    http_port: int
    ami_port: int
