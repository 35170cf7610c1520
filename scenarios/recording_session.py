"""A recording that came by SIPREC, judged as a recording session (RFC 7866) and by its metadata (RFC 7865)."""

from __future__ import annotations

from harness.errors import NO_STALL, NotRun
from scenarios.recording_access import ReceivedRecordings, access_of, user_of
from scenarios.recordings import the_recording
from scenarios.scene import Scene
from simulators.recorder.recording import Recording, faults


def session_of(scene: Scene) -> Recording:
    """The recording session of the scenario's recording. Raises NotRun when recordings do not come by SIPREC."""
    access = access_of(scene.testbed.target.recordings)
    if not isinstance(access, ReceivedRecordings):
        raise NotRun("the target's recordings do not come by SIPREC")
    wanted = the_recording(scene).facts.id
    return next(recording for recording in access.recordings() if recording.id == wanted)


def session_is_sound(scene: Scene) -> None:
    """Nothing of the recording session was other than RFC 7866 and RFC 7865 have it."""
    session = session_of(scene)
    if wrong := faults(session):
        others = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise scene.fault(f"recording session: {wrong[0]}{others}", stall_s=NO_STALL)
    for channel in session.channels:
        figures = channel.figures
        scene.note(f"stream {channel.label}: {channel.coding}, {figures.packets} packets, {figures.lost} lost")


def voices_are_theirs(scene: Scene) -> None:
    """Whoever is heard in a stream is the one who sends it, as the metadata tells it: by number, by extension."""
    session, recording = session_of(scene), the_recording(scene)
    users = {recording.customer.label: recording.customer.identity.number.lstrip("+")}
    users |= {agent.name: agent.extension for agent in recording.agents}
    for party in recording.heard.parties:
        for stretch in party.stretches:
            if stretch.channel is None:
                raise scene.fault(f"{party.name} is in both streams, from {stretch.span.start_s:.1f} s on")
            label = session.channels[stretch.channel].label
            told = [user_of(sender.aor).lstrip("+") for sender in session.senders(label)]
            if users[party.name] not in told:
                raise scene.fault(
                    f"the metadata says that stream {label} is sent by {' and '.join(told) or 'nobody'}; "
                    f"in it is {party.name}, {users[party.name]}",
                    stall_s=NO_STALL,
                )
    scene.note("each stream's voice is that of the participant who sends it")
