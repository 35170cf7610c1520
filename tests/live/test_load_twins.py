"""Negative controls of load runs: twins whose fault shows only under load are found, located and named."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from harness.load.arrivals_section import ArrivalsSection
from harness.load.profile import CriteriaSection, CustomersSection, LimitsSection, LoadProfile, MixLine
from harness.load.records import Cause, Flow
from harness.load.spread import Spread
from harness.load.store import read_calls, read_result
from harness.verdict import EXIT_PASS, EXIT_PBX_FAULT, Verdict
from simulators.pbx.asterisk.twins import LoadTrial, Twin, list_twins
from trunkproof.load.plan import LoadRequest
from trunkproof.load.run import LoadRun
from trunkproof.plugin.progress import Progress

pytestmark = pytest.mark.live
TWINS = [twin for twin in list_twins() if twin.load is not None]
VERIFIED = 96.0
"""%: of the twin that drops one in twenty 95 % are. To see that it is kept takes 93 calls."""
PLAIN = LoadTrial(rate=10, seconds=10, holding_s=3)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_the_twin_is_caught(twin: Twin, tmp_path: Path) -> None:
    assert twin.load is not None
    request = a_request(tmp_path, twin.load, twin=twin.name, target=twin.target)
    assert run(request) == EXIT_PBX_FAULT
    result = read_result(request.directory)
    assert result is not None
    calls = read_calls(request.directory)
    found = [c.why for c in result.criteria if c.measure in twin.caught_by and c.verdict is Verdict.FAIL]
    found += [str(why) for cause, why in zip(calls["cause"], calls["why"], strict=True) if cause in twin.caught_by]
    assert any(re.search(twin.reason, why) for why in found), (result.headline, set(calls["why"]))


def test_a_sound_pbx_passes_the_same_trial(tmp_path: Path) -> None:
    request = a_request(tmp_path, PLAIN, target="reference-load")
    assert run(request) == EXIT_PASS
    calls = read_calls(request.directory)
    assert len(calls) == PLAIN.rate * PLAIN.seconds
    assert set(calls["cause"]) == {Cause.NONE}


def a_request(tmp_path: Path, trial: LoadTrial, **changes) -> LoadRequest:
    load = LoadProfile(
        name="trial",
        duration_s=trial.seconds,
        arrivals=ArrivalsSection(process="constant", rate=trial.rate),
        holding=Spread(mean_s=trial.holding_s),
        mix=[MixLine(flow=Flow.INBOUND, share=1)],
        customers=CustomersSection(count=250),
        limits=LimitsSection(drain_s=20.0),
        criteria=CriteriaSection(verified_calls=VERIFIED, mos_p5=trial.mos_p5, leaked_channels=0, cross_talk_calls=0),
    )
    return LoadRequest(load=load, where="trial", profile_text="", directory=tmp_path / "run", baseline=False, **changes)


def run(request: LoadRequest) -> int:
    with Path(os.devnull).open("w") as nowhere:
        return LoadRun(request, Progress(Console(file=nowhere))).run()
