"""Processor time of processes, from readings that are given."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.versus.cores import Cores, divide
from benchmarks.versus.machine import dropped
from benchmarks.versus.processor import Meter, cpu_s

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def stat(pid: int, parent: int, times: tuple[int, int, int, int], name: str = "sipp") -> str:
    """``/proc/PID/stat`` (proc(5)): utime, stime, cutime and cstime are its fields 14 to 17."""
    return f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 1 2 3 4 {' '.join(map(str, times))} 20 0 1 0 99 0 0"


def taken(processes: dict[int, str], pid: int) -> float:
    return cpu_s(pid, read=processes.get, pids=lambda: list(processes)) * TICKS_PER_S


def test_user_and_system_of_a_process_and_of_children_that_ended():
    assert taken({7: stat(7, 1, (100, 20, 3, 4))}, 7) == pytest.approx(127)


def test_children_that_live_and_theirs_count_and_strangers_do_not():
    processes = {
        7: stat(7, 1, (1, 0, 0, 0)),
        8: stat(8, 7, (10, 0, 0, 0)),
        9: stat(9, 8, (100, 0, 0, 0)),
        10: stat(10, 1, (1000, 0, 0, 0)),
    }
    assert taken(processes, 7) == pytest.approx(111)


def test_a_name_may_look_like_fields():
    processes = {7: stat(7, 1, (5, 5, 0, 0), name="a) S 3 (b")}
    assert taken(processes, 7) == pytest.approx(10)


def test_a_process_that_is_not_there():
    with pytest.raises(ProcessLookupError, match="no process 7"):
        taken({8: stat(8, 7, (1, 1, 1, 1))}, 7)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_chain_of_children_takes_what_all_take(times: list[int]):
    processes = {pid: stat(pid, pid - 1, (ticks, 0, 0, 0)) for pid, ticks in enumerate(times, start=2)}
    assert taken(processes, 2) == pytest.approx(sum(times))


def test_meter_takes_the_difference():
    cpu, clock = iter([10.0, 13.0]), iter([100.0, 104.0])
    spent = Meter(7, cpu=lambda pid: next(cpu), clock=lambda: next(clock)).look()
    assert (spent.cpu_s, spent.lasted_s, spent.cores) == (3.0, 4.0, 0.75)


def test_the_generator_has_the_last_core():
    assert divide({3, 1, 2}) == Cores((1, 2), (3,))


def test_one_core_is_not_divided():
    assert not divide({0}).pinned


def test_datagrams_that_the_kernel_dropped():
    snmp = (
        "Tcp: A B\nTcp: 1 2\n"
        "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 10 1 9 10 7 2\n"
        "UdpLite: InDatagrams RcvbufErrors\nUdpLite: 5 5\n"
    )
    assert dropped(snmp) == 9
