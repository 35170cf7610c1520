"""The recording client as a part of an Asterisk's set-up: whether it has one, and how it is started."""

from __future__ import annotations

from pathlib import Path

from harness.process import Simulator
from harness.target import RecordingAccess, Target
from simulators.pbx.adapter import RunningPbx
from simulators.pbx.asterisk.facts import AMI_PORT
from simulators.pbx.asterisk.recording_client import RecordingClientConfig
from simulators.pbx.instance import Instance
from simulators.pbx.siprec_client.settings import FILE


def has_recording_client(target: Target) -> bool:
    """Whether the target's recordings are sent by SIPREC."""
    return target.recordings.access is RecordingAccess.SIPREC


def begin_recording_client(running: RunningPbx, instance: Instance, log: Path) -> Simulator:
    """Start the client of an Asterisk whose manager interface is up; it records once it is ``ready``."""
    section = running.target.recordings
    return Simulator(
        "the recording client",
        "simulators.pbx.asterisk.recording_client:run",
        RecordingClientConfig(
            address=running.target.pbx.host,
            manager_port=AMI_PORT,
            user=f"{running.control_user}-siprec",
            password=running.control_password,
            server=section.siprec_address,
            server_port=section.siprec_port,
            settings=str(instance.outside(instance.layout.etc) / FILE),
        ),
        log=log,
    )
