"""The Docker engine: found when there is one, ours when there is none, gone when we are done."""

import os
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from bootstrap import apt, docker_api, docker_engine


def test_a_socket_that_nobody_serves_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert not docker_api.answers(tmp_path / "docker.sock")
    monkeypatch.setattr(docker_engine, "_socket_candidates", lambda: [tmp_path / "docker.sock"])
    assert docker_engine.running_engine() is None


def test_without_root_no_engine_is_started_and_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(docker_engine, "_socket_candidates", list)
    monkeypatch.setattr(docker_engine.shutil, "which", lambda name: None)
    monkeypatch.setattr(apt, "can_install", lambda: False)
    said: list[str] = []
    assert docker_engine.ensure_engine(said.append) is None
    assert "only root" in said[-1]


@pytest.mark.docker
def test_an_engine_takes_an_image_runs_it_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if os.geteuid() != 0 or not (apt.can_install() or shutil.which("dockerd")):
        pytest.skip("no Docker engine can be started here: that takes root, on Debian or with dockerd installed")
    monkeypatch.setenv("TRUNKPROOF_CACHE", str(tmp_path / "cache"))
    # An engine of our own is what is tested, even where another one runs.
    monkeypatch.setattr(docker_engine, "_socket_candidates", list)
    root = tmp_path / "root-1"
    root.mkdir()
    (root / "hello").write_text("hello\n")

    said: list[str] = []
    handle = docker_engine.ensure_engine(said.append)
    if handle is None:
        pytest.skip(f"no Docker engine starts here: {said[-1]}")
    with handle:
        name = docker_engine.import_base_image(handle, root)
        assert name == "trunkproof-asterisk:root-1"
        assert docker_api.has_image(handle.socket, name)
        assert docker_engine.import_base_image(handle, root) == name
        assert not docker_api.has_image(handle.socket, "trunkproof-asterisk:other")

    assert not handle.socket.parent.exists()
    mine = str(tmp_path / "cache")
    assert not [process for process in psutil.process_iter(["cmdline"]) if mine in str(process.info["cmdline"])]
    mounts = subprocess.run(["mount"], capture_output=True, text=True, check=True).stdout
    assert mine not in mounts
