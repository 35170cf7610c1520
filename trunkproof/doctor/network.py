"""Checks of addresses and ports: what a run binds must be free, a PBX of the user's must answer."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from harness.target import RecordingAccess, Target
from simulators.trunk.tls_faults import to_pbx
from trunkproof.doctor.check import Check

_REFERENCE = "asterisk-reference"
_ANSWER_DEADLINE_S = 2.0
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Binding:
    """An address and port that a run listens on, over UDP and TCP."""

    address: str
    port: int


def bindings_of(target: Target) -> list[Binding]:
    """What a run against ``target`` binds: the trunk's side, phones, the recording server, the PBX if we start it."""
    bindings = [Binding(address, target.trunk.port) for address in target.trunk.addresses]
    # Phones take any free port: binding port 0 shows that their address is this machine's.
    bindings += [Binding(address, 0) for address in target.phones.addresses]
    if target.pbx.adapter == _REFERENCE:
        bindings.append(Binding(target.pbx.host, target.pbx.port))
    if target.recordings.access is RecordingAccess.SIPREC:
        bindings.append(Binding(target.recordings.siprec_address, target.recordings.siprec_port))
    return bindings


def addresses_free(bindings: Iterable[Binding]) -> Check:
    """Whether every binding can be bound now, over UDP and over TCP."""
    wanted = list(bindings)
    problems = [problem for binding in wanted if (problem := _problem(binding)) is not None]
    if not problems:
        return Check("addresses and ports", True, f"{len(wanted)} can be bound")
    more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
    return Check(
        "addresses and ports",
        False,
        "; ".join(problems[:_MOST_NAMED]) + more,
        "end what uses them ('ss -lnptu' names it), or change the addresses in the target file",
    )


def _problem(binding: Binding) -> str | None:
    family = socket.AF_INET6 if ":" in binding.address else socket.AF_INET
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # As servers do: connections of an earlier run in TIME_WAIT are no obstacle.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((binding.address, binding.port))
            except OSError as error:
                where = f"{binding.address}:{binding.port} over {name}"
                if error.errno == errno.EADDRINUSE:
                    return f"{where} is in use"
                if error.errno == errno.EADDRNOTAVAIL:
                    return f"{binding.address} is not an address of this machine"
                return f"{where}: {error.strerror}"
    return None


def answers_sip(target: Target) -> Check:
    """Whether the user's own PBX answers an OPTIONS request of the trunk. Any answer counts."""
    name = "the PBX"
    pbx = target.pbx
    where = f"{pbx.host}:{pbx.port} over {pbx.transport.upper()}"
    try:
        status = _ask_options(target)
    except _TlsRefused as refused:
        return Check(name, False, f"{where}: {refused}", "no call arrives at Meta's trunk either while this is so")
    except TimeoutError:
        return Check(
            name,
            False,
            f"{where} did not answer OPTIONS within {_ANSWER_DEADLINE_S:g} s",
            "check [pbx] in the target file, and that the PBX accepts requests from the [trunk] addresses",
        )
    except OSError as error:
        return Check(name, False, f"{where}: {error}", "check [pbx] and [trunk] addresses in the target file")
    return Check(name, True, f"{where} answers OPTIONS with '{status}'")


class _TlsRefused(Exception):
    """TLS with the PBX failed; the text says why."""


def _ask_options(target: Target) -> str:
    pbx, source = target.pbx, target.trunk.addresses[0]
    kind = socket.SOCK_DGRAM if pbx.transport == "udp" else socket.SOCK_STREAM
    family, _, _, _, peer = socket.getaddrinfo(pbx.host, pbx.port, type=kind)[0]
    with socket.socket(family, kind) as plain:
        plain.settimeout(_ANSWER_DEADLINE_S)
        plain.bind((source, 0))
        with _over_tls(plain, peer, target) if pbx.transport == "tls" else _connected(plain, peer) as probe:
            probe.sendall(options_request(pbx.host, pbx.port, pbx.transport, *probe.getsockname()[:2]))
            first_line = probe.recv(4096).split(b"\r\n", 1)[0].decode(errors="replace")
    if not first_line.startswith("SIP/2.0 "):
        raise OSError("what answers there is not SIP")
    return first_line.removeprefix("SIP/2.0 ")


def _connected(plain: socket.socket, peer: Any) -> socket.socket:
    plain.connect(peer)
    return plain


def _over_tls(plain: socket.socket, peer: Any, target: Target) -> socket.socket:
    """A TLS connection as the trunk would make it. Raises _TlsRefused."""
    pbx, trunk = target.pbx, target.trunk
    name = pbx.hostname or pbx.host
    try:
        context = ssl.create_default_context(cafile=trunk.ca)
    except OSError as unusable:
        raise _TlsRefused(f"[trunk] ca: {trunk.ca} cannot be used: {unusable}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        return context.wrap_socket(_connected(plain, peer), server_hostname=name)
    except OSError as error:
        raise _TlsRefused(to_pbx(error, name).why) from None


def options_request(host: str, port: int, transport: str, own_address: str, own_port: int) -> bytes:
    """An OPTIONS request to ``host``:``port``, as RFC 3261 wants it."""
    mark = uuid4().hex
    lines = [
        f"OPTIONS sip:{host}:{port} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {own_address}:{own_port};branch=z9hG4bK{mark};rport",
        "Max-Forwards: 70",
        f"From: <sip:doctor@{own_address}>;tag={mark[:8]}",
        f"To: <sip:{host}:{port}>",
        f"Call-ID: {mark}@{own_address}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:doctor@{own_address}:{own_port};transport={transport}>",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
