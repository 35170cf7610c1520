"""What a process uses, from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from time import process_time

from simulators.pbx.process_use import ProcessUse


def test_of_this_process() -> None:
    use = ProcessUse(os.getpid())
    first = use.look()
    assert first is not None and first.cpu is None
    began = process_time()
    while process_time() - began < 0.3:
        pass
    with Path("/dev/null").open():
        second = use.look()
    assert second is not None and second.cpu is not None
    assert 0.05 < second.cpu < 3.0
    assert second.descriptors == first.descriptors + 1
    assert second.memory_bytes > 10_000_000


def test_a_name_with_anything_in_it_and_a_process_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "7" / "fd").mkdir(parents=True)
    (tmp_path / "7" / "stat").write_text("7 (a) b) (c) S " + " ".join(str(n) for n in range(1, 50)))
    (tmp_path / "7" / "statm").write_text("10 7 2 1 0 1 0")
    found = ProcessUse(7, proc=tmp_path).look()
    assert found is not None and found.memory_bytes == 5 * os.sysconf("SC_PAGE_SIZE")
    assert ProcessUse(8, proc=tmp_path).look() is None
