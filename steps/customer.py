"""Sentences about customers: who they are and what they do with their WhatsApp app."""

from __future__ import annotations

from pytest_bdd import given, then, when

from harness.errors import HarnessMisuse
from harness.target import Purpose
from scenarios.business_calls import (
    app_gives_up,
    phone_rings,
    phone_stays_silent,
    sees_business,
    silence_after_answer,
    silence_limit_s,
)
from scenarios.consent import CUSTOMERS, begin_chat
from scenarios.conversation import direct_number, leave_message, open_line, start_conversation
from scenarios.escalation import call_fails, chats, taps_link, taps_offer
from scenarios.scene import Scene
from scenarios.support_line import require_hours
from simulators.phones.protocol import Codec
from steps.words import sentence

TEMPORARILY_UNAVAILABLE = 480
TWO_DAYS_S = 2 * 24 * 3600.0
ANSWER_LATE_S = 0.2
"""Less than a PBX waits before it repeats its 200 (RFC 3261, T1)."""


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


@given(sentence("a customer {consent:Consent}"))
def a_customer_with_consent(scene: Scene, consent: str) -> None:
    """A customer, and what stands between them and every number of the line that may call them."""
    CUSTOMERS[consent](scene)


@given("a customer who chats with the business")
def a_customer_in_chat(scene: Scene) -> None:
    """A customer has written to the business, so the business may write freely for a day."""
    begin_chat(scene, scene.add_customer(country="GB"))


@given(sentence("a customer who chats with {agent:Agent}"))
def a_customer_chats_with(scene: Scene, agent: int) -> None:
    """A customer has written to the business; the agent, counted as logged in, takes the chat."""
    chats(scene, scene.add_customer(country="GB"))
    scene.note(f"{scene.named_agent(agent).name} takes the chat")


@given("a customer who has not written for two days")
def a_customer_who_is_silent(scene: Scene) -> None:
    """The customer's last message is two days old: only templates may go out."""
    chats(scene, scene.add_customer(country="GB"))
    scene.whatsapp.passes(TWO_DAYS_S)


@given("the customer is offline")
def customer_is_offline(scene: Scene) -> None:
    """The customer's phone has no network."""
    scene.last_customer.goes_offline()


@given("what the business says is lost on the way to the customer")
def media_is_lost(scene: Scene) -> None:
    """No RTP of the PBX reaches the customer's app, which gives up calls without media; its published time is
    made shorter by the target's ``media_timers``."""
    customer = scene.last_customer
    customer.switch_off()
    limit_s = silence_limit_s(scene)
    customer.switch_on(media_lost=True, silence_limit_s=(limit_s, limit_s))


@given("the business's answer reaches the customer late")
def answer_is_late(scene: Scene) -> None:
    """The PBX's 200 is under way for a fifth of a second, as over a real network: its first packets overtake it."""
    customer = scene.last_customer
    customer.switch_off()
    customer.switch_on(answer_late_s=ANSWER_LATE_S)


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


@when(sentence("{customer:Customer} calls the direct number"))
def calls_direct_number(scene: Scene, customer: int) -> None:
    """Calls the line's number that leads to an agent without a greeting (``callback``), else the support number."""
    scene.customer(customer).calls(direct_number(scene))


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


@when(sentence("{customer:Customer} answers"))
def customer_answers(scene: Scene, customer: int) -> None:
    """The customer takes the ringing call."""
    scene.customer(customer).answers()


@when(sentence("{customer:Customer} declines"))
def customer_declines(scene: Scene, customer: int) -> None:
    """The customer taps the call away (486)."""
    scene.customer(customer).declines()


@when(sentence("{customer:Customer} lets it ring until WhatsApp gives up"))
def customer_ignores(scene: Scene, customer: int) -> None:
    """The customer does not react, and WhatsApp gives up (480) without the published 30 to 60 s being waited for."""
    scene.customer(customer).declines(TEMPORARILY_UNAVAILABLE)


@when(sentence("{customer:Customer} taps the call button"))
def customer_taps_button(scene: Scene, customer: int) -> None:
    """The customer taps the button of the latest offer in the chat; the app calls the business."""
    taps_offer(scene, scene.customer(customer))


@when(sentence("{customer:Customer} taps a link to call {agent:Agent}"))
def customer_taps_link(scene: Scene, customer: int, agent: int) -> None:
    """The customer taps a wa.me/call link that names the agent and the case."""
    taps_link(scene, scene.customer(customer), scene.named_agent(agent))


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


@when(sentence("{customer:Customer} presses {digits:Keys}"))
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


@then(sentence("{customer:Customer}'s phone rings"))
def customers_phone_rings(scene: Scene, customer: int) -> None:
    """The business's call arrives at the customer's app."""
    phone_rings(scene, scene.customer(customer))


@then(sentence("{customer:Customer}'s phone does not ring"))
def customers_phone_stays_silent(scene: Scene, customer: int) -> None:
    """For a while, no call arrives at the customer's app."""
    phone_stays_silent(scene, scene.customer(customer))


@then(sentence("{customer:Customer}'s phone stops ringing"))
def customers_phone_stops(scene: Scene, customer: int) -> None:
    """The business has given up: the call at the customer's app ends unanswered, in time."""
    callee = scene.customer(customer)
    ended = callee.ended(scene.testbed.target.deadlines.release_s, "the agent gave up")
    if ended.connected_s > 0:
        raise HarnessMisuse(f"{callee.label} answered this call, so the phone cannot stop ringing")


@then(sentence("{customer:Customer} sees the number of the business"))
def customer_sees_business(scene: Scene, customer: int) -> None:
    """The app shows the business number of the line (user part of From)."""
    sees_business(scene, scene.customer(customer))


@then(sentence("{customer:Customer} has waited in silence no longer than declared"))
def customer_waited(scene: Scene, customer: int) -> None:
    """From the customer's answer to the first sound of the PBX; limit: the target's ``callback_silence_s``."""
    silence_after_answer(scene, scene.customer(customer))


@then(sentence("{customer:Customer}'s app gives up the call because no media came"))
def customers_app_gives_up(scene: Scene, customer: int) -> None:
    """The app ends the call by itself, with the reason that Meta documents."""
    app_gives_up(scene, scene.customer(customer))


@then(sentence("{customer:Customer}'s call fails"))
def customers_call_fails(scene: Scene, customer: int) -> None:
    """The call ends without having been answered."""
    call_fails(scene, scene.customer(customer))
