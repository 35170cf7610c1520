"""A load run inside a scenario: ``trunkproof load`` beside it, on the same PBX, and what came of its calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessMisuse, Inconclusive, NotRun
from harness.load.criteria import judge
from harness.load.measures import Measures, measure
from harness.load.profile import CriteriaSection, load_profile
from harness.load.result import LoadResult
from harness.load.store import read_calls, read_result
from harness.verdict import Verdict
from scenarios.load.attached import write_system
from scenarios.scene import Scene

MIX = "go_live"
"""Built-in profile whose mix is run when the sentence names none."""
SET_UP_S = 180.0
"""Start, baseline, judgement and reports of a run."""
STOP_S = 60.0


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What came of a load run. ``report`` is where its own report is."""

    result: LoadResult
    measures: Measures
    leaked_channels: int | None
    report: Path


def run_load(scene: Scene, mix: str, *, customers: int, rate: float, seconds: float) -> None:
    """Have so many customers run a profile's mix at ``rate`` (calls/s) for ``seconds``, and wait until it is over.

    Raises NotRun for a target that allows no load runs, HarnessMisuse for a profile that cannot be run, Inconclusive
    when the generator was the bottleneck or the run did not come to its end.
    """
    if not scene.testbed.target.load_allowed:
        raise NotRun("the target allows no load runs (load_allowed)")
    patience_s = seconds + load_profile(mix).limits.drain_s + SET_UP_S
    directory = scene.testbed.directory / "load" / f"{scene.testbed.number()}"
    system = directory.with_suffix(".system")
    write_system(system, scene.testbed.system)
    offered = (f"--customers={customers}", f"--rate={rate:g}", f"--duration={seconds:g}")
    try:
        _trunkproof_load([mix, *offered, f"--attach={system}"], directory, patience_s)
    finally:
        system.unlink(missing_ok=True)
    result = read_result(directory)
    if result is None:
        raise Inconclusive("the load run did not come to its end", detail=_tail(directory))
    scene.note(f"{result.headline} ({directory / 'report.html'})")
    if result.generator is not Verdict.PASS:
        raise Inconclusive(f"the load generator was the bottleneck: {result.generator_why}")
    if result.lost_workers:
        raise Inconclusive(f"a load worker was lost: {result.lost_workers[0].why}")
    leaked = next((c.value for c in result.criteria if c.measure == "leaked_channels"), None)
    scene.load = LoadFigures(
        result, measure(read_calls(directory)), None if leaked is None else int(leaked), directory / "report.html"
    )


def require_load(scene: Scene, measure_name: str, limit: float) -> None:
    """A figure of the load run keeps a limit; its name is that of the criterion in a profile.

    Raises PbxFault when it does not, Inconclusive when there were too few calls to tell.
    """
    figures = scene.load
    if figures is None:
        raise HarnessMisuse("no load was run", suggestion='let "… customers run the mix at …" come before')
    criteria = CriteriaSection.model_validate(
        {"cross_talk_calls": None, "leaked_channels": None} | {measure_name: limit}
    )
    (found,) = judge(criteria, figures.measures, leaked_channels=figures.leaked_channels)
    scene.note(f"{found.words}: {found.why}")
    if found.verdict is Verdict.FAIL:
        raise scene.fault(f"{found.words} is not kept: {found.why}")
    if found.verdict is not Verdict.PASS:
        raise Inconclusive(f"{found.words}: {found.why}")


def _trunkproof_load(arguments: Sequence[str], directory: Path, timeout_s: float) -> None:
    """Raises HarnessMisuse with its own words when it says that something is wrong."""
    log = directory.with_suffix(".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkproof.cli", "load", *arguments, f"--run-dir={directory}", "--no-baseline"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Inconclusive(f"the load run was not over after {timeout_s:.0f} s", detail=_tail(directory)) from None
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
    if status == HarnessMisuse.exit_code:
        raise HarnessMisuse(_tail(directory).splitlines()[-1].removeprefix("trunkproof: "))


def _tail(directory: Path) -> str:
    try:
        return "\n".join(directory.with_suffix(".log").read_text(encoding="utf-8").strip().splitlines()[-15:]) or "–"
    except OSError:
        return "–"
