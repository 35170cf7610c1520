"""Negative controls: each broken twin of a reference PBX is caught by the right scenario, for the right reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from simulators.pbx.asterisk.twins import Twin, list_twins
from tests.live.running import FEATURES, Finished, run_trunkproof, selected

pytestmark = pytest.mark.live
EXIT_CODES = {"fail": 1, "inconclusive": 3}
SIDE_BY_SIDE = 4
"""A twin's run waits most of the time: so many go on at once."""

BREAKS = {
    "address-in-request-uri": "T12",
    "dtls-passive": "T31",
    "dtls-verifies-certificate": "T31",
    "from-domain-is-address": "T09",
    "greeting-before-media": "T48",
    "ice-off": "T29",
    "packets-of-60-ms": "T37",
    "pstn-forward": "T63",
    "record-route-rewritten": "T20",
    "reinvite-drops-call": "T45",
    "telephone-event-missing": "T44",
    "tls-demands-client-certificate": "T03",
    "tls-expired": "T01",
    "tls-too-old": "T02",
}
"""A requirement that a twin breaks; the others of its scenario must not be blamed."""

Runs = dict[str, "Future[Finished]"]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A run of each twin that this session tests, by its name."""
    chosen = [
        item.callspec.params["twin"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {twin.name: pool.submit(_run, twin, tmp_path_factory.mktemp(twin.name)) for twin in chosen}
        pool.shutdown(cancel_futures=True)


def _run(twin: Twin, directory: Path) -> Finished:
    expression = " or ".join(selected(name) for name in twin.caught_by)
    return run_trunkproof(directory, "--twin", twin.name, "-k", expression, feature=FEATURES)


@pytest.mark.parametrize("twin", [t for t in list_twins() if t.load is None], ids=lambda twin: twin.name)
def test_the_twin_is_caught(twin: Twin, runs: Runs) -> None:
    run = runs[twin.name].result()
    assert run.summary is not None, run.output
    assert run.code == EXIT_CODES[twin.verdict], run.output
    for name in twin.caught_by:
        caught = [s for s in run.summary["scenarios"] if name in s["name"] and s["verdict"] == twin.verdict]
        assert caught, run.output
        for scenario in caught:
            assert re.search(twin.reason, scenario["reason"]), scenario["reason"]
    if twin.name in BREAKS:
        broken = {failure["id"] for column in run.summary["conformance"] for failure in column["failures"]}
        meta = {name for name in broken if name.startswith("T")}
        assert meta == {BREAKS[twin.name]}, broken


def test_an_unknown_twin_names_the_nearest(tmp_path: Path) -> None:
    run = run_trunkproof(tmp_path, "--twin", "one-way-audo")
    assert run.code == 2
    assert "one-way-audio" in run.output
    assert "Traceback" not in run.output
