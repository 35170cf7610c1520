"""A reference PBX that one worker has to itself, with a PSTN trap of its own."""

from __future__ import annotations

from pathlib import Path

from harness.process import Simulator
from scenarios.recording_server import start_recorder
from scenarios.system import RunTarget, System
from simulators.pbx import reference
from simulators.pstn.trap import PSTN_PORT, TrapConfig


class OwnPbx:
    """Up from construction to ``stop``. Raises what ``reference.start`` raises."""

    def __init__(self, target: RunTarget, directory: Path, worker: str) -> None:
        name = f"{target.key}-{worker}"
        self._pbx = reference.start(
            target.target,
            directory / "pbx" / name,
            provider=target.provider or target.target.pbx.provider,
            twin=target.twin or None,
            own=True,
        )
        self._beside: list[Simulator] = []
        try:
            self._beside.append(start_trap(self._pbx.pstn_address, directory, name))
            running, recorder = start_recorder(self._pbx.running, directory, name)
            self._beside += recorder
        except BaseException:
            self.stop()
            raise
        self.system = System(
            key=f"{name}-own",
            running=running,
            profile=target.target.trunk.profile,
            pstn_log=str(pstn_log(directory, name)),
            pstn_address=f"{self._pbx.pstn_address}:{PSTN_PORT}",
        )

    @property
    def notes(self) -> list[str]:
        """Lines for the report."""
        return self._pbx.notes

    def stop(self) -> None:
        """End it. Safe to call twice."""
        try:
            self._pbx.stop()
        finally:
            for beside in self._beside:
                beside.stop()


def pstn_log(directory: Path, name: str) -> Path:
    """Where the trap beside the PBX called ``name`` writes, in the run's directory."""
    return directory / "work" / f"pstn-{name}.jsonl"


def start_trap(address: str, directory: Path, name: str) -> Simulator:
    """The PSTN trap beside the PBX called ``name``."""
    trap = Simulator(
        f"the PSTN trap of {name}",
        "simulators.pstn.trap:run",
        TrapConfig(address=address, port=PSTN_PORT, log=str(pstn_log(directory, name))),
        log=directory / "logs" / f"pstn-{name}.log",
    )
    trap.ready()
    return trap
