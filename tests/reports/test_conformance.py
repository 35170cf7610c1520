"""What is said of requirements: verdicts by profile, failures with the line at fault, several runs as one matrix."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

import reports
from harness.evidence import Fault, RunRecord, ScenarioRecord
from harness.requirements import Catalogue, Requirement, RequirementFile
from harness.verdict import Blame, Verdict
from reports.conformance import Conformance, Scenario, Standing, conformance, merged
from reports.conformance_files import read_conformance
from tests.reports.sample_run import PBX, STARTED_AT, TRUNK, Trace, scenario, whole_call, write_run
from trunkproof.cli import app

PASS, FAIL, INCONCLUSIVE, NOT_RUN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN


def requirement(name: str, level: str = "MUST", **keys) -> Requirement:
    return Requirement.model_validate({"id": name, "level": level, "text": name, "written": "RFC", **keys})


def told(verdict: Verdict, *names: str, kind: str = "", profile: str = "8x8", name: str = "One") -> Scenario:
    record = ScenarioRecord(
        feature="F",
        feature_file="f.feature",
        line=1,
        name=name,
        requirements=list(names),
        verdict=verdict,
        blame=Blame.PBX if verdict is FAIL else Blame.NOBODY,
        reason=f"because {verdict}",
        started_wall=0,
        started_at=0,
        duration_s=0,
        talk_s=0,
        profile=profile,
        faults=[Fault(kind=kind, text=f"a {kind}")] if kind else [],
    )
    return Scenario(record=record, anchor=name.lower())


def matrix(requirements: list[Requirement], *scenarios: Scenario, run: dict | None = None) -> Conformance:
    record = RunRecord.model_validate(
        {"run_id": "r", "target": "t", "profile": "8x8", "started_wall": 0, "finished_wall": 1, **(run or {})}
    )
    verdicts = [s.record.verdict for s in scenarios]
    verdict = next((v for v in (FAIL, INCONCLUSIVE, PASS) if v in verdicts), INCONCLUSIVE)
    files = (RequirementFile(source="S", requirements=requirements),)
    return conformance(Catalogue(files), record, verdict, scenarios)


def standings(found: Conformance, profile: str = "8x8") -> dict[str, str]:
    return {row.requirement.id: row.results[profile].standing.value for row in found.rows}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([PASS], "pass"),
        ([PASS, NOT_RUN], "pass"),
        ([PASS, INCONCLUSIVE], "inconclusive"),
        ([PASS, INCONCLUSIVE, FAIL], "fail"),
        ([NOT_RUN], "not_run"),
        ([], "not_run"),
    ],
)
def test_the_worst_of_its_scenarios_counts(verdicts, expected):
    scenarios = [told(verdict, "A", name=f"Scenario {n}") for n, verdict in enumerate(verdicts)]
    assert standings(matrix([requirement("A")], *scenarios)) == {"A": expected}


def test_another_profiles_requirement_is_out_of_question_whatever_passed():
    found = matrix([requirement("A", profiles=["meta-sdes"])], told(PASS, "A"))
    assert standings(found) == {"A": "not_applicable"}


def test_a_copied_profile_has_the_requirements_of_its_model():
    a = requirement("A", profiles=["meta-sdes"])
    run = {"requirements_of": {"mine": "meta-sdes"}}
    assert standings(matrix([a], told(PASS, "A", profile="mine"), run=run), "mine") == {"A": "pass"}
    assert standings(matrix([a], told(PASS, "A", profile="mine")), "mine") == {"A": "not_applicable"}


@pytest.mark.parametrize(("claims", "expected"), [([], "not_applicable"), (["calls_customers"], "not_run")])
def test_what_the_target_does_not_claim_is_not_applicable(claims, expected):
    a = requirement("A", claim="calls_customers")
    found = matrix([a], told(NOT_RUN, "A"), run={"claims": claims})
    assert standings(found) == {"A": expected}


def test_a_fault_of_a_known_kind_counts_against_its_requirements_and_no_others():
    a, b, c = requirement("A", breaks=["via"]), requirement("B"), requirement("C", breaks=["answer"])
    found = matrix([a, b, c], told(FAIL, "B", "C", kind="via"))
    assert standings(found) == {"A": "fail", "B": "inconclusive", "C": "inconclusive"}
    reasons = {row.requirement.id: row.results["8x8"].reason for row in found.rows}
    assert reasons == {
        "A": "a via",
        "B": "not reached, since the scenario failed: because fail",
        "C": "not reached, since the scenario failed: because fail",
    }


def test_a_finer_kind_breaks_what_names_the_coarser_one():
    a, b = requirement("A", breaks=["answer"]), requirement("B", breaks=["answer-ptime"])
    assert standings(matrix([a, b], told(FAIL, kind="answer-crypto"))) == {"A": "fail", "B": "not_run"}


def test_a_fault_of_an_unknown_kind_counts_against_all_that_the_scenario_decides():
    assert standings(matrix([requirement("A"), requirement("B")], told(FAIL, "A", kind="odd"))) == {
        "A": "fail",
        "B": "not_run",
    }


def test_a_declared_deviation_is_not_met_and_does_not_block():
    a, b = requirement("A"), requirement("B")
    deviating = told(NOT_RUN, "B", name="Two")
    deviating = deviating.model_copy(update={"record": deviating.record.model_copy(update={"deviates": True})})
    found = matrix([a, b], told(PASS, "A", "B"), deviating)
    assert standings(found) == {"A": "pass", "B": "fail"}
    assert found.profiles[0].headline == ("Ready for WhatsApp calls on 8x8: 1 of 2 requirements met, 1 known deviation")
    worse = matrix([a, b], told(FAIL, "B"), deviating)
    assert worse.profiles[0].tally.blocking == 1


@pytest.mark.parametrize(
    ("requirements", "scenarios", "says"),
    [
        (
            [requirement("A"), requirement("B")],
            [told(PASS, "A", "B")],
            "Ready for WhatsApp calls on 8x8: 2 of 2 requirements met",
        ),
        (
            [requirement("A"), requirement("B", "SHOULD"), requirement("C")],
            [told(PASS, "C"), told(FAIL, "A", "B", name="Two")],
            "Not ready for WhatsApp calls on 8x8: 1 of 3 requirements met, 1 blocking failure, "
            "1 failure that does not block",
        ),
        (
            [requirement("A"), requirement("B")],
            [told(PASS, "A")],
            "Not proven ready for WhatsApp calls on 8x8: 1 of 2 requirements met, 1 not run",
        ),
        (
            [requirement("A"), requirement("B", "SHOULD"), requirement("C", "SHOULD")],
            [told(PASS, "A")],
            "Ready for WhatsApp calls on 8x8: 1 of 3 requirements met, 2 not run",
        ),
        (
            [requirement("A"), requirement("B", untested="too long")],
            [told(PASS, "A")],
            "Ready for WhatsApp calls on 8x8: 1 of 1 requirements met",
        ),
        (
            [requirement("A")],
            [told(PASS, "A"), told(FAIL, name="Two")],
            "Not ready for WhatsApp calls on 8x8: 1 of 1 requirements met, 1 other failed scenario",
        ),
        (
            [requirement("A")],
            [told(INCONCLUSIVE, "A")],
            "Not proven ready for WhatsApp calls on 8x8: 0 of 1 requirements met, 1 inconclusive",
        ),
        (
            [requirement("A")],
            [told(PASS, "A"), told(INCONCLUSIVE, name="Two")],
            "Not proven ready for WhatsApp calls on 8x8: 1 of 1 requirements met",
        ),
        (
            [requirement("A", untested="why")],
            [told(PASS)],
            "Not proven ready for WhatsApp calls on 8x8: 0 of 0 requirements met",
        ),
    ],
)
def test_one_line_for_a_manager(requirements, scenarios, says):
    (column,) = matrix(requirements, *scenarios).profiles
    assert column.headline == says


def test_runs_of_several_profiles_become_one_matrix():
    a, b = requirement("A"), requirement("B", profiles=["meta-sdes"])
    first = matrix([a, b], told(PASS, "A", "B"), run={"run_id": "one"})
    second = matrix([a, b], told(FAIL, "A", profile="meta-sdes"), run={"run_id": "two", "profile": "meta-sdes"})
    third = matrix([a, b], told(PASS, "A", "B", profile="meta-sdes"), run={"run_id": "three", "profile": "meta-sdes"})
    found = merged([first, second, third])
    assert [column.profile for column in found.profiles] == ["8x8", "meta-sdes"]
    assert standings(found) == {"A": "pass", "B": "not_applicable"}
    assert standings(found, "meta-sdes") == {"A": "fail", "B": "pass"}
    assert [run.run_id for run in found.profiles[1].runs] == ["two", "three"]


def broken_run(directory: Path) -> Path:
    """A run in which the PBX changed the Record-Routes: its 200 at the trunk is at fault."""
    write_run(directory, profile="meta-sdes", claims=["calls_customers"])
    trace = Trace()
    trace.message(0.5, TRUNK, PBX, "INVITE sip:+44@pbx SIP/2.0", "c1", cseq="1 INVITE", branch="b1")
    trace.message(
        0.5,
        PBX,
        TRUNK,
        "SIP/2.0 200 OK",
        "c1",
        cseq="1 INVITE",
        branch="b1",
        to_tag="t",
        headers="Record-Route: <sip:192.0.2.1;lr>\r\n<script>: x\r\n",
    )
    answer = trace.entries[-1]
    line = answer.raw.split("\r\n").index("Record-Route: <sip:192.0.2.1;lr>")
    fault = Fault(kind="record-route", text="Record-Route of the 200 is wrong", message_at=answer.at, lines=[line])
    assert answer.at == STARTED_AT + 1.0
    scenario(
        directory,
        "The PBX keeps the route",
        FAIL,
        blame=Blame.PBX,
        trace=trace,
        reason="routes changed",
        requirements=["T19", "T20"],
        faults=[fault],
    )
    scenario(directory, "They talk", PASS, trace=whole_call(), requirements=["T41", "T45"])
    return directory


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = broken_run(tmp_path_factory.mktemp("out") / "broken")
    reports.write(directory)
    return directory


def test_a_failure_shows_the_line_at_fault(broken):
    found = read_conformance(broken)
    (result,) = [row.results["meta-sdes"] for row in found.rows if row.requirement.id == "T20"]
    assert (result.standing, result.reason) == (Standing.FAIL, "Record-Route of the 200 is wrong")
    excerpt = result.decisions[0].excerpt
    assert excerpt is not None
    assert excerpt.between == "PBX → trunk 8x8"
    assert [line.text for line in excerpt.lines if line.marked] == ["Record-Route: <sip:192.0.2.1;lr>"]
    assert excerpt.lines[0].text == "SIP/2.0 200 OK"


def test_the_page_explains_it_and_links_to_the_scenario(broken):
    page = (broken / "report.html").read_text(encoding="utf-8")
    assert "Not ready for WhatsApp calls on meta-sdes: 2 of" in page
    assert '<span class="marked">Record-Route: &lt;sip:192.0.2.1;lr&gt;</span>' in page
    assert "Advice, Asterisk" in page
    assert "<script>: x" not in page
    rows = read_conformance(broken).rows
    places = {decision.anchor for row in rows for decision in row.results["meta-sdes"].decisions}
    assert len(places) == 2
    assert all(f'id="{place}"' in page and f'href="#{place}"' in page for place in places)


def test_summary_and_csv_say_the_same(broken):
    document = json.loads((broken / "summary.json").read_text(encoding="utf-8"))
    schema = json.loads((Path(reports.__file__).parent / "schema/summary.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    (column,) = document["conformance"]
    assert {failure["id"] for failure in column["failures"]} == {"T20", "RFC3261-12.1.1-a"}
    assert (column["blocking"], column["failed"], column["met"]) == (2, 0, 2)
    with (broken / "conformance.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert (rows["T20"]["verdict"], rows["T19"]["verdict"]) == ("fail", "inconclusive")
    assert rows["T20"]["scenarios"] == "The PBX keeps the route"


def test_a_run_about_no_requirement_has_no_section(mixed):
    assert 'id="conformance"' not in (mixed / "report.html").read_text(encoding="utf-8")


def test_the_command_puts_runs_into_one_page(broken, mixed, tmp_path):
    page = tmp_path / "both.html"
    done = CliRunner().invoke(
        app, ["conformance", str(broken), str(mixed), "--html", str(page), "--csv", str(tmp_path / "both.csv")]
    )
    assert done.exit_code == 0, done.output
    assert [line.partition(":")[0] for line in done.output.splitlines()] == [
        "Not ready for WhatsApp calls on meta-sdes",
        "Not ready for WhatsApp calls on 8x8",
    ]
    text = page.read_text(encoding="utf-8")
    assert f'href="../{broken.parent.name}/broken/report.html#' in text
    assert (tmp_path / "both.csv").read_text(encoding="utf-8").count("\nT20,") == 2


def test_a_directory_without_a_run_is_one_line(tmp_path):
    done = CliRunner().invoke(app, ["conformance", str(tmp_path)])
    assert "conformance.json: cannot be read" in str(done.exception)
