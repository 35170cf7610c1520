"""The archive as a part of an Asterisk's set-up: whether it has one, and how it is started."""

from __future__ import annotations

from pathlib import Path

from harness.process import Simulator
from harness.target import RecordingAccess, Target
from simulators.pbx.archive.settings import FILE, ArchiveConfig
from simulators.pbx.instance import Instance

PORT = 8090


def archive_url(target: Target) -> str:
    """Where the archive beside the target's PBX is, if there is one."""
    return f"http://{target.pbx.host}:{PORT}"


def has_archive(target: Target) -> bool:
    """Whether the target's recordings are fetched from there."""
    recordings = target.recordings
    return recordings.access is RecordingAccess.HTTP and recordings.url == archive_url(target)


def begin_archive(target: Target, instance: Instance, *, fake_clock: bool, log: Path) -> Simulator:
    """Start the archive; it is up when it is ``ready``. ``fake_clock`` tells whether the PBX has a clock file."""
    layout = instance.layout
    return Simulator(
        "the recording archive",
        "simulators.pbx.archive.process:run",
        ArchiveConfig(
            address=target.pbx.host,
            port=PORT,
            token=target.recordings.token.get_secret_value(),
            settings=str(instance.outside(layout.etc) / FILE),
            spool=str(instance.outside(layout.recordings)),
            directory=str(instance.outside(layout.archive)),
            clock=str(instance.clock.path) if fake_clock else "",
        ),
        log=log,
    )
