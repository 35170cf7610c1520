"""The archive as its own process: takes in, serves, and deletes by the PBX's clock file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import httpx
import psutil
import pytest

from harness.process import Simulator, SimulatorRefused
from simulators.pbx.archive.settings import ArchiveConfig
from simulators.pbx.clock import ClockFile
from tests.pbx.test_archive import END, NAME, TOKEN, leave, lines

ADDRESS, PORT = "127.0.43.10", 8090
URL = f"http://{ADDRESS}:{PORT}/recordings"
WITHIN_S = 5.0


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = monotonic() + WITHIN_S
    while not holds() and monotonic() < deadline:
        sleep(0.02)
    return holds()


def archive(tmp_path: Path, settings: str = "retention_days = 30") -> Simulator:
    (tmp_path / "archive.toml").write_text(settings)
    (tmp_path / "spool").mkdir(exist_ok=True)
    config = ArchiveConfig(
        address=ADDRESS,
        port=PORT,
        token=TOKEN,
        settings=str(tmp_path / "archive.toml"),
        spool=str(tmp_path / "spool"),
        directory=str(tmp_path / "archive"),
        clock=str(tmp_path / "clock"),
    )
    return Simulator("the archive", "simulators.pbx.archive.process:run", config, log=tmp_path / "log")


def listed() -> list[str]:
    answer = httpx.get(URL, headers={"Authorization": f"Bearer {TOKEN}"})
    return [one["id"] for one in answer.json()["recordings"]]


def test_it_takes_in_serves_and_deletes_by_the_pbxs_clock(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock")
    clock.set_to(END.replace(tzinfo=None), "UTC")
    process = archive(tmp_path)
    try:
        process.ready()
        assert httpx.get(URL).status_code == 401
        leave(tmp_path / "spool", facts=lines())
        assert eventually(lambda: listed() == [NAME])
        clock.set_offset(clock.offset_s() + 30 * 86_400)
        assert eventually(lambda: listed() == [])
        assert list((tmp_path / "archive").iterdir()) == []
    finally:
        process.stop()
    assert not psutil.pid_exists(process.pid)


@pytest.mark.parametrize(
    ("settings", "says"),
    [("retention_days = 1\nkeep = 1", "unknown key 'keep'"), ("", "'retention_days' is missing")],
)
def test_wrong_settings_are_told_in_one_line(tmp_path: Path, settings: str, says: str) -> None:
    process = archive(tmp_path, settings)
    with pytest.raises(SimulatorRefused, match=says):
        process.ready()


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    first = archive(tmp_path)
    try:
        first.ready()
        with pytest.raises(SimulatorRefused, match=f"{ADDRESS}:{PORT} cannot be listened on"):
            archive(tmp_path).ready()
    finally:
        first.stop()
