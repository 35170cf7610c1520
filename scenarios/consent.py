"""What stands between a customer and the business: asked or not, allowed or not, as a scenario needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.target import Purpose
from scenarios.customer import Customer
from scenarios.scene import Scene
from simulators.whatsapp.protocol import ChatMessageKind, PermissionAnswer

BEYOND_S = 60.0
"""How far beyond an expiry the clock is moved, in s."""
GREETS = "Hello, I have a question about my order."


def begin_chat(scene: Scene, customer: Customer) -> None:
    """The customer writes to every number of the line that may call them back."""
    for number in business_numbers(scene):
        scene.whatsapp.writes(customer, number, GREETS)


def business_numbers(scene: Scene) -> list[str]:
    """Numbers of the line from which customers are called: the line's own, and the one for callbacks."""
    return list(dict.fromkeys((scene.business.number, scene.business.callback_number)))


def settle_consent(scene: Scene, customer: Customer, answer: PermissionAnswer) -> None:
    """The business asks in the chat and the customer answers, for every number that may call."""
    begin_chat(scene, customer)
    for number in business_numbers(scene):
        scene.business.asks_permission(customer, number=number)
        scene.business.require_done("the permission request")
        request = scene.whatsapp.message(customer, ChatMessageKind.PERMISSION_REQUEST, business=number)
        scene.whatsapp.answers(customer, request, answer)


def _never_asked(scene: Scene) -> Customer:
    return scene.add_customer(country="GB")


def _declined(scene: Scene) -> Customer:
    customer = scene.add_customer(country="GB")
    settle_consent(scene, customer, PermissionAnswer.DECLINE)
    return customer


def _allowed(scene: Scene) -> Customer:
    customer = scene.add_customer(country="GB")
    settle_consent(scene, customer, PermissionAnswer.ALLOW)
    return customer


def _expired(scene: Scene) -> Customer:
    customer = _allowed(scene)
    scene.whatsapp.passes(scene.whatsapp.rules.temporary_grant.hours_s + BEYOND_S)
    return customer


def _taken_back(scene: Scene) -> Customer:
    customer = _allowed(scene)
    for number in business_numbers(scene):
        scene.whatsapp.takes_back(customer, number)
    return customer


def _often_called(scene: Scene) -> Customer:
    customer = _allowed(scene)
    scene.whatsapp.has_talked(customer, scene.business.number, int(scene.whatsapp.rules.connected_per_day.most()))
    return customer


def _stranger(scene: Scene) -> Customer:
    return scene.add_stranger()


CUSTOMERS: dict[str, Callable[[Scene], Customer]] = {
    "who has allowed calls": _allowed,
    "who was never asked": _never_asked,
    "who declined to be called": _declined,
    "whose permission has expired": _expired,
    "who took the permission back": _taken_back,
    "who was called as often as is allowed": _often_called,
    "who is not on WhatsApp": _stranger,
}
"""Customers by what stands between them and the business, in the words of a feature."""


def counts_as_from(scene: Scene, country: str) -> None:
    """The line's numbers are business numbers of another country (ISO 3166-1 alpha-2)."""
    for number in business_numbers(scene):
        scene.whatsapp.set_business(number, lambda business: replace(business, country=country))


def callback_by_own_call(scene: Scene) -> None:
    """A call of the customer permits the business to call back (Meta's ``callback_permission_status``)."""
    scene.whatsapp.set_business(
        scene.number(Purpose.SUPPORT), lambda business: replace(business, callback_permission=True)
    )
