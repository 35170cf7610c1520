"""Instances in memory: mounted for the PBX alone, on disk for one that writes much."""

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from harness.errors import Inconclusive
from simulators.pbx import runtime
from simulators.pbx.providers import launch, process
from simulators.pbx.providers.process import in_rootfs
from simulators.pbx.runtime import memory_directory

LAUNCH = [sys.executable, "-I", "-S", launch.__file__]
may_mount = pytest.mark.skipif(
    subprocess.run([*LAUNCH, launch.TRY_MOUNT], capture_output=True, check=False).returncode != 0,
    reason="this user may not mount",
)


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that passes for memory."""
    monkeypatch.setattr(runtime, "_MEMORY", tmp_path)
    monkeypatch.setattr(Path, "is_mount", lambda _path: True)
    monkeypatch.setattr(runtime, "_MEMORY_BYTES", 0)
    monkeypatch.setattr(process, "_can_mount", lambda: True)
    return tmp_path


@may_mount
def test_only_the_program_sees_what_is_mounted(tmp_path: Path) -> None:
    source, place = tmp_path / "memory", tmp_path / "root" / "srv"
    source.mkdir()
    place.mkdir(parents=True)
    (source / "etc").write_text("the PBX's")
    command = [*LAUNCH, str(os.getpid()), "/", launch.MOUNT, str(source), str(place), "/bin/cat", str(place / "etc")]
    seen = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (seen.returncode, seen.stdout) == (0, "the PBX's"), seen.stderr
    assert list(place.iterdir()) == []
    assert str(place) not in Path("/proc/self/mounts").read_text(encoding="utf-8")


@may_mount
def test_what_cannot_be_mounted_is_said(tmp_path: Path) -> None:
    command = [*LAUNCH, str(os.getpid()), "/", launch.MOUNT, str(tmp_path / "none"), str(tmp_path), "/bin/true"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"mounting {tmp_path}: No such file or directory\n"


def test_a_pbx_has_its_instance_in_memory(memory: Path) -> None:
    provider = in_rootfs(Path("/cache/root"))
    assert provider.instances == memory / f"trunkproof-{os.getuid()}" / "root"
    assert provider.instances_inside == PurePosixPath("/srv/trunkproof")


def test_one_that_writes_much_has_it_on_disk(memory: Path) -> None:
    provider = in_rootfs(Path("/cache/root"), writes_much=True)
    assert provider.instances == Path("/cache/root/srv/trunkproof")
    assert provider.instances_inside == PurePosixPath("/srv/trunkproof")


def test_who_may_not_mount_has_it_on_disk(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_can_mount", lambda: False)
    assert in_rootfs(Path("/cache/root")).instances == Path("/cache/root/srv/trunkproof")


def test_memory_that_is_nearly_full_is_not_taken(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_MEMORY_BYTES", 1 << 62)
    assert memory_directory() is None


def test_memory_of_another_user_is_refused(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_directory() is not None
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    (memory / f"trunkproof-{uid}").rename(memory / f"trunkproof-{uid + 1}")
    with pytest.raises(Inconclusive, match="belongs to another user"):
        memory_directory()
