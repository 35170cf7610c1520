"""Which provider a run takes, with and without a wish."""

import pytest

from bootstrap import docker_engine, rootfs
from harness.errors import HarnessMisuse
from simulators.pbx.providers import process
from simulators.pbx.providers.choice import choose


def say(_text: str) -> None:
    """Nobody listens."""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A machine with nothing that could run a PBX."""
    monkeypatch.setattr(rootfs, "rootfs_path", lambda: None)
    monkeypatch.setattr(rootfs, "why_not", lambda: "needs Debian with apt")
    monkeypatch.setattr(docker_engine, "running_engine", lambda: None)
    monkeypatch.setattr(docker_engine, "ensure_engine", lambda tell: tell("no Docker engine answers"))
    monkeypatch.setattr(process.shutil, "which", lambda *_, **__: None)
    return monkeypatch


def test_what_starts_quickest_comes_first(bare, tmp_path):
    bare.setattr(process.shutil, "which", lambda *_, **__: "/usr/sbin/asterisk")
    assert choose("auto", say)[0].name == "local"
    bare.setattr(docker_engine, "running_engine", lambda: docker_engine.EngineHandle(tmp_path / "docker.sock"))
    assert choose("auto", say)[0].name == "docker"
    bare.setattr(rootfs, "rootfs_path", lambda: tmp_path)
    bare.setattr("os.geteuid", lambda: 0)
    provider, why = choose("auto", say)
    assert provider.name == "rootfs"
    assert "cached" in why
    bare.setattr("os.geteuid", lambda: 1000)
    assert choose("auto", say)[0].name == "docker"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("auto", "reference PBX cannot run here"),
        ("rootfs", "'rootfs'"),
        ("docker", "'docker' is impossible here: no Docker engine answers"),
        ("local", "no asterisk on PATH"),
        ("dokcer", "no provider 'dokcer' .*docker, rootfs, local"),
    ],
)
def test_what_is_impossible_is_said_in_one_line(bare, wanted: str, reason: str):
    with pytest.raises(HarnessMisuse, match=reason) as raised:
        choose(wanted, say)
    assert "\n" not in str(raised.value)


def test_docker_is_outside_of_a_runs_own_network(bare, tmp_path):
    bare.setattr(docker_engine, "running_engine", lambda: docker_engine.EngineHandle(tmp_path / "docker.sock"))
    with pytest.raises(HarnessMisuse, match=r"'docker' is impossible with ICE: .*'rootfs' or 'local'"):
        choose("docker", say, own_network=True)
    with pytest.raises(HarnessMisuse, match="cannot run here"):
        choose("auto", say, own_network=True)
    bare.setattr(process.shutil, "which", lambda *_, **__: "/usr/sbin/asterisk")
    assert choose("auto", say, own_network=True)[0].name == "local"
