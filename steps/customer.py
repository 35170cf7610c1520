"""Sentences about customers: who they are and what they do with their WhatsApp app."""

from __future__ import annotations

from pytest_bdd import given, then, when

from harness.target import Purpose
from scenarios.conversation import leave_message, open_line, start_conversation
from scenarios.scene import Scene
from scenarios.support_line import require_hours
from simulators.phones.protocol import Codec
from steps.words import sentence


@given("a customer")
def a_customer(scene: Scene) -> None:
    """A customer in the United Kingdom, with a profile name and a mobile number valid there."""
    scene.add_customer(country="GB")


@given(sentence("a customer in {country:Country}"))
def a_customer_in(scene: Scene, country: str) -> None:
    """A customer with a mobile number valid in that country."""
    scene.add_customer(country=country)


@given(sentence('a customer in {country:Country} whose WhatsApp name is "{name}"'))
def a_customer_named(scene: Scene, country: str, name: str) -> None:
    """A customer with that profile name, in any script."""
    scene.add_customer(country=country, profile_name=name)


@given(sentence("a customer whose app offers only {codec:Codec}"))
def a_customer_with_codec(scene: Scene, codec: Codec) -> None:
    """A customer whose offer has that codec and telephone-event, nothing else."""
    scene.add_customer(country="GB", codecs=(codec,))


@given(sentence("{count:d} customers"))
def some_customers(scene: Scene, count: int) -> None:
    """Several customers in several countries."""
    countries = ("GB", "IE", "IN", "BR", "ZA", "DE", "JP", "AE", "SG", "IT")
    scene.require_customers(count)
    for position in range(count):
        scene.add_customer(country=countries[position % len(countries)])


@given("a customer in conversation with an agent")
def a_conversation(scene: Scene) -> None:
    """A customer called, one agent answered, and they hear each other."""
    open_line(scene, 1)
    start_conversation(scene, scene.add_customer(country="GB"))


@given("a customer in conversation with an agent and a colleague ready")
def a_conversation_and_a_colleague(scene: Scene) -> None:
    """As above, and a second agent is logged in and free."""
    scene.lease_line(2)
    open_line(scene, 1)
    start_conversation(scene, scene.add_customer(country="GB"))
    scene.ready_agents(1)


@when(sentence("{customer:Customer} calls the support number"))
def calls_support(scene: Scene, customer: int) -> None:
    """Calls the line's support number from the WhatsApp app."""
    scene.customer(customer).calls(scene.number(Purpose.SUPPORT))


@when(sentence("{customer:Customer} calls the language menu"))
def calls_language_menu(scene: Scene, customer: int) -> None:
    """Calls the line's number that begins with a choice of languages."""
    require_hours(scene.line.number(Purpose.LANGUAGE_MENU), scene.testbed.pbx.now(), staffed=True)
    scene.customer(customer).calls(scene.number(Purpose.LANGUAGE_MENU))


@when(sentence("{customer:Customer} calls the closed desk"))
def calls_closed_desk(scene: Scene, customer: int) -> None:
    """Calls the line's number whose opening hours do not include the PBX's present time."""
    scene.customer(customer).calls(scene.number(Purpose.CLOSED_DESK))


@when(sentence("{customer:Customer} calls a number that nobody has"))
def calls_unassigned(scene: Scene, customer: int) -> None:
    """Calls a number that reaches the PBX but is assigned to nobody."""
    scene.customer(customer).calls(scene.number(Purpose.UNASSIGNED))


@when("all customers call the support number")
def all_call_support(scene: Scene) -> None:
    """All customers of the scenario call at once."""
    for customer in scene.customers:
        customer.calls(scene.number(Purpose.SUPPORT))


@when(sentence("{customer:Customer} hangs up"))
def customer_hangs_up(scene: Scene, customer: int) -> None:
    """CANCEL before the answer, BYE after it."""
    scene.customer(customer).hangs_up()


@when("all customers hang up")
def all_hang_up(scene: Scene) -> None:
    """Every customer of the scenario ends their call."""
    for customer in scene.customers:
        customer.hangs_up()


@when(sentence("{customer:Customer} presses {digits}"))
def customer_presses(scene: Scene, customer: int, digits: str) -> None:
    """Digits on the keypad, sent as RFC 4733 events."""
    scene.customer(customer).presses(digits)


@when(sentence("{customer:Customer} leaves a message"))
def customer_leaves_message(scene: Scene, customer: int) -> None:
    """Waits for the tone, speaks for some seconds and hangs up."""
    leave_message(scene, scene.customer(customer))


@then(sentence("{customer:Customer} hears it ring"))
def customer_hears_ring(scene: Scene, customer: int) -> None:
    """The PBX sent 180 or 183 and has not answered."""
    scene.customer(customer).rings(scene.testbed.target.deadlines.answer_s)


@then(sentence("{customer:Customer}'s call ends with {code:d}"))
def call_ends_with(scene: Scene, customer: int, code: int) -> None:
    """The final SIP code of the PBX (RFC 3261): 487 after CANCEL, 200 after an answered call."""
    within_s = scene.testbed.target.deadlines.release_s
    scene.customer(customer).ended(within_s, "it should have ended")
    finished = scene.trunk_call_finished(scene.customer(customer), within_s)
    if finished.code != code:
        raise scene.fault(f"the PBX ended the call with {finished.code} {finished.reason}, not with {code}")
