"""The reference PBX itself: a real Asterisk is started, called, killed and stopped."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from bootstrap import apt, docker_engine, rootfs
from harness.errors import Inconclusive
from harness.target import Target, load_target
from simulators.pbx import reference
from simulators.pbx.adapters import adapter_for
from simulators.pbx.asterisk.twins import Twin, list_twins
from simulators.pbx.blocks import relocate
from simulators.pbx.instance import abandoned
from simulators.pbx.probe import sip_status

pytestmark = pytest.mark.live

GONE_S = 5.0
ANSWER_S = 5.0
SDP = (
    "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


@pytest.fixture
def target() -> Target:
    return relocate(load_target("reference"), "127.0.0", "127.0.13")


@pytest.fixture
def pbx(target: Target, tmp_path: Path):
    running = reference.start(target, tmp_path / "pbx")
    try:
        yield running
    finally:
        running.stop()


def complaints(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if re.search(r"\b(WARNING|ERROR)\b", line)]


def eventually(holds, within_s: float = GONE_S) -> bool:
    deadline = monotonic() + within_s
    while not holds():
        if monotonic() >= deadline:
            return False
        sleep(0.02)
    return True


def asterisks_of(path: str) -> list[int]:
    """Processes that run on the instance at ``path``."""
    name = Path(path).name
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(f"/{name}/" in word for word in process.info["cmdline"] or [])
        and process.status() != psutil.STATUS_ZOMBIE
    ]


def invite(source: str, host: str, number: str) -> tuple[int, str]:
    """Final code and body that a raw INVITE gets; an answered call is acknowledged and ended."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as phone:
        phone.bind((source, 0))
        phone.settimeout(ANSWER_S)
        port = phone.getsockname()[1]
        body = SDP.format(address=source)

        def request(method: str, cseq: int, to_tag: str = "", content: str = "") -> bytes:
            kind = "Content-Type: application/sdp\r\n" if content else ""
            return (
                f"{method} sip:{number}@{host} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {source}:{port};branch=z9hG4bK{method}{number}{cseq}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:+34612345678@{source}>;tag=1\r\nTo: <sip:{number}@{host}>{to_tag}\r\n"
                f"Call-ID: {number}-{port}\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@{source}:{port}>\r\n"
                f"{kind}Content-Length: {len(content)}\r\n\r\n{content}"
            ).encode()

        phone.sendto(request("INVITE", 1, content=body), (host, 5060))
        code = 0
        while code < 200:
            head, _, answer_body = phone.recv(65_535).decode().partition("\r\n\r\n")
            code = int(head.split()[1])
        found = re.search(r"^To:.*(;tag=\S+)", head, re.MULTILINE)
        tag = found[1] if found else ""
        phone.sendto(request("ACK", 1, tag), (host, 5060))
        if code == 200:
            phone.sendto(request("BYE", 2, tag), (host, 5060))
            while "2 BYE" not in phone.recv(65_535).decode():
                pass
        return code, answer_body


@pytest.mark.skipif(os.geteuid() != 0, reason="real-time priority needs root")
def test_it_is_not_late_because_of_what_else_runs_here(pbx):
    (pid,) = asterisks_of(pbx.running.directory)
    threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_RR}


def test_it_answers_and_leaves_nothing(target: Target, tmp_path: Path):
    pbx = reference.start(target, tmp_path / "pbx")
    running = pbx.running
    try:
        assert pbx.alive()
        assert running.version.startswith("Asterisk ")
        assert sip_status(running.target.trunk.addresses[-1], running.target.pbx.host, 5060, 2.0) == 200
        assert sip_status(running.target.phones.addresses[0], running.target.pbx.host, 5060, 2.0) == 401
    finally:
        pbx.stop()
    assert not pbx.alive()
    assert not Path(running.directory).exists()
    assert asterisks_of(running.directory) == []
    assert sip_status(running.target.trunk.addresses[0], running.target.pbx.host, 5060, 0.3) == 0
    assert complaints(tmp_path / "pbx" / "log" / "messages.log") == []
    assert running.control_password not in (tmp_path / "pbx" / "etc" / "manager.conf").read_text()
    with pytest.raises(Inconclusive, match="does not answer"):
        adapter_for(running).now()


def test_its_clock_is_the_targets(pbx):
    clock = adapter_for(pbx.running).now()
    if any("real clock" in note for note in pbx.notes):
        pytest.skip("this Asterisk has no libfaketime")
    assert clock.isoformat().startswith("2026-03-10T10:30")


@pytest.mark.parametrize("form", ["{}", "+{}"])
def test_a_call_to_a_number_is_answered(pbx, form: str):
    target = pbx.running.target
    number = target.numbers[0].number.lstrip("+")
    code, body = invite(target.trunk.addresses[0], target.pbx.host, form.format(number))
    assert code == 200
    assert f"c=IN IP4 {target.pbx.host}" in body
    adapter = adapter_for(pbx.running)
    assert eventually(lambda: not adapter.channels())
    used = adapter.resources()
    assert (used.channels, used.waiting) == (0, 0)
    if pbx.running.provider != "docker":
        assert used.memory_bytes > 10_000_000 and used.descriptors > 10


@pytest.mark.parametrize(
    ("dialled", "arrives_at", "called"),
    [("+34612345678", "trunk", "+34612345678"), ("0600123456", "pstn", "600123456")],
)
def test_agents_reach_customers_by_the_trunk_and_others_by_the_pstn(pbx, dialled: str, arrives_at: str, called: str):
    target = pbx.running.target
    address = target.trunk.addresses[0] if arrives_at == "trunk" else pbx.pstn_address
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as far_side:
        far_side.bind((address, 5060))
        far_side.settimeout(ANSWER_S)
        agent_calls(pbx.running.target, dialled)
        request = far_side.recv(65_535).decode()
    assert request.startswith(f"INVITE sip:{called}@{address}")
    if arrives_at == "trunk":
        # The customer sees the number of the agent's queue.
        assert f"<sip:{target.numbers[0].number}@" in request


def agent_calls(target: Target, dialled: str) -> None:
    """The first agent's phone sends INVITE and authenticates (RFC 3261 section 22); the call is left alone."""
    agent, host = target.agents.extensions[0], target.pbx.host
    source = target.phones.addresses[0]
    uri = f"sip:{dialled}@{host}"
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as phone:
        phone.bind((source, 0))
        phone.settimeout(ANSWER_S)
        port = phone.getsockname()[1]
        body = SDP.format(address=source)

        def send(cseq: int, credentials: str = "") -> str:
            phone.sendto(
                (
                    f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{port};branch=z9hG4bKa{port}{cseq}\r\n"
                    f"Max-Forwards: 70\r\nFrom: <sip:{agent}@{host}>;tag=1\r\nTo: <{uri}>\r\n"
                    f"Call-ID: agent-{port}\r\nCSeq: {cseq} INVITE\r\nContact: <sip:{agent}@{source}:{port}>\r\n"
                    f"{credentials}Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                ).encode(),
                (host, 5060),
            )
            return phone.recv(65_535).decode()

        challenge = send(1)
        assert challenge.startswith("SIP/2.0 401")
        asked = dict(re.findall(r'(realm|nonce|opaque)="([^"]*)"', challenge))

        def md5(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        secret = md5(agent, asked["realm"], target.agents.password.get_secret_value())
        response = md5(secret, asked["nonce"], "00000001", "c", "auth", md5("INVITE", uri))
        answer = send(
            2,
            f'Authorization: Digest username="{agent}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c", '
            f'opaque="{asked.get("opaque", "")}"\r\n',
        )
        assert answer.startswith("SIP/2.0 100"), answer


def test_strangers_are_not_answered(pbx):
    target = pbx.running.target
    code, _ = invite(target.phones.addresses[0], target.pbx.host, target.numbers[0].number)
    assert code == 401


def test_two_side_by_side(pbx, target: Target, tmp_path: Path):
    other = reference.start(target, tmp_path / "other")
    try:
        assert other.running.target.pbx.host != pbx.running.target.pbx.host
        assert other.pstn_address != pbx.pstn_address
        assert adapter_for(pbx.running).channels() == adapter_for(other.running).channels() == []
    finally:
        other.stop()
    assert pbx.alive()


def test_a_crash_is_noticed(pbx):
    for pid in asterisks_of(pbx.running.directory):
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not pbx.alive())
    with pytest.raises(Inconclusive, match="does not answer"):
        adapter_for(pbx.running).channels()


def test_nothing_outlives_a_killed_run(target: Target, tmp_path: Path):
    """The instance's directory is all that a killed run leaves; the next run sweeps it."""
    code = (
        "import sys; from pathlib import Path; from harness.target import load_target;"
        "from simulators.pbx import reference; from simulators.pbx.blocks import relocate;"
        "t = relocate(load_target('reference'), '127.0.0', '127.0.13');"
        "p = reference.start(t, Path(sys.argv[1])); print(p.running.directory, flush=True); sys.stdin.read()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "killed")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.stdout is not None and run.stdin is not None
    directory = run.stdout.readline().strip()
    assert asterisks_of(directory)
    run.kill()
    run.wait()
    run.stdin.close()
    run.stdout.close()
    assert eventually(lambda: not asterisks_of(directory))
    assert Path(directory) in abandoned(Path(directory).parent)
    reference.start(target, tmp_path / "next").stop()
    assert not Path(directory).exists()


def boots(twin: Twin, directory: Path) -> None:
    target = load_target(twin.target)
    here = relocate(target, target.pbx.host.rpartition(".")[0], "127.0.13")
    # Each in the thread that asks for it: a PBX ends with the thread that started it.
    pbx = reference.start(here, directory, twin=twin.name)
    try:
        assert pbx.alive() is twin.starts, twin.name
    finally:
        pbx.stop()
    logs = list(directory.rglob("log/messages.log"))
    assert len(logs) == (len(target.sites) or 1) * twin.starts, twin.name
    for log in logs:
        # Where much comes into being at once, or a busy machine is slow at it, Asterisk says how much waits.
        assert [line for line in complaints(log) if "high water mark" not in line] == [], twin.name


def test_every_twin_boots_without_complaint(tmp_path: Path):
    with ThreadPoolExecutor(6) as side_by_side:
        for done in [side_by_side.submit(boots, twin, tmp_path / twin.name) for twin in list_twins()]:
            done.result()


@pytest.mark.docker
def test_in_docker(target: Target, tmp_path: Path):
    if docker_engine.running_engine() is None and not (os.geteuid() == 0 and apt.can_install()):
        pytest.skip("no Docker engine is here, and none can be installed and started: that takes root on Debian")
    if rootfs.rootfs_path() is None:
        pytest.skip("the image's base would have to come from a registry: no Asterisk root is cached")
    pbx = reference.start(target, tmp_path / "pbx", provider="docker")
    running = pbx.running
    try:
        assert running.provider == "docker"
        assert pbx.alive()
        assert adapter_for(running).now().isoformat().startswith("2026-03-10T10:30")
        assert (
            invite(running.target.trunk.addresses[0], running.target.pbx.host, running.target.numbers[0].number)[0]
            == 200
        )
    finally:
        pbx.stop()
    assert not Path(running.directory).exists()
    assert eventually(lambda: not asterisks_of(running.directory))
    assert complaints(tmp_path / "pbx" / "log" / "messages.log") == []


@pytest.mark.docker
def test_a_container_ends_with_its_run(target: Target, tmp_path: Path):
    if docker_engine.running_engine() is None and not (os.geteuid() == 0 and apt.can_install()):
        pytest.skip("no Docker engine is here, and none can be installed and started: that takes root on Debian")
    if rootfs.rootfs_path() is None:
        pytest.skip("the image's base would have to come from a registry: no Asterisk root is cached")
    code = (
        "import os, signal, sys; from pathlib import Path; from harness.target import load_target;"
        "from simulators.pbx import reference; from simulators.pbx.blocks import relocate;"
        "t = relocate(load_target('reference'), '127.0.0', '127.0.13');"
        "p = reference.start(t, Path(sys.argv[1]), provider='docker');"
        "print(p.running.directory, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "killed")],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    directory = done.stdout.strip()
    assert eventually(lambda: not asterisks_of(directory))
    # An engine that the killed run had started for itself is ended by the next run that wants one.
    reference.start(target, tmp_path / "next", provider="docker").stop()
    assert not Path(directory).exists()
