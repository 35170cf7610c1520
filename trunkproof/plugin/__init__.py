"""The pytest plugin: features are collected as they are, a live run stands around them, reports follow.

It does nothing at all in a pytest session without feature files.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harness.child import die_with_parent
from harness.errors import Inconclusive, NotRun, TrunkproofError
from scenarios.checks import clear_pbx
from scenarios.scene import Scene
from scenarios.system import RunSettings, require_claims
from scenarios.testbed import Testbed
from trunkproof.plugin import placing, recorder, second_play, terminal
from trunkproof.plugin.feature_file import FeatureFile, collect_feature
from trunkproof.plugin.live_run import LiveRun
from trunkproof.plugin.options import add_options, feature_paths
from trunkproof.plugin.workbench import Workbench
from trunkproof.vocabulary import STEP_MODULES

pytest_plugins = [*STEP_MODULES]

LIVE_RUN = pytest.StashKey[LiveRun]()
SETTINGS = pytest.StashKey[RunSettings]()
WORKER_KEY = "trunkproof_settings"
CUT_SHORT: dict[int, str] = {
    pytest.ExitCode.INTERRUPTED: "the run was interrupted: not all scenarios ran",
    pytest.ExitCode.INTERNAL_ERROR: "pytest itself failed: not all scenarios ran",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    placing.declare_marker(config)
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        if WORKER_KEY in worker_input:
            # xdist's workers end their scenario first, a controller that was killed has no use for it.
            die_with_parent(os.getppid())
            settings: RunSettings = pickle.loads(worker_input[WORKER_KEY])
            config.stash[SETTINGS] = settings
            _report_to_allure(config, settings.directory)
        return
    if feature_paths(config) and not config.option.collectonly:
        placing.group_scheduling(config)
        run = LiveRun.of(config)
        config.stash[LIVE_RUN] = run
        _report_to_allure(config, run.directory)


def _report_to_allure(config: pytest.Config, run_directory: Path) -> None:
    """Have Allure's results in the run's directory; allure-pytest reads its option after this."""
    if not config.option.allure_report_dir:
        config.option.allure_report_dir = str(run_directory / "allure-results")


@pytest.hookimpl(trylast=True, specname="pytest_configure")
def pytest_configure_terminal(config: pytest.Config) -> None:
    if LIVE_RUN in config.stash:
        terminal.take_over(config, config.stash[LIVE_RUN])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FeatureFile | None:
    return collect_feature(file_path, parent)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Several workers: the PBX must be up before they are told where it is."""
    if LIVE_RUN in config.stash:
        _start(config, workers=len(specs))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    run = node.config.stash.get(LIVE_RUN, None)
    if run is not None:
        node.workerinput[WORKER_KEY] = pickle.dumps(run.settings())


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """In workers, before xdist's own hook looks for groups; a serial run knows its targets only later."""
    placing.leave_out_load(config, items)
    second_play.allow(items, config)
    if SETTINGS in config.stash:
        placing.assign(items, config.stash[SETTINGS].targets)
        placing.long_ones_first(items)
    return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    parallel = config.pluginmanager.hasplugin("dsession")
    if LIVE_RUN in config.stash and not parallel and session.items:
        _start(config, workers=1)
        config.stash[SETTINGS] = config.stash[LIVE_RUN].settings()
        placing.assign(session.items, config.stash[SETTINGS].targets)


def _start(config: pytest.Config, workers: int) -> None:
    run = config.stash[LIVE_RUN]
    try:
        run.start(workers)
    except TrunkproofError as error:
        run.failed(error)
        pytest.exit(str(error), returncode=error.exit_code)
    except OSError as refused:
        run.failed(Inconclusive(f"the run could not start: {refused}"))
        pytest.exit(str(refused), returncode=Inconclusive.exit_code)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        terminal.remember_collection_error(str(report.longrepr))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run = session.config.stash.get(LIVE_RUN, None)
    if run is None:
        return
    if not terminal.collection_errors() and exitstatus in CUT_SHORT:
        run.cut_short(CUT_SHORT[exitstatus])
    session.exitstatus = run.finish(terminal.collection_errors())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A scenario that left no record (its worker crashed, its set-up failed) must not be missed."""
    run = terminal.running()
    if run is not None and report.failed and report.when != "call":
        run.lost(report.nodeid, str(report.longrepr).strip().splitlines()[-1])


@pytest.fixture(scope="session")
def workbench(request: pytest.FixtureRequest) -> Iterator[Workbench]:
    """What the worker works with."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "serial")
    bench = Workbench(request.config.stash[SETTINGS], worker)
    try:
        yield bench
    finally:
        bench.stop()


@pytest.fixture(autouse=True)
def ready_testbed(request: pytest.FixtureRequest) -> None:
    """Start the testbed before a scenario's time begins to count; nothing for tests that are no scenarios."""
    if SETTINGS in request.config.stash and isinstance(request.node.parent, FeatureFile):
        # What cannot start is told by the scenario itself, which has a record to tell it in.
        with suppress(TrunkproofError):
            _ready_testbed(request.node, request.getfixturevalue("workbench"))


def _ready_testbed(item: pytest.Item, bench: Workbench) -> Testbed:
    """The scenario's testbed, everything in it ready. Raises TrunkproofError."""
    placement = item.stash[placing.PLACEMENT]
    require_claims(placing.tags_of(item), placement)
    testbed = bench.testbed(placement)
    called_at = item.stash.get(placing.CALLED_AT, None)
    testbed.make_ready("" if called_at is None else testbed.target.called_trunk_addresses()[called_at])
    return testbed


@pytest.fixture
def scene(request: pytest.FixtureRequest, workbench: Workbench) -> Iterator[Scene]:
    """The scenario in progress."""
    testbed = _ready_testbed(request.node, workbench)
    scene = Scene(testbed, request.node.name, pbx_calls=placing.pbx_calls(request.node))
    request.node.stash[recorder.SCENE] = scene
    yield scene
    try:
        # A PBX that cannot be asked any more has been told of by the scenario itself.
        with suppress(TrunkproofError):
            clear_pbx(scene)
        with suppress(TrunkproofError):
            testbed.pbx.reset()
    finally:
        scene.switch_all_off()
        # What is played once more must not be taken for this scene if its own cannot be set.
        del request.node.stash[recorder.SCENE]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    settings = item.config.stash.get(SETTINGS, None)
    if settings is None or not isinstance(item.parent, FeatureFile):
        return (yield)
    recording = recorder.Recording.of(item, settings)
    item.stash[recorder.RECORDING] = recording
    error: BaseException | None = None
    try:
        recording.require_claims()
        yield
        recording.closing_checks()
    except BaseException as raised:  # noqa: BLE001 - every way to end is recorded, then raised again
        error = recording.weigh(raised)
    recording.finish(error)
    if isinstance(error, NotRun):
        pytest.skip(str(error))
    if error is not None:
        raise error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    recording = item.stash.get(recorder.RECORDING, None)
    if recording is not None and call.when == "call":
        recording.describe(report)
    return report


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Any) -> None:
    recording = request.node.stash.get(recorder.RECORDING, None)
    if recording is not None:
        recording.step_began(step)


def pytest_bdd_after_step(request: pytest.FixtureRequest, step: Any) -> None:
    recording = request.node.stash.get(recorder.RECORDING, None)
    if recording is not None:
        recording.step_ended(step, None)


def pytest_bdd_step_error(request: pytest.FixtureRequest, step: Any, exception: BaseException) -> None:
    recording = request.node.stash.get(recorder.RECORDING, None)
    if recording is not None:
        recording.step_ended(step, exception)


def pytest_bdd_apply_tag(tag: str, function: Any) -> bool:
    """Every tag of a feature is a marker, so that ``-m`` selects by it."""
    getattr(pytest.mark, tag)(function)
    return True
