"""Records one scenario: its steps as they pass, its closing checks, and its evidence at the end."""

from __future__ import annotations

import traceback
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import allure
import pytest
from pytest_bdd.parser import Scenario
from pytest_bdd.parser import Step as GherkinStep

from harness import lag
from harness.errors import NO_STALL, Inconclusive, KnownDeviation, MachineTooBusy, PbxFault, TrunkproofError
from harness.evidence import Fault, ScenarioRecord, Step, StepStatus, slug, write_record
from harness.requirements import TAG_PREFIX
from harness.verdict import Verdict, of_error
from reports.terminal import failure_text
from scenarios.checks import never_pstn, pbx_is_clean
from scenarios.faults import faults_of
from scenarios.scene import Scene
from scenarios.scene_evidence import gather
from scenarios.system import Placement, RunSettings, require_claims
from scenarios.trunk_rules import keeps_the_trunks_rules, with_broken_rules
from simulators.pbx import starved
from simulators.trunk.profile import load_profile
from trunkproof.plugin.attachments import attach_evidence
from trunkproof.plugin.feature_file import example_of, rendered, shown_name
from trunkproof.plugin.placing import PLACEMENT, tags_of
from trunkproof.plugin.requirement_tags import with_values
from trunkproof.plugin.second_play import put_aside

NO_EVIDENCE: dict[str, Any] = {"talk_s": 0.0}


@dataclass
class Recording:
    """One scenario's recording. ``scenario`` is rendered with its example's values."""

    item: pytest.Item
    settings: RunSettings
    scenario: Scenario
    name: str
    started_at: float = field(default_factory=monotonic)
    started_wall: float = field(default_factory=time)
    steps: list[Step] = field(default_factory=list)
    record: ScenarioRecord | None = None
    unjudged_before: str = ""
    _step_began_at: float = 0.0
    _step_stack: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, item: pytest.Item, settings: RunSettings) -> Recording:
        """The recording of a collected scenario."""
        assert isinstance(item, pytest.Function)
        recording = cls(item, settings, rendered(item), shown_name(item))
        earlier = item.stash.get(RECORDING, None)
        if earlier is not None and earlier.record is not None:
            recording.unjudged_before = earlier.record.reason
            with suppress(OSError):
                put_aside(recording.directory, settings.directory)
        return recording

    @property
    def scene(self) -> Scene | None:
        return self.item.stash.get(SCENE, None)

    @property
    def placement(self) -> Placement:
        return self.item.stash[PLACEMENT]

    @property
    def tags(self) -> list[str]:
        assert isinstance(self.item, pytest.Function)
        example = example_of(self.item)
        return sorted(with_values(tag, example) for tag in set(tags_of(self.item)))

    @property
    def directory(self) -> Path:
        feature = Path(self.scenario.feature.filename).stem
        return self.settings.directory / "evidence" / f"{feature}--{slug(self.name)}"

    def require_claims(self) -> None:
        """Raises NotRun when the target lacks what the scenario is tagged with."""
        require_claims(self.tags, self.placement)

    def step_began(self, step: GherkinStep) -> None:
        self._step_began_at = monotonic()
        self._step_stack = ExitStack()
        self._step_stack.enter_context(allure.step(f"{step.keyword.strip()} {step.name}"))

    def step_ended(self, step: GherkinStep, error: BaseException | None) -> None:
        notes = self.scene.take_notes() if self.scene else []
        for note in notes:
            allure.attach(note, name="measured", attachment_type=allure.attachment_type.TEXT)
        self._step_stack.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        self.steps.append(
            Step(
                keyword=step.keyword.strip(),
                text=step.name,
                line=step.line_number,
                status=StepStatus.FAILED if error else StepStatus.PASSED,
                started_at=self._step_began_at,
                duration_s=monotonic() - self._step_began_at,
                error=str(error) if error else "",
                notes=notes,
            )
        )

    def closing_checks(self) -> None:
        """What holds at the end of every scenario: all let go, nothing left behind, nothing on the PSTN."""
        if self.scene is None:
            return
        self.scene.hang_up_all()
        never_pstn(self.scene)
        keeps_the_trunks_rules(self.scene)
        pbx_is_clean(self.scene)

    def weigh(self, error: BaseException) -> BaseException:
        """The error itself; a fault of the PBX that we may have caused ourselves becomes Inconclusive."""
        if not isinstance(error, PbxFault) or self.scene is None:
            return error
        error = with_broken_rules(self.scene, error)
        dead = self.scene.dead_simulators()
        if dead:
            return Inconclusive(
                f"{' and '.join(dead)} died during the scenario. What looked like a fault: {error}",
                detail=error.detail,
            )
        if not self.scene.testbed.reachable():
            return PbxFault(
                f"the PBX went down: it does not answer OPTIONS any more. Before that: {error}",
                detail=error.detail,
                stall_s=NO_STALL,
            )
        if error.stall_s == NO_STALL:
            return error
        # A stall that is just over has not been told yet.
        sleep(lag.PERIOD_S + starved.PERIOD_S)
        who, stall_s = self.scene.longest_stall()
        if stall_s < error.stall_s:
            return error
        return MachineTooBusy(
            f"this machine was too busy to judge: {who} did not run for {stall_s * 1000:.0f} ms "
            f"(run fewer scenarios side by side). What looked like a fault: {error}",
            detail=error.detail,
        )

    def finish(self, error: BaseException | None) -> None:
        """End the scene's calls, gather its evidence and write the record; a full disk is told in the terminal."""
        evidence = dict(NO_EVIDENCE)
        problems = []
        if self.scene is not None:
            for act in (self.scene.hang_up_all, lambda: evidence.update(self._gathered())):
                try:
                    act()
                except Exception as problem:  # noqa: BLE001 - what was measured must be written whatever fails
                    problems.append(str(problem) or type(problem).__name__)
        verdict, blame = of_error(error)
        faults: list[Fault] = []
        if verdict is Verdict.FAIL:
            try:
                faults = self._faults(error)
            except Exception as problem:  # noqa: BLE001 - as above
                problems.append(str(problem) or type(problem).__name__)
        reason, detail = explain(error)
        if problems and problems != [reason]:
            detail = "\n".join([*filter(None, [detail]), *(f"evidence is incomplete: {p}" for p in problems)])
        self.record = ScenarioRecord(
            feature=self.scenario.feature.name or Path(self.scenario.feature.filename).stem,
            feature_file=self.scenario.feature.rel_filename,
            line=self.scenario.line_number,
            name=self.name,
            tags=self.tags,
            requirements=[tag.removeprefix(TAG_PREFIX) for tag in self.tags if tag.startswith(TAG_PREFIX)],
            verdict=verdict,
            blame=blame,
            reason=reason,
            detail=detail,
            steps=self.steps + self._steps_not_reached(),
            started_wall=self.started_wall,
            started_at=self.started_at,
            duration_s=monotonic() - self.started_at,
            worker=self.scene.testbed.worker if self.scene else "",
            target=self.placement.target.target.name,
            profile=load_profile(self.placement.profile).name,
            faults=faults,
            unjudged_before=self.unjudged_before,
            deviates=isinstance(error, KnownDeviation),
            **evidence,
        )
        try:
            write_record(self.directory, self.record)
            attach_evidence(self.directory, self.record)
        except OSError as full:
            warnings.warn(f"the record of {self.name!r} could not be written: {full}", stacklevel=1)

    def describe(self, report: pytest.TestReport) -> None:
        """Put the verdict into pytest's report: one line in the terminal, properties for JUnit and xdist."""
        if self.record is None:
            return
        report.user_properties += [
            ("trunkproof.name", self.record.name),
            ("trunkproof.verdict", self.record.verdict.value),
            ("trunkproof.reason", self.record.reason),
        ]
        if report.failed:
            report.longrepr = failure_text(self.record)

    def _faults(self, error: BaseException | None) -> list[Fault]:
        if self.scene is not None:
            return faults_of(self.scene, error)
        # The PBX spoiled what comes before a scene.
        kind = error.kind if isinstance(error, PbxFault) else ""
        return [Fault(kind=kind, text=str(error))] if kind else []

    def _gathered(self) -> dict[str, Any]:
        assert self.scene is not None
        return gather(self.scene, self.directory)

    def _steps_not_reached(self) -> list[Step]:
        return [
            Step(keyword=s.keyword.strip(), text=s.name, line=s.line_number, status=StepStatus.NOT_REACHED)
            for s in self.scenario.steps[len(self.steps) :]
        ]


SCENE = pytest.StashKey[Scene]()
RECORDING = pytest.StashKey[Recording]()


def explain(error: BaseException | None) -> tuple[str, str]:
    """Reason (one line) and detail of the exception that ended a scenario."""
    if error is None:
        return "", ""
    if isinstance(error, TrunkproofError):
        return str(error), error.detail
    if isinstance(error, KeyboardInterrupt):
        return "the run was interrupted", ""
    trace = "".join(traceback.format_exception(error)[-6:])
    return f"trunkproof itself failed: {type(error).__name__}: {error}", trace
