from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.process import AwaitExpired, Simulator, SimulatorDied, SimulatorRefused
from tests.harness.simulated import Die, Echo, Heard

ENTRY = "tests.harness.simulated:run"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator("the echo", ENTRY, "", log=tmp_path / "log")
    simulator.ready()
    yield simulator
    simulator.stop()
    assert not psutil.pid_exists(simulator.pid)


def test_commands_are_answered_and_events_arrive(simulator: Simulator) -> None:
    assert simulator.call(Echo(text="hello")) == "hello"
    assert simulator.wait_for(Heard, timeout_s=5).text == "hello"


def test_events_before_the_mark_do_not_count(simulator: Simulator) -> None:
    simulator.call(Echo(text="first"))
    mark = simulator.mark()
    simulator.call(Echo(text="second"))
    assert simulator.wait_for(Heard, timeout_s=5, since=mark).text == "second"


def test_an_expired_wait_tells_what_came_instead(simulator: Simulator) -> None:
    simulator.call(Echo(text="other"))
    with pytest.raises(AwaitExpired) as caught:
        simulator.wait_for(Heard, lambda e: e.text == "mine", timeout_s=0.05, awaited="my word")
    assert "my word" in str(caught.value)
    assert any(isinstance(event, Heard) for event in caught.value.seen)


def test_a_refused_command_is_one_line(simulator: Simulator) -> None:
    with pytest.raises(SimulatorRefused, match="the echo: no such phone"):
        simulator.call(Echo(text="refuse"))


def test_commands_need_not_be_waited_for(simulator: Simulator) -> None:
    promised = [simulator.send(Echo(text=text)) for text in ("one", "two", "refuse")]
    assert [future.result(5) for future in promised[:2]] == ["one", "two"]
    with pytest.raises(SimulatorRefused, match="the echo: no such phone"):
        promised[2].result(5)
    assert simulator.call(Echo(text="three")) == "three"


def test_what_was_promised_by_one_that_dies_fails(simulator: Simulator) -> None:
    with pytest.raises(SimulatorDied, match="died by signal 9"):
        simulator.send(Die()).result(5)
    with pytest.raises(SimulatorDied):
        simulator.send(Echo(text="late")).result(5)


def test_events_may_be_for_listeners_alone(tmp_path: Path) -> None:
    simulator = Simulator("the echo", ENTRY, "", log=tmp_path / "log", keep_events=False)
    try:
        simulator.ready()
        heard: list[object] = []
        simulator.listen(heard.append)
        simulator.call(Echo(text="first"))
        simulator.call(Echo(text="second"))
        assert [event.text for event in heard if isinstance(event, Heard)][:1] == ["first"]
        assert [type(event).__name__ for event in simulator.events()] == ["Ready"]
    finally:
        simulator.stop()


def test_a_killed_simulator_is_told_at_once_and_never_a_hang(simulator: Simulator) -> None:
    with pytest.raises(SimulatorDied, match="died by signal 9"):
        simulator.call(Die(), timeout_s=30)
    with pytest.raises(SimulatorDied):
        simulator.wait_for(Heard, timeout_s=30)
    assert not simulator.alive


def test_what_keeps_it_from_starting_is_told(tmp_path: Path) -> None:
    simulator = Simulator("the echo", ENTRY, "port in use", log=tmp_path / "log")
    with pytest.raises(SimulatorRefused, match=r"the echo could not start: 127\.0\.0\.10:5060 is in use"):
        simulator.ready()
    assert not psutil.pid_exists(simulator.pid)


def test_one_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    simulator = Simulator("the echo", ENTRY, "silent", log=tmp_path / "log")
    with pytest.raises(SimulatorRefused, match="was not ready within"):
        simulator.ready(timeout_s=0.5)
    assert not psutil.pid_exists(simulator.pid)


def test_no_orphan_when_the_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from harness.process import Simulator\n"
        f"s = Simulator('echo', {ENTRY!r}, '', log=Path({str(tmp_path / 'log')!r})); s.ready()\n"
        "print(s.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    child = int(done.stdout)
    if psutil.pid_exists(child):
        psutil.Process(child).wait(5)
    assert not psutil.pid_exists(child)
