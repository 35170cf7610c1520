"""Sentences about keys: how a customer presses them, what is lost on the way, what the PBX understood."""

from __future__ import annotations

from pytest_bdd import given, then, when

from scenarios.dtmf import (
    calls_order_line,
    ends_arrive,
    ends_were_lost,
    offers_keys_at,
    takes_keys_as,
    understood,
)
from scenarios.prompts import hears_prompt
from scenarios.scene import Scene
from steps.words import sentence


@given(sentence("the end of each key press reaches the PBX {ends:Ends}"))
def ends_reach_the_pbx(scene: Scene, ends: str) -> None:
    """The trunk relays the customer's media and loses or adds end packets of key presses (RFC 4733), of which phones
    send three."""
    ends_arrive(scene.last_customer, ends)


@when(sentence("{customer:Customer} calls the order line"))
def calls_the_order_line(scene: Scene, customer: int) -> None:
    """Calls the line's number that asks for an order number and reads it back."""
    calls_order_line(scene, scene.customer(customer))


@when(sentence("{customer:Customer} keys in {digits}, each key held for {tone:d} ms and {gap:d} ms apart"))
def keys_in(scene: Scene, customer: int, digits: str, tone: int, gap: int) -> None:
    """Digits on the keypad, as RFC 4733 events of that length with that pause between them."""
    scene.customer(customer).presses(digits, tone_ms=tone, gap_ms=gap)


@then(sentence("the PBX takes key presses as payload type {payload_type:d} at {clock:d} Hz"))
def takes_key_presses(scene: Scene, payload_type: int, clock: int) -> None:
    """The PBX's SDP answer has telephone-event under the payload type and clock rate that it was offered."""
    takes_keys_as(scene, scene.last_customer, payload_type, clock)


@then(sentence("the PBX has offered key presses at {clock:d} Hz"))
def has_offered_key_presses(scene: Scene, clock: int) -> None:
    """The INVITE of the PBX's own call has telephone-event of that clock rate in its offer. Not run when the INVITE has
    no offer."""
    offers_keys_at(scene, scene.last_customer, clock)


@then(sentence("{customer:Customer} is asked for the order number"))
def is_asked(scene: Scene, customer: int) -> None:
    """The prompt ``order_number`` is heard, whole, in the caller's language."""
    caller = scene.customer(customer)
    hears_prompt(scene, caller, "order_number", caller.language)


@then(sentence("the ends of the key presses were lost on the way"))
def ends_lost(scene: Scene) -> None:
    """The trunk saw the keys and kept their end packets from the PBX; else the scenario shows nothing."""
    ends_were_lost(scene, scene.last_customer)


@then(sentence("the PBX has understood {digits}"))
def has_understood(scene: Scene, digits: str) -> None:
    """The digits that the PBX reads back, by ear: these and no others."""
    understood(scene, scene.last_customer, digits)
