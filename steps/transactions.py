"""Sentences about the trunk's SIP as such: requests inside calls, what gets lost or comes twice, streams, digest."""

from __future__ import annotations

from pytest_bdd import given, then, when

from scenarios.scene import Scene
from scenarios.trunk_dialogs import (
    acknowledges_each,
    answers_until_acknowledged,
    cancel_crossed_the_answer,
    ends_what_nobody_acknowledges,
    gives_up_at_the_answer,
    refuses_old_bye,
    refuses_second_way,
    refuses_unknown_call,
    takes_one_in_several_segments,
    takes_several_in_a_segment,
)
from scenarios.trunk_digest import answers_first_known, proves_itself_if_it_knows, sends_no_refused_credentials
from steps.words import sentence

LONG_WAY_S = 1.5
"""So long a customer has for giving up while the answer is under way."""


@given("the business's answer is long under way to the customer")
def answer_under_way(scene: Scene) -> None:
    """The PBX's 200 takes 1.5 s to the customer's app, which rings all the while."""
    customer = scene.last_customer
    customer.switch_off()
    customer.switch_on(answer_late_s=LONG_WAY_S)


@when("the customer gives up as the business answers")
def gives_up(scene: Scene) -> None:
    """The PBX has sent its 200, and the customer does not know it yet: CANCEL goes the other way."""
    gives_up_at_the_answer(scene, scene.customer(1))


@then("the PBX has got CANCEL after its answer and ended the call")
def cancel_crossed(scene: Scene) -> None:
    """It answers CANCEL (200 or 481, RFC 3261 section 9.2) and takes the BYE that follows its 200."""
    cancel_crossed_the_answer(scene, scene.customer(1))


@then(sentence("the PBX refuses {method:w} inside a call that is not there"))
def unknown_call(scene: Scene, method: str) -> None:
    """The request has a tag in To and a Call-ID that the PBX has never seen: 481 (RFC 3261 section 12.2.2)."""
    refuses_unknown_call(scene, method)


@then("the PBX refuses a BYE that is older than the call's INVITE")
def old_bye(scene: Scene) -> None:
    """All of it is right but CSeq, which is lower than the INVITE's: 500 (RFC 3261 section 12.2.2)."""
    refuses_old_bye(scene, scene.last_customer)


@then("the PBX has refused the second way")
def second_way(scene: Scene) -> None:
    """One call, and 482 to the INVITE that differs in nothing but its branch (RFC 3261 section 8.2.2.2)."""
    refuses_second_way(scene)


@then("the PBX has sent its answer until the ACK came")
def answer_again(scene: Scene) -> None:
    """Each lost ACK brings the 200 again, after 0.5 s and 1.5 s (RFC 3261 section 13.3.1.4)."""
    answers_until_acknowledged(scene, scene.last_customer)


@then("the PBX ends the call whose answer nobody acknowledges")
def nobody_acknowledges(scene: Scene) -> None:
    """It sends its 200 again for 32 s, then BYE (RFC 3261 section 13.3.1.4)."""
    ends_what_nobody_acknowledges(scene, scene.last_customer)


@then("the PBX has acknowledged each of the trunk's final responses")
def each_acknowledged(scene: Scene) -> None:
    """As many ACKs as responses, those counted that came twice (RFC 3261 sections 13.2.2.4, 17.1.1.2)."""
    acknowledges_each(scene)


@then("the PBX answers several requests that come in one segment")
def several_in_one(scene: Scene) -> None:
    """Three OPTIONS at once over a connection of the trunk's, with bodies that look like more. Not run over UDP."""
    takes_several_in_a_segment(scene)


@then("the PBX answers a request that comes in several segments")
def one_in_several(scene: Scene) -> None:
    """An OPTIONS cut in its first line, in a header and in its body; the PBX has read each piece before the next one
    comes. Not run over UDP."""
    takes_one_in_several_segments(scene)


@then("the PBX has answered the first challenge that it knows")
def first_challenge(scene: Scene) -> None:
    """Of the algorithms offered it took the first; where it took another, it is tried whether it knows the first one
    (RFC 8760 section 2.4)."""
    answers_first_known(scene, scene.last_customer)


@then("the PBX has proven itself by the one algorithm that was offered")
def one_algorithm(scene: Scene) -> None:
    """Not run when the PBX sends no credentials: it need not know each algorithm."""
    proves_itself_if_it_knows(scene, scene.last_customer)


@then("the PBX does not send the refused credentials again")
def not_again(scene: Scene) -> None:
    """For a while after the refusal no INVITE comes with the same user's credentials by the same algorithm."""
    sends_no_refused_credentials(scene, scene.last_customer)
