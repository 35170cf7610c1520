"""The machine's own Asterisk: found on PATH, started with nothing of the harness's environment, gone when it ends.

A script stands for Asterisk; what a real one does is seen in test_reference_live.
"""

from pathlib import Path
from time import monotonic, sleep

import pytest

from harness.errors import Inconclusive
from harness.target import load_target
from simulators.pbx import reference
from simulators.pbx.instance import create_instance
from simulators.pbx.providers.process import ProcessProvider, on_this_machine
from simulators.pbx.providers.provider import Clock
from simulators.pbx.runtime import runtime_directory

ENDS_S = 10.0


@pytest.fixture
def asterisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a script called asterisk on PATH."""

    def put(script: str) -> Path:
        program = tmp_path / "bin" / "asterisk"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        return program

    return put


def test_it_runs_on_its_configuration_with_a_bare_environment(asterisk, tmp_path: Path, monkeypatch):
    program = asterisk('echo "$*"; env; echo ready; exec sleep 60')
    monkeypatch.setenv("ASTERISK_SECRET_OF_THE_USER", "1")
    provider = on_this_machine()
    assert provider is not None
    assert provider.program == str(program)
    instance = create_instance(provider.instances, provider.instances_inside, provider.documentation())
    log = tmp_path / "run" / "console.log"
    process = provider.start(instance, Clock("Europe/Madrid"), log)
    deadline = monotonic() + ENDS_S
    while "ready" not in log.read_text() and monotonic() < deadline:
        sleep(0.01)
    alive = process.alive()
    process.stop()
    process.stop()
    assert alive
    assert not process.alive()
    instance.remove()
    said = log.read_text()
    assert said.startswith(f"-C {instance.path}/etc/asterisk.conf -f -n\n")
    assert "TZ=Europe/Madrid\n" in said
    assert "FAKETIME" not in said
    assert "SECRET" not in said


def test_one_that_does_not_start_is_told_with_its_own_words_and_leaves_nothing(asterisk, tmp_path: Path):
    asterisk("echo 'cannot find my modules'; exit 1")
    with pytest.raises(Inconclusive, match="ended while it started") as raised:
        reference.start(load_target("reference"), tmp_path / "run", provider="local")
    assert "cannot find my modules" in raised.value.detail
    assert list((runtime_directory() / "instances").glob("pbx-*")) == []
    assert "cannot find my modules" in (tmp_path / "run" / "console.log").read_text()


@pytest.mark.parametrize(
    "directory",
    ["usr/lib/x86_64-linux-gnu/faketime", "usr/lib64/faketime", "usr/lib/faketime", "usr/local/lib/faketime"],
)
def test_libfaketime_is_found_where_systems_have_it(tmp_path: Path, directory: str):
    provider = ProcessProvider("local", tmp_path, tmp_path / "instances")
    assert not provider.can_fake_clock()
    library = tmp_path / directory / "libfaketimeMT.so.1"
    library.parent.mkdir(parents=True)
    library.touch()
    assert provider.can_fake_clock()
