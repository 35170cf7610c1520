"""``junit.xml`` for CI servers: a suite per feature, a case per scenario."""

from __future__ import annotations

from itertools import groupby
from xml.etree import ElementTree

from harness.evidence import ScenarioRecord
from harness.verdict import Verdict
from reports.load.junit import add_load_suite
from reports.reading import Evidence, Run
from reports.visible import one_line, visible
from reports.wording import BLAME_WORDS

# Ours on the left; JUnit has no word for "we cannot know", and an error is not counted as a pass anywhere.
_OUTCOME = {Verdict.FAIL: "failure", Verdict.INCONCLUSIVE: "error", Verdict.NOT_RUN: "skipped"}


def junit_document(run: Run) -> str:
    """The run as JUnit XML."""
    root = ElementTree.Element("testsuites", name=_attribute(run.record.run_id))
    _count(root, [s.record for s in run.scenarios])
    for (feature, file), group in groupby(run.scenarios, lambda s: (s.record.feature, s.record.feature_file)):
        scenarios = list(group)
        suite = ElementTree.SubElement(root, "testsuite", name=_attribute(feature))
        if file:
            suite.set("file", _attribute(file))
        _count(suite, [s.record for s in scenarios])
        for scenario in scenarios:
            _case(suite, scenario, run)
    if run.load is not None:
        add_load_suite(root, run.load)
    if run.record.errors:
        _run_errors(root, run)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, scenario: Evidence, run: Run) -> None:
    record = scenario.record
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_attribute(record.feature),
        name=_attribute(record.name),
        time=f"{record.duration_s:.3f}",
    )
    if record.feature_file:
        case.set("file", _attribute(record.feature_file))
        case.set("line", str(record.line))
    properties = ElementTree.SubElement(case, "properties")
    facts = [("verdict", record.verdict.value), ("blame", record.blame.value), ("talk_s", f"{record.talk_s:.3f}")]
    facts += [("requirement", requirement) for requirement in record.requirements]
    if record.unjudged_before:
        facts.append(("unjudged_before", record.unjudged_before))
    facts.append(("evidence", scenario.directory.relative_to(run.directory).as_posix()))
    for name, value in facts:
        ElementTree.SubElement(properties, "property", name=name, value=_attribute(value))
    outcome = _OUTCOME.get(record.verdict)
    if outcome is not None:
        reason = record.reason or record.verdict.value
        element = ElementTree.SubElement(case, outcome, message=_attribute(reason), type=_attribute(record.blame.value))
        element.text = visible(_explanation(record))
    if scenario.problems:
        ElementTree.SubElement(case, "system-out").text = visible("\n".join(scenario.problems))


def _run_errors(root: ElementTree.Element, run: Run) -> None:
    """Run-level failures as a suite of their own, so that a CI server shows them."""
    suite = ElementTree.SubElement(root, "testsuite", name="run", tests="1", failures="0", errors="1", skipped="0")
    case = ElementTree.SubElement(suite, "testcase", classname="run", name="the run itself", time="0")
    element = ElementTree.SubElement(case, "error", message=_attribute(run.record.errors[0]))
    element.text = visible("\n".join(run.record.errors))
    for name in ("tests", "errors"):
        root.set(name, str(int(root.get(name, "0")) + 1))


def _count(element: ElementTree.Element, records: list[ScenarioRecord]) -> None:
    verdicts = [record.verdict for record in records]
    element.set("tests", str(len(records)))
    element.set("failures", str(verdicts.count(Verdict.FAIL)))
    element.set("errors", str(verdicts.count(Verdict.INCONCLUSIVE)))
    element.set("skipped", str(verdicts.count(Verdict.NOT_RUN)))
    element.set("time", f"{sum(record.duration_s for record in records):.3f}")


def _explanation(record: ScenarioRecord) -> str:
    blame = BLAME_WORDS[record.blame]
    steps = [f"{step.keyword.strip()} {step.text}: {step.error}" for step in record.steps if step.error]
    parts = [f"{record.reason} (at fault: {blame})" if blame else record.reason, *steps, record.detail]
    return "\n\n".join(part for part in parts if part)


def _attribute(text: str) -> str:
    return one_line(text, limit=1000)
