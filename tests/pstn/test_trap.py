"""The trap as a process: it notes calls over UDP and TCP, refuses them, and survives noise."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from harness.process import Simulator, SimulatorRefused
from simulators.pstn.trap import PstnCallSeen, TrapConfig, pstn_calls
from tests.pstn.test_sip import INVITE

ADDRESS = "127.0.14.30"
WAIT_S = 5.0


@pytest.fixture
def trap(tmp_path: Path):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as trial:
        trial.bind((ADDRESS, 0))
        port = trial.getsockname()[1]
    config = TrapConfig(address=ADDRESS, port=port, log=str(tmp_path / "pstn.jsonl"))
    simulator = Simulator("the PSTN trap", "simulators.pstn.trap:run", config, log=tmp_path / "trap.log")
    try:
        simulator.ready()
        yield simulator, port, Path(config.log)
    finally:
        simulator.stop()


def ask(port: int, message: bytes, answers: int) -> list[bytes]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as phone:
        phone.settimeout(WAIT_S)
        phone.sendto(message, (ADDRESS, port))
        return [phone.recv(65_535).split(b"\r\n")[0] for _ in range(answers)]


def test_a_call_is_refused_and_noted_once(trap):
    simulator, port, log = trap
    for _ in range(2):
        assert ask(port, INVITE, 2) == [
            b"SIP/2.0 100 Trying",
            b"SIP/2.0 403 PSTN forbidden for WhatsApp calls",
        ]
    seen = simulator.wait_for(PstnCallSeen, timeout_s=WAIT_S)
    assert (seen.caller, seen.called) == ("+34612345678", "02079460000")
    (call,) = pstn_calls(log)
    assert call.source.startswith("127.0.0.1:")
    assert call.raw == INVITE.decode()
    assert pstn_calls(log, since=call.at) == [call]
    assert pstn_calls(log, since=call.at + 1) == []


def test_other_requests(trap):
    simulator, port, log = trap
    ask(port, b"\xff\x00noise", 0)
    assert ask(port, INVITE.replace(b"INVITE", b"OPTIONS"), 1) == [b"SIP/2.0 200 OK"]
    assert ask(port, INVITE.replace(b"INVITE", b"REGISTER"), 1) == [b"SIP/2.0 405 Method Not Allowed"]
    ask(port, INVITE.replace(b"INVITE", b"ACK"), 0)
    assert simulator.alive
    assert pstn_calls(log) == []


def test_calls_over_tcp(trap):
    _, port, log = trap
    with closing(socket.create_connection((ADDRESS, port), timeout=WAIT_S)) as phone:
        phone.sendall(INVITE[:50])
        phone.sendall(INVITE[50:])
        answer = b""
        while b"403" not in answer:
            answer += phone.recv(65_535)
    assert len(pstn_calls(log)) == 1


def test_a_port_in_use_is_said(trap, tmp_path: Path):
    _, port, _ = trap
    second = Simulator(
        "the PSTN trap",
        "simulators.pstn.trap:run",
        TrapConfig(address=ADDRESS, port=port, log=str(tmp_path / "second.jsonl")),
        log=tmp_path / "second.log",
    )
    with pytest.raises(SimulatorRefused, match="in use"):
        second.ready()


def test_a_log_that_is_not_there_or_not_whole(tmp_path: Path):
    assert pstn_calls(tmp_path / "none.jsonl") == []
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"at": 1.0, "wall": 2.0, "caller": "+1", "called": "2", "source": "s", "raw": "r"}\n{"at": 1')
    assert [call.caller for call in pstn_calls(torn)] == ["+1"]
