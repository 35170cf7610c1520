"""Sentences about supervisors, who listen to agents' calls."""

from __future__ import annotations

from pytest_bdd import given, then, when

from scenarios.scene import Scene
from scenarios.supervision import all_hear_all, intrudes, is_kept_out, leaves, listens_unheard, monitors, whispers
from scenarios.supervisor import Monitoring
from steps.words import sentence


@given("a supervisor")
def a_supervisor(scene: Scene) -> None:
    """An account that the target names in [supervision] is logged in."""
    scene.add_supervisor()


@when(sentence("the supervisor listens to {agent:Agent}"))
def supervisor_listens(scene: Scene, agent: int) -> None:
    """The supervisor dials the target's code for listening to that agent's call, and the PBX answers."""
    monitors(scene, Monitoring.LISTEN, scene.agent(agent))


@when(sentence("the supervisor whispers to {agent:Agent}"))
def supervisor_whispers(scene: Scene, agent: int) -> None:
    """As above, with the code for speaking to the agent alone."""
    monitors(scene, Monitoring.WHISPER, scene.agent(agent))


@when(sentence("the supervisor barges into {agent:Agent}'s call"))
def supervisor_barges(scene: Scene, agent: int) -> None:
    """As above, with the code for joining the call."""
    monitors(scene, Monitoring.BARGE, scene.agent(agent))


@when("the supervisor leaves")
def supervisor_leaves(scene: Scene) -> None:
    """The supervisor hangs up, and that leg ends in time."""
    leaves(scene)


@when(sentence("a colleague dials to listen to {agent:Agent}"))
def colleague_intrudes(scene: Scene, agent: int) -> None:
    """Another agent, who is no supervisor, dials the code for listening to that agent's call."""
    listened_to = scene.agent(agent)
    intrudes(scene, Monitoring.LISTEN, scene.colleague_of(listened_to), listened_to)


@then(sentence("the supervisor hears {customer:Customer} and {agent:Agent}, and neither hears the supervisor"))
def supervisor_is_unheard(scene: Scene, customer: int, agent: int) -> None:
    """Both voices come to the supervisor's ear, the supervisor's to nobody's; the two go on hearing each other."""
    listens_unheard(scene, scene.customer(customer), scene.agent(agent))


@then(sentence("{agent:Agent} hears the supervisor and {customer:Customer} does not"))
def only_agent_hears(scene: Scene, agent: int, customer: int) -> None:
    """The supervisor's voice comes to the agent's ear and not to the customer's; the two go on hearing each other."""
    whispers(scene, scene.customer(customer), scene.agent(agent))


@then(sentence("{customer:Customer}, {agent:Agent} and the supervisor all hear each other"))
def all_three_hear(scene: Scene, customer: int, agent: int) -> None:
    """Each of the three hears the other two."""
    all_hear_all(scene, scene.customer(customer), scene.agent(agent))


@then(sentence("the colleague hears nothing of {agent:Agent}'s call"))
def colleague_is_kept_out(scene: Scene, agent: int) -> None:
    """The PBX refuses the colleague, or answers without letting a voice of the call through."""
    listened_to = scene.agent(agent)
    is_kept_out(scene, scene.colleague_of(listened_to), scene.customer(1), listened_to)
