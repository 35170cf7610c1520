"""Tables of the comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from versus_runs import media_run, signalling_run

from benchmarks.versus.report import BEGINS, ENDS, as_json, markdown, ratio, write, write_into
from benchmarks.versus.results import Results
from harness.errors import HarnessMisuse

RESULTS = Results(
    settings={"machine": "two cores"},
    signalling=[
        signalling_run("trunkproof", cpu_s=0.5),
        signalling_run("SIPp", cpu_s=0.125),
        signalling_run("pjsua2", cpu_s=1.0),
    ],
    highest={"trunkproof": signalling_run("trunkproof", rate=1600.0), "SIPp": signalling_run("SIPp", rate=6400.0)},
    media=[
        media_run("trunkproof", cpu_s=0.5),
        media_run(
            "SIPp", cpu_s=0.25, sent=None, returned=None, lost=None, late=None, verified=None, note="by RTPCHECK"
        ),
        media_run("pjsua2", cpu_s=1.0, verified=None, intact=None),
    ],
    notes=["something was not there"],
)


def cells(text: str, beginning: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {beginning}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([2000.0, 8000.0, 1000.0], "1 : 4 : 0.5"),
        ([3.0, 1.0], "1 : 0.33"),
        ([2000.0, None, 1000.0], "1 : – : 0.5"),
        ([2000.0, 0.0, 1000.0], "1 : – : 0.5"),
        ([None, 8000.0, 1000.0], "–"),
        ([0.0, 8000.0], "–"),
    ],
)
def test_ratio(values: list[float | None], told: str):
    assert ratio(values) == told


def test_rows():
    text = markdown(RESULTS)
    assert cells(text, "machine") == ["two cores"]
    assert cells(text, "SIPp UAS, 500 calls/s") == ["2000", "8000", "1000", "1 : 4 : 0.5"]
    assert cells(text, "SIPp UAS: highest rate") == ["1600", "6400", "–", "1 : 4 : –"]
    assert cells(text, "SIPp UAS, 100 calls at once") == ["1000", "2000", "500", "1 : 2 : 0.5"]
    assert cells(text, "all up") == ["yes", "yes", "yes", ""]
    assert cells(text, "calls verified") == ["100 of 100", "no; own check passed", "no; counted only", ""]
    assert cells(text, "packets lost") == ["0, 0 of 25000", "not counted", "0, 0 of 25000", ""]
    assert "- SIPp: by RTPCHECK" in text
    assert "- something was not there" in text


def test_every_row_has_all_columns():
    widths = {line.count("|") for line in markdown(RESULTS).splitlines() if line.startswith("|")}
    assert widths == {3, 6}


def test_a_run_that_measured_nothing_still_says_why():
    text = markdown(Results(settings={}, signalling=[], highest={}, media=[], notes=["no SIPp"]))
    assert "- no SIPp" in text


def test_json_has_what_follows(tmp_path: Path):
    data = json.loads(as_json(RESULTS))
    assert data["schema_version"] == 1
    assert [run["calls_per_core_s"] for run in data["signalling"]] == [2000, 8000, 1000]
    assert [run["carried"] for run in data["media"]] == [True, True, True]
    assert [file.name for file in write(RESULTS, tmp_path / "new")] == ["versus.json", "versus.md"]


def test_tables_take_the_place_of_those_before(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGINS}\nold\n{ENDS}\n\nafter\n")
    write_into(page, "| new |\n")
    write_into(page, "| newest |\n")
    assert page.read_text() == f"before\n\n{BEGINS}\n\n| newest |\n\n{ENDS}\n\nafter\n"


def test_a_page_without_a_place_is_left_as_it_is(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("nothing here\n")
    with pytest.raises(HarnessMisuse, match="are missing"):
        write_into(page, "| new |\n")
    assert page.read_text() == "nothing here\n"


def test_a_page_that_is_not_there(tmp_path: Path):
    with pytest.raises(HarnessMisuse, match="cannot be read"):
        write_into(tmp_path / "none.md", "")
