"""Sentences about messages that are odd or broken: RFC 4475, SIP torture test messages."""

from __future__ import annotations

from pytest_bdd import then, when

from scenarios.scene import Scene
from scenarios.torture.trial import answers_as_expected, send_torture, takes_no_harm
from steps.words import sentence


@when(sentence("the trunk sends the torture message {message:w}"))
def sends_torture_message(scene: Scene, message: str) -> None:
    """A message of RFC 4475 by its name there, from the trunk's own address, octet for octet (but for a branch that
    several of them share)."""
    send_torture(scene, message)


@then("the PBX takes no harm from it")
def no_harm(scene: Scene) -> None:
    """It still answers OPTIONS, has not accepted what is broken, nor answered a response or in malformed SIP."""
    takes_no_harm(scene)


@then("the PBX answers it as RFC 4475 expects")
def answers_as_the_rfc_expects(scene: Scene) -> None:
    """As the RFC says it should; not run where the target's ``[deviations]`` say that it does otherwise."""
    answers_as_expected(scene)
