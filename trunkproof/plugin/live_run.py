"""A live run: the run directory, the PBX, the PSTN trap, and the reports at its end. Controller only."""

from __future__ import annotations

import platform
import random
import shlex
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest

import reports
from harness.errors import HarnessMisuse, TrunkproofError
from harness.evidence import RECORD_NAME, RunRecord, ScenarioRecord
from harness.masking import mask_text
from harness.process import Simulator
from harness.target import Target, load_target
from harness.verdict import Blame, Verdict, of_error
from scenarios.testbed import SHORTFALL_NAME, RunSettings
from simulators.pbx import reference
from simulators.pbx.adapter import RunningPbx
from simulators.pstn.trap import TrapConfig, pstn_calls
from simulators.trunk.profile import load_profile
from trunkproof.plugin.progress import Progress

OUT = "out"
RUN_NAME = "run.json"
PSTN_PORT = 5060
PACKAGES = ("pytest", "pytest-bdd", "pytest-xdist", "sippy", "allure-pytest")


class LiveRun:
    """One run. ``directory`` exists from the start, so that even a run that cannot start leaves a report."""

    def __init__(self, *, target: str, profile: str, provider: str, twin: str, directory: Path, command: str) -> None:
        self._target_name = target
        self._profile_name = profile
        self._provider = provider
        self._twin = twin
        self._command = command
        self.run_id = directory.name
        self.directory = directory
        self.progress = Progress()
        self._started_wall = time.time()
        self._started_at = time.monotonic()
        self._workers = 1
        self._target: Target | None = None
        self._pbx: reference.ReferencePbx | None = None
        self._trap: Simulator | None = None
        self._running: RunningPbx | None = None
        self._pstn_address = ""
        self._notes: list[str] = []
        self._errors: list[str] = []
        self._blame: tuple[Verdict, Blame] | None = None
        self._seed = random.SystemRandom().randrange(1, 1 << 30)
        self._make_directory()

    def _make_directory(self) -> None:
        if (self.directory / RUN_NAME).exists() or (self.directory / "evidence").exists():
            raise pytest.UsageError(f"{self.directory} holds a run already: name another --run-dir")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as refused:
            raise pytest.UsageError(f"the run's directory cannot be made: {refused}") from None

    @classmethod
    def of(cls, config: pytest.Config) -> LiveRun:
        """The run that the session's options describe."""
        options = config.option
        if options.run_dir:
            directory = Path(options.run_dir).resolve()
        else:
            directory = config.invocation_params.dir / OUT / _run_id(options.target, options.twin)
        return cls(
            target=options.target,
            profile=options.profile,
            provider=options.provider,
            twin=options.twin,
            directory=directory,
            command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        )

    @property
    def pstn_log(self) -> Path:
        return self.directory / "work" / "pstn.jsonl"

    def start(self, workers: int) -> None:
        """Bring up the PBX and the trap. Raises TrunkproofError; what was started is stopped by ``finish``."""
        self._workers = workers
        target = load_target(self._target_name)
        if self._profile_name:
            target = target.model_copy(
                update={"trunk": target.trunk.model_copy(update={"profile": self._profile_name})}
            )
        load_profile(target.trunk.profile)
        self._target = target
        if target.pbx.adapter == "asterisk-reference":
            with self.progress.task("reference PBX") as say:
                self._pbx = reference.start(
                    target,
                    self.directory / "pbx",
                    provider=self._provider or target.pbx.provider,
                    twin=self._twin or None,
                    progress=say,
                )
            self._running = self._pbx.running
            self._target = self._running.target
            self._start_trap(self._pbx.pstn_address)
            self._notes.extend(self._pbx.notes)
        else:
            if self._twin:
                raise HarnessMisuse("only the reference PBX has twins", suggestion="leave --twin out")
            self._running = RunningPbx(target=target)
            self._notes.append("no PSTN trap: trunkproof cannot see this PBX's PSTN gateway")

    def _start_trap(self, address: str) -> None:
        self._pstn_address = f"{address}:{PSTN_PORT}"
        self._trap = Simulator(
            "the PSTN trap",
            "simulators.pstn.trap:run",
            TrapConfig(address=address, port=PSTN_PORT, log=str(self.pstn_log)),
            log=self.directory / "logs" / "pstn.log",
        )
        self._trap.ready()

    def settings(self, worker: str) -> RunSettings:
        """What a worker must know. Each worker draws other customers."""
        assert self._running is not None and self._target is not None
        digits = "".join(c for c in worker if c.isdigit())
        return RunSettings(
            run_directory=str(self.directory),
            running=replace(self._running, target=self._target),
            profile=self._target.trunk.profile,
            pstn_log=str(self.pstn_log),
            pstn_address=self._pstn_address,
            seed=self._seed + int(digits or 0),
        )

    def failed(self, error: TrunkproofError) -> None:
        """Remember what kept the run from starting."""
        self._errors.append(str(error))
        if error.detail:
            self.progress.say(error.detail)
        self._blame = of_error(error)

    def cut_short(self, reason: str) -> None:
        """Remember that the run ended before its time; what was measured is reported all the same."""
        self._errors.append(reason)
        self._blame = self._blame or (Verdict.INCONCLUSIVE, Blame.HARNESS)

    def lost(self, scenario: str, reason: str) -> None:
        """Remember a scenario that ended without a record of its own."""
        self.cut_short(f"{scenario.rpartition('::')[2].partition('@')[0]}: {reason}")

    def finish(self, collection_errors: list[str]) -> int:
        """Stop everything, write the reports, and return the exit code."""
        if self._trap is not None and not self._trap.alive:
            self.cut_short("the PSTN trap died: calls to the PSTN may have gone unnoticed")
        self._stop()
        if collection_errors:
            self._errors.extend(collection_errors)
            self._blame = (Verdict.INCONCLUSIVE, Blame.USER)
        self._note_shortfalls()
        self._write_run_record()
        self._mask_work_files()
        written = reports.write(self.directory, secrets=self._secrets())
        self._point_latest()
        shutil.rmtree(self.directory / ".leases", ignore_errors=True)
        self.progress.report(self.directory, self._secrets())
        return written.exit_code

    def _secrets(self) -> list[str]:
        """Words that must not appear in any report."""
        if self._target is None:
            return []
        held = (self._target.agents.password, self._target.trunk.digest_password)
        return [secret.get_secret_value() for secret in held if secret.get_secret_value()]

    def _stop(self) -> None:
        for name, part in (("PSTN trap", self._trap), ("reference PBX", self._pbx)):
            if part is None:
                continue
            try:
                part.stop()
            except Exception as problem:  # noqa: BLE001 - the other parts must be stopped as well
                self._errors.append(f"the {name} could not be stopped cleanly: {problem}")
                self._blame = self._blame or (Verdict.INCONCLUSIVE, Blame.HARNESS)

    def _note_shortfalls(self) -> None:
        """Tell what the workers found this machine's pjsua2 to lack."""
        for path in sorted(self.directory.glob(f"work/*/{SHORTFALL_NAME}")):
            note = path.read_text(encoding="utf-8").strip()
            if note not in self._notes:
                self._notes.append(note)

    def _write_run_record(self) -> None:
        verdict, blame = self._blame or (None, None)
        unclaimed = self._unclaimed_pstn_calls()
        if unclaimed:
            self._errors.append(unclaimed)
            verdict, blame = Verdict.FAIL, Blame.PBX
        target, running = self._target, self._running
        record = RunRecord(
            run_id=self.run_id,
            target=target.name if target else self._target_name,
            target_description=target.description if target else "",
            profile=target.trunk.profile if target else self._profile_name,
            twin=self._twin,
            provider=running.provider if running else "",
            pbx_version=running.version if running else "",
            started_wall=self._started_wall,
            finished_wall=time.time(),
            workers=self._workers,
            command=self._command,
            versions={"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            notes=self._notes,
            errors=self._errors,
            run_verdict=verdict,
            run_blame=blame,
        )
        (self.directory / RUN_NAME).write_text(record.model_dump_json(indent=1), encoding="utf-8")

    def _unclaimed_pstn_calls(self) -> str:
        """A failure for calls at the trap that no scenario failed for, empty when there are none."""
        calls = pstn_calls(self.pstn_log, self._started_at)
        if not calls or any(self._failed_for_pstn(path) for path in self.directory.glob(f"evidence/*/{RECORD_NAME}")):
            return ""
        return f"{len(calls)} call(s) came out at the PSTN gateway, the first for {calls[0].called}"

    @staticmethod
    def _failed_for_pstn(path: Path) -> bool:
        try:
            record = ScenarioRecord.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # The reports tell of damaged records.
            return False
        return record.verdict is Verdict.FAIL and "PSTN" in record.reason

    def _mask_work_files(self) -> None:
        """Take digest values and passwords out of the raw logs and traces, which the evidence was made from."""
        for path in (*self.directory.glob("work/*/*/pjsip.log"), *self.directory.glob("work/*/*/trace.jsonl")):
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            path.write_text(mask_text(text, self._secrets()), encoding="utf-8", errors="surrogateescape")

    def _point_latest(self) -> None:
        latest = self.directory.parent / "latest"
        if self.directory.parent.name != OUT or (latest.exists() and not latest.is_symlink()):
            return
        # Another run may do the same at the same time: the last one wins.
        with suppress(OSError):
            unfinished = latest.with_name(f".latest-{self.run_id}")
            unfinished.symlink_to(self.directory.name)
            unfinished.rename(latest)


def _run_id(target: str, twin: str) -> str:
    name = Path(target).stem + (f"-{twin}" if twin else "")
    return f"{datetime.now():%Y%m%d-%H%M%S-%f}"[:-3] + f"-{name}"
