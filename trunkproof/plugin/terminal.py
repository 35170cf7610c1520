"""pytest's terminal reporter during a live run: a line per scenario, no tracebacks, no dots."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.terminal import TerminalReporter
from rich.markup import escape

from harness.verdict import Verdict
from trunkproof.plugin.live_run import LiveRun
from trunkproof.plugin.second_play import RERUN

SIGNS = {
    Verdict.PASS: "[green]✓[/green]",
    Verdict.FAIL: "[red]✗[/red]",
    Verdict.INCONCLUSIVE: "[yellow]?[/yellow]",
    Verdict.NOT_RUN: "[dim]–[/dim]",
}
_collection_errors: list[str] = []
_runs: list[LiveRun] = []


def take_over(config: pytest.Config, run: LiveRun) -> None:
    """Put our reporter in the place of pytest's."""
    standard = config.pluginmanager.getplugin("terminalreporter")
    if standard is None:
        return
    config.pluginmanager.unregister(standard)
    config.pluginmanager.register(ScenarioReporter(config, run), "terminalreporter")
    _runs.append(run)


def running() -> LiveRun | None:
    """The live run of this process, None in a worker and in a session without features."""
    return _runs[-1] if _runs else None


def remember_collection_error(text: str) -> None:
    """A feature that cannot be collected, with file and line; each is kept once, however many workers saw it."""
    if text not in _collection_errors:
        _collection_errors.append(text)


def collection_errors() -> list[str]:
    return list(_collection_errors)


class ScenarioReporter(TerminalReporter):  # type: ignore[misc]  # the one way to speak in its place
    """Says what is being called and how it ended; the table at the end is the report's."""

    def __init__(self, config: pytest.Config, run: LiveRun) -> None:
        super().__init__(config)
        self._run = run
        self._done = 0

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Scenarios are reported when they end."""

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Nothing more to say."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        again = report.outcome == RERUN
        if report.when == "call":
            self._done += not again
            verdict = Verdict(str(properties.get("trunkproof.verdict", Verdict.INCONCLUSIVE)))
            name = properties.get("trunkproof.name", report.nodeid)
            number = "" if again else self._done
            self._run.progress.console.print(
                f"{SIGNS[verdict]} {number:>3}  {escape(str(name))}  [dim]{report.duration:.1f} s[/dim]",
                highlight=False,
            )
            if verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
                self._run.progress.say(f"        {properties.get('trunkproof.reason', '')}")
            if again:
                self._run.progress.say("        it is played once more")
        elif report.failed:
            reason = str(report.longrepr).strip().splitlines()[-1]
            self._run.progress.say(f"?      {report.nodeid.rpartition('::')[2]}: {reason}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._run.progress.say(str(report.longrepr))

    def pytest_collection(self) -> None:
        """Collection takes no time worth mentioning."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The scenarios speak for themselves."""

    def report_collect(self, final: bool = False) -> None:
        """See above."""

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Any:
        """The table follows from the live run."""
        return iter(())

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest.exit comes this way, too, when the run could not start; its reason is in the reports.
        if excinfo.errisinstance(KeyboardInterrupt):
            self._run.progress.say("interrupted: stopping, and reporting what was measured")

    def pytest_unconfigure(self) -> None:
        """No summary of pytest's own."""
