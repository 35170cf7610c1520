"""A network namespace that a program is put into, and that is gone with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import own_network

LOOK = """
import socket
sockets = []
for address in ("198.18.0.10", "198.18.200.7", "127.0.3.4"):
    sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sockets[-1].bind((address, 0))
sockets[0].sendto(b"x", sockets[1].getsockname())
sockets[1].settimeout(5)
print(sockets[1].recvfrom(1)[1][0], len(socket.if_nameindex()))
"""


SYSTEMS_PYTHON = Path("/usr/bin/python3")
SOURCE = Path(own_network.__file__).read_text(encoding="utf-8")


def made(python: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    """The source comes by standard input: another user may not be able to read this checkout."""
    command = [*prefix, python, "-", python, "-c", LOOK]
    return subprocess.run(command, input=SOURCE, capture_output=True, text=True, timeout=30, check=False, cwd="/")


def test_all_addresses_of_the_network_are_its_own_and_nothing_else_is() -> None:
    assert not own_network.is_here()
    done = made(sys.executable)
    if "the kernel gives none" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "198.18.0.10 1\n", done.stderr
    assert not own_network.is_here()


@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEMS_PYTHON.exists(), reason="root must become another user")
def test_a_user_gets_one_as_well_or_is_told() -> None:
    done = made(str(SYSTEMS_PYTHON), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if done.returncode:
        assert done.returncode == 2
        assert done.stderr.startswith("trunkproof: ICE needs a network namespace") and done.stderr.count("\n") == 1
    else:
        assert done.stdout == "198.18.0.10 1\n"


def test_a_kernel_that_gives_none_is_one_line() -> None:
    no_namespaces = (
        "import sys; from bootstrap import own_network\n"
        "def refuse(_flags): raise OSError(1, 'Operation not permitted')\n"
        "own_network._unshare = refuse\n"
        "own_network.main(['/bin/true'])"
    )
    done = subprocess.run([sys.executable, "-c", no_namespaces], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the kernel gives none (Operation not permitted): run it as root" in done.stderr
    assert done.stderr.count("\n") == 1
