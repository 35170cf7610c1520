"""Quality monitoring: a supervisor comes into an agent's call, and who hears whom then."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from harness.errors import NO_STALL
from scenarios.agent import Agent
from scenarios.checks import HEARD_FOR_S
from scenarios.customer import Customer
from scenarios.scene import Scene
from scenarios.supervisor import Monitoring, dial_code
from simulators.phones.protocol import CallEnded

UNHEARD_FOR_S = 2.0
"""So long a party listens for a voice that must not be there, in s."""

Party = Customer | Agent


def monitors(scene: Scene, way: Monitoring, agent: Agent) -> None:
    """The supervisor dials into the agent's call and is let in. Raises PbxFault."""
    supervisor = scene.supervisor
    supervisor.calls(dial_code(scene.testbed.target, way, agent))
    supervisor.connected(scene.testbed.target.deadlines.answer_s)


def leaves(scene: Scene) -> None:
    """The supervisor hangs up; the PBX ends that leg, and no other."""
    scene.supervisor.hangs_up()
    scene.supervisor.ended(scene.testbed.target.deadlines.release_s, "the supervisor hung up")


def hears(scene: Scene, listener: Party, speakers: Iterable[Party], since: float) -> None:
    """The listener hears each of the speakers from ``since`` on (CLOCK_MONOTONIC, s). Raises PbxFault."""
    within_s = scene.testbed.target.deadlines.talk_path_s
    for speaker in speakers:
        heard = listener.ear.wait_for_beacon(speaker.beacon_hz, since=since, for_s=HEARD_FOR_S, within_s=within_s)
        if heard.seconds < HEARD_FOR_S:
            raise scene.fault(
                f"{name_of(listener)} did not hear {name_of(speaker)}: {heard.seconds:.1f} s of their voice within "
                f"{within_s:g} s ({listener.ear.describe(since)})"
            )
        scene.note(
            f"{name_of(listener)} heard {name_of(speaker)} after {heard.delay_s * 1000:.0f} ms "
            f"at {heard.level_dbov:.0f} dBov"
        )


def does_not_hear(scene: Scene, listener: Party, speaker: Party, since: float) -> None:
    """Nothing of the speaker's voice comes to the listener's ear in ``UNHEARD_FOR_S`` from ``since`` on.

    Raises PbxFault; also when the listener hears nothing more at all because the call is over.
    """
    ear = listener.ear
    end_s = ear.position(since) + UNHEARD_FOR_S
    within_s = UNHEARD_FOR_S + scene.testbed.target.deadlines.talk_path_s
    heard_s = ear.listen_until(lambda: ear.heard_s, lambda now_s: now_s >= end_s, within_s)
    if heard_s < end_s:
        raise scene.fault(f"{name_of(listener)}'s call did not go on while the supervisor was in it")
    seconds = ear.beacon_seconds(speaker.beacon_hz, since)
    if seconds > 0.0:
        raise scene.fault(
            f"{name_of(listener)} heard {name_of(speaker)} for {seconds:.1f} s and must not", stall_s=NO_STALL
        )
    scene.note(f"{name_of(listener)} heard nothing of {name_of(speaker)} in {heard_s - ear.position(since):.1f} s")


def listens_unheard(scene: Scene, customer: Customer, agent: Agent) -> None:
    """The supervisor hears both sides, nobody hears the supervisor, and both go on hearing each other."""
    since = monotonic()
    supervisor = scene.supervisor
    hears(scene, supervisor, (customer, agent), since)
    hears(scene, customer, (agent,), since)
    hears(scene, agent, (customer,), since)
    for listener in (customer, agent):
        does_not_hear(scene, listener, supervisor, since)


def whispers(scene: Scene, customer: Customer, agent: Agent) -> None:
    """The agent hears customer and supervisor, the customer hears the agent alone, the supervisor hears both."""
    since = monotonic()
    supervisor = scene.supervisor
    hears(scene, agent, (supervisor, customer), since)
    hears(scene, supervisor, (customer, agent), since)
    hears(scene, customer, (agent,), since)
    does_not_hear(scene, customer, supervisor, since)


def all_hear_all(scene: Scene, customer: Customer, agent: Agent) -> None:
    """Each of the three hears the other two."""
    since = monotonic()
    three: tuple[Party, ...] = (customer, agent, scene.supervisor)
    for listener in three:
        hears(scene, listener, (speaker for speaker in three if speaker is not listener), since)


def intrudes(scene: Scene, way: Monitoring, intruder: Agent, agent: Agent) -> None:
    """An agent who is no supervisor dials what supervisors dial."""
    intruder.calls(dial_code(scene.testbed.target, way, agent))


def is_kept_out(scene: Scene, intruder: Agent, customer: Customer, agent: Agent) -> None:
    """The intruder's call is refused; a PBX that answers it, to say no, lets nothing of the agent's call through."""
    within_s = scene.testbed.target.deadlines.answer_s
    event = intruder.outcome(within_s)
    if event is None:
        raise scene.fault(
            f"{intruder.name}, who is no supervisor, dialled as supervisors do and was not refused "
            f"within {within_s:g} s"
        )
    if isinstance(event, CallEnded):
        scene.note(f"refused: {event.code} {event.reason}")
        return
    ear = intruder.ear
    end_s = ear.position(event.at) + UNHEARD_FOR_S
    ear.listen_until(lambda: ear.heard_s, lambda now_s: now_s >= end_s, 2 * UNHEARD_FOR_S)
    for speaker in (customer, agent):
        seconds = ear.beacon_seconds(speaker.beacon_hz)
        if seconds > 0.0:
            raise scene.fault(
                f"{intruder.name}, who is no supervisor, dialled as supervisors do and heard {name_of(speaker)} "
                f"for {seconds:.1f} s",
                stall_s=NO_STALL,
            )


def name_of(party: Party) -> str:
    """What the scenario calls them."""
    return party.label if isinstance(party, Customer) else party.name
