"""Masking of what simulators wrote."""

from __future__ import annotations

from pathlib import Path

from trunkproof.plugin.work_files import mask_work_files


def test_logs_and_traces_lose_their_secrets_once(tmp_path: Path) -> None:
    log, trace = tmp_path / "agents-1" / "pjsip.log", tmp_path / "reference" / "trunk" / "trace.jsonl"
    for path in (log, trace):
        path.parent.mkdir(parents=True)
        path.write_text('Authorization: Digest username="2001", response="0123"\nhunter2\n')
    mask_work_files(tmp_path, ["hunter2"])
    for path in (log, trace):
        assert path.read_text() == 'Authorization: Digest username="2001", response=***\n***\n'
    log.write_text("hunter2 again")
    mask_work_files(tmp_path, ["hunter2"])
    assert log.read_text() == "hunter2 again"
