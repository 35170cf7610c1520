"""Asterisk with its clock set back by a month: none of its threads runs without end, in which one would."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from harness.target import load_target
from simulators.pbx import reference
from simulators.pbx.asterisk.adapter import AsteriskPbx
from simulators.pbx.started import servers_of

pytestmark = pytest.mark.live
SEEN_S = 1.0
"""So long its threads are looked at."""
NEXT_S = 90.0
"""Longer than what Asterisk does regularly is ahead."""
BUSY = 0.5
"""Part of a processor: one that runs without end takes all that it gets, others next to nothing."""


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[reference.ReferencePbx]:
    running = reference.start(load_target("reference"), tmp_path / "pbx", own=True)
    yield running
    running.stop()


@pytest.mark.parametrize(("back_days", "anew"), [(30, True), (14, False)])
def test_it_is_started_anew_where_it_would(pbx: reference.ReferencePbx, back_days: int, anew: bool) -> None:
    adapter, before = AsteriskPbx(pbx.running), pid_of(pbx)
    began = adapter.now()
    assert began is not None
    adapter.set_clock(began - timedelta(days=back_days))
    assert (pid_of(pbx) != before) is anew
    assert busiest(pid_of(pbx)) < BUSY
    adapter.reset()
    shown = adapter.now()
    assert shown is not None and abs(shown - began) < timedelta(minutes=1)
    adapter.close()


def test_it_would_indeed(pbx: reference.ReferencePbx) -> None:
    """The negative control: nobody looks after Asterisk as its clock moves."""
    (server,) = servers_of(pbx.running).values()
    clock = server.instance.clock
    clock.set_offset(clock.offset_s() - 30 * 86_400)
    # It looks again when what comes next would have been due.
    deadline = monotonic() + NEXT_S
    while busiest(pid_of(pbx)) < BUSY:
        assert monotonic() < deadline


def pid_of(pbx: reference.ReferencePbx) -> int:
    (server,) = servers_of(pbx.running).values()
    assert server.process is not None and server.process.pid is not None
    return server.process.pid


def busiest(pid: int) -> float:
    """The part of a processor that the busiest thread of a process takes."""
    before, began = ran_ns(pid), monotonic()
    sleep(SEEN_S)
    took_s = monotonic() - began
    after = ran_ns(pid)
    return max(after[tid] - before[tid] for tid in before.keys() & after.keys()) / 1e9 / took_s


def ran_ns(pid: int) -> dict[str, int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {thread.name: int((thread / "schedstat").read_text().split()[0]) for thread in threads}
