import json
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

import reports
from harness.verdict import Blame, Verdict
from reports.terminal import print_table
from reports.wording import duration
from tests.reports.sample_run import scenario, whole_call, write_run

SCHEMA = json.loads((Path(reports.__file__).parent / "schema/summary.schema.json").read_text(encoding="utf-8"))


def summary(directory: Path) -> dict:
    document = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    return document


def test_mixed_run_is_summed_up(mixed):
    document = summary(mixed)
    assert (document["verdict"], document["exit_code"]) == ("fail", 1)
    assert document["headline"] == "Not ready: 2 of 8 scenarios failed on the 8x8 trunk, Asterisk 22.10.1"
    totals = document["totals"]
    assert [totals[key] for key in ("pass", "fail", "inconclusive", "not_run")] == [2, 2, 3, 1]
    assert document["notes"]


def test_evidence_paths_exist_and_are_relative(mixed):
    for one in summary(mixed)["scenarios"]:
        assert all((mixed / path).is_file() for path in one["evidence"])
        names = {Path(path).name for path in one["evidence"]}
        assert {"trace.pcap", "ladder.svg", "ladder.txt", "rtp.json"} <= names


def test_all_passed_is_ready(tmp_path):
    write_run(tmp_path)
    scenario(tmp_path, "One", Verdict.PASS)
    scenario(tmp_path, "Two", Verdict.NOT_RUN, reason="the target does not claim it")
    written = reports.write(tmp_path)
    assert (written.verdict, written.exit_code) == (Verdict.PASS, 0)
    assert written.headline == "No fault found: 1 of 2 scenarios passed, 1 not run on the 8x8 trunk, Asterisk 22.10.1"


@pytest.mark.parametrize(("blame", "exit_code"), [(Blame.HARNESS, 3), (Blame.USER, 2)])
def test_inconclusive_is_never_ready(tmp_path, blame, exit_code):
    write_run(tmp_path)
    scenario(tmp_path, "One", Verdict.PASS)
    scenario(tmp_path, "Two", Verdict.INCONCLUSIVE, blame=blame, reason="who knows")
    written = reports.write(tmp_path)
    assert written.exit_code == exit_code
    assert written.headline.startswith("Nothing proven yet: 1 of 2 scenarios inconclusive, 1 passed")


def test_a_failure_of_the_run_itself_counts(tmp_path):
    write_run(tmp_path, errors=["an INVITE reached the PSTN trap"], run_verdict=Verdict.FAIL, run_blame=Blame.PBX)
    scenario(tmp_path, "One", Verdict.PASS)
    written = reports.write(tmp_path)
    assert written.exit_code == 1
    assert written.headline.startswith("Not ready: an INVITE reached the PSTN trap")
    summary(tmp_path)


def test_nothing_at_all(tmp_path):
    written = reports.write(tmp_path)
    assert written.exit_code == 3
    assert written.headline.startswith("Nothing proven: run.json cannot be read")
    assert summary(tmp_path)["scenarios"] == []


def test_run_without_scenarios(tmp_path):
    write_run(tmp_path, errors=["the PBX did not start"], run_verdict=Verdict.INCONCLUSIVE, run_blame=Blame.USER)
    written = reports.write(tmp_path)
    assert (written.exit_code, written.headline) == (2, "Nothing proven: the PBX did not start")


def test_writing_again_gives_the_same(tmp_path):
    write_run(tmp_path)
    scenario(tmp_path, "One", Verdict.PASS, trace=whole_call(), sound="both")
    reports.write(tmp_path)
    first = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    reports.write(tmp_path)
    reports.write(tmp_path)
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {p.name for p in first}
    (ladder,) = tmp_path.glob("evidence/*/ladder.svg")
    assert ladder.read_bytes() == first[ladder]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (0.017, "17 ms"), (0.1, "0.1 s"), (59.94, "59.9 s"), (59.99, "1 min 0 s"), (192.4, "3 min 12 s"),
     (3600, "1 h 0 min"), (-1, "0 ms")],
)  # fmt: skip
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_the_headline_has_no_build_suffix(tmp_path):
    write_run(tmp_path, pbx_version="Asterisk 22.10.1+dfsg+~cs6.17")
    scenario(tmp_path, "One", Verdict.PASS)
    written = reports.write(tmp_path)
    assert written.headline == "No fault found: 1 of 1 scenario passed on the 8x8 trunk, Asterisk 22.10.1"
    assert summary(tmp_path)["pbx_version"] == "Asterisk 22.10.1+dfsg+~cs6.17"


def test_a_scenario_played_twice_says_so_everywhere(tmp_path):
    why = "this machine was too busy to judge: the PBX did not run for 4534 ms"
    write_run(tmp_path)
    scenario(tmp_path, "Twice", Verdict.PASS, unjudged_before=why)
    scenario(tmp_path, "Once", Verdict.PASS, line=9)
    written = reports.write(tmp_path)
    told = {one["name"]: one.get("unjudged_before") for one in summary(tmp_path)["scenarios"]}
    assert told == {"Twice": why, "Once": None}
    for path in (written.html, written.junit):
        assert path.read_text(encoding="utf-8").count(why) >= 1, path
    console = Console(record=True, width=100)
    print_table(tmp_path, console)
    assert console.export_text().count("played twice") == 1
