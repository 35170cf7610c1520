"""The words in which verdicts are told."""

from __future__ import annotations

from collections import Counter

from harness.evidence import RunRecord
from harness.load.result import LoadResult
from harness.verdict import Blame, Verdict, of_run
from reports.reading import Run
from reports.visible import one_line

VERDICT_WORDS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_RUN: "not run",
}
BLAME_WORDS = {
    Blame.NOBODY: "",
    Blame.PBX: "the PBX",
    Blame.USER: "the set-up (target file, feature or command line)",
    Blame.HARNESS: "the test bench; nothing is proven about the PBX",
}
_LOAD_BLAME = {Verdict.FAIL: Blame.PBX, Verdict.INCONCLUSIVE: Blame.HARNESS}


def run_verdict(run: Run) -> tuple[Verdict, int]:
    """Verdict and exit code of a run, run-level failures included."""
    seen = [(s.record.verdict, s.record.blame) for s in run.scenarios]
    if run.record.run_verdict is not None:
        seen.append((run.record.run_verdict, run.record.run_blame or Blame.HARNESS))
    if run.load is not None:
        seen.append((run.load.verdict, _LOAD_BLAME.get(run.load.verdict, Blame.NOBODY)))
    return of_run(seen)


def count(run: Run) -> dict[Verdict, int]:
    """Scenarios by verdict; every verdict is there."""
    seen = Counter(s.record.verdict for s in run.scenarios)
    return {verdict: seen[verdict] for verdict in Verdict}


def headline(run: Run) -> str:
    """One sentence for somebody who reads nothing else."""
    verdict, _ = run_verdict(run)
    if run.load is not None and (not run.scenarios or run.load.verdict is verdict is not Verdict.PASS):
        failed = count(run)[Verdict.FAIL]
        beside = f"; {failed} of {_scenarios(len(run.scenarios))} failed" if failed else ""
        return _of_load(run.record, run.load) + beside
    counts, total = count(run), len(run.scenarios)
    where = f" on {_where(run.record)}"
    not_run = f", {counts[Verdict.NOT_RUN]} not run" if counts[Verdict.NOT_RUN] else ""
    if verdict is Verdict.FAIL:
        if not counts[Verdict.FAIL]:
            return f"Not ready: {_first_error(run.record)}{where}"
        return f"Not ready: {counts[Verdict.FAIL]} of {_scenarios(total)} failed{where}"
    if verdict is Verdict.PASS:
        return f"No fault found: {counts[Verdict.PASS]} of {_scenarios(total)} passed{not_run}{where}"
    if not total:
        return f"Nothing proven: {_first_error(run.record)}"
    if counts[Verdict.INCONCLUSIVE]:
        return (
            f"Nothing proven yet: {counts[Verdict.INCONCLUSIVE]} of {_scenarios(total)} inconclusive, "
            f"{counts[Verdict.PASS]} passed{not_run}{where}"
        )
    if run.record.run_verdict is not None:
        return f"Nothing proven yet: {_first_error(run.record)}"
    return f"Nothing proven: none of {_scenarios(total)} ran{where}"


def _of_load(record: RunRecord, load: LoadResult) -> str:
    """What the load run says, unless the run itself went wrong."""
    if record.errors and (record.run_verdict not in (None, load.verdict) or not load.began):
        said = "Not ready" if record.run_verdict is Verdict.FAIL else "Nothing proven"
        return f"{said}: {_first_error(record)}"
    return one_line(load.headline, limit=400)


def duration(seconds: float) -> str:
    """``17 ms``, ``4.2 s``, ``3 min 12 s``, ``1 h 4 min``."""
    if seconds < 0.0995:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _where(record: RunRecord) -> str:
    # A distribution's build suffix ("22.10.1+dfsg+…") is for the details, not for the headline.
    pbx = one_line(record.pbx_version, limit=80).partition("+")[0] or f"target {one_line(record.target, limit=80)}"
    twin = f" (broken twin {one_line(record.twin, limit=60)})" if record.twin else ""
    return f"the {one_line(record.profile, limit=60)} trunk, {pbx}{twin}"


def _first_error(record: RunRecord) -> str:
    return one_line(record.errors[0]) if record.errors else "no scenario ran"


def _scenarios(number: int) -> str:
    return f"{number} scenario{'' if number == 1 else 's'}"
