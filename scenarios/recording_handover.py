"""A recorded call that went from one agent to another: who is in the recording, one after the other."""

from __future__ import annotations

from itertools import pairwise

from harness.audio.levels import Span
from harness.audio.parties import RecordedParty
from scenarios.checks import HEARD_FOR_S
from scenarios.recordings import answered_at, the_recording
from scenarios.scene import Scene

OVERLAP_S = 0.2
"""Beacons are told to a frame; a tone that ends and another that begins may seem to overlap for this long, in s."""


def agents_follow_each_other(scene: Scene) -> None:
    """Each agent who answered is in the recording, the next one after the last, and the customer with each of them.

    Raises PbxFault.
    """
    recording = the_recording(scene)
    customer = recording.heard.of(recording.customer.label)
    agents = sorted(recording.agents, key=lambda agent: answered_at(scene, agent) or 0.0)
    stays = []
    for agent in agents:
        party = recording.heard.of(agent.name)
        if party.first_s is None or party.last_s is None:
            raise scene.fault(f"{agent.name}, who had the call, is not in the recording")
        stays.append((party.name, Span(party.first_s, party.last_s)))
        together_s = _together(party, customer)
        if together_s < HEARD_FOR_S:
            raise scene.fault(
                f"{recording.customer.label} is in the recording for only {together_s:.1f} s of the time with "
                f"{agent.name}"
            )
    for (one, first), (other, second) in pairwise(stays):
        if second.start_s < first.end_s - OVERLAP_S:
            raise scene.fault(
                f"in the recording {other} begins {first.end_s - second.start_s:.1f} s before {one} is out of the call"
            )
    scene.note("; ".join(f"{name} from {stay.start_s:.1f} s to {stay.end_s:.1f} s" for name, stay in stays))


def _together(one: RecordedParty, other: RecordedParty) -> float:
    """How long both are heard at once, in s."""
    return sum(max(min(a.end_s, b.end_s) - max(a.start_s, b.start_s), 0.0) for a in one.spans for b in other.spans)
