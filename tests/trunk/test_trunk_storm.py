"""A real trunk process under a storm of broken messages: it answers good ones all along, and nothing of it stays."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from time import monotonic

import psutil
import pytest
from mutations import MUTATIONS, mutated
from sip_peer import ANSWER_SDP, DEADLINE_S, SDP, SipPeer, TcpPeer
from trunk_rig import BUSINESS, CUSTOMER, PBX, Rig, RigMaker, connect

from harness.sip.framing import StreamFramer
from harness.sip.message import SipMessage, parse
from scenarios.torture.messages import torture_messages, with_own_branch
from simulators.trunk.protocol import OpenCalls

DATAGRAMS = 2000
STREAMS = 60
BATCH = 50
SETTLED_S = 15.0
GROWTH_BYTES = 40 << 20
"""What the trunk may remember of 2,000 messages for the 32 s in which they matter, and its tables; a leak of whole
messages would be as small, which is why tests of the core count what is left when the time is over."""


def worse(chance: random.Random, good: SipMessage) -> bytes:
    """A torture message or a good one, as it is or made worse."""
    messages = [with_own_branch(message.octets) for message in torture_messages()]
    octets = chance.choice([*messages, good.to_bytes()])
    plan = [
        (chance.choice(MUTATIONS), chance.random(), chance.randrange(4000))
        for _ in range(chance.choice((0, 1, 1, 2, 4)))
    ]
    return mutated(octets, plan)


@contextlib.contextmanager
def nothing_stays(rig: Rig) -> Iterator[None]:
    """The trunk has as many descriptors afterwards as before, no call, and little more memory."""
    process = psutil.Process(rig.trunk.pid)
    descriptors, memory = process.num_fds(), process.memory_info().rss
    yield
    deadline = monotonic() + SETTLED_S
    while process.num_fds() > descriptors and monotonic() < deadline:
        rig.trunk.call(OpenCalls())
    assert process.num_fds() <= descriptors
    assert process.memory_info().rss - memory < GROWTH_BYTES
    assert rig.trunk.alive


def options(peer: SipPeer) -> SipMessage:
    request = peer.invite("pbx", "trunk", sdp="")
    request.first_line = f"OPTIONS sip:{peer.trunk[0]} SIP/2.0"
    request.set("CSeq", "1 OPTIONS")
    return request


def test_two_thousand_datagrams(rig: RigMaker) -> None:
    r = rig("keep_alive.interval_s = 0")
    connect(r)
    chance = random.Random(4475)
    with nothing_stays(r), SideOfPbx(r.pbx.trunk) as peer:
        for n in range(DATAGRAMS):
            peer.send(worse(chance, r.pbx.invite(BUSINESS, CUSTOMER)))
            if n % BATCH == BATCH - 1:
                peer.answers(options(r.pbx))
    assert "Traceback" not in r.trunk.log_tail(100_000)
    assert "could not be handled" not in r.trunk.log_tail(100_000)
    _one_more_call(r)


def test_streams_cut_anywhere(rig: RigMaker) -> None:
    r = rig("keep_alive.interval_s = 0", tcp=True)
    assert isinstance(r.pbx, TcpPeer)
    connect(r)
    chance = random.Random(5118)
    with nothing_stays(r):
        for _ in range(STREAMS):
            stream = b"".join(worse(chance, r.pbx.invite(BUSINESS, CUSTOMER)) for _ in range(chance.randrange(1, 6)))
            _send_in_pieces(chance, r.pbx.trunk, stream)
    assert "Traceback" not in r.trunk.log_tail(100_000)
    assert "could not be handled" not in r.trunk.log_tail(100_000)
    r.pbx.connect()
    r.pbx.send(options(r.pbx))
    r.pbx.response(200, "OPTIONS")
    r.pbx.hang_up_connection()
    _one_more_call(r)


def _send_in_pieces(chance: random.Random, trunk: tuple[str, int], stream: bytes) -> None:
    with socket.create_connection(trunk, DEADLINE_S, (PBX, 0)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The trunk may close in the middle of it.
        with contextlib.suppress(ConnectionError):
            while stream:
                size = chance.randrange(1, len(stream) + 1)
                connection.sendall(stream[:size])
                stream = stream[size:]


def _one_more_call(r: Rig) -> None:
    """Everything still works: from the phone to the PBX, whose other messages are of the storm."""
    sent = r.phone.invite(CUSTOMER, BUSINESS, sdp=SDP)
    r.phone.send(sent)
    mine = r.pbx.receive("the INVITE", lambda m: m.is_request and m.method == "INVITE", SETTLED_S)
    r.pbx.answer(mine, 200, "OK", sdp=ANSWER_SDP)
    r.phone.receive("200", lambda m: m.code == 200 and m.get("Call-ID") == sent.get("Call-ID"), SETTLED_S)


class SideOfPbx:
    """A socket at the PBX's address beside the PBX's own; what comes to it is read and must be SIP."""

    def __init__(self, trunk: tuple[str, int]) -> None:
        self._trunk = trunk
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((PBX, 0))

    def __enter__(self) -> SideOfPbx:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        self._socket.sendto(octets, self._trunk)

    def answers(self, request: SipMessage) -> None:
        """The request is answered 200, whatever else comes before."""
        self._socket.sendto(request.to_bytes(), self._trunk)
        self._socket.settimeout(SETTLED_S)
        while True:
            answer = parse(self._socket.recv(65535))
            if answer.code == 200 and answer.get("Call-ID") == request.get("Call-ID"):
                return


@pytest.mark.parametrize("size", [1, 7])
def test_a_message_whose_octets_come_one_by_one(size: int) -> None:
    framer, stream = StreamFramer(), b"".join(m.octets for m in torture_messages() if m.name in ("esc01", "lwsdisp"))
    found = [m for n in range(0, len(stream), size) for m in framer.feed(stream[n : n + size])]
    assert b"".join(found) == stream
    assert len(found) == 2
