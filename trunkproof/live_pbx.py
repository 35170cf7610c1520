"""The PBXs of a run that its workers share, each with its PSTN trap and its recording server. Controller only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from harness.errors import HarnessMisuse
from harness.process import Simulator
from harness.target import Target, load_target
from scenarios.own_pbx import pstn_log, start_trap
from scenarios.recording_server import start_recorder
from scenarios.system import RunTarget, System
from simulators.pbx import reference
from simulators.pbx.adapter import RunningPbx
from simulators.pstn.trap import PSTN_PORT, PstnCall, pstn_calls
from simulators.trunk.profile import Profile, load_profile
from trunkproof.fitting import fitted

Task = Callable[[str], AbstractContextManager[Callable[[str], None]]]
"""Tells of something that takes a while; see ``Progress.task``."""


class LivePbxs:
    """What a run has brought up beside its workers; ``directory`` is the run's. ``notes`` are lines for the report."""

    def __init__(self, directory: Path, task: Task) -> None:
        self._directory = directory
        self._task = task
        self._started_at = time.monotonic()
        self._pbxs: list[reference.ReferencePbx] = []
        self._traps: list[Simulator] = []
        self._recorders: list[Simulator] = []
        self.notes: list[str] = []

    def bring_up(self, planned: RunTarget) -> RunTarget:
        """The target with the PBX that workers share: the reference PBX is started, an external one is as it is.

        Raises TrunkproofError; what was started is stopped by ``stop``.
        """
        target = planned.target
        if target.pbx.adapter == "external":
            self.notes.append("no PSTN trap: trunkproof cannot see this PBX's PSTN gateway")
            return replace(planned, shared=self._system(planned, RunningPbx(target=target)))
        if target.pbx.own_for_each_worker:
            return planned
        with self._task(f"PBX {target.name}") as say:
            pbx = reference.start(
                target,
                self._directory / "pbx" / planned.key,
                provider=planned.provider or target.pbx.provider,
                twin=planned.twin or None,
                progress=say,
            )
        self._pbxs.append(pbx)
        self.notes.extend(note for note in pbx.notes if note not in self.notes)
        self._traps.append(start_trap(pbx.pstn_address, self._directory, planned.key))
        system = self._system(planned, pbx.running, pstn_address=f"{pbx.pstn_address}:{PSTN_PORT}")
        # What this machine's Asterisk lacks, no scenario may ask for.
        known = target.model_copy(update={"claims": pbx.running.target.claims})
        return replace(planned, target=known, shared=system)

    def dead_traps(self) -> list[str]:
        """Names of traps that died: calls to the PSTN may have gone unnoticed."""
        return [trap.name for trap in self._traps if not trap.alive]

    def pstn_calls(self) -> list[PstnCall]:
        """What came out at the traps of this run, those of workers' own PBXs included."""
        logs = sorted(self._directory.glob("work/pstn-*.jsonl"))
        return [call for log in logs for call in pstn_calls(log, self._started_at)]

    def stop(self) -> list[str]:
        """End everything. Returns what could not be stopped cleanly, a line each."""
        problems = []
        parts: list[Simulator | reference.ReferencePbx] = [*self._traps, *self._pbxs, *self._recorders]
        for part in parts:
            try:
                part.stop()
            except Exception as problem:  # noqa: BLE001 - the other parts must be stopped as well
                name = part.name if isinstance(part, Simulator) else "the reference PBX"
                problems.append(f"{name} could not be stopped cleanly: {problem}")
        return problems

    def _system(self, planned: RunTarget, running: RunningPbx, *, pstn_address: str = "") -> System:
        running, recorder = start_recorder(running, self._directory, planned.key)
        self._recorders += recorder
        return System(
            key=planned.key,
            running=running,
            profile=planned.target.trunk.profile,
            pstn_log=str(pstn_log(self._directory, planned.key)),
            pstn_address=pstn_address,
        )


def prepared(name: str, profile_name: str, twin: str) -> tuple[Target, Profile]:
    """A target as a run needs it: for the trunk's profile (its own when none is named), with passwords.

    Raises HarnessMisuse.
    """
    target = load_target(name)
    if profile_name:
        target = target.model_copy(update={"trunk": target.trunk.model_copy(update={"profile": profile_name})})
    profile = load_profile(target.trunk.profile)
    target = fitted(target, profile)
    if twin and target.pbx.adapter == "external":
        raise HarnessMisuse("only the reference PBX has twins", suggestion="leave --twin out")
    return reference.with_passwords(target), profile


def said_of_pstn(calls: Iterable[PstnCall]) -> str:
    """One line on calls at the traps, empty when there are none."""
    seen = list(calls)
    return f"{len(seen)} call(s) came out at the PSTN gateway, the first for {seen[0].called}" if seen else ""
