import json
import re
from dataclasses import asdict, replace
from xml.etree import ElementTree

import jsonschema
import pytest
from rich.console import Console

import reports
from harness.load import store
from harness.load.measures import measure
from harness.load.records import CallRecord, Cause
from harness.load.table import Table
from harness.verdict import Blame, Verdict
from reports.load import judged
from reports.load.failures import failure_groups
from reports.load.interval import interval
from reports.load.reading import read_load, read_load_result
from reports.load.view import criterion_view
from reports.terminal import print_table
from tests.reports.sample_load import calls, capacity, criteria, kept_trace, lost_worker, write_load
from tests.reports.sample_run import CUSTOMER, PASSWORD, TRUNK_C, scenario
from tests.reports.test_page import LOADING, Elements, data_blocks, html
from tests.reports.test_summary import SCHEMA


@pytest.fixture(scope="module")
def records():
    return calls(1200, rate=4.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory, records):
    directory = write_load(
        tmp_path_factory.mktemp("out") / "load", records, capacity=capacity(), lost_workers=lost_worker()
    )
    return reports.write(directory, secrets=[PASSWORD])


def charts(directory):
    data = re.search(r'<script type="application/json" id="load-data">(.*?)</script>', html(directory), re.DOTALL)
    return {chart["id"]: chart for chart in json.loads(data[1])["charts"]}


def values(directory, chart, label):
    (found,) = (s["values"] for s in charts(directory)[chart]["series"] if s["label"] == label)
    return found


def test_the_verdict_of_a_load_run_is_the_run_s(run):
    assert (run.verdict, run.exit_code) == (Verdict.FAIL, 1)
    assert run.headline.startswith("Not ready for 4 calls/s")


def test_figures_of_the_page_are_the_measures(run, records):
    directory = run.html.parent
    found = measure(Table.of(CallRecord, records))
    text = html(directory)
    for shown in (
        f"{found.session_establishment_ratio.value:.2f} %",
        f"{found.verified_calls.value:.2f} %",
        f"{1000 * found.srd_s.quantile(0.95).value:.1f} ms",
        f"{found.sdd_ms.quantile(0.95).value:.1f} ms",
        f"{found.mos.quantile(0.05).value:.2f} (p5)",
        f"{found.loss.quantile(0.95).value:.3f} % (p95)",
    ):
        assert shown in text
    chart = charts(directory)["srd"]
    (shares,) = (s["values"] for s in chart["series"] if s["label"] == "Established")
    first = next(x for x, share in zip(chart["x"], shares, strict=True) if share >= 95.0)
    assert first == pytest.approx(1000 * found.srd_s.quantile(0.95).value, rel=0.02)
    (refused,) = (s["values"] for s in chart["series"] if s["label"] == "Refused")
    assert refused[-1] == 100.0
    assert sum(values(directory, "mos-spread", "Customers' ears")) == pytest.approx(100.0, abs=0.05)


def test_calls_count_as_in_the_measures(records):
    odd = [
        replace(records[0], code=487, cause=Cause.NO_RESPONSE, why="nothing within 32 s"),
        replace(records[1], code=487, cause=Cause.NONE),
        replace(records[2], code=302, cause=Cause.REFUSED),
        replace(records[3], code=407, cause=Cause.REFUSED),
        replace(records[4], code=0, cause=Cause.GENERATOR),
    ]
    table = Table.of(CallRecord, [*odd, *records[5:]])
    found = measure(table)
    tried = judged.attempts(table)
    assert tried.sum() == found.attempts
    assert (tried & judged.established(table)).sum() == found.established
    assert judged.refused(table).sum() == found.srd_failed_s.samples
    assert 2 * judged.judged(table).sum() >= found.mos.samples


def test_lines_over_time_hold_every_call(run, records):
    directory = run.html.parent
    x, offered = charts(directory)["rate"]["x"], values(directory, "rate", "Offered")
    width = x[1] - x[0]
    assert sum(offered) * width == pytest.approx(len(records), rel=0.01)
    failing = [r for r in records if r.cause not in (Cause.NONE, Cause.GENERATOR)]
    counted = sum(sum(s["values"]) for s in charts(directory)["failures"]["series"])
    assert counted == len(failing)
    busy = max(v for v in values(directory, "concurrency", "Up") if v is not None)
    events = sorted([(r.started_at, 1) for r in records] + [(r.ended_at, -1) for r in records])
    up, most = 0, 0
    for _, step in events:
        up += step
        most = max(most, up)
    assert busy == most


def test_failures_are_grouped_with_their_first_call_and_its_messages(run, records):
    text = html(run.html.parent)
    groups = Elements(text).of("details", "failure-group")
    kinds = {(r.cause, r.code if r.cause is Cause.REFUSED else 0) for r in records if r.cause is not Cause.NONE}
    assert len(groups) == len(kinds)
    refused = next(r for r in records if r.cause is Cause.REFUSED)
    assert refused.why in text
    with_messages = [block for block in data_blocks(text) if block.get("messages")]
    assert [m["text"].split("\n")[0] for m in with_messages[0]["messages"]][-1] == "SIP/2.0 503 Service Unavailable"


def test_the_page_needs_nothing_else_and_stays_small(run):
    text = html(run.html.parent)
    for tag, attributes in Elements(text).seen:
        for name in LOADING & set(attributes):
            assert tag == "a", (tag, attributes)
            assert attributes[name].startswith(("load/", "#"))
    assert len(text) < 400_000


def test_more_calls_make_no_larger_page(tmp_path):
    few = reports.write(write_load(tmp_path / "few", calls(1000, rate=8.0)))
    many = reports.write(write_load(tmp_path / "many", calls(5000, rate=40.0)))
    assert many.html.stat().st_size < 1.3 * few.html.stat().st_size


def test_a_pure_load_run_has_no_part_for_scenarios(run):
    text = html(run.html.parent)
    assert 'id="search"' not in text
    assert 'class="feature"' not in text


def test_scenarios_come_after_the_load(tmp_path, records):
    scenario(tmp_path, "A customer reaches an agent", Verdict.FAIL, blame=Blame.PBX, reason="nobody answered")
    written = reports.write(write_load(tmp_path, records[:100], verdict=Verdict.PASS, headline="Carried 4 calls/s"))
    text = html(tmp_path)
    assert text.index('id="load"') < text.index('class="feature"')
    assert 'id="search"' in text
    assert written.headline.startswith("Not ready: 1 of 1 scenario failed")
    both = reports.write(write_load(tmp_path / "both", records[:100]))
    assert both.headline.endswith("demanded")
    scenario(tmp_path / "both", "A customer reaches an agent", Verdict.FAIL, blame=Blame.PBX, reason="nobody answered")
    assert reports.write(tmp_path / "both").headline == f"{both.headline}; 1 of 1 scenario failed"


def test_summary_follows_its_schema(run, records):
    summary = json.loads(run.summary.read_text(encoding="utf-8"))
    jsonschema.validate(summary, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert summary["load"]["calls"] == len(records)
    assert sum(g["calls"] for g in summary["load"]["failures"]) == sum(r.cause is not Cause.NONE for r in records)


def test_junit_has_a_case_for_each_criterion(run, records):
    root = ElementTree.parse(run.junit).getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    for criterion in criteria(records):
        failed = cases[criterion.words].find("failure") is not None
        assert failed == (criterion.verdict is Verdict.FAIL)
    assert int(root.get("tests")) == len(cases)
    assert int(root.get("failures")) == sum(case.find("failure") is not None for case in cases.values())


def test_the_terminal_has_the_criteria_and_the_headline(run, records):
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    print_table(run.html.parent, console)
    text = console.export_text()
    for criterion in criteria(records):
        assert criterion.words in text
    assert run.headline in text
    assert "6.9 calls/s were carried" in text
    assert "worker-2 was lost at 5:10 with 61 calls" in text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: (d / "load.json").unlink(), "the load run did not come to its end"),
        (lambda d: (d / "load.json").write_text('{"schema_version": 1, "name": 3'), "cannot be read"),
        (lambda d: (d / "load.json").write_text("[" * 5000), "cannot be read"),
        (lambda d: (d / "calls.csv").unlink(), "calls.csv is not there"),
        (lambda d: (d / "calls.csv").write_bytes(b""), "no call was recorded"),
        (lambda d: (d / "calls.csv").write_bytes(b"\x00\xff\n\x00"), "no call was recorded"),
        (lambda d: (d / "calls.csv").write_bytes((d / "calls.csv").read_bytes()[:-40]), "the line is cut off"),
        (lambda d: (d / "health.csv").unlink(), "nothing is recorded about the generator"),
        (lambda d: (d / "pbx.csv").unlink(), "pbx.csv is not there"),
        (lambda d: (d / "kept" / "trace.jsonl").write_text('{"at": 1'), "could not be read"),
    ],
)
def test_what_is_missing_is_said(tmp_path, records, spoil, said):
    write_load(tmp_path, records[:600])
    spoil(tmp_path / "load")
    written = reports.write(tmp_path)
    assert said in html(tmp_path)
    assert written.exit_code in (1, 3)
    if not (tmp_path / "load" / "load.json").exists():
        assert written.exit_code == 3


def test_a_run_of_which_nothing_is_left_has_a_page(tmp_path):
    (tmp_path / "load").mkdir()
    written = reports.write(tmp_path)
    assert written.exit_code == 3
    assert "no call was recorded" in html(tmp_path)


def test_a_run_in_which_nothing_failed_has_no_failures(tmp_path, records):
    good = [r for r in records if r.cause is Cause.NONE]
    written = reports.write(write_load(tmp_path, good, verdict=Verdict.PASS, headline="Carried 4 calls/s"))
    assert (written.verdict, written.exit_code, written.headline) == (Verdict.PASS, 0, "Carried 4 calls/s")
    assert "What went wrong" not in html(tmp_path)
    assert "What broke first" not in html(tmp_path)


def test_a_generator_that_was_the_bottleneck_is_told_first(tmp_path, records):
    written = reports.write(
        write_load(
            tmp_path, records[:50], verdict=Verdict.INCONCLUSIVE, generator=Verdict.INCONCLUSIVE,
            generator_why="the event loop was 340 ms late: run with --workers 2", headline="Cannot say",
        )
    )  # fmt: skip
    assert written.exit_code == 3
    assert "The generator was the bottleneck" in html(tmp_path)


def test_what_befell_the_run_itself_is_told_before_its_figures(tmp_path, records):
    write_load(tmp_path, records[:50], verdict=Verdict.PASS, headline="Ready for 4 calls/s")
    run = json.loads((tmp_path / "run.json").read_text())
    run |= {"errors": ["the PSTN trap rang"], "run_verdict": "fail", "run_blame": "pbx"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    written = reports.write(tmp_path)
    assert (written.headline, written.exit_code) == ("Not ready: the PSTN trap rang", 1)
    (tmp_path / "load" / "load.json").unlink()
    assert reports.write(tmp_path).headline == "Not ready: the PSTN trap rang"


def test_faults_of_a_run_that_passed_did_not_break_it(tmp_path, records):
    one = next(r for r in records if r.cause is Cause.DROPPED)
    good = [r for r in records if r.cause is Cause.NONE]
    reports.write(write_load(tmp_path, [*good, one], verdict=Verdict.PASS, headline="Ready"))
    assert "1 call was not right, at " in html(tmp_path)
    assert "What broke first" not in html(tmp_path)


def test_secrets_are_in_no_report(tmp_path, records):
    spoilt = [replace(r, why=f"login with {PASSWORD}", reason=PASSWORD) for r in records if r.cause is Cause.REFUSED]
    write_load(tmp_path, [*records[:200], *spoilt], profile_text=f'password = "{PASSWORD}"', headline=f"x {PASSWORD}")
    written = reports.write(tmp_path, secrets=[PASSWORD])
    for path in (written.html, written.summary, written.junit):
        assert PASSWORD not in path.read_text(encoding="utf-8")


def test_what_the_pbx_says_cannot_become_markup(tmp_path, records):
    evil = "</script><img src=x onerror=alert(1)>\u202e"
    refused = [replace(r, reason=evil, why=evil, name=evil) for r in records if r.cause is Cause.REFUSED]
    reports.write(write_load(tmp_path, refused, name=evil, headline=evil, conditions=((evil, evil),)))
    assert not [a for tag, a in Elements(html(tmp_path)).seen if tag == "img"]
    assert charts(tmp_path)


def test_a_criterion_is_drawn_where_it_lies(records):
    for criterion in criteria(records):
        drawn = interval(criterion)
        if drawn is None:
            continue
        good = drawn.good_from <= drawn.value <= drawn.good_to
        assert good == (criterion.verdict is Verdict.PASS)
        assert 0 <= drawn.low <= drawn.value <= drawn.high <= 100
    assert criterion_view(criteria(records)[0]).limit == "≥ 99.5 %"


def test_the_other_leg_of_a_failed_call_is_found_by_its_number(tmp_path, records):
    refused = next(r for r in records if r.cause is Cause.REFUSED)
    trace = kept_trace(refused)
    first = trace[0]
    other = [
        type(first)(
            at=first.at - 0.01, wall=first.wall, source=CUSTOMER, destination=TRUNK_C, transport="udp",
            raw="INVITE sip:x SIP/2.0\r\nCall-ID: leg-c\r\nCSeq: 1 INVITE\r\n"
            f"From: <sip:{refused.customer}@x>;tag=1\r\n\r\n",
        )
    ]  # fmt: skip
    write_load(tmp_path, records)
    (tmp_path / "load" / "kept" / "worker-2.jsonl").write_text("".join(json.dumps(asdict(e)) + "\n" for e in other))
    load = read_load(tmp_path, read_load_result(tmp_path))
    group = next(g for g in failure_groups(load.calls, load.messages) if g.cause is Cause.REFUSED)
    assert [column.name for column in group.ladder.columns] == ["the customer", "trunk", "PBX"]
    assert len(group.ladder.arrows) == len(trace) + 1


def test_the_store_s_damage_is_in_the_summary(tmp_path, records):
    write_load(tmp_path, records[:20])
    with (tmp_path / "load" / store.FILES[CallRecord]).open("a") as file:
        file.write("torn")
    summary = json.loads(reports.write(tmp_path).summary.read_text(encoding="utf-8"))
    assert any("cut off" in text for text in summary["load"]["problems"])
