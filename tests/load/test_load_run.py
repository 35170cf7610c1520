"""Whole load runs over Locust's real master and workers; the generators are stand-ins that call nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

import psutil
import pytest
from rich.console import Console

from harness.errors import HarnessMisuse
from harness.load.arrivals_section import ArrivalsSection
from harness.load.profile import CriteriaSection, CustomersSection, LimitsSection, LoadProfile, MixLine
from harness.load.records import Flow
from harness.load.search import from_json
from harness.load.search_step import SearchKind
from harness.load.spread import Spread
from harness.load.store import read_calls, read_health, read_result
from harness.verdict import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_PBX_FAULT, Verdict
from tests.load.standin_generator import CPU, REFUSE_EVERY
from trunkproof.load import baseline
from trunkproof.load.capacity import STATE, CapacityRun
from trunkproof.load.plan import LoadRequest
from trunkproof.load.run import LoadRun
from trunkproof.plugin.progress import Progress

STANDIN = "tests.load.standin_generator:run"
GONE_S = 5.0
TARGET = """
name = "somebody's"
load_allowed = {allowed}
[pbx]
host = "127.0.0.250"
[trunk]
addresses = ["127.0.0.20-127.0.0.21"]
[phones]
addresses = ["127.0.0.100-127.0.0.103"]
[agents]
extensions = ["1001-1002"]
password = "not-to-be-seen"
[[queues]]
name = "load-a"
agents = ["1001"]
[[queues]]
name = "load-b"
agents = ["1002"]
[[numbers]]
number = "+442079460100"
purpose = "support"
queue = "load-a"
[[numbers]]
number = "+442079460101"
purpose = "support"
queue = "load-b"
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    path = tmp_path / "target.toml"
    path.write_text(TARGET.format(allowed="true"), encoding="utf-8")
    return str(path)


def a_profile(seconds: float = 2.0, rate: float = 100.0, **changes) -> LoadProfile:
    plain = {
        "name": "short",
        "duration_s": seconds,
        "arrivals": ArrivalsSection(rate=rate),
        "holding": Spread(mean_s=0.3),
        "mix": [MixLine(flow=Flow.INBOUND, share=1)],
        "criteria": CriteriaSection(session_establishment_ratio=95.0),
    }
    return LoadProfile(**(plain | changes))


def a_request(target: str, place: Path, load: LoadProfile | None = None, **changes) -> LoadRequest:
    plain = {
        "target": target,
        "load": load or a_profile(),
        "where": "short.toml",
        "profile_text": "",
        "directory": place / "run",
        "workers": 2,
        "baseline": False,
        "generator": STANDIN,
    }
    return LoadRequest(**(plain | changes))


def quiet() -> Progress:
    return Progress(Console(record=True, quiet=False, file=open(os.devnull, "w"), width=200))  # noqa: PTH123


def test_a_run_of_two_workers_is_stored_judged_and_leaves_nothing(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "OFFERED_S", 2.0)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    request = a_request(target, tmp_path, baseline=True)
    assert LoadRun(request, quiet()).run() == EXIT_PASS

    calls, result = read_calls(request.directory), read_result(request.directory)
    assert result is not None
    assert result.verdict is Verdict.PASS
    assert result.workers == ("worker-1", "worker-2")
    assert 140 <= len(calls) <= 260  # 200 are expected; Poisson's standard deviation is 14
    assert len(set(calls["call"])) == len(calls)
    assert set(calls["worker"]) == {"worker-1", "worker-2"}
    assert len(read_health(request.directory)) >= 4
    assert result.baseline is not None
    assert result.baseline.verdict is Verdict.PASS
    assert result.baseline.calls > 100
    assert (request.directory / "report.html").is_file()
    written = [p for p in request.directory.rglob("*") if p.is_file() and b"not-to-be-seen" in p.read_bytes()]
    assert written == []
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


def test_a_refusing_pbx_fails_and_the_exit_code_says_so(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REFUSE_EVERY, "5")
    request = a_request(target, tmp_path)
    assert LoadRun(request, quiet()).run() == EXIT_PBX_FAULT
    result = read_result(request.directory)
    assert result is not None
    assert result.headline.startswith("Not ready for 100 calls/s: session establishment ratio 8")


class KillsAWorker(LoadRun):
    """Kills worker-2 once it has told of calls."""

    generators: tuple[psutil.Process, ...] = ()

    def calls(self, worker, records) -> None:
        super().calls(worker, records)
        if worker.name == "worker-2" and not self.generators:
            process = psutil.Process(worker.pid)
            self.generators = tuple(process.children(recursive=True))
            process.send_signal(signal.SIGKILL)


def test_a_killed_worker_costs_its_calls_and_no_more(target: str, tmp_path: Path) -> None:
    run = KillsAWorker(a_request(target, tmp_path, a_profile(seconds=3.0)), quiet())
    began = monotonic()
    assert run.run() == EXIT_INCONCLUSIVE
    assert monotonic() - began < 30

    result = read_result(run.directory)
    assert result is not None
    (lost,) = result.lost_workers
    assert lost.worker == "worker-2"
    assert "worker-2 was lost" in result.headline
    assert len(run.generators) == 1
    _, alive = psutil.wait_procs(run.generators, timeout=GONE_S)
    assert alive == []
    calls = read_calls(run.directory)
    last = {name: max(calls["due_at"][calls["worker"] == name]) for name in ("worker-1", "worker-2")}
    assert last["worker-1"] > 2.5
    assert last["worker-2"] < 2.0


class InterruptsItself(LoadRun):
    """As Ctrl-C does, once calls have come."""

    _done = False

    def calls(self, worker, records) -> None:
        super().calls(worker, records)
        if not self._done:
            self._done = True
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_run_drains_and_reports(target: str, tmp_path: Path) -> None:
    run = InterruptsItself(a_request(target, tmp_path, a_profile(seconds=60.0)), quiet())
    assert run.run() == EXIT_INCONCLUSIVE
    result = read_result(run.directory)
    assert result is not None
    assert result.lasted_s < 15
    assert "it was interrupted" in result.headline
    assert len(read_calls(run.directory)) > 0


def test_a_generator_that_is_the_bottleneck_makes_the_run_inconclusive(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CPU, "0.99")
    monkeypatch.setenv(REFUSE_EVERY, "5")
    run = LoadRun(a_request(target, tmp_path), quiet())
    assert run.run() == EXIT_INCONCLUSIVE
    result = read_result(run.directory)
    assert result is not None
    assert result.generator is Verdict.INCONCLUSIVE
    assert "--workers 4" in result.headline


def test_a_search_finds_its_end_and_is_gone_on_with(target: str, tmp_path: Path) -> None:
    load = a_profile(customers=CustomersSection(count=24), limits=LimitsSection(drain_s=5.0))

    class StopsAfterAStep(CapacityRun):
        def _keep(self) -> None:
            super()._keep()
            self.interrupted = "the test has seen enough"

    first = StopsAfterAStep(a_request(target, tmp_path, load), SearchKind.CONCURRENCY, short=True, progress=quiet())
    first._search = _quick(first._search)
    assert first.run() == EXIT_INCONCLUSIVE
    kept = from_json((first.directory / "load" / STATE).read_text(encoding="utf-8"))
    assert [step.offered for step in kept.steps] == [12.0]

    request = a_request(target, tmp_path, load, directory=tmp_path / "second")
    second = CapacityRun(request, SearchKind.CONCURRENCY, short=True, resume=str(first.directory), progress=quiet())
    assert second.run() == EXIT_PASS
    result = read_result(request.directory)
    assert result is not None
    assert result.capacity is not None
    assert [step.offered for step in result.capacity.steps] == [12.0, 24.0, 24.0]
    assert result.headline == "Carries 24 calls at once"


def _quick(search):
    return replace(search, start=12, ramp_rate=50.0, plateau_s=0.5)


def test_what_is_not_allowed_is_said_before_anything_is_started(target: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed.toml"
    closed.write_text(TARGET.format(allowed="false"), encoding="utf-8")
    wrong = {
        "does not allow load runs.*load_allowed = true": a_request(str(closed), tmp_path),
        "--workers 3: each needs a trunk address, and the target declares 2": a_request(target, tmp_path, workers=3),
        r"about 20000 calls arrive in 200 s, \[limits\] calls is 10000": a_request(
            target, tmp_path, a_profile(seconds=200.0)
        ),
        r"calls would be up at once, \[customers\] count is 5": a_request(
            target, tmp_path, a_profile(customers=CustomersSection(count=5))
        ),
        "there is no such file": a_request("nowhere.toml", tmp_path),
    }
    for words, request in wrong.items():
        with pytest.raises(HarnessMisuse, match=words):
            LoadRun(request, quiet()).run()
        assert not request.directory.exists()


def test_a_generator_that_cannot_start_ends_the_run_with_its_reason(target: str, tmp_path: Path) -> None:
    request = a_request(target, tmp_path, generator="tests.load.no_such_module:run")
    run = LoadRun(request, quiet())
    assert run.run() == EXIT_INCONCLUSIVE
    assert "no_such_module" in (request.directory / "run.json").read_text(encoding="utf-8")


def test_no_process_outlives_its_controller(target: str, tmp_path: Path) -> None:
    """A controller that is killed takes its master, workers and generators with it."""
    script = (
        "import sys; from pathlib import Path; from tests.load.test_load_run import *; "
        "LoadRun(a_request(sys.argv[1], Path(sys.argv[2]), a_profile(seconds=60.0)), quiet()).run()"
    )
    controller = subprocess.Popen([sys.executable, "-c", script, target, str(tmp_path)])
    over = threading.Event()
    calls = tmp_path / "run" / "load" / "calls.csv"
    deadline = monotonic() + 30
    while monotonic() < deadline and not (calls.is_file() and calls.read_text().count("\n") > 5):
        over.wait(0.1)
    family = psutil.Process(controller.pid).children(recursive=True)
    assert len(family) == 5  # master, two workers, two generators
    controller.kill()
    controller.wait()
    _, alive = psutil.wait_procs(family, timeout=GONE_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert alive == []
