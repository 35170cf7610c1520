"""Sentences about what is heard."""

from __future__ import annotations

from time import monotonic

from pytest_bdd import then

from scenarios.checks import hear_each_other, nobody_else_heard, not_heard
from scenarios.prompts import hears_music, hears_prompt
from scenarios.scene import Scene
from steps.words import sentence


@then(sentence("{customer:Customer} and {agent:Agent} hear each other"))
def they_hear_each_other(scene: Scene, customer: int, agent: int) -> None:
    """Each side's voice arrives at the other's ear in time, and nobody hears their own echo."""
    hear_each_other(scene, scene.customer(customer), scene.agent(agent))


@then("all of them hear each other and nobody else")
def all_hear_each_other(scene: Scene) -> None:
    """In every conversation both voices arrive, and no third one does."""
    since = monotonic()
    for customer, agent in scene.pairs:
        hear_each_other(scene, customer, agent, since)
    nobody_else_heard(scene, scene.pairs)


@then(sentence("{customer:Customer} does not hear {agent:Agent}"))
def customer_does_not_hear(scene: Scene, customer: int, agent: int) -> None:
    """The agent's voice is gone from the customer's ear."""
    not_heard(scene, scene.customer(customer), scene.agent(agent))


@then(sentence("{customer:Customer} hears the whole greeting in {language:Language}"))
def hears_greeting(scene: Scene, customer: int, language: str) -> None:
    """The greeting of that language, recognised against the PBX's own file, neither clipped nor late."""
    hears_prompt(scene, scene.customer(customer), "greeting", language)


@then(sentence("{customer:Customer} hears the {announcement:Announcement} announcement in {language:Language}"))
def hears_announcement(scene: Scene, customer: int, announcement: str, language: str) -> None:
    """That announcement in that language, recognised against the PBX's own file."""
    hears_prompt(scene, scene.customer(customer), announcement, language)


@then(sentence("{customer:Customer} hears the language menu"))
def hears_menu(scene: Scene, customer: int) -> None:
    """The menu's prompt, whole."""
    hears_prompt(scene, scene.customer(customer), "language_menu", "any")


@then(sentence("{customer:Customer} hears the queue music"))
def hears_queue_music(scene: Scene, customer: int) -> None:
    """Some seconds of the queue's music, recognised against the PBX's own file."""
    hears_music(scene, scene.customer(customer))
