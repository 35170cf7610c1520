"""The load run in ``junit.xml``: a case for each criterion, for the generator, for each probe."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from harness.load.result import LoadResult
from harness.verdict import Verdict
from reports.load.view import criterion_view
from reports.visible import one_line

# As in the other suites: what cannot be known is an error.
_OUTCOME = {Verdict.FAIL: "failure", Verdict.INCONCLUSIVE: "error", Verdict.NOT_RUN: "skipped"}
_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def add_load_suite(root: ElementTree.Element, result: LoadResult) -> None:
    """A suite of its own, counted in the root's totals."""
    suite = ElementTree.SubElement(root, "testsuite", name=_attribute(f"load run {result.name}"))
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for name, verdict, why, seconds in _cases(result):
        totals["tests"] += 1
        case = ElementTree.SubElement(
            suite, "testcase", classname=_attribute(f"load.{result.name}"), name=_attribute(name), time=f"{seconds:.3f}"
        )
        outcome = _OUTCOME.get(verdict)
        if outcome is not None:
            totals[_COUNTED[outcome]] += 1
            ElementTree.SubElement(case, outcome, message=_attribute(why or verdict.value), type="load")
    for name, count in totals.items():
        suite.set(name, str(count))
        root.set(name, str(int(root.get(name, "0")) + count))
    suite.set("time", f"{result.lasted_s:.3f}")
    root.set("time", f"{float(root.get('time', '0')) + result.lasted_s:.3f}")


def _cases(result: LoadResult) -> Iterator[tuple[str, Verdict, str, float]]:
    for criterion in result.criteria:
        shown = criterion_view(criterion)
        sure = "" if shown.confidence == "–" else f", {shown.confidence} with 95 % confidence"
        why = f"measured {shown.value} of {shown.samples}{sure}" + (f": {shown.why}" if shown.why else "")
        yield criterion.words, criterion.verdict, why, 0.0
    # A generator that was the bottleneck proves nothing about the PBX.
    kept_up = result.generator if result.generator is not Verdict.FAIL else Verdict.INCONCLUSIVE
    yield "the generator was not the bottleneck", kept_up, result.generator_why, 0.0
    for probe in result.probes:
        yield f"probe: {probe.scenario}", probe.verdict, probe.why, probe.ended_at - probe.began_at
    if not result.criteria and not result.probes and result.verdict is not Verdict.PASS:
        yield "the load run", result.verdict, result.headline, 0.0


def _attribute(text: str) -> str:
    return one_line(text, limit=1000)
