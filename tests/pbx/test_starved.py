"""Waits of the PBX's threads for a processor, read from a /proc of the test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulators.pbx.starved import StarvationWatch, read_stalls


class Proc:
    """A directory like /proc."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def thread(self, pid: int, tid: int, waited_s: float, *, children: str = "") -> None:
        directory = self.path / str(pid) / "task" / str(tid)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "schedstat").write_text(f"123456 {int(waited_s * 1e9)} 7\n")
        (directory / "children").write_text(children)

    def stolen(self, *by_processor_s: float) -> None:
        ticks = [round(each * os.sysconf("SC_CLK_TCK")) for each in (sum(by_processor_s), *by_processor_s)]
        names = ["cpu", *(f"cpu{number}" for number in range(len(by_processor_s)))]
        lines = [f"{name} 1 2 3 4 5 6 7 {stolen} 0 0\n" for name, stolen in zip(names, ticks, strict=True)]
        self.path.mkdir(exist_ok=True)
        (self.path / "stat").write_text("".join(lines) + "intr 9 9 9 9 9 9 9 9 9\n")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path / "proc")


@pytest.fixture
def watch(proc: Proc, tmp_path: Path) -> StarvationWatch:
    return StarvationWatch(lambda: [10], tmp_path / "stalls.jsonl", proc=proc.path)


def test_the_longest_wait_of_one_thread_counts(proc: Proc, watch: StarvationWatch) -> None:
    proc.thread(10, 10, 5.0)
    proc.thread(10, 11, 1.0)
    assert watch.look() is None
    proc.thread(10, 10, 5.09)
    proc.thread(10, 11, 1.15)
    stalled = watch.look()
    assert stalled is not None
    assert stalled.for_s == pytest.approx(0.15)


def test_many_short_waits_of_different_threads_are_none(proc: Proc, watch: StarvationWatch) -> None:
    for tid in range(10, 30):
        proc.thread(10, tid, 1.0)
    watch.look()
    for tid in range(10, 30):
        proc.thread(10, tid, 1.05)
    assert watch.look() is None


def test_a_processor_that_the_host_took_counts(proc: Proc, watch: StarvationWatch) -> None:
    proc.stolen(5.0, 1.0)
    assert watch.look() is None
    proc.stolen(5.07, 1.07)
    assert watch.look() is None
    proc.stolen(5.07, 1.2)
    stalled = watch.look()
    assert stalled is not None
    assert stalled.for_s == pytest.approx(0.13)


def test_what_the_process_has_started_counts_and_a_thread_that_is_new_does_not(
    proc: Proc, watch: StarvationWatch
) -> None:
    proc.thread(10, 10, 0.0, children="20 ")
    proc.thread(20, 20, 0.0)
    watch.look()
    proc.thread(10, 12, 3.0)
    assert watch.look() is None
    proc.thread(20, 20, 0.3)
    stalled = watch.look()
    assert stalled is not None
    assert stalled.for_s == pytest.approx(0.3)


def test_a_process_that_is_gone_and_a_kernel_without_the_figures(proc: Proc, watch: StarvationWatch) -> None:
    assert watch.look() is None
    (proc.path / "10" / "task" / "10").mkdir(parents=True)
    assert watch.look() is None


def test_what_is_written_is_read_from_a_moment_on(tmp_path: Path) -> None:
    log = tmp_path / "stalls.jsonl"
    assert read_stalls(log, 0.0) == []
    log.write_text('{"at": 10.0, "for_s": 0.2}\n{"at": 20.0, "for_s": 0.4}\n{"at": 30.0, "fo')
    assert [stall.for_s for stall in read_stalls(log, 15.0)] == [0.4]


def test_this_kernel_tells_how_long_a_process_waits(tmp_path: Path) -> None:
    seen = StarvationWatch(lambda: [os.getpid()], tmp_path / "stalls.jsonl")
    seen.look()
    assert seen._waited_ns
