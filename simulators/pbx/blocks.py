"""Address blocks: each run of the reference PBX has a 127.0.<n>.x of its own, or a 198.18.<n>.x where it does ICE.

A block is a file lock, so that one that a killed run held is free again at once.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from filelock import FileLock, Timeout

from bootstrap.own_network import OWN_NETWORK, OWN_PREFIX
from harness.errors import HarnessMisuse, Inconclusive
from harness.target import Queue, Target

HIGHEST_BLOCK = 254
PSTN_HOST = 30
"""Last octet of the PSTN gateway's address."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the PBX listens on at its address: SIP on UDP and TCP, its manager interface and its archive of
    recordings on TCP, SIP over TLS."""

    sip: int
    http: int
    ami: int
    archive: int
    tls: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses of one run. ``target`` has every address moved into the block; ``release`` frees it."""

    target: Target
    pstn_address: str
    lock: FileLock | None

    def release(self) -> None:
        """Free the block. Safe to call twice."""
        if self.lock is not None:
            self.lock.release(force=True)


def take_block(target: Target, locks: Path, ports: Ports) -> Block:
    """The target's own addresses, or the next free block when another run has them.

    Targets whose addresses do not share one 127.x.y.* or 198.18.y.* are taken as they are. Raises HarnessMisuse when a
    port of such a target is in use, Inconclusive when no block is free.
    """
    own = _octets(target)
    if own is None:
        taken = _port_in_use(target, ports)
        if taken:
            raise HarnessMisuse(f"[pbx] host: {taken}", where=target.name, suggestion="choose a free address")
        return Block(target, target.pbx.host.rpartition(".")[0] + f".{PSTN_HOST}", None)
    locks.mkdir(parents=True, exist_ok=True)
    taken = ""
    for prefix in _candidates(own):
        lock = FileLock(locks / f"{prefix}.lock", is_singleton=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        moved = relocate(target, own, prefix)
        taken = _port_in_use(moved, ports)
        if not taken:
            return Block(moved, f"{prefix}.{PSTN_HOST}", lock)
        lock.release(force=True)
    # One that listens on 0.0.0.0 or "::" has the port at every address.
    why = f": {taken}; if a program listens there on all addresses, stop it" if taken else ""
    raise Inconclusive(f"no loopback addresses are free for the reference PBX{why}")


def in_own_network(target: Target) -> Target:
    """``target`` with its addresses in the network that a run makes for ICE. Raises HarnessMisuse for addresses that
    are not loopback's, which that network cannot have."""
    own = _octets(target)
    if own is None:
        raise HarnessMisuse(
            "ICE needs a network of its own, to which only a reference PBX with addresses 127.x.y.* can be moved",
            where=target.name,
            suggestion="give [pbx], [trunk] and [phones] addresses that share their first three octets",
        )
    return relocate(target, own, f"{OWN_PREFIX}.{own.rpartition('.')[2]}")


def relocate(target: Target, old: str, new: str) -> Target:
    """``target`` with the first three octets ``old`` replaced by ``new`` in every address of ours."""

    def move(address: str) -> str:
        head, _, host = address.rpartition(".")
        return f"{new}.{host}" if head == old else address

    def move_all(addresses: list[str]) -> list[str]:
        return [move(address) for address in addresses]

    def move_queue(queue: Queue) -> Queue:
        return queue.model_copy(update={"trunk_address": move(queue.trunk_address)}) if queue.trunk_address else queue

    registrar, separator, port = target.agents.registrar.partition(":")
    return target.model_copy(
        update={
            "pbx": target.pbx.model_copy(update={"host": move(target.pbx.host)}),
            "trunk": target.trunk.model_copy(update={"addresses": move_all(target.trunk.addresses)}),
            "phones": target.phones.model_copy(update={"addresses": move_all(target.phones.addresses)}),
            "queues": [move_queue(queue) for queue in target.queues],
            "sites": [site.model_copy(update={"host": move(site.host)}) for site in target.sites],
            "recordings": target.recordings.model_copy(
                update={"siprec_address": move(target.recordings.siprec_address)}
            ),
            "agents": target.agents.model_copy(
                update={
                    "registrar": move(registrar) + separator + port if registrar else "",
                    "domain": move(target.agents.domain) if target.agents.domain else "",
                }
            ),
        }
    )


def _octets(target: Target) -> str | None:
    """The first three octets that all addresses share, None when they do not or are not this machine's alone."""
    sites = [site.host for site in target.sites]
    addresses = [target.pbx.host, *sites, *target.trunk.addresses, *target.phones.addresses]
    prefixes = {address.rpartition(".")[0] for address in addresses}
    if len(prefixes) != 1:
        return None
    try:
        host = IPv4Address(target.pbx.host)
    except ValueError:
        return None
    return prefixes.pop() if host.is_loopback or host in IPv4Network(OWN_NETWORK) else None


def _candidates(own: str) -> Iterator[str]:
    head, _, third = own.rpartition(".")
    start = int(third)
    for step in range(HIGHEST_BLOCK + 1):
        yield f"{head}.{(start + step) % (HIGHEST_BLOCK + 1)}"


def _port_in_use(target: Target, ports: Ports) -> str:
    """Which port of the PBX, or of one of its sites, cannot be bound and why, empty when all can."""
    places = [(target.pbx.host, ports), *((site.host, replace(ports, sip=site.port)) for site in target.sites)]
    return next((taken for host, own in places if (taken := _port_of_host_in_use(host, own))), "")


def _port_of_host_in_use(host: str, ports: Ports) -> str:
    wanted = [
        (socket.SOCK_DGRAM, ports.sip),
        (socket.SOCK_STREAM, ports.sip),
        (socket.SOCK_STREAM, ports.http),
        (socket.SOCK_STREAM, ports.ami),
        (socket.SOCK_STREAM, ports.archive),
    ]
    if ports.tls is not None:
        wanted.append((socket.SOCK_STREAM, ports.tls))
    for kind, port in wanted:
        with closing(socket.socket(socket.AF_INET, kind)) as trial:
            if kind is socket.SOCK_STREAM:
                # A listener that ended a moment ago leaves connections in TIME_WAIT; they are no obstacle.
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as refused:
                transport = "tcp" if kind is socket.SOCK_STREAM else "udp"
                return f"{host}:{port}/{transport} cannot be bound ({refused.strerror or refused})"
    return ""
