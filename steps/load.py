"""Sentences about load: many calls at once, each of them verified."""

from __future__ import annotations

from pytest_bdd import then, when

from scenarios.load_run import MIX, require_load, run_load
from scenarios.scene import Scene
from steps.words import sentence


@when(sentence("{customers:d} customers run the mix at {rate:g} calls per second for {minutes:g} minutes"))
def run_the_mix(scene: Scene, customers: int, rate: float, minutes: float) -> None:
    """The flows of the built-in load profile ``go_live`` in their shares, with that many customers, calls arriving as
    customers do (Poisson)."""
    run_load(scene, MIX, customers=customers, rate=rate, seconds=60 * minutes)


@when(sentence('{customers:d} customers run the mix "{mix}" at {rate:g} calls per second for {minutes:g} minutes'))
def run_a_mix(scene: Scene, customers: int, mix: str, rate: float, minutes: float) -> None:
    """As above, with the mix of another load profile: a file, or the name of a built-in one."""
    run_load(scene, mix, customers=customers, rate=rate, seconds=60 * minutes)


@then(sentence("the session establishment ratio is at least {percent:g} %"))
def session_establishment_ratio(scene: Scene, percent: float) -> None:
    """INVITEs that got a 200 (RFC 6076 section 4.6)."""
    require_load(scene, "session_establishment_ratio", percent)


@then(sentence("the session completion ratio is at least {percent:g} %"))
def session_completion_ratio(scene: Scene, percent: float) -> None:
    """Sessions that were set up and ended well (RFC 6076 section 4.9)."""
    require_load(scene, "session_completion_ratio", percent)


@then(sentence("at least {percent:g} % of the calls reach the right agent and are heard both ways"))
def verified_calls(scene: Scene, percent: float) -> None:
    """By stamps or tones in the media of each call."""
    require_load(scene, "verified_calls", percent)


@then(sentence("95 % of the calls get a ringing or an answer within {seconds:g} seconds"))
def session_request_delay(scene: Scene, seconds: float) -> None:
    """Session request delay (RFC 6076 section 4.3), 95th percentile."""
    require_load(scene, "srd_p95_s", seconds)


@then(sentence("95 % of the calls ring an agent within {seconds:g} seconds"))
def answer_to_agent(scene: Scene, seconds: float) -> None:
    """INVITE of the customer to that of the agent's phone, 95th percentile."""
    require_load(scene, "answer_to_agent_p95_s", seconds)


@then(sentence("95 % of all ears hear with an estimated MOS of at least {mos:g}"))
def estimated_mos(scene: Scene, mos: float) -> None:
    """E-model (ITU-T G.107) from RTP after a jitter buffer, 5th percentile."""
    require_load(scene, "mos_p5", mos)


@then("nobody hears a party of another call")
def no_cross_talk(scene: Scene) -> None:
    """In none of the load's calls, by stamps or tones in their media."""
    require_load(scene, "cross_talk_calls", 0)


@then("no channel of the load is left on the PBX")
def no_leak(scene: Scene) -> None:
    """After the last call, as the PBX itself sees it."""
    require_load(scene, "leaked_channels", 0)
