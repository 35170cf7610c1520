"""Sentences about WhatsApp's platform: what the customer finds in the chat, what the platform allows, its time."""

from __future__ import annotations

from pytest_bdd import given, then, when

from harness.errors import Inconclusive
from scenarios.business_calls import call_is_refused
from scenarios.consent import callback_by_own_call, counts_as_from
from scenarios.escalation import offer
from scenarios.scene import Scene
from scenarios.whatsapp import SECONDS_PER_MINUTE
from simulators.whatsapp.protocol import ChatMessageKind, PermissionAnswer
from simulators.whatsapp.refusals import Refusal
from steps.words import sentence


@given(sentence("the business number counts as one of {country:Country}"))
def business_of_country(scene: Scene, country: str) -> None:
    """The line's numbers are registered in that country, whatever they look like."""
    counts_as_from(scene, country)


@given("callbacks are permitted by the customer's own call")
def callbacks_permitted(scene: Scene) -> None:
    """The business has set a customer's own call, connected or missed, to permit a callback."""
    callback_by_own_call(scene)


@when(sentence("{customer:Customer} allows calls"))
def customer_allows(scene: Scene, customer: int) -> None:
    """The customer allows calls for the time that WhatsApp's rules give."""
    _answer(scene, customer, PermissionAnswer.ALLOW)


@when(sentence("{customer:Customer} allows calls for good"))
def customer_allows_for_good(scene: Scene, customer: int) -> None:
    """The customer allows calls without end."""
    _answer(scene, customer, PermissionAnswer.ALLOW_ALWAYS)


@when(sentence("{customer:Customer} declines to be called"))
def customer_declines_permission(scene: Scene, customer: int) -> None:
    """The customer taps the request away."""
    _answer(scene, customer, PermissionAnswer.DECLINE)


@when(sentence("{minutes:d} minutes pass"))
def minutes_pass(scene: Scene, minutes: int) -> None:
    """The platform's clock goes on; nobody waits."""
    scene.whatsapp.passes(minutes * SECONDS_PER_MINUTE)


@then(sentence('{customer:Customer} is asked "{text}"'))
def customer_is_asked(scene: Scene, customer: int, text: str) -> None:
    """The request for permission stands in the customer's chat, with that text."""
    scene.business.require_done("the permission request")
    request = scene.whatsapp.message(scene.customer(customer), ChatMessageKind.PERMISSION_REQUEST)
    if request.text != text:
        raise Inconclusive(f"the request in the chat reads {request.text!r}, not {text!r}")


@then(sentence('{customer:Customer} is offered a call, "{text}"'))
def customer_is_offered_call(scene: Scene, customer: int, text: str) -> None:
    """A call button stands in the customer's chat, with that text as the reason."""
    offer(scene, scene.customer(customer), text)


@then(sentence("{customer:Customer} is offered a call"))
def customer_is_offered_any_call(scene: Scene, customer: int) -> None:
    """A call button stands in the customer's chat."""
    offer(scene, scene.customer(customer), "")


@then(sentence("{customer:Customer} was advised to reconsider"))
def customer_was_advised(scene: Scene, customer: int) -> None:
    """WhatsApp itself has written to the customer after unanswered calls."""
    scene.whatsapp.message(scene.customer(customer), ChatMessageKind.SYSTEM)


@then(sentence("the platform refuses the call because {reason:Reason}"))
def call_refused(scene: Scene, reason: tuple[Refusal, ...]) -> None:
    """The trunk answers the PBX's INVITE with the code and words that Meta has for it."""
    call_is_refused(scene, scene.last_customer, reason)


@then(sentence("the platform refuses the request because {reason:Reason}"))
@then(sentence("the platform refuses the message because {reason:Reason}"))
def request_refused(scene: Scene, reason: tuple[Refusal, ...]) -> None:
    """The business's latest request to the platform got Meta's error code for it."""
    scene.business.require_refused(reason)


@then("the platform does not refuse")
def nothing_refused(scene: Scene) -> None:
    """The business's latest request was taken."""
    scene.business.require_done("the request")


def _answer(scene: Scene, customer: int, answer: PermissionAnswer) -> None:
    person = scene.customer(customer)
    request = scene.whatsapp.message(person, ChatMessageKind.PERMISSION_REQUEST)
    scene.whatsapp.answers(person, request, answer)
