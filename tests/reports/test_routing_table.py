import json
from pathlib import Path

import jsonschema
import pytest

import reports
from harness.evidence import RoutedCall, RoutingInstant, RoutingTable
from harness.verdict import Verdict
from reports.routing import table_view
from tests.reports.sample_routing import SATURDAY, WEDNESDAY, sun_run, table
from tests.reports.sample_run import scenario, write_run
from tests.reports.test_page import Elements, html
from tests.reports.test_summary import SCHEMA


@pytest.fixture(scope="module")
def sun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = sun_run(tmp_path_factory.mktemp("out") / "sun")
    reports.write(directory)
    return directory


def row(view, region):
    return next(row for row in view.rows if row.region == region)


def runs(cells):
    return [(cell.text, cell.run) for cell in cells if cell.run]


def test_a_day_is_told_in_runs_of_alike_hours():
    view = table_view(table(WEDNESDAY))
    assert view.heads == tuple(f"{hour:02}" for hour in range(24))
    assert runs(row(view, "europe").cells) == [("London, closed", 4), ("Mumbai", 4), ("London", 10), ("Bogotá", 6)]
    assert not view.mismatches


def test_local_times_are_each_sites_own():
    mumbai = next(site for site in table_view(table(WEDNESDAY)).sites if site.name == "Mumbai")
    assert [hour.local for hour in mumbai.hours[:2]] == ["05:30", "06:30"]
    assert next(hour.local for hour in mumbai.hours if hour.is_open) == "09:30"
    assert not any(hour.is_open for hour in table_view(table(SATURDAY)).sites[0].hours)


def test_a_mismatch_is_marked_in_the_cell_and_told_in_words():
    view = table_view(table(WEDNESDAY, wrong={(9, "americas"): "Bogotá"}))
    cell = row(view, "americas").cells[9]
    assert "wrong" in cell.kind.split()
    assert (cell.text, cell.run) == ("✗ Bogotá, closed", 1)
    assert cell.title.endswith("declared: London")
    assert view.mismatches == ("Wed 09:00 UTC, a caller of americas: Bogotá took the call, London should have",)


def test_nobody_and_nothing_are_not_the_same():
    at = "2026-03-11T00:00:00Z"
    call = RoutedCall(region="europe", declared="London", mismatch="m")
    view = table_view(
        RoutingTable(
            title="t", sites={}, regions={"europe": "", "asia": ""}, instants=[RoutingInstant(at=at, calls=[call])]
        )
    )
    assert [(r.cells[0].text, r.cells[0].kind) for r in view.rows] == [
        ("✗ nobody", "nobody wrong begins"),
        ("", "missing"),
    ]


def test_the_page_has_every_call_with_its_site_in_words(sun):
    elements = Elements(html(sun))
    assert len(elements.of("table", "routing")) == 3
    assert len(elements.of("td", "wrong")) == 3
    titles = [a["title"] for tag, a in elements.seen if tag == "td" and "UTC" in a.get("title", "")]
    assert len(titles) == 3 * 24 * 4
    assert all(title.count(": ") for title in titles)


def test_names_cannot_become_markup(tmp_path):
    write_run(tmp_path)
    spoilt = table(WEDNESDAY).model_copy(
        update={"title": "<b>x</b>", "regions": {"<i>y</i>": "</td><script>alert(1)</script>"}}
    )
    scenario(tmp_path, "Spoilt", Verdict.PASS, routing=[spoilt])
    text = html(reports.write(tmp_path).html.parent)
    assert "<b>x</b>" not in text
    assert "<script>alert(1)" not in text


def test_the_summary_names_what_went_wrong(sun):
    document = json.loads((sun / "summary.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    good, bad = document["scenarios"]
    assert [one["calls"] for one in good["routing"]] == [96, 96]
    assert [one["mismatches"] for one in good["routing"]] == [[], []]
    assert len(bad["routing"][0]["mismatches"]) == 3


def test_scenarios_without_a_table_say_nothing_of_it(mixed):
    document = json.loads((mixed / "summary.json").read_text(encoding="utf-8"))
    assert not any("routing" in one for one in document["scenarios"])
