from xml.etree import ElementTree

import reports
from harness.verdict import Blame, Verdict
from tests.reports.sample_run import scenario, write_run


def test_verdicts_become_outcomes(mixed):
    root = ElementTree.parse(mixed / "junit.xml").getroot()
    assert [root.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["8", "2", "3", "1"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["An unknown number is dialled"].find("failure").get("type") == "pbx"
    skipped = cases["A customer whose app offers only Opus is served"].find("skipped")
    assert skipped.get("message") == "Opus is not available on this machine"
    passed = cases["A customer reaches an agent and they hear each other"]
    assert [child.tag for child in passed] == ["properties"]
    properties = [(p.get("name"), p.get("value")) for p in passed.iter("property")]
    assert ("verdict", "pass") in properties
    assert ("requirement", "S1-01") in properties


def test_suites_add_up(mixed):
    root = ElementTree.parse(mixed / "junit.xml").getroot()
    for key in ("tests", "failures", "errors", "skipped"):
        assert int(root.get(key)) == sum(int(suite.get(key)) for suite in root.iter("testsuite"))


def test_octets_that_xml_does_not_know(tmp_path):
    write_run(tmp_path, errors=["the trap rang\x00"], run_verdict=Verdict.FAIL, run_blame=Blame.PBX)
    scenario(tmp_path, "x", Verdict.FAIL, blame=Blame.PBX, reason="got \x00\x1b\ufffe", detail="\x0b]]><b>")
    root = ElementTree.parse(reports.write(tmp_path).junit).getroot()
    assert root.get("errors") == "1"
    assert root.get("failures") == "1"
