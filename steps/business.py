"""Sentences about the business: what its backend asks of WhatsApp, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_bdd import given, then, when

from harness.errors import HarnessMisuse, Inconclusive
from scenarios.business_api import CallOffer
from scenarios.scene import Scene
from steps.words import sentence

PERMISSIONS = {"temporary": "temporary", "permanent": "permanent", "no": ""}


def _reply(part: dict[str, Any], *, accepted: bool, permanent: bool = False, automatic: bool = False) -> bool:
    """Whether a part of a webhook is that reply (Meta, user call permissions: ``call_permission_reply``)."""
    source = "automatic" if automatic else "user_action"
    return (
        part.get("response") == ("accept" if accepted else "reject")
        and bool(part.get("is_permanent", False)) is permanent
        and part.get("response_source") in (source, *(("automatic",) if accepted else ()))
    )


TIDINGS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "the customer allowed calls": lambda part: _reply(part, accepted=True),
    "the customer allowed calls for good": lambda part: _reply(part, accepted=True, permanent=True),
    "the customer declined to be called": lambda part: _reply(part, accepted=False),
    "the permission was taken back by itself": lambda part: _reply(part, accepted=False, automatic=True),
    "the call ended": lambda part: part.get("event") == "terminate",
    "the call was declined": lambda part: part.get("status") == "REJECTED",
}
"""What a webhook says, in the words of a feature."""


@given("the business has asked for permission to call")
def business_has_asked(scene: Scene) -> None:
    """The customer has written to the business and was asked in the chat."""
    scene.whatsapp.writes(scene.last_customer, scene.business.number, "Hello")
    scene.business.asks_permission(scene.last_customer)
    scene.business.require_done("the permission request")


@when("the business asks for permission to call")
@when("the business asks for permission to call again")
def business_asks(scene: Scene) -> None:
    """The backend sends a request for permission into the chat."""
    scene.business.asks_permission(scene.last_customer)


@when(sentence('the business asks for permission to call, "{text}"'))
def business_asks_with(scene: Scene, text: str) -> None:
    """The backend sends a request for permission with that text into the chat."""
    scene.business.asks_permission(scene.last_customer, text)


@when(sentence('the business offers a call with our sales team, "{text}"'))
@when(sentence('the business offers a call, "{text}"'))
def business_offers(scene: Scene, text: str) -> None:
    """The backend sends a call button into the chat; the button carries the line's queue and the case."""
    scene.business.offers_call(scene.last_customer, CallOffer(text=text, payload=""))


@when("the business tells the platform to call the customer")
def business_orders_call(scene: Scene) -> None:
    """The backend asks for a call; WhatsApp rings the customer first, the PBX gets the call after the answer."""
    scene.business.calls(scene.last_customer)


@then(sentence("the business is told that {tidings}"))
def business_is_told(scene: Scene, tidings: str) -> None:
    """A signed webhook says so, and the backend has taken it."""
    if tidings not in TIDINGS:
        raise HarnessMisuse(f"the business cannot be told that {tidings!r}", suggestion=f"known: {', '.join(TIDINGS)}")
    scene.business.was_told(TIDINGS[tidings], tidings)


@then(sentence("the business has {permission:w} permission to call"))
def business_has_permission(scene: Scene, permission: str) -> None:
    """The platform, asked by the backend, says so: temporary, permanent, or no."""
    if permission not in PERMISSIONS:
        raise HarnessMisuse(f"unknown permission {permission!r}", suggestion=f"known: {', '.join(PERMISSIONS)}")
    said = scene.business.permission(scene.last_customer)
    if said != PERMISSIONS[permission]:
        raise Inconclusive(f"the platform says that the permission is {said or 'none'!r}, not {permission!r}")
