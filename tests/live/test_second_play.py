"""What this machine was too busy to judge is played once more; a fault of the PBX is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.running import Finished, run_trunkproof

pytestmark = pytest.mark.live
GREETING = "The greeting is heard, whole, in the caller's language (Spain, Spanish)"


def _run(directory: Path, monkeypatch: pytest.MonkeyPatch, frozen: int, *more: str) -> Finished:
    monkeypatch.setenv("FREEZER_TIMES", str(frozen))
    return run_trunkproof(directory, "-p", "tests.live.freezer", "-k", "greeting_is_heard and Spain", *more)


def test_the_second_play_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, monkeypatch, 1)
    assert run.code == 0, run.output
    told = run.scenario(GREETING)
    assert told["verdict"] == "pass"
    assert "the customers simulator did not run for" in told["unjudged_before"]
    assert "played once more" in run.output
    assert "played twice" in run.output
    assert len(list((run.directory / "unjudged").glob("*/scenario.json"))) == 1


def test_there_is_no_third(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, monkeypatch, 9, "-n", "2")
    assert run.code == 3, run.output
    told = run.scenario(GREETING)
    assert "too busy to judge" in told["reason"]
    assert told["unjudged_before"]
    assert run.output.count("it is played once more") == 1


def test_a_fault_of_the_pbx_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, monkeypatch, 0, "--twin", "wrong-greeting-language")
    assert run.code == 1, run.output
    assert "unjudged_before" not in run.scenario(GREETING)
    assert "played once more" not in run.output
    assert not (run.directory / "unjudged").exists()
