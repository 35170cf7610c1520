"""Descriptors, ports and processes that a real process holds are seen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import psutil
import pytest

from harness.load.leaks import Observed, judge_leaks
from harness.load.profile import CriteriaSection
from harness.load.records import CallRecord, PbxSample, ProcessSample
from harness.load.table import Table
from harness.verdict import Verdict
from trunkproof.load.process_watch import CONTROLLER, ProcessWatch

HELPER = """
import socket, sys
held = []
print("up", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        held.append(one)
    print("done", flush=True)
"""
"""Stands where ``harness.child`` does, and keeps so many sockets more for each line."""
STRICT = CriteriaSection(leaked_descriptors=0)


@contextmanager
def helper() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HELPER, "harness.child", "simulators.trunk.process:run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def leak(process: subprocess.Popen[str], sockets: int) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{sockets}\n")
    process.stdin.flush()
    process.stdout.readline()


def watched(sockets: int):
    """What is said of a process that keeps so many sockets during a run."""
    watch = ProcessWatch()
    with helper() as process:
        watch.start(monotonic() + 60, {process.pid: "worker-1"})
        leak(process, sockets)
        at_rest = watch.look()
        watch.stop()
        samples = watch.samples()
        alive = watch.left_alive(0.0)
    # The second look is after the end of a run that has not begun.
    last = max(sample.at for sample in samples)
    seen = Observed(
        processes=Table.of(ProcessSample, samples),
        pbx=Table.of(PbxSample, []),
        calls=Table.of(CallRecord, []),
        offered_s=60.0,
        drained_at=last,
        left_alive=alive,
    )
    return samples, at_rest, {result.measure: result for result in judge_leaks(STRICT, seen)}


def test_sockets_that_stay_are_caught():
    samples, at_rest, results = watched(7)
    assert not at_rest
    trunk = [sample for sample in samples if sample.process == "trunk"]
    assert {sample.worker for sample in trunk} == {"worker-1"}
    assert trunk[-1].descriptors - trunk[0].descriptors == 7
    assert (trunk[0].ports, trunk[-1].ports) == (0, 7)
    for measure in ("own_leaked_descriptors", "own_leaked_ports"):
        assert results[measure].verdict is Verdict.INCONCLUSIVE
        assert results[measure].value == 7
    assert results["own_leaked_ports"].why == "the trunk had 0 ports before the first call and has 7 after the last"
    assert "trunk (process" in results["own_leaked_processes"].why


def test_a_process_that_keeps_nothing_is_not():
    samples, at_rest, results = watched(0)
    assert at_rest
    assert {sample.process for sample in samples} >= {"trunk", CONTROLLER}
    assert results["own_leaked_descriptors"].verdict is Verdict.PASS
    assert results["own_leaked_ports"].verdict is Verdict.PASS


def test_what_was_there_before_is_nobodys_leak():
    with helper() as process:
        watch = ProcessWatch()
        watch.look()
        assert process.pid not in {sample.pid for sample in watch.samples()}
        assert watch.left_alive(0.0) == ()


def test_what_has_ended_is_not_left_alive():
    watch = ProcessWatch()
    with helper():
        watch.look()
    assert watch.left_alive() == ()


def test_what_is_no_process_of_ours_is_left_out():
    watch = ProcessWatch()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        watch.look()
        assert {sample.process for sample in watch.samples()} == {CONTROLLER}
        assert watch.left_alive(0.0, with_the_pbx=True) == ()
    finally:
        other.communicate()


@pytest.mark.parametrize("root", [None, os.getpid()], ids=("beside", "our_own"))
def test_memory_is_a_processs_own(root):
    watch = ProcessWatch(root=root)
    watch.look()
    (sample,) = watch.samples()
    assert 10e6 < sample.memory_bytes <= psutil.Process().memory_info().rss
