"""The recording server beside a PBX that records by SIPREC: one for all workers, as the PBX knows one address."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.errors import HarnessMisuse
from harness.process import Simulator, SimulatorRefused
from harness.target import RecordingAccess
from simulators.pbx.adapter import RunningPbx
from simulators.recorder.protocol import RecorderConfig


def start_recorder(running: RunningPbx, directory: Path, name: str) -> tuple[RunningPbx, list[Simulator]]:
    """The PBX with the directory in which its recordings will be, and the server that was started for it, if any.

    ``directory`` is the run's, ``name`` the PBX's in it. Raises HarnessMisuse when the address cannot be listened at.
    """
    section = running.target.recordings
    if section.access is not RecordingAccess.SIPREC:
        return running, []
    kept = section.directory or directory / "work" / f"recordings-{name}"
    recorder = Simulator(
        f"the recording server of {name}",
        "simulators.recorder.process:run",
        RecorderConfig(
            address=section.siprec_address,
            port=section.siprec_port,
            directory=str(kept),
            trace=str(directory / "work" / f"recorder-{name}.jsonl"),
        ),
        log=directory / "logs" / f"recorder-{name}.log",
    )
    try:
        recorder.ready()
    except SimulatorRefused as refused:
        raise HarnessMisuse(
            f"[recordings] siprec_address: {refused}",
            where=running.target.name,
            suggestion="give an address of this machine whose siprec_port is free",
        ) from None
    target = running.target.model_copy(update={"recordings": section.model_copy(update={"directory": kept})})
    return replace(running, target=target), [recorder]
