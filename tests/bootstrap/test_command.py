"""Programs that set things up are logged, explained when they fail, and ended with everything else."""

import threading
from pathlib import Path

import psutil
import pytest

from bootstrap.command import Commands
from bootstrap.errors import BootstrapError, StoppedError


def test_output_goes_to_the_log_and_line_by_line_to_the_listener(tmp_path: Path):
    log, lines = tmp_path / "log", []
    Commands().run(["sh", "-c", "echo one; echo two >&2"], log=log, what="saying", on_line=lines.append)
    assert lines == ["one", "two"]
    assert log.read_text().endswith("one\ntwo\n")


def test_a_failure_shows_the_end_of_the_log_and_what_to_do(tmp_path: Path):
    with pytest.raises(BootstrapError) as caught:
        Commands().run(["sh", "-c", "seq 100; exit 3"], log=tmp_path / "log", what="counting", hint="count less")
    report = caught.value.report(tail_lines=2)
    assert report.splitlines()[0] == "counting failed (exit status 3)"
    assert "  | 100" in report
    assert "  | 98" not in report
    assert str(tmp_path / "log") in report
    assert "what to do: count less" in report


def test_a_program_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BootstrapError, match="can't start no-such-program"):
        Commands().run(["no-such-program"], log=tmp_path / "log", what="trying")


def test_stopping_ends_a_program_and_its_children_and_lets_no_other_start(tmp_path: Path):
    commands, ids, started = Commands(), [], threading.Event()
    outcome: list[BaseException] = []

    def note(line: str) -> None:
        ids.append(int(line))
        if len(ids) == 2:
            started.set()

    def run() -> None:
        try:
            commands.run(
                ["sh", "-c", "echo $$; sleep 60 & echo $!; wait"],
                log=tmp_path / "log",
                what="w",
                on_line=note,
            )
        except BootstrapError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(5)
    commands.stop()
    thread.join(5)

    assert isinstance(outcome[0], StoppedError)
    assert not [pid for pid in ids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
    with pytest.raises(StoppedError):
        commands.run(["true"], log=tmp_path / "log", what="late")
