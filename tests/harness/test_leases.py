from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Inconclusive
from harness.leases import LeaseBook


def test_a_leased_thing_goes_to_nobody_else(tmp_path: Path) -> None:
    book, other = LeaseBook(tmp_path), LeaseBook(tmp_path)
    first = book.take("queue", ["a", "b"], timeout_s=0)
    second = other.take("queue", ["a", "b"], timeout_s=0)
    assert {first.name, second.name} == {"a", "b"}
    with pytest.raises(Inconclusive, match="no queue came free"):
        other.take("queue", ["a", "b"], timeout_s=0)
    first.release()
    assert other.take("queue", ["a", "b"], timeout_s=0).name == "a"
