"""The PBX's clock as a distance from the real one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.pbx.clock import ClockFile

LONDON = "Europe/London"


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> float:
    now = datetime(2026, 11, 28, 12, 0, 0, 700_000, tzinfo=UTC).timestamp()
    monkeypatch.setattr("simulators.pbx.clock.time.time", lambda: now)
    return now


def test_without_a_file_it_is_the_real_one(tmp_path: Path, real: float):
    clock = ClockFile(tmp_path / "clock")
    assert clock.offset_s() == 0
    assert clock.now().timestamp() == real


def test_it_shows_what_it_was_set_to_and_never_less(tmp_path: Path, real: float):
    clock = ClockFile(tmp_path / "clock")
    wanted = datetime(2026, 3, 10, 10, 30)
    clock.set_to(wanted, LONDON)
    late = clock.now().astimezone(ZoneInfo(LONDON)).replace(tzinfo=None) - wanted
    assert timedelta(0) <= late < timedelta(seconds=1)


def test_the_hour_that_comes_twice_is_told_apart(tmp_path: Path, real: float):
    clock = ClockFile(tmp_path / "clock")
    moment = datetime(2026, 10, 25, 1, 30)
    clock.set_to(moment, LONDON)
    first = clock.now()
    clock.set_to(moment.replace(fold=1), LONDON)
    assert clock.now() - first == timedelta(hours=1)


@given(offset_s=st.integers(-(10**9), 10**9))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, offset_s: int):
    clock = ClockFile(tmp_path_factory.mktemp("clock") / "clock")
    clock.set_offset(offset_s)
    assert clock.offset_s() == offset_s
