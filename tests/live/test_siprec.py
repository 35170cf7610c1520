"""The reference PBX records by SIPREC: every scenario of the recording session passes, and what is refused is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.running import ROOT, run_trunkproof

pytestmark = pytest.mark.live


def test_the_reference_pbx_records_by_siprec(tmp_path: Path) -> None:
    run = run_trunkproof(
        tmp_path, "--target", "reference-siprec", "-n", "2", feature=ROOT / "features" / "recording_session.feature"
    )
    assert run.code == 0, run.output
    assert run.summary is not None
    assert {scenario["verdict"] for scenario in run.summary["scenarios"]} == {"pass"}
    assert len(list(run.directory.glob("work/recordings-reference-siprec/*.wav"))) == 2
