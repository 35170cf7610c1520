"""Negative controls: each broken twin of the reference PBX is caught by the right scenario, for the right reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulators.pbx.asterisk.twins import Twin, list_twins
from tests.live.running import FEATURES, run_trunkproof, selected

pytestmark = pytest.mark.live
EXIT_CODES = {"fail": 1, "inconclusive": 3}


@pytest.mark.parametrize("twin", list_twins(), ids=lambda twin: twin.name)
def test_the_twin_is_caught(twin: Twin, tmp_path: Path) -> None:
    expression = " or ".join(selected(name) for name in twin.caught_by)
    run = run_trunkproof(tmp_path, "--twin", twin.name, "-k", expression, feature=FEATURES)
    assert run.summary is not None, run.output
    assert run.code == EXIT_CODES[twin.verdict], run.output
    for name in twin.caught_by:
        caught = [s for s in run.summary["scenarios"] if name in s["name"] and s["verdict"] == twin.verdict]
        assert caught, run.output
        for scenario in caught:
            assert re.search(twin.reason, scenario["reason"]), scenario["reason"]


def test_an_unknown_twin_names_the_nearest(tmp_path: Path) -> None:
    run = run_trunkproof(tmp_path, "--twin", "one-way-audo")
    assert run.code == 2
    assert "one-way-audio" in run.output
    assert "Traceback" not in run.output
