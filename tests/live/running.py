"""Runs trunkproof as a user does, in a process of its own, and looks at what it leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
FEATURES = ROOT / "features"
FEATURE = FEATURES / "inbound_support.feature"
TIMEOUT_S = 700
MARK = "TRUNKPROOF_TEST_RUN"


@dataclass(frozen=True)
class Finished:
    """A run that ended: its exit code, what it said, and its summary (None when it wrote none)."""

    code: int
    output: str
    directory: Path
    summary: dict[str, Any] | None

    def scenario(self, part_of_name: str) -> dict[str, Any]:
        """The one scenario with that in its name."""
        assert self.summary is not None, self.output
        found = [s for s in self.summary["scenarios"] if part_of_name in s["name"]]
        assert len(found) == 1, (part_of_name, [s["name"] for s in self.summary["scenarios"]], self.output)
        return found[0]

    @property
    def verdicts(self) -> dict[str, str]:
        assert self.summary is not None, self.output
        return {s["name"]: s["verdict"] for s in self.summary["scenarios"]}


def selected(name: str) -> str:
    """A part of a scenario's name as pytest's ``-k`` wants it."""
    return re.sub(r"\W", "", name.replace(" ", "_")).lower()


def run_trunkproof(directory: Path, *arguments: str, feature: Path | str = FEATURE, cwd: Path = ROOT) -> Finished:
    """``trunkproof run`` with these arguments; fails when a process is left behind."""
    run_directory = directory / "run"
    mark = f"{MARK}={run_directory}"
    done = subprocess.run(
        [sys.executable, "-m", "trunkproof.cli", "run", str(feature), "--run-dir", str(run_directory), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=cwd,
        env=os.environ | dict([mark.split("=", 1)]) | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert left_behind(mark) == []
    return finished(done, run_directory)


def finished(done: subprocess.CompletedProcess[str], run_directory: Path) -> Finished:
    summary = run_directory / "summary.json"
    return Finished(
        done.returncode,
        done.stdout + done.stderr,
        run_directory,
        json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else None,
    )


def left_behind(mark: str) -> Sequence[str]:
    """Command lines of processes that inherited ``mark`` in their environment and still live."""
    left = []
    for process in psutil.process_iter():
        try:
            name, value = mark.split("=", 1)
            if process.environ().get(name) == value:
                left.append(" ".join(process.cmdline()) or process.name())
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return left
