"""A live run: the run directory, the PBXs, their PSTN traps, and the reports at its end. Controller only."""

from __future__ import annotations

import platform
import random
import shlex
import shutil
import sys
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pytest

import reports
from harness.errors import HarnessMisuse, TrunkproofError
from harness.evidence import RECORD_NAME, RunRecord, ScenarioRecord
from harness.target import Target, find_target
from harness.verdict import Blame, Verdict, of_error
from scenarios.crew import SHORTFALL_NAME
from scenarios.load.attached import read_system
from scenarios.system import RunSettings, RunTarget, System
from simulators.pbx.asterisk.twins import find_twin
from simulators.trunk.profile import Profile, load_profile
from trunkproof.live_pbx import LivePbxs, prepared, said_of_pstn
from trunkproof.plugin.progress import Progress
from trunkproof.plugin.work_files import mask_work_files, secrets_of
from trunkproof.plugin.workbench import NOTES_NAME
from trunkproof.run_directory import RUN_NAME, make_directory, point_latest, run_directory

REFERENCE = ("reference", "reference-sites", "reference-siprec", "reference-digest")
"""What a run is against that names no target: what comes with trunkproof."""
PACKAGES = ("pytest", "pytest-bdd", "pytest-xdist", "sippy", "allure-pytest")


class LiveRun:
    """One run. ``directory`` exists from the start, so that even a run that cannot start leaves a report."""

    def __init__(
        self,
        *,
        targets: list[str],
        profile: str,
        provider: str,
        twin: str,
        directory: Path,
        command: str,
        attach: str = "",
    ) -> None:
        self._target_names = targets
        self._profile_name = profile
        self._provider = provider
        self._twin = twin
        self._command = command
        self._attach = attach
        self.run_id = directory.name
        self.directory = directory
        self.progress = Progress()
        self._started_wall = time.time()
        self._workers = 1
        self._targets: list[RunTarget] = []
        self._profiles: dict[str, Profile] = {}
        self._live = LivePbxs(directory, self.progress.task)
        self._errors: list[str] = []
        self._blame: tuple[Verdict, Blame] | None = None
        self._seed = random.SystemRandom().randrange(1, 1 << 30)
        self._make_directory()

    def _make_directory(self) -> None:
        try:
            make_directory(self.directory)
        except HarnessMisuse as misuse:
            raise pytest.UsageError(str(misuse)) from None

    @classmethod
    def of(cls, config: pytest.Config) -> LiveRun:
        """The run that the session's options describe."""
        options = config.option
        profile = profile_name(options.profile, options.twin)
        targets = target_names(options.target, options.twin)
        directory = run_directory(options.run_dir, config.invocation_params.dir, targets[0], options.twin)
        return cls(
            targets=targets,
            profile=profile,
            provider=options.provider,
            twin=options.twin,
            directory=directory,
            command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            attach=options.attach,
        )

    def start(self, workers: int) -> None:
        """Bring up each target's PBX that workers share. Raises TrunkproofError; what was started is stopped by
        ``finish``."""
        self._workers = workers
        if self._attach:
            self._attach_to(read_system(Path(self._attach)))
            return
        targets = [self._load(name) for name in self._target_names]
        for target in targets:
            if any(other is not target and other.name == target.name for other in targets):
                raise HarnessMisuse(f"two targets of this run are called {target.name!r}", suggestion="rename one")
        for target in targets:
            self._targets.append(RunTarget(target=target, shared=None, provider=self._provider, twin=self._twin))
            self._targets[-1] = self._live.bring_up(self._targets[-1])

    def _attach_to(self, system: System) -> None:
        """Use a PBX that another program has brought up, and will end."""
        profile = load_profile(system.profile)
        self._profiles[profile.name] = profile
        self._targets.append(RunTarget(target=system.running.target, shared=system))

    def _load(self, name: str) -> Target:
        target, profile = prepared(name, self._profile_name, self._twin)
        self._profiles[profile.name] = profile
        return target

    def settings(self) -> RunSettings:
        """What a worker must know."""
        return RunSettings(run_directory=str(self.directory), targets=tuple(self._targets), seed=self._seed)

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
        for trap in self._live.dead_traps():
            self.cut_short(f"{trap} died: calls to the PSTN may have gone unnoticed")
        self._stop()
        if collection_errors:
            self._errors.extend(collection_errors)
            self._blame = (Verdict.INCONCLUSIVE, Blame.USER)
        self._note_shortfalls()
        self._write_run_record()
        secrets = self._secrets()
        for worker in self.directory.glob("work/*/"):
            mask_work_files(worker, secrets)
        written = reports.write(self.directory, secrets=secrets)
        point_latest(self.directory)
        shutil.rmtree(self.directory / ".leases", ignore_errors=True)
        self.progress.report(self.directory, secrets)
        return written.exit_code

    def _secrets(self) -> list[str]:
        """Words that must not appear in any report."""
        return secrets_of([planned.target for planned in self._targets])

    def _stop(self) -> None:
        for problem in self._live.stop():
            self._errors.append(problem)
            self._blame = self._blame or (Verdict.INCONCLUSIVE, Blame.HARNESS)

    def _note_shortfalls(self) -> None:
        """Tell what the workers found this machine to lack."""
        for name in (SHORTFALL_NAME, NOTES_NAME):
            for path in sorted(self.directory.glob(f"work/*/{name}")):
                notes = path.read_text(encoding="utf-8").splitlines()
                known = self._live.notes
                known.extend(note for note in dict.fromkeys(notes) if note not in known)

    def _write_run_record(self) -> None:
        verdict, blame = self._blame or (None, None)
        unclaimed = self._unclaimed_pstn_calls()
        if unclaimed:
            self._errors.append(unclaimed)
            verdict, blame = Verdict.FAIL, Blame.PBX
        targets = [planned.target for planned in self._targets]
        running = [planned.shared.running for planned in self._targets if planned.shared]
        record = RunRecord(
            run_id=self.run_id,
            target=_listed(target.name for target in targets) or _listed(self._target_names),
            target_description=_listed(target.description for target in targets),
            profile=_listed(self._profiles) or self._profile_name,
            claims=sorted({claim.value for target in targets for claim in target.claims}),
            requirements_of={name: profile.like for name, profile in self._profiles.items() if profile.like},
            twin=self._twin,
            provider=_listed(pbx.provider for pbx in running),
            pbx_version=_listed(pbx.version for pbx in running),
            started_wall=self._started_wall,
            finished_wall=time.time(),
            workers=self._workers,
            command=self._command,
            versions={"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            notes=self._live.notes,
            errors=self._errors,
            run_verdict=verdict,
            run_blame=blame,
        )
        (self.directory / RUN_NAME).write_text(record.model_dump_json(indent=1), encoding="utf-8")

    def _unclaimed_pstn_calls(self) -> str:
        """A failure for calls at a trap that no scenario failed for, empty when there are none."""
        calls = self._live.pstn_calls()
        if not calls or any(self._failed_for_pstn(path) for path in self.directory.glob(f"evidence/*/{RECORD_NAME}")):
            return ""
        return said_of_pstn(calls)

    @staticmethod
    def _failed_for_pstn(path: Path) -> bool:
        try:
            record = ScenarioRecord.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # The reports tell of damaged records.
            return False
        return record.verdict is Verdict.FAIL and "PSTN" in record.reason


def target_names(named: list[str], twin: str) -> list[str]:
    """The targets of a run: those named, else a twin's own, else all that come with trunkproof."""
    if named:
        return list(dict.fromkeys(named))
    return [find_twin(twin).target] if twin else [name for name in REFERENCE if find_target(name).is_file()]


def profile_name(named: str, twin: str) -> str:
    """The trunk profile of a run: the one named, else a twin's own; empty: what each target says."""
    return named or (find_twin(twin).profile if twin else "")


def _listed(names: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(filter(None, names)))
