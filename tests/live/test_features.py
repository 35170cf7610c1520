"""All features against the reference PBX, and what a run leaves."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bootstrap import own_network
from harness.target.model import load_target
from tests.live.running import FEATURES, ROOT, Finished, run_trunkproof

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run_trunkproof(tmp_path_factory.mktemp("parallel"), "-n", "6", feature=FEATURES)


def test_everything_passes_side_by_side(parallel: Finished) -> None:
    assert parallel.summary is not None, parallel.output
    calling = [s for s in parallel.summary["scenarios"] if "trunk_conformance" not in s["tags"]]
    assert {s["verdict"] for s in calling} == {"pass"}, parallel.output
    assert len({s["feature_file"] for s in calling}) >= 6
    assert parallel.code == 0


def test_what_8x8s_trunk_has_not_is_not_run(parallel: Finished) -> None:
    assert parallel.summary is not None, parallel.output
    tls = [s for s in parallel.summary["scenarios"] if s["feature_file"].endswith("tls.feature")]
    assert {s["verdict"] for s in tls} == {"not_run"}


def test_torture_messages_end_as_the_reference_target_declares(parallel: Finished) -> None:
    """Neither more deviations nor fewer: one that has gone must not stay declared."""
    assert parallel.summary is not None, parallel.output
    torture = [s for s in parallel.summary["scenarios"] if s["feature_file"].endswith("torture.feature")]
    assert len(torture) == 49
    deviating = {s["name"].split()[2].rstrip(":") for s in torture if s["verdict"] == "not_run"}
    declared = {name for name in load_target("reference").deviations if name.startswith("RFC4475-")}
    assert {f"RFC4475-{name}" for name in deviating} == declared
    assert {s["verdict"] for s in torture} == {"pass", "not_run"}


def test_the_pbx_calls_one_trunk_address_from_one_worker(parallel: Finished) -> None:
    """Else scenarios wait for each other's trunk."""
    assert parallel.summary is not None, parallel.output
    workers: dict[str, set[str]] = {}
    for scenario in parallel.summary["scenarios"]:
        if "claims.calls_customers" in scenario["tags"]:
            trace = next(path for path in scenario["evidence"] if path.endswith("scenario.json"))
            record = json.loads((parallel.directory / trace).read_text())
            trunk = next(p for p in record["participants"] if p["role"] == "trunk")
            workers.setdefault(trunk["addresses"][0], set()).add(scenario["worker"])
    assert len(workers) > 1
    assert all(len(of_address) == 1 for of_address in workers.values()), workers


def assert_passed_but_for(run: Finished, *not_run: str) -> None:
    """All scenarios passed but for the reference's known deviations, and those not run for these reasons."""
    assert run.summary is not None, run.output
    others = [s for s in run.summary["scenarios"] if not s["reason"].startswith("a known deviation of the PBX")]
    assert {s["reason"] for s in others if s["verdict"] != "pass"} <= set(not_run), run.output


def test_metas_trunk_over_tls_and_srtp(tmp_path: Path) -> None:
    run = run_trunkproof(tmp_path, "--profile", "meta-sdes", "-n", "4", feature=FEATURES / "trunk_conformance")
    assert_passed_but_for(run, "the trunk's profile 'meta-sdes' has no DTLS")
    assert run.code == 0


def test_metas_trunk_with_ice_and_dtls(tmp_path: Path) -> None:
    """In a network of its own, which is gone with the run. The platform's call has the customer's phone offer."""
    run = run_trunkproof(
        tmp_path, "--profile", "meta-dtls", "-n", "4", "-k", "trunk_conformance or put_to_an_agent", feature=FEATURES
    )
    assert_passed_but_for(
        run,
        "the trunk's profile 'meta-dtls' has no keys in the SDP",
        "with DTLS the customer's side answers the handshake before anybody can send",
    )
    assert run.code == 0
    assert not own_network.is_here()


def test_serial_gives_the_same_verdicts(parallel: Finished, tmp_path: Path) -> None:
    """Of the feature whose scenarios parallel runs must group: its PBX calls the trunk."""
    serial = run_trunkproof(tmp_path, feature=FEATURES / "callback.feature").verdicts
    assert serial and serial.items() <= parallel.verdicts.items()


def test_the_summary_follows_its_schema(parallel: Finished) -> None:
    schema = json.loads((ROOT / "reports" / "schema" / "summary.schema.json").read_text())
    jsonschema.validate(parallel.summary, schema)


def test_allure_has_every_step_with_its_attachments(parallel: Finished) -> None:
    results = [json.loads(p.read_text()) for p in parallel.directory.glob("allure-results/*-result.json")]
    assert len(results) == len(parallel.verdicts)
    smoke = next(r for r in results if "reaches_an_agent_and_they_hear" in r["fullName"])
    names = [step["name"] for step in smoke["steps"]]
    assert names[0] == "Given the support line is open with 1 agent ready"
    assert "Then the customer and the agent hear each other" in names
    assert {step["status"] for step in smoke["steps"]} == {"passed"}
    attached = {a["name"] for a in smoke["attachments"]}
    assert "SIP trace" in attached
    assert any("Ana's voice" in name or "agent" in name for name in attached), attached


def test_the_report_is_one_offline_file(parallel: Finished) -> None:
    html = (parallel.directory / "report.html").read_text(encoding="utf-8")
    assert "A customer reaches an agent and they hear each other" in html
    assert (parallel.directory / "junit.xml").is_file()


def test_evidence_shows_all_four_parties(parallel: Finished) -> None:
    scenario = parallel.scenario("A customer reaches an agent and they hear each other")
    trace = next(path for path in scenario["evidence"] if path.endswith("trace.jsonl"))
    record = json.loads((parallel.directory / trace).with_name("scenario.json").read_text())
    assert {p["role"] for p in record["participants"]} >= {"customer", "trunk", "pbx", "agent"}
    assert len(record["clips"]) == 2
    assert all(figures["figures"]["received_lost"] == 0 for figures in record["rtp"])
    assert record["talk_s"] > 1
