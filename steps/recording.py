"""Sentences about recordings of calls: who is told, what is in them, who may have them and for how long."""

from __future__ import annotations

from datetime import timedelta

from pytest_bdd import given, then, when

from harness.errors import NotRun
from scenarios.conversation import open_line
from scenarios.escalation import taps_link
from scenarios.prompts import hears_prompt
from scenarios.recording_handover import agents_follow_each_other
from scenarios.recording_mos import recording_sounds_like_the_call, say_sentences
from scenarios.recording_pause import (
    agent_heard_it,
    everything_else,
    gives_card_number,
    nothing_of_the_pause,
    pauses,
    resumes,
)
from scenarios.recording_session import session_is_sound, voices_are_theirs
from scenarios.recordings import (
    both_are_in_it,
    channels_are_right,
    facts_match,
    is_gone,
    move_clock_to_deletion,
    no_recording,
    notice_came_first,
    recorded_conversation,
    recorded_number,
    recording_is_there,
    still_there,
    talk_on_record,
    unreadable_without_token,
)
from scenarios.scene import Scene
from steps.words import sentence

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)


@given("a recorded conversation that is over")
def conversation_recorded(scene: Scene) -> None:
    """A customer called the recorded number, an agent answered, they talked, and the customer hung up."""
    open_line(scene, 1)
    recorded_conversation(scene, scene.add_customer(country="GB"))


@when(sentence("{customer:Customer} calls the recorded number"))
def calls_recorded(scene: Scene, customer: int) -> None:
    """Calls the line's number whose calls are recorded."""
    scene.customer(customer).calls(recorded_number(scene).number)


@when(sentence("{customer:Customer} taps a link to call {agent:Agent} on the recorded number"))
def taps_link_to_recorded(scene: Scene, customer: int, agent: int) -> None:
    """The customer taps a wa.me/call link to the recorded number that names the agent and the case."""
    taps_link(scene, scene.customer(customer), scene.named_agent(agent), recorded_number(scene).number)


@when(sentence("{customer:Customer} refuses to be recorded"))
def refuses(scene: Scene, customer: int) -> None:
    """Presses the key that the target's ``refuse_digit`` declares."""
    digit = scene.testbed.target.recordings.refuse_digit
    if not digit:
        raise NotRun("with this target nobody can refuse to be recorded")
    scene.customer(customer).presses(digit)


@when(sentence("{customer:Customer} and {agent:Agent} talk"))
def they_talk(scene: Scene, customer: int, agent: int) -> None:
    """For some seconds each hears the other; the customer says a sentence in between."""
    talk_on_record(scene, scene.customer(customer), scene.agent(agent))


@when("the recording has a day left")
def a_day_left(scene: Scene) -> None:
    """The PBX's clock moves to one day before the recording has to be deleted."""
    move_clock_to_deletion(scene, A_DAY)


@when("the recording's time is over")
def time_is_over(scene: Scene) -> None:
    """The PBX's clock moves to one hour after the recording's last."""
    move_clock_to_deletion(scene, -AN_HOUR)


@then(sentence("{customer:Customer} hears the recording notice in {language:Language}"))
def hears_notice(scene: Scene, customer: int, language: str) -> None:
    """The announcement that the call is recorded, whole, recognised against the PBX's own file."""
    hears_prompt(scene, scene.customer(customer), scene.testbed.target.recordings.notice, language)


@then("there is a recording of the call")
def recording_there(scene: Scene) -> None:
    """It can be fetched as the target declares, in time, and is what its digest says."""
    recording_is_there(scene, scene.last_customer)


@then("there is no recording of the call")
def recording_not_there(scene: Scene) -> None:
    """None appears while one would have to."""
    no_recording(scene, scene.last_customer)


@then("both are in the recording from the first second to the last")
def whole_recording(scene: Scene) -> None:
    """Each voice is in it from the agent's answer to the end, as the agent's phone saw both, without a hole."""
    both_are_in_it(scene)


@then("each is on their own channel of the recording and nowhere else")
def own_channels(scene: Scene) -> None:
    """The customer is on the channel that the target declares, agents on the other; nothing leaks."""
    channels_are_right(scene)


@then(sentence("nothing is recorded before the end of the notice in {language:Language}"))
def notice_first(scene: Scene, language: str) -> None:
    """The whole notice was at the customer's ear before the first word that the recording holds."""
    notice_came_first(scene, language)


@then("what is known of the recording is what the trunk saw")
def facts_are_right(scene: Scene) -> None:
    """Numbers, agent, queue and wacid; start by the PBX's clock and length within the target's ``tolerance_s``."""
    facts_match(scene)


@then("nobody can read the recording without the token")
def token_needed(scene: Scene) -> None:
    """List, facts and sound are refused (401 or 403) to who shows no token or a wrong one."""
    unreadable_without_token(scene)


@then("the recording is still there")
def recording_stays(scene: Scene) -> None:
    """It does not go away while it would have to, were its time over."""
    still_there(scene)


@then("the recording is gone")
def recording_gone(scene: Scene) -> None:
    """Facts and sound are deleted in time."""
    is_gone(scene)


@then("the recording session is as SIPREC demands")
def siprec_session(scene: Scene) -> None:
    """INVITE, offer, metadata and RTP were as RFC 7866 and RFC 7865 have them; not run unless recordings come so."""
    session_is_sound(scene)


@then("the metadata names whoever speaks in each stream")
def siprec_voices(scene: Scene) -> None:
    """Each voice is heard in the stream that the metadata says its speaker sends (RFC 7865)."""
    voices_are_theirs(scene)


@when(sentence("{agent:Agent} pauses the recording"))
def agent_pauses(scene: Scene, agent: int) -> None:
    """The agent presses the key that the target's ``pause`` declares and waits until it must be in force."""
    pauses(scene, scene.agent(agent))


@when(sentence("{customer:Customer} gives a card number"))
def customer_gives_card(scene: Scene, customer: int) -> None:
    """The customer says a number, presses its keys (RFC 4733 events) and plays it as tones into the phone."""
    gives_card_number(scene, scene.customer(customer))


@when(sentence("{agent:Agent} resumes the recording"))
def agent_resumes_recording(scene: Scene, agent: int) -> None:
    """The agent presses the key that the target's ``resume`` declares; the conversation goes on for a while."""
    resumes(scene, scene.agent(agent))


@when(sentence("{customer:Customer} and {agent:Agent} each say a sentence"))
def both_say_a_sentence(scene: Scene, customer: int, agent: int) -> None:
    """First the customer, then the agent, with nobody else speaking meanwhile."""
    say_sentences(scene, scene.customer(customer), scene.agent(agent))


@then(sentence("{agent:Agent} has heard the customer during the pause"))
def heard_during_pause(scene: Scene, agent: int) -> None:
    """Pausing the recording leaves the conversation alone: what the customer said came to the agent's ear."""
    agent_heard_it(scene, scene.agent(agent))


@then("nothing of the pause is in the recording")
def pause_is_empty(scene: Scene) -> None:
    """No voice, no DTMF however faint, on no channel; nor is the card number in what is known of the recording."""
    nothing_of_the_pause(scene)


@then("everything before and after the pause is in the recording")
def rest_is_there(scene: Scene) -> None:
    """Both voices, up to the agent's key and from when recording must have gone on, to the target's tolerance."""
    everything_else(scene)


@then("the agents follow each other in the recording")
def agents_in_order(scene: Scene) -> None:
    """Each agent who answered is in it, one after the other, and the customer with each of them."""
    agents_follow_each_other(scene)


@then("the recording sounds like the call")
def sounds_like_call(scene: Scene) -> None:
    """PESQ of each sentence (MOS-LQO) in the recording and at the other's ear, within ``mos_difference``."""
    recording_sounds_like_the_call(scene)
