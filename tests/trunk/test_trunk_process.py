"""The trunk's process: how it starts and ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from trunk_rig import PBX, TRUNK, RigMaker

from harness.messages import Ready
from harness.process import SimulatorRefused
from simulators.trunk.protocol import TrunkConfig


def config(trace: Path, **changes) -> TrunkConfig:
    values = {
        "name": "trunk",
        "address": TRUNK,
        "customer_port": 0,
        "pbx_side_port": 0,
        "pbx_host": PBX,
        "pbx_port": 5060,
        "pbx_transport": "udp",
        "profile": "8x8",
        "trace": str(trace),
    }
    return TrunkConfig(**{**values, **changes})


def test_it_ends_when_the_harness_closes_its_end(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    entry = "simulators.trunk.process:run"
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.child", entry, str(theirs.fileno()), str(os.getpid())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.PIPE,
    )
    theirs.close()
    pipe = Connection(ours.detach())
    pipe.send(config(tmp_path / "trace.jsonl"))
    assert isinstance(pipe.recv(), Ready)
    pipe.close()
    _, errors = process.communicate(timeout=5)
    assert process.returncode == 0
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"profile": "8x9"}, r"could not start: there is no profile '8x9' \(did you mean '8x8'\?\)"),
        ({"pbx_transport": "sctp"}, r"could not start: the trunk has no transport 'sctp' \(it has udp, tcp, tls\)"),
        ({"pbx_host": "no-such-host.invalid"}, r"could not start: the PBX's host 'no-such-host.invalid'"),
        ({"address": "192.0.2.1"}, r"could not start: .*UDP 192.0.2.1:\d+: "),
    ],
)
def test_what_it_cannot_start_with_is_one_line(rig: RigMaker, changes: dict[str, str], message: str) -> None:
    with pytest.raises(SimulatorRefused, match=message) as error:
        rig(**changes)
    assert "\n" not in str(error.value)
