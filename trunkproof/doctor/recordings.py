"""Check of the user's own recordings: they must be reachable as the target declares."""

from __future__ import annotations

from harness.errors import TrunkproofError
from harness.target import RecordingAccess, Target
from scenarios.recording_access import access_of
from trunkproof.doctor.check import Check


def recordings_reachable(target: Target) -> Check | None:
    """Whether recordings can be listed now; None when the target declares no access to them, or is to send them: there
    are none before a run.

    A run is possible without: scenarios of recordings are inconclusive then.
    """
    section = target.recordings
    if section.access in (RecordingAccess.NONE, RecordingAccess.SIPREC):
        return None
    where = section.url if section.access is RecordingAccess.HTTP else str(section.directory)
    try:
        count = len(access_of(section).facts())
    except TrunkproofError as error:
        return Check("recordings", None, str(error), "check [recordings] in the target file")
    return Check("recordings", True, f"{count} can be listed at {where}")
